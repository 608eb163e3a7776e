"""Echo requests through our tunnel into the kernel, and its answers through its tunnel to us."""

import json
import re
import subprocess
from ipaddress import ip_address

from scapy.layers.inet import ICMP, IP
from scapy.packet import Raw
from scapy.utils import RawPcapWriter

from kernel.guest import HOST_MAC, Guest
from kernel.variants import FAR, NEAR, VARIANTS, Sa
from sent import LINK_TYPE_RAW, Wrong, flip, read_packets

ECHOES = 50
ASKS, ANSWERS = "198.51.100.7", "203.0.113.9"
IDENTIFIER = 0x7A7A
ICMP_REPLY, ICMP_REQUEST = 0, 8
# What refuses a wrong ICV counts here (Linux, Documentation/networking/xfrm_proc.rst).
BAD_ICV = "XfrmInStateProtoError"
RUN_SECONDS = 120


def run(image, tunneltax, folder):
    """Every variant; returns echoes by case."""
    return {variant.case: _one(variant, image, tunneltax, folder) for variant in VARIANTS}


def report(echoes):
    """A line for each case."""
    for case, count in echoes.items():
        print(f"{count:>8,} echoes of {case} opened by the kernel, its answers by us; tampered refused")


def _one(variant, image, tunneltax, folder):
    folder = folder / variant.case.replace("/", ".")
    folder.mkdir(parents=True)
    ours, outer = _seal(variant, tunneltax, folder)
    # A number of its own, so that it is no replay; the last byte is the ICV's.
    *whole, last = outer
    tampered = flip(last, len(last) - 1)
    theirs = Sa.of_answers(variant)
    with Guest(image, folder, _setup(variant, ours, theirs)) as guest:
        came = guest.exchange([*whole, tampered], ECHOES)
        refused, states = guest.end()
    if refused != {BAD_ICV: 1}:
        raise Wrong(f"{variant.case}: of {ECHOES} whole packets and a tampered one: {refused}")
    # Packets each way, and those whose ICV was wrong.
    carried = [int(found[1]) for line in states if (found := re.search(r", (\d+)\(packets\)", line))]
    if carried.count(ECHOES) != 2:
        raise Wrong(f"{variant.case}: the kernel's SAs carried {carried}, not {ECHOES} each way")
    if len(came) != ECHOES:
        raise Wrong(f"{variant.case}: {len(came)} answers of {ECHOES}")
    _open(variant, theirs, came, tunneltax, folder)
    return ECHOES


def _requests():
    """One more than is to be answered, of growing length: every padding."""
    for number in range(ECHOES + 1):
        yield bytes(IP(src=ASKS, dst=ANSWERS, ttl=64, id=number) / _icmp(ICMP_REQUEST, number))


def _icmp(kind, number):
    """An echo request or reply (RFC 792)."""
    payload = bytes((number + at) % 256 for at in range(number * 27))
    return ICMP(type=kind, id=IDENTIFIER, seq=number) / Raw(payload)


def _seal(variant, tunneltax, folder):
    """The SA that our binary made, and the packets that its near gateway sent."""
    capture = folder / "requests.pcap"
    _write(capture, _requests())
    sent = folder / "sent"
    _tunneltax(tunneltax, "--case", variant.case, "--case", "forward", "--write", sent, capture)
    document = json.loads((sent / "tunnels.json").read_text())
    row = next(row for row in document["sent"] if row["case"] == variant.case)
    if (row["source"], row["destination"], row["extended"]) != (NEAR, FAR, variant.extended):
        raise Wrong(f"{variant.case} is not framed as the kernel is told")
    outer = read_packets(sent / row["file"])
    if len(outer) != ECHOES + 1:
        raise Wrong(f"{variant.case} sent {len(outer)} packets of {ECHOES + 1}")
    key, salt, integrity = (
        bytes.fromhex(row.get(name) or "") for name in ("key", "salt", "integrity_key")
    )
    return Sa(int(row["spi"], 16), key, salt, integrity), outer


def _setup(variant, ours, theirs):
    """The guest's network, SAs and policies, as commands."""
    ends = "tmpl src {} dst {} proto esp reqid 1 mode tunnel"
    return "\n".join(
        [
            "/sbin/ip link set lo up",
            "/sbin/ip link set eth0 up",
            f"/sbin/ip address add {FAR}/24 dev eth0",
            f"/sbin/ip address add {ANSWERS}/32 dev lo",
            # Nobody answers ARP.
            f"/sbin/ip neighbour replace {NEAR} lladdr {HOST_MAC} dev eth0 nud permanent",
            f"/sbin/ip route add {ASKS}/32 via {NEAR}",
            variant.state(NEAR, FAR, ours),
            variant.state(FAR, NEAR, theirs),
            f"/sbin/ip xfrm policy add src {ASKS} dst {ANSWERS} dir in {ends.format(NEAR, FAR)}",
            f"/sbin/ip xfrm policy add src {ANSWERS} dst {ASKS} dir out {ends.format(FAR, NEAR)}",
            "",
        ]
    )


def _open(variant, theirs, came, tunneltax, folder):
    """Our binary opens the kernel's answers: each the echo of its request."""
    capture, keys, opened = (folder / name for name in ("answers.pcap", "answers.toml", "opened"))
    # A tampered copy in front of the first: we must refuse it, and open the first all the same.
    first = came[0]
    _write(capture, [flip(first, len(first) - 1), *came])
    keys.write_text(_toml(variant, theirs))
    said = _tunneltax(tunneltax, "--esp-keys", keys, "--write", opened, capture)
    if f"{ECHOES} of {ECHOES + 1} packets" not in said or "refused 1 bad_icv\n" not in said:
        raise Wrong(f"{variant.case}: of {ECHOES} whole answers and a tampered one: {said.strip()}")
    inside = [packet for file in opened.glob("*.pcap") for packet in read_packets(file)]
    if len(inside) != ECHOES:
        raise Wrong(f"{variant.case}: we opened {len(inside)} of {ECHOES} answers")
    ends = ip_address(ANSWERS).packed + ip_address(ASKS).packed
    for number, packet in enumerate(inside):
        if packet[12:] != ends + bytes(_icmp(ICMP_REPLY, number)):
            raise Wrong(f"{variant.case}: answer {number} is not the echo of its request")


def _toml(variant, sa):
    lines = [
        "[[sa]]",
        f'spi = "0x{sa.spi:08x}"',
        f'algorithm = "{variant.algorithm}"',
        f'key = "{sa.key.hex()}"',
        f'source = "{ip_address(FAR)}"',
        f'destination = "{ip_address(NEAR)}"',
    ]
    if sa.salt:
        lines.append(f'salt = "{sa.salt.hex()}"')
    if sa.integrity_key:
        lines.append(f'integrity_key = "{sa.integrity_key.hex()}"')
    if variant.extended:
        lines.append("esn_high = 0")
    return "\n".join(lines) + "\n"


def _tunneltax(tunneltax, *arguments):
    command = [tunneltax, "verify", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS)
    if done.returncode != 0:
        raise Wrong(f"tunneltax ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _write(path, packets):
    with RawPcapWriter(str(path), linktype=LINK_TYPE_RAW) as writer:
        writer.write_header(None)
        for packet in packets:
            writer.write_packet(packet)
