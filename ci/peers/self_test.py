"""Proves that no figure comes out of nothing: every parser reads what its tool once printed
(`samples`), and refuses it with a fault put in; a peer that is missing is a row that says so.

Needs no tool and measures nothing.
"""

import json
import re
import sys
import types
from pathlib import Path
from unittest import mock

import dpdk
import ours
import packets
import page
import turns
import with_boringtun
import with_crypto_perf
import with_ipsec_mb
import with_openssl
from bench import ROOT, SIZES, Bench, NotHere, Row, Step

SAMPLES = Path(__file__).resolve().parent / "samples"
TELEMETRY = (SAMPLES / "telemetry.json").read_text()


def _openssl(text):
    return {"1440": with_openssl.parse(text, "1440")}


def _crypto_perf(text):
    return {"1440": with_crypto_perf.parse(text, "1440", 4096)}


def _telemetry(text):
    """Two looks at two ports, the first of them before any packet."""
    none = re.sub(r'(packets"): ?\d+', r"\1:0", TELEMETRY)
    looks = [dpdk.counted([each, none]) for each in (none, text)]
    return {"": dpdk.per_packet(looks[0] | {"cpu_ns": 0}, looks[1] | {"cpu_ns": 10**9})}


# Sample → (parser, a figure that it must find, faults: what is replaced by what).
PARSERS = {
    "record.json": (ours.parse, ("forward", "64"), 17.78, [
        ('"complete"', '"running"'),
        ('"hot"', '"warm"'),
        ('"case": "forward"', '"case": "backward"'),
        ('"passed": true', '"passed": false'),
        ('"mean": 17.78', '"mean": 0'),
        ('"mean": 17.78', '"mean": NaN'),
    ]),
    "crypto-perf.txt": (_crypto_perf, "1440", 1000 / 1.741, [
        ("#lcore id", "lcore id"),
        ("1,1440,32", "1,1400,32"),
        ("4096,4096", "4096,4000"),
        ("1.741", "0.000"),
    ]),
    "ipsec-mb.txt": (with_ipsec_mb.parse, ("aes-256-gcm", "64"), 73.30, [
        ("aes-256-gcm,64", "aes-256-gcm,46"),
        ("73.30", "0.00"),
        ("73.30", "-1"),
    ]),
    "boringtun.txt": (with_boringtun.parse, ("decapsulate", "imix"), 345.89, [
        ("decapsulate", "decapsulated"),
        ("imix", "mix"),
        ("345.89", "0"),
    ]),
    "openssl-1440.txt": (_openssl, "1440", 1e9 * 0.28 / 187033, [
        ("+R:", "+S:"),
        ("+H:1440", "+H:64"),
        ("187033", "0"),
        ("0.280000", "0.000000"),
    ]),
    "telemetry.json": (_telemetry, "", 1e9 / 17347488, [
        ('"opackets": 17347488', '"opackets": 16347488'),
        ("17347488", "0"),
        ("17347488", "1000"),
    ]),
}  # fmt: skip


def run():
    """The number of faults that were found."""
    faults = 0
    for name, (parse, key, figure, replaced) in PARSERS.items():
        text = (SAMPLES / name).read_text()
        found = parse(text)[key]
        if abs(found - figure) > figure / 1e6:
            sys.exit(f"self-test: {name}: {found} is not {figure}")
        for old, new in replaced:
            if old not in text:
                sys.exit(f"self-test: {name} has no {old}")
            _must_refuse(f"{name} with {new} for {old}", parse, text.replace(old, new))
        _must_refuse(f"{name}, empty", parse, "")
        faults += len(replaced) + 1
    _must_refuse("a thread that did not run", dpdk.per_packet,
                 {"received": 0, "sent": 0, "cpu_ns": 5}, {"received": 10**6, "sent": 10**6, "cpu_ns": 5})  # fmt: skip
    _packets_are_what_they_say()
    return faults + 1 + _missing_rows()


def _must_refuse(what, parse, *arguments):
    try:
        found = parse(*arguments)
    except turns.FAULTS:
        return
    sys.exit(f"self-test: nothing refused {what}: {found}")


def _packets_are_what_they_say():
    for size, lengths in SIZES.items():
        made = packets.generate(size)
        if [len(packet) for packet in made[: len(lengths)]] != lengths:
            sys.exit(f"self-test: packets of {size} have other sizes")
        flows = {packet[12:20] + packet[20:24] for packet in made}
        if len(made) != packets.PACKETS or len(flows) != packets.FLOWS:
            sys.exit(f"self-test: packets of {size} are {len(made)} of {len(flows)} flows")
    if len(set(packets.routes())) != packets.ROUTES:
        sys.exit("self-test: routes repeat")


def _peer(name, figures):
    """A peer with a row, and a figure for each size or a reason for none."""

    def turn(size):
        if isinstance(figures, Exception):
            raise figures
        return {(name, size): figures}

    return types.SimpleNamespace(
        NAME=name,
        ROWS={name: Row("forward", name, "It differs.")},
        version=lambda _: "1",
        prepare=lambda _: None,
        steps=lambda _: [Step(((name, s),), lambda s=s: turn(s)) for s in ("64", "1440")],
    )


def _results(record, *peers):
    """A run of ours, as in the record, and of these peers."""
    bench = Bench(tunneltax="tunneltax", seconds=1, core=0)
    cells = tuple((row, size) for row in ours.REFERENCE.values() for size in SIZES)
    fakes = {
        "prepare": lambda _: None,
        "version": lambda _: "1",
        "steps": lambda _: [Step(cells, lambda: ours.parse(record))],
    }
    with mock.patch.multiple(ours, **fakes), mock.patch("sys.stderr"):
        results = turns.measure(bench, 2, (ours, *peers))
    results["provenance"] = {
        "host": {"cpu": "a CPU", "cores": 2, "hypervisor": None, "kernel": "6"},
        "build": {"commit": None, "dirty": None, "rustc": "rustc", "profile": "release"},
        "clock": {"name": "clock", "step_ns": 1.0},
        "libraries": [],
    }
    return results


def _missing_rows():
    """A missing peer is said; missing rows of ours, or no peer at all, fail the run."""
    record = (SAMPLES / "record.json").read_text()
    there, gone = _peer("there", 35.56), _peer("gone", NotHere(f"no file {ROOT}/x"))
    results = _results(record, there, gone)
    if why := turns.judge(results):
        sys.exit(f"self-test: a run with a peer was refused: {why}")
    drawn = page.render(json.loads(json.dumps(results)))
    for text in ("× 2.00", "| gone | not available here |", "not available here: no file x"):
        if text not in drawn:
            sys.exit(f"self-test: the page does not say {text}")
    broken = record.replace('"complete"', '"running"')
    for what, run_ in (("no peer", (record, gone)), ("no row of ours", (broken, there))):
        if turns.judge(_results(*run_)) is None:
            sys.exit(f"self-test: a run with {what} passed")
    return 3
