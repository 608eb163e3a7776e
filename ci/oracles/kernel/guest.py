"""A Linux kernel in qemu, without KVM, root or a network device of the host: its Ethernet frames
come and go through a pair of unix datagram sockets.
"""

import gzip
import select
import socket
import subprocess
import tempfile
import time

from sent import Wrong

BOOT_SECONDS = 90
END_SECONDS = 30
# How long an answer may take, behind the one before.
ANSWER_SECONDS = 5
HOST_MAC = "02:00:00:00:00:01"
GUEST_MAC = "02:00:00:00:00:02"
IPV4 = bytes.fromhex("0800")
FRAME_BYTES_MAX = 65_536


class Guest:
    """A booted kernel that took `setup`, commands of its shell. A context."""

    def __init__(self, image, folder, setup):
        self.log = folder / "console.txt"
        initrd = folder / "initrd.gz"
        initrd.write_bytes((image / "initramfs.gz").read_bytes() + archive("setup", setup))
        # A path of a socket is at most 107 bytes long: not in `folder`.
        self.sockets = tempfile.TemporaryDirectory()
        self.ours, self.theirs = (f"{self.sockets.name}/{end}" for end in ("host", "guest"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.ours)
        with self.log.open("wb") as log:
            self.qemu = subprocess.Popen(
                self._command(image, initrd),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _command(self, image, initrd):
        ends = f"local.type=unix,local.path={self.theirs}"
        ends += f",remote.type=unix,remote.path={self.ours}"
        return [
            "qemu-system-x86_64",
            *("-accel", "tcg", "-cpu", "max", "-machine", "q35", "-m", "256"),
            *("-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"),
            *("-kernel", str(image / "vmlinuz"), "-initrd", str(initrd)),
            *("-append", "console=ttyS0 panic=-1 quiet"),
            *("-netdev", f"dgram,id=wire,{ends}"),
            # Without romfile= it wants firmware of another package.
            *("-device", f"virtio-net-pci,netdev=wire,romfile=,mac={GUEST_MAC}"),
        ]

    def __enter__(self):
        try:
            self._wait_for("READY", BOOT_SECONDS)
        except Wrong:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()
        self.socket.close()
        self.sockets.cleanup()

    def console(self):
        """What the guest printed so far, as lines; firmware ends in the middle of one."""
        text = self.log.read_text(errors="replace").replace("\x1b[2J", "\n")
        return [line.strip() for line in text.splitlines()]

    def _wait_for(self, line, seconds):
        until = time.monotonic() + seconds
        while line not in self.console():
            ended = self.qemu.poll() is not None or "END" in self.console()
            if ended or time.monotonic() > until:
                raise Wrong(f"the guest did not say {line}; see {self.log}")
            time.sleep(0.05)

    def exchange(self, packets, answers):
        """Sends IPv4 packets one by one; returns what comes back, at least so many if all is
        well, and everything that comes within a while after the last."""
        came = []
        head = bytes.fromhex((GUEST_MAC + HOST_MAC).replace(":", "")) + IPV4
        for packet in packets:
            self.socket.sendto(head + packet, self.theirs)
            came += self._receive(0.0)
        until = time.monotonic() + ANSWER_SECONDS
        while len(came) < answers and time.monotonic() < until:
            if new := self._receive(0.2):
                came += new
                until = time.monotonic() + ANSWER_SECONDS
        # One more than was hoped for would show here.
        return came + self._receive(0.5)

    def _receive(self, seconds):
        came = []
        while select.select([self.socket], [], [], seconds)[0]:
            frame = self.socket.recv(FRAME_BYTES_MAX)
            if frame[12:14] == IPV4:
                packet = frame[14:]
                came.append(packet[: int.from_bytes(packet[2:4])])
            seconds = 0.0
        return came

    def end(self):
        """Ends the guest; returns the counters of /proc/net/xfrm_stat that are not 0, and what
        `ip -s xfrm state` says."""
        self.qemu.stdin.write(b"\n")
        self.qemu.stdin.flush()
        self._wait_for("END", END_SECONDS)
        words = [line.split() for line in self.console()]
        counts = {w[0]: int(w[1]) for w in words if len(w) == 2 and w[0].startswith("Xfrm")}
        if not counts:
            raise Wrong(f"the guest showed no counts; see {self.log}")
        return {name: count for name, count in counts.items() if count}, self.console()


def archive(name, text):
    """A file as a packed cpio archive (newc), which the kernel unpacks behind the first one."""

    def entry(name, data, mode):
        name = name.encode() + b"\0"
        fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return pad(head) + pad(data)

    def pad(data):
        return data + bytes(-len(data) % 4)

    file = entry(name, text.encode(), 0o100644)
    return gzip.compress(file + entry("TRAILER!!!", b"", 0))
