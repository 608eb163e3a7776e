"""Runs and comparisons of binaries."""

import json
import subprocess
import sys

# Four ways that packets go, on small, large and mixed packets and on a capture.
CASES = ["forward", "esp/none", "esp/aes-256-gcm", "esp/chacha20-poly1305@ring"]
WHAT = ["pcaps/https.pcap", "--size", "64,1440,imix"]
SECONDS = 35
# compare's exit code where something is slower.
SLOWER = 4


def run(binary, folder, cases=(), what=(), seconds=SECONDS):
    """Measures once; the folder holds the record then."""
    command = [str(binary), "run", *(what or WHAT), "--seconds", str(seconds), "--quiet"]
    for case in cases or CASES:
        command += ["--case", case]
    done = subprocess.run([*command, "--out", str(folder)], check=False)
    if done.returncode != 0:
        sys.exit(f"nightly: {binary.name} ended with {done.returncode}; run it by hand: {' '.join(command)}")


def compare(binary, before, after, folder):
    """The comparison of some runs with some others, and what in it is slower."""
    sides = [",".join(str(run) for run in runs) for runs in (before, after)]
    command = [str(binary), "compare", *sides, "--quiet", "--out", str(folder)]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, SLOWER):
        sys.exit(f"nightly: compare ended with {done.returncode}; try it by hand: {' '.join(command)}")
    found = json.loads((folder / "comparison.json").read_text())
    return found, [row for row in found["rows"] if row["verdict"] == "slower"]


def name(row):
    """A row in words."""
    return f"{row['case']} ({row['group']['title']})"
