"""What every peer is handed: where to write, which core, which sizes, and a way to run a command.

A peer is a file of this folder with

    NAME            what it is called on the page
    ROWS            its rows, by id
    version(bench)  its version, as text
    prepare(bench)  builds what it needs; raises NotHere where it can't be had
    steps(bench)    one turn, as steps: each gives figures of some cells, (row, size) → ns a packet
"""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# IP total lengths. The mix is the simple IMIX of test equipment, as in bench-core/src/synth/mix.rs.
SIZES = {"64": [64], "1440": [1440], "imix": [46] * 7 + [552] * 4 + [1500]}
ONE_SIZE = ("64", "1440")


class NotHere(Exception):
    """A peer, or a figure of it, that can't be had here; the text says why."""


@dataclass(frozen=True)
class Row:
    """A row of the page."""

    section: str
    title: str
    # What differs from our row, for people.
    differs: str = ""


@dataclass(frozen=True)
class Step:
    """A part of a peer's turn that succeeds or fails alone."""

    cells: tuple
    measure: Callable


@dataclass
class Bench:
    """The run."""

    tunneltax: str
    seconds: float
    core: int = field(default_factory=lambda: max(os.sched_getaffinity(0)))
    folder: Path = ROOT / "target/ci/peers"
    # Command lines as they are shown, in order, by who ran them.
    commands: dict = field(default_factory=dict)
    running: str = ""

    def shown(self, command):
        """A command line without this machine's paths."""
        words = ["tunneltax" if word == self.tunneltax else str(word) for word in command]
        return shlex.join(words).replace(f"{ROOT}/", "")

    def note(self, command):
        """Puts a command line on the page."""
        seen = self.commands.setdefault(self.running, [])
        if (shown := self.shown(command)) not in seen:
            seen.append(shown)

    def run(self, command, timeout=120, note=True, **options):
        """What a command printed that must succeed: standard output, then errors."""
        command = [str(word) for word in command]
        if note:
            self.note(command)
        try:
            done = subprocess.run(
                command, cwd=ROOT, text=True, capture_output=True, timeout=timeout, **options
            )
        except FileNotFoundError:
            raise NotHere(f"no program {command[0]}") from None
        except subprocess.TimeoutExpired:
            raise NotHere(f"{command[0]} did not end within {timeout} s") from None
        if done.returncode:
            raise NotHere(f"{Path(command[0]).name} ended with {done.returncode}: {reason(done)}")
        return done.stdout + done.stderr

    def pinned(self, command):
        """The command on our core."""
        return ["taskset", "-c", str(self.core), *command]

    def path(self, name):
        """A file of the run, its folder made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def subfolder(self, name):
        """A folder of the run, made."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def reason(done):
    """The line that says why a program failed, as far as it can be told: the last one of those
    that mention an error, else the last one."""
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "cause:" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1][:200]


def needs(*programs):
    """Raises NotHere unless the programs are installed."""
    for program in programs:
        if not shutil.which(program):
            raise NotHere(f"no program {program}")


def package_version(bench, package):
    """Version of an installed Debian package."""
    return bench.run(["dpkg-query", "-W", "-f", "${Version}", package], note=False).strip()


def positive(value, what):
    """A figure that is one: a tool that did nothing has none."""
    number = float(value)
    if not 0 < number < float("inf"):
        raise NotHere(f"{what} is {value}")
    return number
