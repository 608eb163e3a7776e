"""Proves that the oracles can fail: each fault is put in alone, and each oracle must find it.

The sender is scapy here, so that this needs no build of tunneltax.
"""

import json
import tempfile
from pathlib import Path
from unittest import mock

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.utils import RawPcapWriter

import seeded
import with_scapy
import with_tshark
from sent import ALGORITHMS, FRAMINGS, LINK_TYPE_RAW, SCHEMA, Sent, Wrong, flip, read_packets

PACKETS = 12
INNER_FILE = "sample.forward.pcap"
SALT = bytes(range(200, 204))
KEYS = bytes(range(64))
ENDS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
# Of a framing beside plain ESP one algorithm will do.
FRAMED = "aes-256-gcm"


def run(check, oracles):
    """Sends a sample, checks that it passes, then that every fault is found."""
    for oracle in oracles:
        with tempfile.TemporaryDirectory() as folder:
            send(Path(folder))
            check(Path(folder), [oracle])
        faults = FAULTS | {f"no {name}": _unframed(name) for name in oracle.FRAMINGS}
        for name, fault in faults.items():
            _must_fail(check, oracle, name, fault)
        _must_miss_no_tampering(check, oracle)
        _must_count(check, oracle)
    return len(FAULTS) + len(FRAMINGS) + 2


def send(folder):
    """A sample of every cipher and framing as `tunneltax verify --write` writes it."""
    inner = [packet for packet, _ in zip(seeded.packets(), range(PACKETS))]
    write(folder / INNER_FILE, inner)
    rows = [_row("esp", algorithm) for algorithm in ALGORITHMS]
    rows += [_row(framing, FRAMED) for framing in FRAMINGS if framing != "esp"]
    for row in rows:
        write(folder / row["file"], [bytes(p) for p in _sealed(row, inner)])
    (folder / "tunnels.json").write_text(json.dumps({"schema": SCHEMA, "sent": rows}))


def _row(name, algorithm):
    sizes, framing = ALGORITHMS[algorithm], FRAMINGS[name]
    keys_end = sizes.key + sizes.integrity_key
    source, destination = ENDS[framing.version]
    return {
        "capture": "sample",
        "case": f"{name}/{algorithm}@scapy",
        "file": f"sample.{name}.{algorithm}.pcap",
        "inner_file": INNER_FILE,
        "packets": PACKETS,
        "algorithm": algorithm,
        "spi": "0x00010203",
        "key": KEYS[: sizes.key].hex(),
        "integrity_key": KEYS[sizes.key : keys_end].hex() or None,
        "salt": None if sizes.integrity_key else SALT.hex(),
        "iv_bytes": sizes.iv,
        "icv_bytes": sizes.icv,
        "source": source,
        "destination": destination,
        "extended": framing.extended,
        "in_udp": framing.in_udp,
        "alignment": max(framing.alignment, sizes.block),
    }


def _sealed(row, inner):
    ends = {key: row[key] for key in ("source", "destination", "extended", "in_udp", "alignment")}
    named = {key: row[key] for key in ("capture", "case", "algorithm")}
    keys = {key: bytes.fromhex(row[key] or "") for key in ("key", "integrity_key", "salt")}
    tunnel = Sent(**named, **ends, **keys, spi=int(row["spi"], 16), path=None, outer=[], inner=[])
    sa = with_scapy.association(tunnel)
    # scapy pads to the block of its algorithm.
    block = max(tunnel.alignment, sa.crypt_algo.block_size)
    with mock.patch.object(sa.crypt_algo, "block_size", block):
        for packet in inner:
            yield sa.encrypt((IP if packet[0] >> 4 == 4 else IPv6)(packet))


def write(path, packets):
    with RawPcapWriter(str(path), linktype=LINK_TYPE_RAW) as writer:
        writer.write_header(None)
        for packet in packets:
            writer.write_packet(packet)


def _change_rows(folder, change):
    path = folder / "tunnels.json"
    document = json.loads(path.read_text())
    for row in document["sent"]:
        row.update(change(row))
    path.write_text(json.dumps(document))


def _change_packets(folder, change):
    for path in folder.glob("*.pcap"):
        if path.name != INNER_FILE:
            write(path, change(read_packets(path)))


