# What the scripts of this folder share. Sourced, not run.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=$root/target
export CARGO_TARGET_DIR=$target
# What the checks write.
work=$target/ci
mkdir -p "$work"

# The release binary. An exported RUSTFLAGS would replace the flags of .cargo/config.toml.
export tunneltax=$target/release/tunneltax
release() {
    cargo build --release --bin tunneltax
}

# A tool of ci/requirements.txt: `from_venv python …`. The folder is made again when that file changes.
from_venv() {
    local venv=$work/venv
    if ! cmp -s ci/requirements.txt "$venv/requirements.txt"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r ci/requirements.txt
        cp ci/requirements.txt "$venv/requirements.txt"
    fi
    local tool=$1
    shift
    "$venv/bin/$tool" "$@"
}
