"""What `tunneltax verify --write` wrote: pcap files of sent packets and `tunnels.json`.

The rule of every check here: a packet is compared or the check fails. A message may name a
capture, a case and a packet's position, never an address or a byte of a packet.
"""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapReader

SCHEMA = "tunneltax-tunnels/2"
LINK_TYPE_RAW = 101

# RFC 4303, 2: SPI and sequence number, then what the cipher adds. RFC 4303, 2.4: text, padding,
# pad length and next header end on 4 bytes, or on the cipher's block.
IP_BYTES = {4: 20, 6: 40}
UDP_BYTES = 8
ESP_HEADER_BYTES = 8
TRAILER_BYTES = 2


@dataclass(frozen=True)
class Sizes:
    """What an algorithm's standard says, in bytes."""

    key: int
    integrity_key: int
    iv: int
    icv: int
    block: int


# RFC 4106 and RFC 7634; RFC 4543; RFC 3602, RFC 2451 and RFC 2410 with RFC 4868 or RFC 2404.
ALGORITHMS = {
    "aes-128-gcm": Sizes(16, 0, 8, 16, 4),
    "aes-192-gcm": Sizes(24, 0, 8, 16, 4),
    "aes-256-gcm": Sizes(32, 0, 8, 16, 4),
    "chacha20-poly1305": Sizes(32, 0, 8, 16, 4),
    "aes-256-gmac": Sizes(32, 0, 8, 16, 4),
    "aes-128-cbc+hmac-sha-256-128": Sizes(16, 32, 16, 16, 16),
    "aes-256-cbc+hmac-sha-256-128": Sizes(32, 32, 16, 16, 16),
    "aes-128-cbc+hmac-sha-1-96": Sizes(16, 20, 16, 12, 16),
    "aes-256-cbc+hmac-sha-1-96": Sizes(32, 20, 16, 12, 16),
    "3des-cbc+hmac-sha-256-128": Sizes(24, 32, 8, 16, 8),
    "null+hmac-sha-256-128": Sizes(0, 32, 0, 16, 4),
    "null+hmac-sha-1-96": Sizes(0, 20, 0, 12, 4),
}


@dataclass(frozen=True)
class Framing:
    """What the path of a case says of its packets, in front of the `/`."""

    version: int = 4
    in_udp: bool = False
    extended: bool = False
    alignment: int = 4


# RFC 4303; over IPv6 and in UDP (RFC 3948); its numbers of 64 bits (2.2.1) and longer padding (2.4).
FRAMINGS = {
    "esp": Framing(),
    "esp6": Framing(version=6),
    "esp-udp": Framing(in_udp=True),
    "esp6-udp": Framing(version=6, in_udp=True),
    "esp+esn": Framing(extended=True),
    "esp+pad16": Framing(alignment=16),
    "esp+noreplay": Framing(),
}


class Wrong(Exception):
    """A check did not hold; the message is one sentence for people."""


