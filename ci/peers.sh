#!/usr/bin/env bash
# What others take for the same work on this host, in turns with ours: DPDK's l3fwd, ipsec-secgw and
# crypto-perf, ipsec-mb, boringtun, openssl speed.
#
#   ci/peers.sh              installs and builds what is missing, measures, writes the page
#   ci/peers.sh --no-install the same with what is there; needs no network once all was built
#   ci/peers.sh --keep       also puts the page into reports/PEERS.md
#
# Writes target/ci/peers/peers.md and peers.json. ROUNDS (5) turns of everyone; SECONDS_EACH (1.5) a
# figure, roughly. TUNNELTAX names a ready binary; without it the release build is used.
# A peer that can't be had here is a row that says why. Fails where our rows or all peers are missing.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

install=yes keep=no
for word in "$@"; do
    case $word in
    --no-install) install=no ;;
    --keep) keep=yes ;;
    *)
        sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
done

if [ "$install" = yes ] && ! ci/install.sh peers; then
    echo "peers: not all packages could be installed; going on with what is there" >&2
fi
if [ -n "${TUNNELTAX:-}" ]; then
    tunneltax=$(realpath "$TUNNELTAX")
else
    release
fi
folder=$work/peers
mkdir -p "$folder"
python3 ci/peers run "$tunneltax" "${ROUNDS:-5}" "${SECONDS_EACH:-1.5}" "$folder"
if [ "$keep" = yes ]; then
    cp "$folder/peers.md" reports/PEERS.md
fi
