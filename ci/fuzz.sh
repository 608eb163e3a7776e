#!/usr/bin/env bash
# Fuzzes: every target of ci/fuzz for FUZZ_SECONDS (default 40) under libFuzzer, two at a time.
#
#   ci/fuzz.sh [REPORT]           every target; its last line goes to REPORT, too
#   FUZZ_TARGETS='capture record' ci/fuzz.sh
#   ci/fuzz.sh --keep             then chooses the committed corpus anew from what it found
#   ci/fuzz.sh --long             until every target had FUZZ_HOURS (default 1) of CPU time, at idle
#                                 priority, over as many calls as it takes: ci/fuzz/hours.tsv
#
# Needs a C++ compiler, for libFuzzer. Stable Rust: the coverage is a pass of LLVM's that stable
# takes; only the sanitizers would need nightly, and this code has next to no `unsafe`.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Made anew: a case that joined the list is among them.
rm -rf "$work/fuzz/seeds"
cargo run --quiet --package tunneltax-fuzz -- seeds "$work/fuzz/seeds"

# Coverage of the workspace's own crates alone: what the tests built of others is used again, and
# of their code nothing is promised here. Not incremental: the two builds share a folder.
RUSTC_WORKSPACE_WRAPPER=$root/ci/fuzz/instrument.sh CARGO_INCREMENTAL=0 \
    cargo build --workspace --bin tunneltax-fuzz --features tunneltax-fuzz/libfuzzer
if [ "${1:-}" = --long ]; then
    exec python3 ci/fuzz/long.py "$target/debug/tunneltax-fuzz" "$work/fuzz/seeds" "$work/fuzz/long"
fi
python3 ci/fuzz/run.py "$target/debug/tunneltax-fuzz" \
    "$work/fuzz/seeds" "$work/fuzz/targets" "$@"