@dataclass(frozen=True)
class Sent:
    """One capture as one case sent it, and what must be inside."""

    capture: str
    case: str
    algorithm: str
    spi: int
    key: bytes
    integrity_key: bytes
    salt: bytes
    source: str
    destination: str
    # Extended sequence numbers, ESP in UDP, and what the text ends on a multiple of.
    extended: bool
    in_udp: bool
    alignment: int
    path: Path
    outer: list
    inner: list

    @property
    def name(self):
        return f"{self.capture} through {self.case}"

    @property
    def framing(self):
        """The path of its case."""
        return self.case.split("/")[0]

    @property
    def sizes(self):
        """Of its algorithm."""
        return ALGORITHMS[self.algorithm]

    @property
    def text_at(self):
        """Where the text begins."""
        return self.esp_at + ESP_HEADER_BYTES + self.sizes.iv

    @property
    def version(self):
        """IP version of the outer header."""
        return ip_address(self.source).version

    @property
    def esp_at(self):
        """Where the ESP header begins."""
        return IP_BYTES[self.version] + (UDP_BYTES if self.in_udp else 0)

    def wire_bytes(self, inner_bytes):
        """Length of the outer packet around an inner one."""
        alignment = max(self.alignment, self.sizes.block)
        text = -(-(inner_bytes + TRAILER_BYTES) // alignment) * alignment
        return self.text_at + text + self.sizes.icv


def read_packets(path):
    """The packets of a pcap file with link type RAW."""
    try:
        with RawPcapReader(str(path)) as reader:
            if reader.linktype != LINK_TYPE_RAW:
                raise Wrong(f"{path.name} has link type {reader.linktype}, not {LINK_TYPE_RAW}")
            return [bytes(packet) for packet, _ in reader]
    except FileNotFoundError:
        raise Wrong(f"{path.name} is named in tunnels.json but is not there") from None
    except (Scapy_Exception, EOFError) as why:
        raise Wrong(f"{path.name} is not a pcap file: {why}") from None


def read_sent(folder):
    """Every tunnel that was written to the folder, its files read and counted."""
    path = folder / "tunnels.json"
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as why:
        raise Wrong(f"{path.name} cannot be read: {why.__class__.__name__}") from None
    if document.get("schema") != SCHEMA:
        raise Wrong(f"{path.name} has schema {document.get('schema')!r}, this reads {SCHEMA!r}")
    tunnels = [_one(folder, row) for row in document["sent"] if row["spi"] is not None]
    if not tunnels:
        raise Wrong(f"{path.name} names no tunnel")
    return tunnels


def _one(folder, row):
    if row["algorithm"] not in ALGORITHMS:
        raise Wrong(f"{row['case']} has algorithm {row['algorithm']}, which nothing here knows")
    sent = Sent(
        capture=row["capture"],
        case=row["case"],
        algorithm=row["algorithm"],
        spi=int(row["spi"], 16),
        key=bytes.fromhex(row["key"]),
        integrity_key=bytes.fromhex(row["integrity_key"] or ""),
        salt=bytes.fromhex(row["salt"] or ""),
        source=row["source"],
        destination=row["destination"],
        extended=row["extended"],
        in_udp=row["in_udp"],
        alignment=row["alignment"],
        path=folder / row["file"],
        outer=read_packets(folder / row["file"]),
        inner=read_packets(folder / row["inner_file"]),
    )
    sizes = (len(sent.key), len(sent.integrity_key), row["iv_bytes"], row["icv_bytes"])
    if sizes != (sent.sizes.key, sent.sizes.integrity_key, sent.sizes.iv, sent.sizes.icv):
        raise Wrong(f"{sent.name}: sizes {sizes} are not those of {sent.algorithm}")
    if not is_framed_as_called(sent):
        raise Wrong(f"{sent.name}: its packets are not framed as {sent.framing} are")
    counts = {row["packets"], len(sent.outer), len(sent.inner)}
    if len(counts) != 1:
        raise Wrong(
            f"{sent.name}: tunnels.json says {row['packets']} packets, "
            f"{len(sent.outer)} were sent around {len(sent.inner)}"
        )
    if counts == {0}:
        raise Wrong(f"{sent.name}: no packet was sent")
    for position, (outer, inner) in enumerate(zip(sent.outer, sent.inner)):
        if len(outer) != sent.wire_bytes(len(inner)):
            raise Wrong(
                f"{sent.name}: packet {position} has {len(outer)} bytes around {len(inner)}, "
                f"not {sent.wire_bytes(len(inner))}"
            )
    return sent


def is_framed_as_called(sent):
    """Whether the path of a case says what its packets are like; a cipher may have longer blocks."""
    called = FRAMINGS.get(sent.framing)
    if called is None:
        return False
    alignment = max(called.alignment, sent.sizes.block)
    ways = (called.version, called.in_udp, called.extended, alignment)
    return ways == (sent.version, sent.in_udp, sent.extended, sent.alignment)


def tampered(sent):
    """Copies of the last packet that was sent with one bit flipped, by the place of it."""
    outer = sent.outer[-1]
    places = {
        "sequence number": sent.esp_at + ESP_HEADER_BYTES - 1,
        "text": (sent.text_at + len(outer) - sent.sizes.icv) // 2,
        "ICV": len(outer) - 1,
    }
    if sent.sizes.iv:
        places["IV"] = sent.text_at - 1
    return {place: flip(outer, at) for place, at in places.items()}


def flip(packet, at):
    """The packet with the lowest bit of one byte flipped."""
    return packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :]
