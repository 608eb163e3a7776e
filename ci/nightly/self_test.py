"""Proves the alarm: a good night, one whose binary is slower in one row, and a good one again."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import night
import runs

# One capture costs seconds that this proof does not need.
WHAT = ["pcaps/dns.pcapng", "--max-packets", "64", "--size", "64"]
CASE = "esp/none"
FACTOR = 2.0

# A binary that passes everything on, and then says that one case took longer.
SLOWER = """#!{python}
import json, subprocess, sys
code = subprocess.run([{binary!r}, *sys.argv[1:]]).returncode
if sys.argv[1] == "run" and code == 0:
    path = sys.argv[sys.argv.index("--out") + 1] + "/record.json"
    record = json.load(open(path))
    for group in record["groups"]:
        for row in group["rows"]:
            if row["case"] == {case!r}:
                for part in ("send_ns", "receive_ns", "sum_ns"):
                    of = row["figures"][part]
                    of["instances"] = [ns * {factor} for ns in of["instances"]]
                    for end in ("mean", "low", "high"):
                        of[end] *= {factor}
    json.dump(record, open(path, "w"))
sys.exit(code)
"""


def run(binary):
    """Three nights in a history of their own."""
    with tempfile.TemporaryDirectory() as folder:
        slower = Path(folder) / "slower"
        slower.write_text(SLOWER.format(python=sys.executable, binary=str(binary), case=CASE, factor=FACTOR))
        slower.chmod(0o755)
        history = Path(folder) / "nights"
        for which, ends_with in [(binary, 0), (slower, runs.SLOWER), (binary, 0)]:
            code = night.measure(which, history, what=WHAT, seconds=1, turn_seconds=1)
            if code != ends_with:
                sys.exit(f"nightly self-test: a night of {which.name} ended with {code} instead of {ends_with}")
        page = next(history.glob("*/nights.md")).read_text()
        states = [line.split("|")[3].strip() for line in page.splitlines() if line.startswith("| 20")][:3]
        if states != ["good", "regressed", "good"]:
            sys.exit(f"nightly self-test: the page says {states}")
        told = [line for line in page.splitlines() if "regressed" in line]
        if CASE not in told[0] or "esp/aes" in told[0]:
            sys.exit(f"nightly self-test: not {CASE} alone is told: {told[0]}")
        broken = subprocess.run(
            [sys.executable, os.path.dirname(__file__), "measure", "/bin/false", folder],
            capture_output=True, text=True, check=False,
        )
        if broken.returncode != 1 or "false ended with" not in broken.stderr:
            sys.exit(f"nightly self-test: a binary that fails ended with {broken.returncode}: {broken.stderr}")
    print("nightly self-test: three nights, one regression, told and only it")
