"""Our own rows, out of record.json."""

import json

from bench import ROOT, NotHere, Row, SIZES, Step, positive

NAME = "tunneltax"
SEND = "send, from the IP packet to the one that would go to the card"
CASES = (
    "forward",
    "esp/none",
    "esp/aes-256-gcm",
    "esp/chacha20-poly1305@ring",
    "wireguard/chacha20-poly1305@ring",
)
# Row → (section, title, case, the figure, the case that it stands on where it is a difference).
_OURS = {
    "forward": ("forward", "`forward`", "forward", "send_ns", None),
    "framing": ("framing", "`esp/none`", "esp/none", "send_ns", None),
    "gcm-send": ("esp-send", "`esp/aes-256-gcm@{}`", "esp/aes-256-gcm@{}", "send_ns", None),
    "gcm-receive": ("esp-receive", "`esp/aes-256-gcm@{}`", "esp/aes-256-gcm@{}", "receive_ns", None),
    "gcm": (
        "gcm", "`esp/aes-256-gcm@{}` − `esp/none`", "esp/aes-256-gcm@{}", "send_ns", "esp/none",
    ),
    "chacha": (
        "chacha", "`esp/chacha20-poly1305@{}` − `esp/none`",
        "esp/chacha20-poly1305@{}", "send_ns", "esp/none",
    ),
    "wireguard-send": (
        "wireguard-send", "`wireguard/chacha20-poly1305@{}`",
        "wireguard/chacha20-poly1305@{}", "send_ns", None,
    ),
    "wireguard-receive": (
        "wireguard-receive", "`wireguard/chacha20-poly1305@{}`",
        "wireguard/chacha20-poly1305@{}", "receive_ns", None,
    ),
}  # fmt: skip
LIBRARIES = ("ring", "aws-lc", "rustcrypto", "ipsec-mb", "openssl", "graviola")
# The row that the others of its section are held against: ring, which stands for all in README.
REFERENCE = {
    section: (row if "{}" not in case else f"{row}@ring")
    for row, (section, _, case, _, _) in _OURS.items()
}


def _expanded():
    """(row id, section, title, case, figure, base) of every library."""
    for row, (section, title, case, figure, base) in _OURS.items():
        if "{}" not in case:
            yield row, section, title, case, figure, base
            continue
        for library in LIBRARIES:
            yield (
                f"{row}@{library}", section, title.format(library),
                case.format(library), figure, base,
            )  # fmt: skip


ROWS = {row: Row(section, title) for row, section, title, *_ in _expanded()}


def prepare(bench):
    bench.run([bench.tunneltax, "--version"], note=False)


def version(bench):
    return bench.run([bench.tunneltax, "--version"], note=False).split()[-1]


def steps(bench):
    cells = tuple((row, size) for row in ROWS if row in REFERENCE.values() for size in SIZES)
    return [Step(cells, lambda: _turn(bench))]


def _turn(bench):
    out = bench.subfolder("ours")
    command = [bench.tunneltax, "run", "pcaps/dns.pcapng", "--max-packets", "64"]
    for case in CASES:
        command += ["--case", case]
    command += ["--size", ",".join(SIZES), "--seconds", f"{10 * bench.seconds:g}"]
    command += ["--quiet", "--out", out.relative_to(ROOT)]
    bench.run(command, timeout=600)
    return parse((out / "record.json").read_text())


def parse(text):
    """(row, size) → ns a packet, of the hot groups of generated packets."""
    record = json.loads(text)
    if record["state"] != "complete":
        raise NotHere(f"the record is {record['state']}")
    figures = {}
    for group in record["groups"]:
        if group["kind"] not in ("size", "mix") or group["temperature"] != "hot":
            continue
        size = group["workload"].lower()
        passed = {row["case"]: row["figures"] for row in group["rows"] if row["passed"]}
        for row, _, _, case, figure, base in _expanded():
            if size in SIZES and case in passed:
                if (ns := _figure(passed[case], figure, base)) is not None:
                    figures[row, size] = positive(ns, f"{row} at {size}")
    missing = {(row, size) for row in REFERENCE.values() for size in SIZES} - set(figures)
    if missing:
        raise NotHere(f"our record lacks {', '.join(sorted(' '.join(cell) for cell in missing))}")
    return figures


def _figure(figures, name, base):
    """A case's own time, or its paired difference to the case below it."""
    if base is None:
        return figures[name]["mean"]
    for paired in figures["against"]:
        if paired["case"] == base:
            return paired[name]["mean"]
    return None


def provenance(bench):
    """Host, build, clock and libraries, of our last record."""
    return json.loads(bench.path("ours/record.json").read_text())["provenance"]
