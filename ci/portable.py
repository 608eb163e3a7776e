"""Compares the records that ci/portable.sh took: portable.py FOLDER.

A figure is the fastest turn's, send and receive together, with the slowest beside it: what else
runs on the host only adds.
"""

import json
import sys
from pathlib import Path

BUILDS = ("native", "portable")
KINDS = ("size", "mix")


def figures(record):
    """ns a packet by size and case, hot."""
    return {
        (group["workload"], row["case"]): row["figures"]["sum_ns"]["mean"]
        for group in record["groups"]
        if group["kind"] in KINDS and group["temperature"] == "hot"
        for row in group["rows"]
        if row["passed"]
    }


def turns(folder, build):
    """The records of a build, in order."""
    files = sorted(folder.glob(f"{build}-*/record.json"))
    return [json.loads(file.read_text()) for file in files]


def cell(values):
    return f"{min(values):.0f} (to {max(values):.0f})"


def main(folder):
    records = {build: turns(Path(folder), build) for build in BUILDS}
    measured = {build: [figures(record) for record in records[build]] for build in BUILDS}
    features = {b: set(r[0]["provenance"]["build"]["target_features"]) for b, r in records.items()}
    print(f"only in the native build: {', '.join(sorted(features['native'] - features['portable']))}")
    print("ns a packet, send and receive, hot; the fastest turn (to the slowest)\n")
    print(f"{'size':>6}  {'case':<34} {'native':>20} {'portable':>20} {'ratio':>6}")
    rows = measured["native"][0]
    for size, case in rows:
        native, portable = ([turn[size, case] for turn in measured[build]] for build in BUILDS)
        ratio = min(portable) / min(native)
        print(f"{size:>6}  {case:<34} {cell(native):>20} {cell(portable):>20} {ratio:>6.2f}")
    if not rows:
        sys.exit("no row was measured")


main(*sys.argv[1:])