def _backwards(key):
    return bytes.fromhex(key)[::-1].hex()


def _wrong_integrity(row):
    key = row["integrity_key"]
    return {"integrity_key": key and _backwards(key)}


def _flip_inside(folder):
    inner = read_packets(folder / INNER_FILE)
    write(folder / INNER_FILE, [*inner[:-1], flip(inner[-1], len(inner[-1]) - 1)])


def _lose(folder, file):
    (folder / file).unlink()


def _without(folder, algorithm):
    path = folder / "tunnels.json"
    document = json.loads(path.read_text())
    document["sent"] = [row for row in document["sent"] if row["algorithm"] != algorithm]
    path.write_text(json.dumps(document))


def _unframed(framing):
    """A fault: this framing is sent no more."""

    def fault(folder):
        path = folder / "tunnels.json"
        document = json.loads(path.read_text())
        rows = document["sent"]
        document["sent"] = [row for row in rows if row["case"].split("/")[0] != framing]
        path.write_text(json.dumps(document))

    return fault


def _called_otherwise(folder):
    """Plain packets under the name of another framing."""
    _change_rows(folder, lambda row: {"case": row["case"].replace("esp/", "esp-udp/")})


def _nothing_sent(folder):
    _change_rows(folder, lambda row: {"packets": 0})
    for path in folder.glob("*.pcap"):
        write(path, [])


FAULTS = {
    "a wrong key": lambda f: _change_rows(f, lambda row: {"key": _backwards(row["key"])}),
    "a wrong integrity key": lambda f: _change_rows(f, _wrong_integrity),
    "a wrong size": lambda f: _change_rows(f, lambda row: {"iv_bytes": row["iv_bytes"] + 1}),
    "a wrong salt": lambda f: _change_rows(f, lambda row: {"salt": row["salt"] and SALT[::-1].hex()}),
    "no packets": _nothing_sent,
    "a packet missing": lambda f: _change_packets(f, lambda sent: sent[:-1]),
    "two packets swapped": lambda f: _change_packets(f, lambda s: [s[2], s[1], s[0], *s[3:]]),
    "a packet sent twice": lambda f: _change_packets(f, lambda s: [s[0], s[0], *s[2:]]),
    "a flipped bit": lambda f: _change_packets(f, lambda s: [flip(s[0], len(s[0]) - 1), *s[1:]]),
    "another packet inside": _flip_inside,
    "a count that is wrong": lambda f: _change_rows(f, lambda _: {"packets": PACKETS + 1}),
    "a file missing": lambda f: _lose(f, INNER_FILE),
    "tunnels.json missing": lambda f: _lose(f, "tunnels.json"),
    "AES-256-GCM not sent": lambda f: _without(f, "aes-256-gcm"),
    "another framing's name": _called_otherwise,
    "ChaCha20-Poly1305 not sent": lambda f: _without(f, "chacha20-poly1305"),
}


def _must_fail(check, oracle, name, fault):
    with tempfile.TemporaryDirectory() as folder:
        send(Path(folder))
        fault(Path(folder))
        try:
            check(Path(folder), [oracle])
        except Wrong:
            return
    raise Wrong(f"self-test: {oracle.NAME} passed with {name}")


def _must_miss_no_tampering(check, oracle):
    """Packets that are handed over as tampered but are whole must be noticed, too."""

    def untouched(sent):
        return {"text": sent.outer[-1]}

    with tempfile.TemporaryDirectory() as folder:
        send(Path(folder))
        with mock.patch.object(with_scapy, "tampered", untouched):
            with mock.patch.object(with_tshark, "tampered", untouched):
                try:
                    check(Path(folder), [oracle])
                except Wrong:
                    return
    raise Wrong(f"self-test: {oracle.NAME} passed a tampered packet")


def _must_count(check, oracle):
    """An oracle that opens fewer packets than were sent must be noticed, too."""
    with tempfile.TemporaryDirectory() as folder:
        send(Path(folder))
        with mock.patch.object(oracle, "check", lambda sent: len(sent.outer) - 1):
            try:
                check(Path(folder), [oracle])
            except Wrong:
                return
    raise Wrong(f"self-test: {oracle.NAME} passed with a packet unopened")
