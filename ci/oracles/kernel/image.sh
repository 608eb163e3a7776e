#!/usr/bin/env bash
# A stock Debian kernel and a small initramfs for qemu, in target/ci/kernel. Nothing is installed
# and nothing needs root: the package is unpacked beside the build.
# shellcheck source=ci/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../common.sh"

folder=$work/kernel
meta=linux-image-cloud-amd64
PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "kernel: $1" >&2
    exit 1
}

for tool in qemu-system-x86_64 apt-get dpkg-deb cpio depmod ip; do
    command -v "$tool" >/dev/null || fail "$tool is not installed; ci/install.sh does it"
done
busybox=$(command -v busybox) || fail "busybox is not installed; ci/install.sh does it"
if ldd "$busybox" >/dev/null 2>&1; then
    fail "$busybox is not static; install busybox-static"
fi
package=$(apt-cache depends "$meta" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
[ -n "$package" ] || fail "apt knows no $meta; run apt-get update, on Debian for amd64"
here=$root/ci/oracles/kernel
if [ "$folder/$package.done" -nt "$here/image.sh" ] && [ "$folder/$package.done" -nt "$here/init" ]; then
    exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/root"
(cd "$folder" && apt-get download -qq "$package" 2>"$folder/download.txt") ||
    fail "$package cannot be fetched: $(tail -n 1 "$folder/download.txt")"
dpkg-deb -x "$folder/$package"_*.deb "$folder/package"
release=${package#linux-image-}
mv "$folder/package/boot/vmlinuz-$release" "$folder/vmlinuz"

# What the guest needs of the kernel: ESP, virtio, and all of the crypto, whose own random numbers
# the IVs hang on.
from=$folder/package/lib/modules/$release
to=$folder/root/lib/modules/$release
mkdir -p "$to"
cp "$from"/modules.{builtin,builtin.modinfo,order} "$to"
modules=(crypto arch/x86/crypto lib net/xfrm net/ipv4/esp4.ko net/core/failover.ko
    drivers/net/net_failover.ko drivers/net/virtio_net.ko drivers/virtio drivers/char/hw_random)
for module in "${modules[@]}"; do
    [ -e "$from/kernel/$module" ] || fail "$package has no $module; see ci/oracles/kernel/image.sh"
    mkdir -p "$to/kernel/$(dirname "$module")"
    cp -r "$from/kernel/$module" "$to/kernel/$module"
done
depmod -b "$folder/root" "$release"

# And of the system: busybox, and ip with its libraries, since busybox's own knows no xfrm.
cd "$folder/root"
mkdir -p bin sbin proc sys dev
cp "$busybox" bin/busybox
ln -s busybox bin/sh
ln -s ../bin/busybox sbin/modprobe
cp -L "$(command -v ip)" sbin/ip
for library in $(ldd sbin/ip | grep -o '/[^ ]*'); do
    mkdir -p ".$(dirname "$library")"
    cp -L "$library" ".$library"
done
cp "$here/init" init
chmod +x init
find . | cpio -o -H newc --quiet | gzip -1 >"$folder/initramfs.gz"
touch "$folder/$package.done"
