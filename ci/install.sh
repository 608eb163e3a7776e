#!/usr/bin/env bash
# Installs the Debian packages that the checks need and that are not there. Rust is taken as given.
# As root, or through sudo.
#
#   ci/install.sh          what the checks need
#   ci/install.sh peers    what ci/peers.sh needs: DPDK, some 100 MB
set -euo pipefail

missing=()
need() { # need PACKAGE… -- COMMAND…: the packages, unless the command succeeds
    local packages=()
    while [ "$1" != -- ]; do
        packages+=("$1")
        shift
    done
    shift
    "$@" >/dev/null 2>&1 || missing+=("${packages[@]}")
}

checks() {
    need git -- git --version
    need gcc libc6-dev -- sh -c 'echo "#include <stdlib.h>" | cc -E -'
    need g++ -- sh -c 'echo "#include <vector>" | c++ -x c++ -E -'
    need python3 python3-venv -- python3 -c 'import ensurepip, venv'
    need tshark -- tshark --version
    need qemu-user -- qemu-x86_64 --version
    need qemu-system-x86 seabios -- qemu-system-x86_64 --version
    # shellcheck disable=SC2016
    need busybox-static -- sh -c 'busybox true && ! ldd "$(command -v busybox)"'
    need iproute2 -- env PATH="$PATH:/usr/sbin:/sbin" ip -V
    need kmod -- env PATH="$PATH:/usr/sbin:/sbin" depmod --version
    need cpio -- cpio --version
    need shellcheck -- shellcheck --version
    # The cipher libraries that are behind features.
    need pkg-config -- pkg-config --version
    need libssl-dev -- pkg-config --exists libssl
    need libipsec-mb-dev -- sh -c 'echo "#include <intel-ipsec-mb.h>" | cc -E -'
}

peers() {
    need gcc libc6-dev -- sh -c 'echo "#include <stdlib.h>" | cc -E -'
    need make -- make --version
    need pkg-config -- pkg-config --version
    need python3 -- python3 --version
    need openssl -- openssl version
    need libipsec-mb-dev -- sh -c 'echo "#include <intel-ipsec-mb.h>" | cc -E -'
    need libdpdk-dev -- pkg-config --exists libdpdk
    need dpdk-dev -- sh -c 'command -v dpdk-test-crypto-perf'
    # The examples, as source.
    need dpdk-doc -- test -e /usr/share/dpdk/examples/ipsec-secgw/Makefile
}

case "${1:-checks}" in
checks | peers) "${1:-checks}" ;;
*)
    echo "usage: ci/install.sh [peers]" >&2
    exit 2
    ;;
esac
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
echo "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends -qq "${missing[@]}" >/dev/null
