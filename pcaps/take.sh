#!/usr/bin/env bash
# Takes the bundled captures again: real programs, two network namespaces, one veth link.
#
# For Debian 12 or later, as root. Traffic never leaves the namespaces that this script makes;
# they, the programs started in them and the work folder are gone when it ends.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: take.sh [--no-install] [--out DIR] [NAME…]

Takes the named captures (all of them by default), then rewrites manifest.toml and the table in
README.md. NAME is a file in recipe/ without its ending: https, dns, voice, …

  --no-install  stop when a package is missing instead of installing it with apt-get
  --out DIR     write to DIR instead of the folder this script is in
USAGE
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
all=(https https6 postgres redis memcached dns ssh voice iperf3)
out=$here
install=yes
names=()
while (($#)); do
    case $1 in
        --no-install) install=no ;;
        --out)
            [[ $# -ge 2 ]] || { usage >&2; exit 2; }
            mkdir -p "$2"
            out=$(cd "$2" && pwd)
            shift
            ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; exit 2 ;;
        *)
            [[ -r $here/recipe/$1.sh && " ${all[*]} " == *" $1 "* ]] || {
                echo "take.sh: no recipe is called '$1'; there are: ${all[*]}" >&2
                exit 2
            }
            names+=("$1")
            ;;
    esac
    shift
done
((${#names[@]})) || names=("${all[@]}")
[[ $(id -u) == 0 ]] || { echo "take.sh: network namespaces need root; run it with sudo" >&2; exit 1; }

# shellcheck source-path=SCRIPTDIR source=recipe/install.sh
. "$here/recipe/install.sh"
install_packages "$install"

work=$(mktemp -d)
net=tt$$
# shellcheck source-path=SCRIPTDIR source=recipe/lib.sh
. "$here/recipe/lib.sh"
trap 'net_down; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
chmod 711 "$work"

for name in "${names[@]}"; do
    echo "== $name"
    take "$name"
done
/usr/bin/python3 "$here/recipe/manifest.py" readme "$out"
"$here/recipe/verify.sh" "$out"
