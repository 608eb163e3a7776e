"""Peers: what others take for the same work on this host, in turns with ours.

    python ci/peers run TUNNELTAX ROUNDS SECONDS FOLDER   measure; FOLDER/peers.json and peers.md
    python ci/peers page FOLDER                           draw peers.md again
    python ci/peers self-test                             prove that parsers and page can fail
"""

import json
import signal
import sys
from pathlib import Path

import ours
import page
import self_test
import turns
from bench import Bench


def run(tunneltax, rounds, seconds, folder):
    """Measures, writes, and says what it is worth."""
    # As an exception, so that a gateway that is running is stopped with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(tunneltax=tunneltax, seconds=float(seconds), folder=Path(folder))
    results = turns.measure(bench, int(rounds))
    if why := turns.judge(results):
        sys.exit(f"peers: {why}")
    results["provenance"] = ours.provenance(bench)
    if results["provenance"]["host"]["pinned_to"] != bench.core:
        sys.exit(f"peers: ours ran on another CPU than {bench.core}")
    (bench.folder / "peers.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(bench.folder)


def draw(folder):
    results = json.loads((folder / "peers.json").read_text())
    (folder / "peers.md").write_text(page.render(results))
    rows = [row for row in results["rows"] if not row["ours"]]
    there = sum(any(cell["rounds"] for cell in row["sizes"].values()) for row in rows)
    print(f"{there} of {len(rows)} rows of peers beside ours: {folder / 'peers.md'}")


def main(arguments):
    match arguments:
        case ["run", tunneltax, rounds, seconds, folder]:
            run(tunneltax, rounds, seconds, folder)
        case ["page", folder]:
            draw(Path(folder))
        case ["self-test"]:
            print(f"{self_test.run():>8,} faults put in, each found")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
