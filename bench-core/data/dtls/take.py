#!/usr/bin/env python3
"""Takes records.json: records of a real DTLS 1.2 session between two OpenSSL processes.

    bench-core/data/dtls/take.py        as any user; openssl 3, python3

s_client and s_server talk through a relay on the loopback interface, which keeps every datagram.
What they say to each other are IP packets that are made here. s_client writes the master secret
to a key log; the keys are derived from it as RFC 5246, 5 and 6.3 say. Certificate and keys are
made for one run and protect nothing.
"""

import hashlib
import hmac
import json
import select
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

SCHEMA = "tunneltax-dtls/1"
CIPHER = "ECDHE-ECDSA-AES256-GCM-SHA384"
APPLICATION_DATA, HANDSHAKE, SERVER_HELLO = 23, 22, 2
HEADER_BYTES = 13
SIZES = (28, 29, 43, 44, 45, 100, 128, 300, 576, 1000, 1400)


def prf(secret, label, seed, length):
    """P_SHA384 (RFC 5246, 5; RFC 5289, 3.2)."""
    seed, out, a = label + seed, b"", label + seed
    while len(out) < length:
        a = hmac.new(secret, a, hashlib.sha384).digest()
        out += hmac.new(secret, a + seed, hashlib.sha384).digest()
    return out[:length]


def packet(size, source, destination):
    """UDP over IPv4 of so many octets, checksum of the header right, none of UDP."""
    ends = bytes(source) + bytes(destination)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0x4000, 64, 17, 0) + ends
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
    return head + struct.pack("!HHHH", 5000, 53, size - 20, 0) + bytes(range(256)) * 6


def records(datagram):
    """Every record of a datagram: type, and all octets."""
    while datagram:
        length = HEADER_BYTES + int.from_bytes(datagram[11:13])
        yield datagram[0], datagram[:length]
        datagram = datagram[length:]


class Relay:
    """Hands datagrams on and keeps them."""

    def __init__(self, port, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.server, self.client, self.kept = ("127.0.0.1", server), None, []

    def run(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                continue
            datagram, sender = self.socket.recvfrom(65535)
            if sender != self.server:
                self.client = sender
            self.kept.append(("far" if sender == self.server else "near", datagram))
            self.socket.sendto(datagram, self.client if sender == self.server else self.server)


def processes(folder, relay_port, server_port):
    key, certificate = str(folder / "key"), str(folder / "certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-subj", "/CN=test", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(
        ["openssl", "s_server", "-dtls1_2", "-quiet", "-accept", f"127.0.0.1:{server_port}"]
        + ["-key", key, "-cert", certificate, "-cipher", CIPHER],
        **pipes,
    )
    time.sleep(0.5)
    client = subprocess.Popen(
        ["openssl", "s_client", "-dtls1_2", "-quiet", "-connect", f"127.0.0.1:{relay_port}"]
        + ["-keylogfile", str(folder / "keys"), "-cipher", CIPHER],
        **pipes,
    )
    return client, server


def keys(log, kept):
    """Key and salt of both ends."""
    _, client_random, master = log.split()[:3]
    hello = next(
        record
        for _, datagram in kept
        for kind, record in records(datagram)
        if kind == HANDSHAKE and record[HEADER_BYTES] == SERVER_HELLO
    )
    # Record header, handshake header, version (RFC 6347, 4.2.2; RFC 5246, 7.4.1.3).
    at = HEADER_BYTES + 12 + 2
    seed = hello[at : at + 32] + bytes.fromhex(client_random)
    block = prf(bytes.fromhex(master), b"key expansion", seed, 2 * 32 + 2 * 4).hex()
    return {
        "near": {"key": block[:64], "salt": block[128:136]},
        "far": {"key": block[64:128], "salt": block[136:144]},
    }


def main():
    near, far = (10, 1, 0, 1), (10, 2, 0, 1)
    relay = Relay(24433, 24434)
    with tempfile.TemporaryDirectory() as folder:
        client, server = processes(Path(folder), 24433, 24434)
        relay.run(1.5)
        said = {"near": [], "far": []}
        for size in SIZES:
            for end, process, ends in (("near", client, (near, far)), ("far", server, (far, near))):
                said[end].append(packet(size, *ends)[:size])
                process.stdin.write(said[end][-1])
                process.stdin.flush()
                relay.run(0.1)
        client.kill()
        server.kill()
        log = next(
            line
            for line in (Path(folder) / "keys").read_text().splitlines()
            if line.startswith("CLIENT_RANDOM")
        )
    rows = [
        {"from": end, "record": record.hex()}
        for end, datagram in relay.kept
        for kind, record in records(datagram)
        if kind == APPLICATION_DATA
    ]
    for row, end in ((row, row["from"]) for row in rows):
        row["inner"] = said[end].pop(0).hex()
    assert not any(said.values()), "every packet became one record"
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    document = {
        "schema": SCHEMA,
        "taken_from": " ".join(version.stdout.split()[:2]),
        "cipher": CIPHER,
        "keys": keys(log, relay.kept),
        "records": rows,
    }
    (Path(__file__).parent / "records.json").write_text(json.dumps(document, indent=1) + "\n")


main()
