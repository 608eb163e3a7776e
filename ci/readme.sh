#!/usr/bin/env bash
# Puts real output into README.md, between `<!-- output: run -->` and `<!-- end -->`.
#
#   ci/readme.sh            runs `cargo run --release`, as README says, and splices what it printed
#   ci/readme.sh --check    says whether README is stale
#
# What is spliced: the answer, the bill by packet size, the 1440-byte group in full, and a line of
# where it comes from, out of record.json.
#
# Stale is what does not depend on the clock: against a short run of this commit, the titles, the
# column heads, the rows (case ids) in their order, and the bytes that a tunnel adds must be the
# same. Timings, their sentences, machine and commit may differ: they are those of the run that
# was spliced. README must also name its two commands and stay within 120 lines.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case "${1:-}" in
"")
    cargo run --release >"$work/readme.txt"
    python3 ci/readme.py splice README.md "$work/readme.txt" "$target/tunneltax/record.json"
    ;;
--check)
    release
    "$tunneltax" --seconds 2 --out "$work/readme" >"$work/readme.txt"
    python3 ci/readme.py check README.md "$work/readme.txt"
    ;;
*)
    echo "usage: ci/readme.sh [--check]" >&2
    exit 2
    ;;
esac
