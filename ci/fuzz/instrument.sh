#!/bin/sh
# rustc for the workspace's own crates, with libFuzzer's coverage (RUSTC_WORKSPACE_WRAPPER).
# Dependencies stay as the tests built them. Not for build scripts, which link without libFuzzer.
rustc=$1
shift
case " $* " in
*" --crate-name build_script_"* | *" --crate-name ___ "*) exec "$rustc" "$@" ;;
*" --crate-name "*)
    exec "$rustc" "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
exec "$rustc" "$@"
