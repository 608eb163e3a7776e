"""A capture for the oracles: every length of padding, both IP versions, every DSCP and ECN.

The same seed writes the same bytes. Payloads are random, addresses are of documentation ranges
(RFC 5737, RFC 3849).
"""

import random

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw
from scapy.utils import RawPcapWriter

from sent import LINK_TYPE_RAW

SEED = 4303
# Payload bytes behind IP and UDP: all residues of 4 and of 16, up to the largest that fits 1500.
PAYLOADS = [*range(0, 160), *range(160, 1453, 17), *range(1444, 1453)]


def packets():
    """The packets, in order."""
    random.seed(SEED)
    for number, payload in enumerate(PAYLOADS):
        ports = UDP(sport=1024 + number % 4096, dport=9)
        text = Raw(random.randbytes(payload))
        class_octet = number % 256
        yield bytes(
            IP(
                src="198.51.100.7",
                dst="203.0.113.9",
                id=number,
                ttl=2 + number % 254,
                tos=class_octet,
                flags="DF" if number % 2 else 0,
            )
            / ports
            / text
        )
        yield bytes(
            IPv6(src="2001:db8::7", dst="2001:db8:1::9", hlim=2 + number % 254, tc=class_octet)
            / ports
            / text
        )


def write(path):
    """Writes the capture; returns the number of packets."""
    count = 0
    with RawPcapWriter(str(path), linktype=LINK_TYPE_RAW) as writer:
        writer.write_header(None)
        for count, packet in enumerate(packets(), 1):
            writer.write_packet(packet)
    return count
