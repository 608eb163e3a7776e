"""Fuzzes until every target had its hours of CPU time, in slices and at idle priority, and keeps the ledger.

    python3 ci/fuzz/long.py BINARY SEEDS FOLDER

FUZZ_HOURS (1) is what every target gets in all, counted over every call: `hours.tsv` beside this file has
what each had, and is written after each slice. FUZZ_TARGETS names some targets. What a slice finds is
where the next one begins. Stops where one finds something, and goes on where it was when called again.
"""

import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from run import AT_A_TIME, Wrong, arguments, inputs, names

LEDGER = Path(__file__).parent / "hours.tsv"
COLUMNS = ("target", "cpu_seconds", "inputs", "peak_mb", "last", "commit")
SLICE_SECONDS = 300
# The clock on the wall: at idle priority an input may wait for long.
INPUT_SECONDS = 600


def hours():
    """CPU hours of a target."""
    text = os.environ.get("FUZZ_HOURS", "1")
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 10_000:
        raise Wrong(f"FUZZ_HOURS is {text!r}; give a number of hours above 0")
    return value


def ledger():
    """What every target had, by name."""
    if not LEDGER.exists():
        return {}
    head, *lines = LEDGER.read_text().splitlines()
    if tuple(head.split("\t")) != COLUMNS:
        raise Wrong(f"{LEDGER} has other columns than {', '.join(COLUMNS)}")
    rows = [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines]
    return {row["target"]: row for row in rows}


def enter(row):
    """Adds a slice to its target's row."""
    rows = ledger()
    old = rows.get(row["target"], {"cpu_seconds": 0, "inputs": 0, "peak_mb": 0})
    row["cpu_seconds"] = round(float(old["cpu_seconds"]) + row["cpu_seconds"])
    row["inputs"] += int(old["inputs"])
    row["peak_mb"] = max(row["peak_mb"], int(old["peak_mb"]))
    rows[row["target"]] = row
    lines = ["\t".join(str(rows[name][column]) for column in COLUMNS) for name in sorted(rows)]
    LEDGER.write_text("\n".join(["\t".join(COLUMNS), *lines]) + "\n")
    return row


def idle():
    """In the child: only what nobody else wants of the CPUs."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def fuzz_slice(binary, seeds, folder, name, seconds):
    """One slice; returns its row of the ledger."""
    found = folder / name
    (found / "new").mkdir(parents=True, exist_ok=True)
    log = found / "log.txt"
    with log.open("wb") as to:
        child = subprocess.Popen(
            [binary, *arguments(seeds, found, name, seconds, INPUT_SECONDS)],
            env={**os.environ, "FUZZ_TARGET": name},
            stdout=to,
            stderr=subprocess.STDOUT,
            preexec_fn=idle,
        )
        _, status, used = os.wait4(child.pid, 0)
    runs = inputs(name, os.waitstatus_to_exitcode(status), found, log)
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
    )
    return {
        "target": name,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "inputs": runs,
        "peak_mb": used.ru_maxrss // 1024,
        "last": time.strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip(),
    }


def main(words):
    if len(words) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    binary, seeds, folder = words[0], Path(words[1]), Path(words[2])
    wanted = 3600 * hours()

    def had(name):
        return float(ledger().get(name, {"cpu_seconds": 0})["cpu_seconds"])

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        while left := [name for name in names(seeds) if had(name) < wanted]:
            # Those that had most first: an hour is whole sooner.
            left.sort(key=had, reverse=True)
            now = left[:AT_A_TIME]
            rest = min(SLICE_SECONDS, math.ceil(wanted - had(now[-1])))
            for row in pool.map(lambda name: fuzz_slice(binary, seeds, folder, name, rest), now):
                row = enter(row)
                print(f"{row['target']:>12}: {int(row['cpu_seconds']) / 60:.0f} CPU minutes", flush=True)
    print(f"every target had {wanted / 3600:g} CPU hours; see {LEDGER.name}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as why:
        print(f"fuzz: {why}", file=sys.stderr)
        sys.exit(1)
