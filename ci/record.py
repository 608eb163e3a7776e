"""Judges the record of a short run, DIR/record.json: complete, every row passed, frames add up.

Prints what it held, for CI's closing line. Exit code 1 and a sentence where it does not hold.
"""

import json
import sys
from pathlib import Path


def judge(folder):
    """What the record holds."""
    record = json.loads((folder / "record.json").read_text())
    if record["state"] != "complete":
        sys.exit(f"the record is {record['state']}")
    for capture in record["captures"]:
        read = capture["frames_read"] - capture["super_frames"] + capture["segments"]
        if read != capture["frames_replayed"] + sum(capture["left_out"].values()):
            sys.exit(f"{capture['name']}: frames read are not those replayed and left out")
    rows = [row for group in record["groups"] for row in group["rows"]]
    failed = [row for row in rows if not row["passed"]]
    if failed or not rows:
        sys.exit(f"{len(failed)} of {len(rows)} rows did not pass")
    unproven = [row for row in rows if row["figures"]["work"]["verified"] == 0]
    if unproven:
        sys.exit(f"{len(unproven)} of {len(rows)} rows compared no packet")
    for name in ("report.html", "report.md"):
        if not (folder / name).stat().st_size:
            sys.exit(f"{name} is empty")
    return f"{len(rows):,} rows on {len(record['captures'])} bundled captures"


print(judge(Path(sys.argv[1])))
