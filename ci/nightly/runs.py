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


# run's exit code where a row failed; its record is kept.
FAILED = 1


def run(binary, folder, cases=(), what=(), seconds=SECONDS, within=None):
    """Measures once; the folder holds the record then. A row that fails is in the record."""
    command = [str(binary), "run", *(what or WHAT), "--seconds", str(seconds), "--quiet"]
    for case in cases or CASES:
        command += ["--case", case]
    try:
        done = subprocess.run([*command, "--out", str(folder)], check=False, timeout=within)
    except subprocess.TimeoutExpired:
        sys.exit(f"nightly: {binary.name} was ended, as a night has no more time; run it by hand: {' '.join(command)}")
    if done.returncode == FAILED and failed([folder]):
        return
    if done.returncode != 0:
        sys.exit(f"nightly: {binary.name} ended with {done.returncode}; run it by hand: {' '.join(command)}")


def failed(folders):
    """Rows that failed in some run, by name, with why."""
    found = {}
    for folder in folders:
        path = folder / "record.json"
        record = json.loads(path.read_text()) if path.exists() else {"groups": []}
        for group in record["groups"]:
            for row in group["rows"]:
                if not row["passed"]:
                    name = f"{row['case']} ({group['workload']}, {group['temperature']})"
                    found[name] = row["message"] or "it does not say why"
    return found


def compare(binary, before, after, folder, floor=None):
    """The comparison of some runs with some others, and what in it is slower."""
    sides = [",".join(str(run) for run in runs) for runs in (before, after)]
    command = [str(binary), "compare", *sides, "--quiet", "--out", str(folder)]
    if floor is not None:
        command += ["--floor", str(floor)]
    path = folder / "comparison.json"
    path.unlink(missing_ok=True)
    done = subprocess.run(command, check=False)
    # A row that has come to fail ends a comparison with 1, but for that it is whole.
    found = json.loads(path.read_text()) if path.exists() else None
    rings = done.returncode == FAILED and found and found["newly_failed"]
    if found is None or not (done.returncode in (0, SLOWER) or rings):
        sys.exit(f"nightly: compare ended with {done.returncode}; try it by hand: {' '.join(command)}")
    return found, [row for row in found["rows"] if row["verdict"] == "slower"]


def name(row):
    """A row in words."""
    return f"{row['case']} ({row['group']['title']})"
