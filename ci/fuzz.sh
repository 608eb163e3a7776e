#!/usr/bin/env bash
# Fuzzes: every target of ci/fuzz for FUZZ_SECONDS (default 60) under libFuzzer, two at a time.
#
#   ci/fuzz.sh [REPORT]           every target; its last line goes to REPORT, too
#   FUZZ_TARGETS='capture record' ci/fuzz.sh
#   ci/fuzz.sh --keep             then chooses the committed corpus anew from what it found
#
# Needs a C++ compiler, for libFuzzer. Stable Rust: the coverage is a pass of LLVM's that stable
# takes; only the sanitizers would need nightly, and this code has next to no `unsafe`.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Made anew: a case that joined the list is among them.
rm -rf "$work/fuzz"
cargo run --quiet --package tunneltax-fuzz -- seeds "$work/fuzz/seeds"

# Coverage as cargo-fuzz asks for it, without its sanitizers. Named with --target, or build
# scripts and macros would be built with it, too. No target-cpu: the ciphers choose at run time.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc --version --verbose | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=$target/fuzz
cargo build --package tunneltax-fuzz --bin tunneltax-fuzz --profile fuzz --target "$host"
python3 ci/fuzz/run.py "$CARGO_TARGET_DIR/$host/fuzz/tunneltax-fuzz" \
    "$work/fuzz/seeds" "$work/fuzz/targets" "$@"
