#!/usr/bin/env bash
# Builds the program N times from the same code with its sections in another order each time, for
# `tunneltax selftest --full --links DIR`.
#
#   ci/links.sh N DIR     writes DIR/link-1 to DIR/link-N; in their order, N is the linker's seed
#
# The linker is LLVM's, which rustc brings along since 1.90. Only the program itself is compiled
# and linked again for each; all objects lie in target/links.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

links=${1:-}
if ! [[ $links =~ ^[1-9][0-9]*$ ]] || [ "$links" -lt 2 ] || [ $# -ne 2 ]; then
    sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
mkdir -p "$2"
folder=$(cd "$2" && pwd)
export CARGO_TARGET_DIR=$target/links
for seed in $(seq "$links"); do
    echo "link $seed of $links"
    # As an argument of this target alone: flags for all would have every library built anew.
    cargo rustc --release -p tunneltax --bin tunneltax -- \
        -C "link-arg=-Wl,--shuffle-sections=.text*=$seed"
    cp "$CARGO_TARGET_DIR/release/tunneltax" "$folder/link-$seed"
done
same=$(cd "$folder" && sha256sum $(seq -f 'link-%g' "$links") | cut -d ' ' -f 1 | sort | uniq -d)
if [ -n "$same" ]; then
    echo "two links are the same program: the linker does not shuffle sections" >&2
    exit 1
fi
echo "$links links in $folder"
