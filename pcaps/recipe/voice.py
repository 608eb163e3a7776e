"""One end of some telephone calls: RTP (RFC 3550) with G.711 µ-law (RFC 3551, payload type 0).

Every call has its own pair of addresses, the last byte counted up from the ones given, and sends
160 samples each 20 ms, calls a little apart. The voice is a tone that swells and fades.
"""

import argparse
import ipaddress
import math
import socket
import struct
import time

PORT = 16384
PACKET_SECONDS = 0.020
SAMPLES = 160
EXPEDITED_FORWARDING = 46 << 2  # RFC 3246, in the place of the DSCP (RFC 2474)


def mu_law(sample):
    """One linear sample of 14 bits as µ-law (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 8158) + 33
    segment = magnitude.bit_length() - 6
    return ~(sign | segment << 4 | magnitude >> (segment + 1) & 0x0F) & 0xFF


class Call:
    def __init__(self, index, source, destination):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
        self.socket.bind((str(source), PORT))
        self.peer = (str(destination), PORT)
        self.sequence = 1000 * (index + 1)
        self.timestamp = 8000 * (index + 1)
        self.stream = int(source) & 0xFFFF_FFFF
        self.pitch = 180 + 40 * index

    def packet(self):
        header = struct.pack("!BBHII", 0x80, 0, self.sequence & 0xFFFF, self.timestamp, self.stream)
        voice = bytes(
            mu_law(int(4000 * math.sin(t / 9000) * math.sin(2 * math.pi * self.pitch * t / 8000)))
            for t in range(self.timestamp, self.timestamp + SAMPLES)
        )
        self.sequence += 1
        self.timestamp += SAMPLES
        return header + voice

    def send(self):
        self.socket.sendto(self.packet(), self.peer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=ipaddress.IPv4Address, required=True)
    parser.add_argument("--to", dest="destination", type=ipaddress.IPv4Address, required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()

    calls = [Call(i, arguments.source + i, arguments.destination + i) for i in range(arguments.calls)]
    time.sleep(1)  # both ends are listening by then
    start = time.monotonic()
    for number in range(round(arguments.seconds / PACKET_SECONDS)):
        for index, call in enumerate(calls):
            due = start + PACKET_SECONDS * (number + index / len(calls))
            time.sleep(max(0, due - time.monotonic()))
            call.send()
    time.sleep(1)  # the other end may still be talking


if __name__ == "__main__":
    main()
