#!/usr/bin/env bash
# Checks a folder of captures: manifest against files by tshark, counts once more by capinfos and
# tcpdump, and that nothing of this machine is in them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$here/..}
largest_total=5000000

fail() { echo "verify.sh: $*" >&2; exit 1; }
unpack() {
    case $1 in
        *.gz) gzip -dc "$1" ;;
        *.zst) zstd -qdc "$1" ;;
        *) cat "$1" ;;
    esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

/usr/bin/python3 "$here/manifest.py" check "$folder"

captures=0 total=0
while read -r file packets; do
    plain=$scratch/plain
    unpack "$folder/$file" >"$plain"
    counted=$(capinfos -TrcM "$plain" 2>/dev/null | awk '{ print $NF }')
    [[ $counted == "$packets" ]] || fail "$file: capinfos counts $counted packets, the manifest says $packets"
    counted=$(tcpdump -nr "$plain" 2>/dev/null | grep -c '^[0-9]' || true)
    [[ $counted == "$packets" ]] || fail "$file: tcpdump prints $counted packets, the manifest says $packets"
    # `cksum … (incorrect` is TCP's and UDP's, `bad cksum` IP's.
    bad=$(tcpdump -vvnr "$plain" 2>/dev/null | grep -Ec 'bad cksum|\(incorrect' || true)
    [[ $bad == 0 ]] || fail "$file: tcpdump finds $bad bad checksums"
    for own in "$(uname -n)" "$(uname -r)" "${SUDO_USER:-}" "PRIVATE KEY" /home/ "$(cd "$here/.." && pwd)"; do
        [[ ${#own} -lt 5 ]] || ! grep -aqF -- "$own" "$plain" || fail "$file: holds '$own'"
    done
    captures=$((captures + 1)) total=$((total + $(stat -c %s "$folder/$file")))
done < <(awk -F ' = ' '$1 == "file" { gsub("\"", "", $2); file = $2 } $1 == "packets" { print file, $2 }' "$folder/manifest.toml")

((captures > 0)) || fail "manifest.toml lists no capture"
((total <= largest_total)) || fail "$total bytes in all, more than $largest_total"
echo "$captures captures, $total bytes: as the manifest says"
