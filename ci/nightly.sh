#!/usr/bin/env bash
# The night: measures, keeps record and binary, compares with the nights before, and measures a
# suspect again in turns with the last good night's binary before it says so. Ten minutes at most
# when the binary is built: what there is no time for is left out, and the page says what.
#
#   ci/nightly.sh              measures; 0 good, 4 a confirmed regression, 1 failed (also a row)
#   ci/nightly.sh self-test    proves the alarm: good nights, a slower one, one with a row that fails
#
# NIGHTS (default target/ci/nights) is the history, a folder a host and a date. A selftest.json in
# the folder of the host, of `tunneltax selftest --full --links DIR`, is the floor under what builds
# are said to differ by. TUNNELTAX names a ready binary; without it the release build is used.
# Relative names begin in the folder of the caller.
caller=$PWD
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# A name as seen from the caller's folder.
from_caller() {
    (cd "$caller" && realpath --canonicalize-missing "$1")
}

# The binary of the night.
binary() {
    if [ -z "${TUNNELTAX:-}" ]; then
        release
        return
    fi
    tunneltax=$(from_caller "$TUNNELTAX")
    # What a name that is no binary of ours would otherwise do is end the night in its middle.
    if ! "$tunneltax" --version 2>/dev/null | grep --quiet '^tunneltax '; then
        echo "nightly: TUNNELTAX is $TUNNELTAX, which is no tunneltax that runs here; name a release binary" >&2
        exit 2
    fi
}

case ${1:-} in
'')
    binary
    python3 ci/nightly measure "$tunneltax" "$(from_caller "${NIGHTS:-$work/nights}")"
    ;;
self-test)
    binary
    python3 ci/nightly self-test "$tunneltax"
    ;;
*)
    sed -n '2,/^caller=/{/^caller=/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
