"""The packets that the peers get: 1,024 over 64 flows, as ours are, of one size or a mix.

UDP over IPv4 within the addresses set aside for benchmarks, 198.18.0.0/15 (RFC 2544, C.2.2).
"""

import struct

from bench import SIZES

PACKETS = 1024
FLOWS = 64
ROUTES = 400
RAW, ETHERNET = 101, 1
ETHERNET_HEADER = bytes.fromhex("020000000001" "020000000002" "0800")
NETWORK = "198.19.0.0/16"
_HEADER = struct.Struct("<IHHIIII")
_PACKET = struct.Struct("<IIII")


def generate(size):
    """Whole IP packets."""
    sizes = SIZES[size]
    return [_packet(at, sizes[at % len(sizes)]) for at in range(PACKETS)]


def _packet(at, size):
    flow = at % FLOWS
    ends = bytes([198, 18, 0, 1 + flow, 198, 19, flow, 1])
    # Identification, no DF, TTL 64, UDP.
    header = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, size, at, 0, 64, 17, 0) + ends)
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    header[10:12] = struct.pack("!H", ~total & 0xFFFF)
    # A checksum of 0 is none (RFC 768).
    udp = struct.pack("!HHHH", 1024 + flow, 4000, size - 20, 0)
    return bytes(header) + udp + bytes((at + octet) % 256 for octet in range(size - 28))


def routes():
    """400 networks, those of the 64 flows among them."""
    return [f"198.19.{net}.0/24" for net in range(256)] + [
        f"203.{net // 256}.{net % 256}.0/24" for net in range(ROUTES - 256)
    ]


def write(path, packets, link):
    """A pcap file."""
    framing = ETHERNET_HEADER if link == ETHERNET else b""
    with path.open("wb") as file:
        file.write(_HEADER.pack(0xA1B2C3D4, 2, 4, 0, 0, 65535, link))
        for packet in packets:
            frame = framing + packet
            file.write(_PACKET.pack(0, 0, len(frame), len(frame)) + frame)
    return path


def read(path):
    """The packets of a pcap file that `tunneltax verify --write` wrote."""
    data = path.read_bytes()
    packets, at = [], _HEADER.size
    while at < len(data):
        length = _PACKET.unpack_from(data, at)[2]
        at += _PACKET.size
        packets.append(data[at : at + length])
        at += length
    return packets
