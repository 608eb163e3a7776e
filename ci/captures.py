"""Runs `tunneltax verify` on every capture of the shared folder: captures.py BINARY SHARED SUMMARY.

A good capture ends with 0, with 3 where its tail is cut, or with 1 and one sentence where it has
nothing that can be replayed. A capture of the folder `bad` may end with any of these. No capture
may end with a signal or a panic. The real traffic is never printed: only exit codes are.
"""

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS_MAX = 300
DONE, FAILED, CUT = 0, 1, 3
NOTHING_TO_REPLAY = ("nothing to replay", "no packet came through")


def end_of(binary, path):
    """Exit code and standard error of a verification; code `None` after `SECONDS_MAX`."""
    try:
        done = subprocess.run(
            [binary, "verify", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS_MAX,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stderr


def fault(capture, code, stderr):
    """What is wrong with the way that it ended, if anything."""
    sentences = [line for line in stderr.splitlines() if line.strip()]
    if code not in (DONE, FAILED, CUT):
        return f"ended with {code}" if code is not None else f"took over {SECONDS_MAX} s"
    if code == DONE:
        return f"ended with 0 and {len(sentences)} lines on standard error" if sentences else None
    if len(sentences) != 1:
        return f"ended with {code} and {len(sentences)} lines on standard error, not one"
    if is_bad(capture):
        return None
    if code == CUT and not capture.get("cut_tail"):
        return "ended as cut, but its tail is whole"
    if code == FAILED and not any(words in stderr for words in NOTHING_TO_REPLAY):
        return "ended with 1, but not because nothing can be replayed"
    return None


def is_bad(capture):
    return "bad" in Path(capture["file"]).parts


def main(binary, shared, summary):
    captures = json.loads((Path(shared) / "captures" / "manifest.json").read_text())
    with ThreadPoolExecutor(max_workers=2) as pool:
        paths = [str(Path(shared) / capture["file"]) for capture in captures]
        ends = list(pool.map(lambda path: end_of(binary, path), paths))
    faults = 0
    for capture, end in zip(captures, ends):
        if why := fault(capture, *end):
            print(f"{capture['file']}: {why}", file=sys.stderr)
            faults += 1
    codes = Counter(code for code, _ in ends)
    line = f"{len(captures)} shared captures ({codes[DONE]} replayed, {codes[CUT]} cut, {codes[FAILED]} refused)"
    Path(summary).write_text(line + "\n")
    print(line)
    if faults or not captures:
        sys.exit(f"{faults} of {len(captures)} captures did not end as they must")


main(*sys.argv[1:])
