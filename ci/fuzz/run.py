"""Gives every fuzz target its time under libFuzzer, and fails where one finds something.

    python3 ci/fuzz/run.py BINARY SEEDS FOLDER [REPORT]    what is found and said goes to FOLDER
    python3 ci/fuzz/run.py BINARY SEEDS FOLDER --keep      then chooses the committed corpus anew

FUZZ_SECONDS (40) is the time of a target, FUZZ_TARGETS names some of them.
"""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
AT_A_TIME = 2
MEMORY_MB = 512
# An input that takes longer is a finding: all of them are a few kilobytes.
INPUT_SECONDS = 10
# Beyond its time a target may still read its corpus and end an input.
GRACE_SECONDS = 120
# What is kept of a corpus.
KEPT_INPUTS = 32
KEPT_BYTES_MAX = 2_000


class Wrong(Exception):
    """A check did not hold; the message is for people."""


def seconds():
    """The time of a target."""
    text = os.environ.get("FUZZ_SECONDS", "40")
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise Wrong(f"FUZZ_SECONDS is {text!r}; give a number of seconds from 1")
    return int(text)


def names(seeds):
    """The targets: every one that has seeds."""
    known = sorted(path.name for path in seeds.iterdir())
    asked = os.environ.get("FUZZ_TARGETS", "").split() or known
    if unknown := set(asked) - set(known):
        raise Wrong(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return asked


def run(binary, name, arguments, log, limit):
    """libFuzzer on a target: its exit code; what it said is in the log."""
    with log.open("wb") as to:
        try:
            done = subprocess.run(
                [binary, *arguments],
                env={**os.environ, "FUZZ_TARGET": name},
                stdout=to,
                stderr=subprocess.STDOUT,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            raise Wrong(f"{name} did not end in {limit} s; see {log}") from None
    return done.returncode


def arguments(seeds, found, name, seconds, input_seconds):
    """What libFuzzer is told: limits, where what it finds goes, and where it begins."""
    return [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={input_seconds}",
        f"-report_slow_units={input_seconds}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        str(found / "new"),
        *(str(path / name) for path in (seeds, CORPUS) if (path / name).is_dir()),
    ]


def inputs(name, code, found, log):
    """The inputs that were run; raises where one was a finding, or there were none."""
    said = log.read_text(errors="replace")
    crashes = [path for path in sorted(found.iterdir()) if path.is_file() and path != log]
    if code != 0 or crashes:
        raise Wrong(explain(name, code, crashes, log, said))
    runs = re.search(r"stat::number_of_executed_units: (\d+)", said)
    if not runs or int(runs[1]) == 0:
        raise Wrong(f"{name} ran no input; see {log}")
    return int(runs[1])


def fuzz(binary, seeds, folder, name, time):
    """Fuzzes one target; returns the inputs that it ran."""
    found = folder / name
    shutil.rmtree(found, ignore_errors=True)
    (found / "new").mkdir(parents=True)
    log = found / "log.txt"
    asked = arguments(seeds, found, name, time, INPUT_SECONDS)
    code = run(binary, name, asked, log, time + GRACE_SECONDS)
    runs = inputs(name, code, found, log)
    covered = re.findall(r" cov: (\d+) ", log.read_text(errors="replace"))
    print(f"{runs:>12,} inputs through {name}, {covered[-1] if covered else 0} edges")
    return runs


def explain(name, code, crashes, log, said):
    """What was found, and how to see it again."""
    lines = said.splitlines()
    told = [line for line in lines if "panicked at" in line or "ERROR: libFuzzer" in line]
    first = next((at for at, line in enumerate(lines) if "panicked at" in line), None)
    if first is not None:
        told.insert(1, " ".join(lines[first + 1 : first + 2]))
    parts = [f"{name} ended with {code}: {' '.join(told) or 'no word why'}", f"  said: {log}"]
    for crash in crashes:
        shown = os.path.relpath(crash)
        parts += [
            f"  input: {shown}",
            f"  again: cargo run --package tunneltax-fuzz -- run {name} {shown}",
        ]
    return "\n".join(parts)


def keep(binary, seeds, folder, name):
    """Chooses the committed corpus anew: of what adds coverage, inputs of every size."""
    corpus, merged = CORPUS / name, folder / name / "merged"
    merged.mkdir()
    sources = [merged, seeds / name, *([corpus] if corpus.is_dir() else []), folder / name / "new"]
    log = folder / name / "merge.txt"
    if run(binary, name, ["-merge=1", *map(str, sources)], log, GRACE_SECONDS * 5) != 0:
        raise Wrong(f"{name}: the corpus could not be merged; see {log}")
    made = {path.read_bytes() for path in (seeds / name).iterdir()}
    found = [path for path in merged.iterdir() if path.read_bytes() not in made]
    found = [path for path in found if path.stat().st_size <= KEPT_BYTES_MAX]
    found.sort(key=lambda path: (path.stat().st_size, path.name))
    step = max(1, -(-len(found) // KEPT_INPUTS))
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    for path in found[step - 1 :: step]:
        shutil.copyfile(path, corpus / path.name)
    print(f"{len(found[step - 1 :: step]):>12,} inputs in {os.path.relpath(corpus)}")


def main(words):
    match words:
        case [binary, seeds, folder, *rest] if len(rest) <= 1:
            seeds, folder = Path(seeds), Path(folder)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    targets, time = names(seeds), seconds()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        jobs = {name: pool.submit(fuzz, binary, seeds, folder, name, time) for name in targets}
    wrong = [str(job.exception()) for job in jobs.values() if job.exception()]
    if wrong:
        raise Wrong("\n".join(wrong))
    runs = sum(job.result() for job in jobs.values())
    line = f"{len(targets)} targets, {runs:,} inputs, {time} s each"
    print(line)
    if rest == ["--keep"]:
        for name in targets:
            keep(binary, seeds, folder, name)
    elif rest:
        Path(rest[0]).write_text(line + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as why:
        print(f"fuzz: {why}", file=sys.stderr)
        sys.exit(1)
