#!/usr/bin/env bash
# What the plain build, for this CPU, gains over the portable one, for any x86-64.
#
#   ci/portable.sh [SECONDS]     builds both, measures in turns, prints a table (default 10 s a turn)
#
# The portable binary stays in target/portable/tunneltax. Two builds differ in code layout, too:
# a ratio within a few percent of 1 is not the instruction set's.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${1:-10}
release
# Replaces the rustflags of .cargo/config.toml.
RUSTFLAGS="-C target-cpu=x86-64" cargo build --profile portable

measure() { # measure BINARY FOLDER
    "$1" run pcaps/dns.pcapng --max-packets 64 --size 64,1440 --case 'esp/*' \
        --seconds "$seconds" --out "$2" --quiet
}

rm -rf "$work/portable"
for turn in 1 2 3; do
    echo "turn $turn of 3"
    measure "$tunneltax" "$work/portable/native-$turn"
    measure "$target/portable/tunneltax" "$work/portable/portable-$turn"
done
python3 ci/portable.py "$work/portable"
