"""One night, from the first run to the exit code."""

import os
import tempfile
import time
from pathlib import Path

import history
import page
import runs
from plan import Plan

# Runs of a night.
RUNS = 3
# Turns in which a suspect and the last good binary are measured again, and their seconds; fewer
# than the least say nothing of how much turns differ.
TURNS, TURNS_MIN = 4, 2
TURN_SECONDS = 12
# What a run may take beyond what it was asked for: reading, proving, writing.
SLACK = 1.5
GOOD, REGRESSED, FAILED = "good", "regressed", "failed"
# Slower at first, and no time to measure it again: nothing is held against such a night.
SUSPECT = "suspect"


def measure(binary, folder, what=(), seconds=runs.SECONDS, turn_seconds=TURN_SECONDS, plan=None):
    """Measures, compares, confirms, writes the page; returns the exit code."""
    plan = plan or Plan()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as first:
        first_run = Path(first) / "run-1"
        began = time.monotonic()
        runs.run(binary, first_run, what=what, seconds=seconds, within=plan.left())
        took = time.monotonic() - began
        night = history.begin(folder, first_run, binary)
    host_folder = night.folder.parent
    # A suspect wants its turns: runs are left out before they are.
    kept = 2 * TURNS_MIN * SLACK * turn_seconds
    for at in range(2, RUNS + 1):
        if not plan.has(took + kept):
            plan.leave_out(f"{RUNS + 1 - at} of {RUNS} runs, as a run takes {took:.0f} s here")
            break
        runs.run(binary, night.folder / f"run-{at}", what=what, seconds=seconds, within=plan.left())
    said = judge(binary, night, history.good_nights(host_folder), what, turn_seconds, plan)
    night.write(**said, left_out=plan.left_out)
    history.forget_binaries(host_folder)
    page.write(host_folder)
    print(page.sentence(night))
    print(f"Page: {host_folder / 'nights.md'}")
    return {REGRESSED: runs.SLOWER, FAILED: runs.FAILED}.get(said["state"], 0)


def judge(binary, night, before, what, turn_seconds, plan):
    """What is said of a night, held against those before."""
    said = {"against": [], "suspects": [], "confirmed": [], "failed": runs.failed(night.runs)}
    state = GOOD
    if before:
        past = [run for other in before for run in other.runs]
        floor = history.floor(night.folder.parent)
        found, suspects = runs.compare(binary, past, night.runs, night.folder / "against", floor)
        said["against"] = [other.folder.name for other in before]
        said["suspects"] = [runs.name(row) for row in suspects]
        said["floor"] = {"percent": found["floor_percent"], "from": found["floor_from"]}
        if suspects:
            slower = confirm(binary, night, before[-1], suspects, what, turn_seconds, plan)
            state = SUSPECT if slower is None else REGRESSED if slower else GOOD
            said["confirmed"] = [{"row": runs.name(row), "percent": row["percent"]} for row in slower or []]
    # Nothing is held against a night with a row that failed, whatever else it says.
    return {"state": FAILED if said["failed"] else state, **said}


def confirm(binary, night, good, suspects, what, turn_seconds, plan):
    """The suspects that are slower again when both binaries take turns; none without the time."""
    again = night.folder / "again"
    sides = {"before": good.binary, "tonight": binary}
    measured = {side: [] for side in sides}
    turn_took = 2 * SLACK * turn_seconds
    for turn in range(TURNS):
        # As many as there must be, or none.
        if not plan.has(turn_took * max(1, TURNS_MIN - turn)):
            plan.leave_out(f"{TURNS - turn} of {TURNS} turns with the last good binary")
            break
        began = time.monotonic()
        # Who begins changes: A B B A.
        order = list(sides) if turn % 2 == 0 else list(sides)[::-1]
        for side in order:
            out = again / f"{side}-{turn + 1}"
            os.makedirs(out)
            runs.run(sides[side], out, what=what, seconds=turn_seconds, within=plan.left())
            measured[side].append(out)
        turn_took = time.monotonic() - began
    if len(measured["tonight"]) < TURNS_MIN:
        return None
    floor = history.floor(night.folder.parent)
    found, slower = runs.compare(binary, *measured.values(), again / "compared", floor)
    rows = {runs.name(row) for row in suspects}
    if not any(runs.name(row) in rows for row in found["rows"]):
        raise SystemExit("nightly: no suspect was measured again; look at " + str(again))
    return [row for row in slower if runs.name(row) in rows]
