"""One night, from the first run to the exit code."""

import os
import tempfile
from pathlib import Path

import history
import page
import runs

# Runs of a night: the unit of a comparison is the run.
RUNS = 3
# Turns in which a suspect and the last good binary are measured again, and their seconds.
TURNS = 4
TURN_SECONDS = 12
GOOD, REGRESSED = "good", "regressed"


def measure(binary, folder, what=(), seconds=runs.SECONDS, turn_seconds=TURN_SECONDS):
    """Measures, compares, confirms, writes the page; returns the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as first:
        first_run = Path(first) / "run-1"
        runs.run(binary, first_run, what=what, seconds=seconds)
        night = history.begin(folder, first_run, binary)
    host_folder = night.folder.parent
    for at in range(2, RUNS + 1):
        runs.run(binary, night.folder / f"run-{at}", what=what, seconds=seconds)
    before = history.good_nights(host_folder)
    said = judge(binary, night, before, what, turn_seconds)
    night.write(**said)
    history.forget_binaries(host_folder)
    page.write(host_folder)
    print(page.sentence(night))
    print(f"Page: {host_folder / 'nights.md'}")
    return runs.SLOWER if said["state"] == REGRESSED else 0


def judge(binary, night, before, what, turn_seconds):
    """What is said of a night, held against those before."""
    if not before:
        return {"state": GOOD, "against": [], "suspects": [], "confirmed": []}
    past = [run for other in before for run in other.runs]
    _, suspects = runs.compare(binary, past, night.runs, night.folder / "against")
    confirmed = []
    if suspects:
        confirmed = confirm(binary, night, before[-1], suspects, what, turn_seconds)
    return {
        "state": REGRESSED if confirmed else GOOD,
        "against": [other.folder.name for other in before],
        "suspects": [runs.name(row) for row in suspects],
        "confirmed": [{"row": runs.name(row), "percent": row["percent"]} for row in confirmed],
    }


def confirm(binary, night, good, suspects, what, turn_seconds):
    """The suspects that are slower again when both binaries take turns."""
    again = night.folder / "again"
    sides = {"before": good.binary, "tonight": binary}
    measured = {side: [] for side in sides}
    for turn in range(TURNS):
        # Who begins changes: A B B A.
        order = list(sides) if turn % 2 == 0 else list(sides)[::-1]
        for side in order:
            out = again / f"{side}-{turn + 1}"
            os.makedirs(out)
            runs.run(sides[side], out, what=what, seconds=turn_seconds)
            measured[side].append(out)
    found, slower = runs.compare(binary, measured["before"], measured["tonight"], again / "compared")
    rows = {runs.name(row) for row in suspects}
    if not any(runs.name(row) in rows for row in found["rows"]):
        raise SystemExit("nightly: no suspect was measured again; look at " + str(again))
    return [row for row in slower if runs.name(row) in rows]
