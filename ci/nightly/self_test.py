"""Proves the alarm: good nights, one whose binary is slower in one row, one in which a row fails, and
one without the time."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import night
import runs
from plan import AFTER_SECONDS, Plan

# One capture costs seconds that this proof does not need.
WHAT = ["pcaps/dns.pcapng", "--max-packets", "64", "--size", "64"]
CASE = "esp/none"
# Twice as slow: runs of a second on a shared host tell no less in every night. How small a slow-down
# is found is simulated in reports/tests/compare.rs.
FACTOR = 2.0

# A binary that passes everything on, and then says something else of one case.
OTHER = """#!{python}
import json, subprocess, sys
code = subprocess.run([{binary!r}, *sys.argv[1:]]).returncode
if sys.argv[1] == "run" and code == 0:
    path = sys.argv[sys.argv.index("--out") + 1] + "/record.json"
    record = json.load(open(path))
    record["provenance"]["build"]["binary_sha256"] = "0" * 64
    for group in record["groups"]:
        for row in group["rows"]:
            if row["case"] == {case!r}:
{change}
    json.dump(record, open(path, "w"))
sys.exit(code)
"""
SLOWER = f"""
                for part in ("send_ns", "receive_ns", "sum_ns"):
                    of = row["figures"][part]
                    of["instances"] = [ns * {FACTOR} for ns in of["instances"]]
                    for end in ("mean", "low", "high"):
                        of[end] *= {FACTOR}
"""
WHY = "packet 3 came back changed"
FAILING = f"""
                row.update(passed=False, message={WHY!r}, figures=None)
                code = 1
"""


def other(binary, path, change):
    """A binary that says something else."""
    path.write_text(OTHER.format(python=sys.executable, binary=str(binary), case=CASE, change=change))
    path.chmod(0o755)
    return path


def run(binary):
    """Nights in a history of their own."""
    with tempfile.TemporaryDirectory() as folder:
        slower = other(binary, Path(folder) / "slower", SLOWER)
        failing = other(binary, Path(folder) / "failing", FAILING)
        history = Path(folder) / "nights"
        nights = [(binary, 0), (slower, runs.SLOWER), (failing, runs.FAILED), (binary, 0)]
        for which, ends_with in nights:
            code = night.measure(which, history, what=WHAT, seconds=1, turn_seconds=1)
            if code != ends_with:
                sys.exit(f"nightly self-test: a night of {which.name} ended with {code} instead of {ends_with}")
        look(next(history.glob("*/nights.md")).read_text())
        without_time(slower, history)
        broken = subprocess.run(
            [sys.executable, os.path.dirname(__file__), "measure", "/bin/false", folder],
            capture_output=True, text=True, check=False,
        )
        if broken.returncode != 1 or "false ended with" not in broken.stderr:
            sys.exit(f"nightly self-test: a binary that fails ended with {broken.returncode}: {broken.stderr}")
    print(
        f"nightly self-test: a row slowed by {100 * (FACTOR - 1):.0f} % and a row that fails, told and only they; "
        "a night without the time says what it left out"
    )


def look(page):
    """What the page says of four nights, the last one first."""
    rows = [line for line in page.splitlines() if line.startswith("| 20") and line.count("|") > 8]
    states = [line.split("|")[3].strip() for line in rows]
    if states != ["good", "failed", "regressed", "good"]:
        sys.exit(f"nightly self-test: the page says {states}")
    regressed, failed = rows[2], rows[1]
    if CASE not in regressed or "esp/aes" in regressed:
        sys.exit(f"nightly self-test: not {CASE} alone is told: {regressed}")
    if f"{CASE} (64, hot): {WHY}" not in failed:
        sys.exit(f"nightly self-test: the row that failed is not named: {failed}")


def without_time(slower, history):
    """A night whose time is up when its first run is done: a suspect is not confirmed."""
    plan = Plan(AFTER_SECONDS + 60)
    plan.has = lambda _: False
    code = night.measure(slower, history, what=WHAT, seconds=1, turn_seconds=1, plan=plan)
    told = max(history.glob("*/*/night.json"), key=os.path.getmtime)
    said = json.loads(told.read_text())
    left_out = " ".join(said["left_out"])
    if code != 0 or said["confirmed"] or "2 of 3 runs" not in left_out:
        sys.exit(f"nightly self-test: a night without the time ended with {code} and says {said}")
    if said["suspects"] and (said["state"] != "suspect" or "4 of 4 turns" not in left_out):
        sys.exit(f"nightly self-test: a suspect without turns is {said['state']}: {left_out}")
