"""Turns a capture and the logs of both ends into one row of packets.json.

    fixture.py NAME FOLDER             one row: keys from NEAR.log and FAR.log, packets from NAME.pcap
    fixture.py join PROGRAM FILE       all rows of FILE as one document

Only the data channel is kept: whole packets over UDP, and over TCP every segment with octets
from the first data record on. What was captured is written as it is.
"""

import json
import re
import struct
import sys
from pathlib import Path

SCHEMA = "tunneltax-openvpn/1"
ETHERNET_BYTES = 14
IPV4_BYTES = 20
UDP_BYTES = 8
P_DATA_V2 = 9
ENDS = {"192.0.2.1": "near", "192.0.2.2": "far"}


def keys(log):
    """Cipher, key and implicit IV of what an end sends."""
    cipher = re.search(r"Outgoing Data Channel: Cipher '([^']+)'", log)[1]
    key = re.search(r"Outgoing Data Channel: CIPHER KEY: ([0-9a-f ]+)", log)[1]
    # Packet ID, then the part of the IV that is not sent.
    ivs = re.findall(r"ENCRYPT IV: [0-9a-f]{8} ([0-9a-f]{8} [0-9a-f]{8})", log)
    assert len(set(ivs)) == 1, "one key, one implicit IV"
    return cipher, key.replace(" ", ""), ivs[0].replace(" ", "")


def packets(pcap):
    """IPv4 packets of a little-endian capture of Ethernet frames."""
    at = 24
    while at < len(pcap):
        (length,) = struct.unpack_from("<I", pcap, at + 8)
        frame = pcap[at + 16 : at + 16 + length]
        at += 16 + length
        total = int.from_bytes(frame[16:18])
        yield frame[ETHERNET_BYTES : ETHERNET_BYTES + total]


def payload(packet):
    """Octets behind the transport header; None of a fragment."""
    if int.from_bytes(packet[6:8]) & 0x3FFF:
        return None
    if packet[9] == 17:
        return packet[IPV4_BYTES + UDP_BYTES :]
    return packet[IPV4_BYTES + (packet[IPV4_BYTES + 12] >> 4) * 4 :]


def row(name, folder):
    ends = {end: keys((folder / f"{end}.log").read_text()) for end in ENDS.values()}
    stream = name.startswith("tcp")
    kept, begun = [], set()
    for packet in packets((folder / f"{name}.pcap").read_bytes()):
        octets = payload(packet)
        end = ENDS[".".join(map(str, packet[12:16]))]
        # The length in front of a record over TCP is not part of what UDP carries.
        opcode_at = 2 if stream else 0
        if not octets or len(octets) <= opcode_at:
            continue
        is_data = octets[opcode_at] >> 3 == P_DATA_V2
        if is_data or (stream and end in begun):
            begun.add(end)
            kept.append({"from": end, "packet": packet.hex()})
    return {
        "name": name,
        "cipher": ends["near"][0],
        "transport": name.split("-")[0],
        "keys": {end: {"key": key, "implicit_iv": iv} for end, (_, key, iv) in ends.items()},
        "packets": kept,
    }


def main(arguments):
    match arguments:
        case ["join", program, file]:
            rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
            document = {"schema": SCHEMA, "taken_from": program, "tunnels": rows}
            print(json.dumps(document, indent=1))
        case [name, folder]:
            print(json.dumps(row(name, Path(folder))))


main(sys.argv[1:])
