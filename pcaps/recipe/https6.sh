# shellcheck shell=bash disable=SC2034,SC2154
# The programs of https.sh over IPv6, fewer objects.
families=6 address="[$server6]" small=30 fresh=12 large=200000
# shellcheck source-path=SCRIPTDIR source=https.sh
. "$here/recipe/https.sh"
title="HTTPS over IPv6: nginx and curl, TLS 1.3"
