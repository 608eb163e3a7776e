"""All peers in turns, A B C A B C …, and what comes of it: peers.json."""

import os
import sys
from datetime import datetime, timezone

import ours
import packets
import page
import with_boringtun
import with_crypto_perf
import with_ipsec_mb
import with_l3fwd
import with_openssl
import with_secgw
from bench import ROOT, NotHere

# What makes a row say why it has no figure: its own words, or output that nobody foresaw.
FAULTS = (NotHere, OSError, ValueError, LookupError)
SCHEMA = "tunneltax-peers/1"
PEERS = (with_l3fwd, with_secgw, with_crypto_perf, with_ipsec_mb, with_openssl, with_boringtun)
# What was looked for and is not run anywhere.
NEVER = (
    "VPP: not in Debian.",
    "Linux's own ESP: needs two network namespaces and a kernel with XFRM; `ci/check.sh kernel` "
    "holds it against ours for right and wrong, not for speed. `tcrypt`: needs a kernel module.",
)


def measure(bench, rounds, everyone=(ours, *PEERS)):
    """The results of a whole run, as peers.json has them."""
    started, load = _now(), {"start": os.getloadavg()[0]}
    outcome = Outcome()
    ready, versions = [], {}
    for peer in everyone:
        bench.running = peer.NAME
        try:
            peer.prepare(bench)
            versions[peer.NAME] = peer.version(bench)
            ready.append(peer)
        except FAULTS as why:
            outcome.lost(_cells(peer, bench), why)
    for at in range(rounds):
        print(f"round {at + 1} of {rounds}", file=sys.stderr)
        for peer in ready:
            bench.running = peer.NAME
            for step in peer.steps(bench):
                outcome.take(step)
    load["end"] = os.getloadavg()[0]
    return {
        "schema": SCHEMA,
        "started": started,
        "ended": _now(),
        "rounds": rounds,
        "seconds": bench.seconds,
        "samples": with_crypto_perf.SAMPLES,
        "packets": packets.PACKETS,
        "core": bench.core,
        "load": load,
        "versions": versions,
        "rows": [row for peer in everyone for row in outcome.rows(peer)],
        "never": list(NEVER),
        "commands": bench.commands,
    }


def judge(results):
    """The sentence that says why the run is worth nothing; None if it is worth something."""
    rows = results["rows"]
    if missing := [row["row"] for row in rows if row["reference"] and not _has_all(row)]:
        return f"our own rows are missing: {', '.join(missing)}"
    if not any(cell["rounds"] for row in rows if not row["ours"] for cell in row["sizes"].values()):
        return "every peer is missing"
    return None


class Outcome:
    """Figures and reasons by cell."""

    def __init__(self):
        self.figures, self.reasons = {}, {}

    def take(self, step):
        """Runs a step; what fails is a reason and no hole."""
        try:
            figures = step.measure()
        except FAULTS as why:
            self.lost(step.cells, why)
            return
        for cell, ns in figures.items():
            self.figures.setdefault(cell, []).append(ns)
            print(f"  {cell[0]:<24} {cell[1]:>6} {ns:>10.1f} ns", file=sys.stderr)

    def lost(self, cells, fault):
        why = str(fault) if isinstance(fault, NotHere) else f"{type(fault).__name__}: {fault}"
        why = why.replace(f"{ROOT}/", "")
        for cell in cells:
            self.reasons[cell] = why
        who = ", ".join(sorted({row for row, _ in cells}))
        print(f"  {who}: not available here: {why}", file=sys.stderr)

    def rows(self, peer):
        """A peer's rows. Of ours, libraries that this build does without are left out."""
        for name, row in peer.ROWS.items():
            cells = {
                size: {
                    "median": page.summarise(self.figures.get((name, size), [])),
                    "rounds": self.figures.get((name, size), []),
                    "not_here": self.reasons.get((name, size)),
                }
                for size in page.SIZES
                if (name, size) in self.figures or (name, size) in self.reasons
            }
            if cells:
                yield {
                    "row": name,
                    "section": row.section,
                    "title": row.title,
                    "differs": row.differs,
                    "ours": peer is ours,
                    "reference": peer is ours and name in ours.REFERENCE.values(),
                    "sizes": cells,
                }


def _cells(peer, bench):
    """The cells of a peer that is not there: steps are only described, not run."""
    return [cell for step in peer.steps(bench) for cell in step.cells]


def _has_all(row):
    return all(size in row["sizes"] and row["sizes"][size]["rounds"] for size in page.SIZES)


def _now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
