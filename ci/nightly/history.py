"""The nights of a host: HISTORY/HOST/DATE, with the records, the binary and night.json.

HISTORY/HOST/selftest.json, of `selftest --full --links DIR`, is the floor of its comparisons."""

import json
import re
import shutil

SCHEMA = "tunneltax-night/1"
# Nights that a new one is held against, and whose binaries are kept.
NIGHTS = 3


class Night:
    """One of them."""

    def __init__(self, folder):
        self.folder = folder

    @property
    def runs(self):
        """Its runs."""
        return sorted(self.folder.glob("run-*"))

    @property
    def binary(self):
        """What it measured."""
        return self.folder / "tunneltax"

    def read(self):
        """What was said of it."""
        return json.loads((self.folder / "night.json").read_text())

    def write(self, **said):
        """Says it."""
        record = self.record()
        origin = record["provenance"]
        night = {
            "schema": SCHEMA,
            "date": self.folder.name,
            "started": origin["started"],
            "commit": origin["build"]["commit"],
            "dirty": origin["build"]["dirty"],
            "binary_sha256": origin["build"]["binary_sha256"],
            "host": origin["host"]["cpu"],
            **said,
        }
        (self.folder / "night.json").write_text(json.dumps(night, indent=2) + "\n")

    def record(self):
        """Its first record."""
        return json.loads((self.runs[0] / "record.json").read_text())


def floor(host_folder):
    """The selftest that measured what two builds differ by on this host, where somebody put it there."""
    path = host_folder / "selftest.json"
    return path if path.exists() else None


def nights(host_folder):
    """All that were judged, oldest first."""
    told = sorted(host_folder.glob("*/night.json"))
    return [Night(path.parent) for path in told]


def good_nights(host_folder):
    """Those that a new night is held against."""
    return [night for night in nights(host_folder) if night.read()["state"] == "good"][-NIGHTS:]


def begin(history, first_run, binary):
    """A folder for a night whose first run is here."""
    record = json.loads((first_run / "record.json").read_text())
    host, date = record["provenance"]["host"]["cpu"], record["provenance"]["started"][:10]
    host_folder = history / re.sub(r"[^A-Za-z0-9]+", "-", host).strip("-").lower()
    folder, again = host_folder / date, 1
    while folder.exists():
        again += 1
        folder = host_folder / f"{date}-{again}"
    folder.mkdir(parents=True)
    shutil.move(first_run, folder / "run-1")
    shutil.copy2(binary, folder / "tunneltax")
    return Night(folder)


def forget_binaries(host_folder):
    """Only nights that others are held against need theirs."""
    kept = {night.folder for night in good_nights(host_folder)}
    for night in nights(host_folder):
        if night.folder not in kept:
            night.binary.unlink(missing_ok=True)
