"""Oracles: tools that nobody here wrote open what the tunnel sent.

    python ci/oracles seeded FILE          write the seeded capture
    python ci/oracles check DIR [JSON]     open what `tunneltax verify --write DIR` wrote: every
                                           algorithm and every framing
    python ci/oracles some DIR [JSON]      the same of what is there
    python ci/oracles kernel IMAGE TUNNELTAX DIR [JSON]
                                           echoes through a Linux kernel, both ways
    python ci/oracles self-test            prove that the checks can fail
"""

import json
import sys
from collections import Counter
from pathlib import Path

import seeded
import self_test
import with_scapy
import with_tshark
from kernel import echo
from sent import ALGORITHMS, Wrong, read_sent

ORACLES = (with_scapy, with_tshark)


def check(folder, oracles=ORACLES, every=True):
    """Packets opened, by oracle and case."""
    tunnels = read_sent(folder)
    if every:
        require("packet of", set(ALGORITHMS), {sent.algorithm for sent in tunnels}, "was sent")
    opened = Counter()
    for oracle in oracles:
        known = [sent for sent in tunnels if oracle.knows(sent)]
        for sent in known:
            count = oracle.check(sent)
            if count != len(sent.inner):
                raise Wrong(f"{sent.name}: {oracle.NAME} opened {count} of {len(sent.inner)}")
            opened[oracle.NAME, sent.case] += count
        if not known:
            raise Wrong(f"{oracle.NAME} had nothing to open")
        if every:
            framings = {sent.framing for sent in known}
            require("packet framed as", oracle.FRAMINGS, framings, f"was for {oracle.NAME}")
    return opened


def require(what, wanted, there, verb):
    """Fails where one of them is missing: what nobody sends any more is opened by nobody."""
    if missing := sorted(wanted - there):
        raise Wrong(f"no {what} {', '.join(missing)} {verb}")


def report(opened, to):
    """Prints the counts; writes their sums by oracle where asked."""
    sums = Counter()
    for (oracle, case), count in opened.items():
        sums[oracle] += count
        print(f"{count:>8,} packets of {case} opened by {oracle}, equal inside; tampered refused")
    if to:
        Path(to).write_text(json.dumps(sums) + "\n")


def main(arguments):
    match arguments:
        case ["seeded", file]:
            print(f"{seeded.write(Path(file)):>8,} packets in the seeded capture")
        case ["check", folder, *to] if len(to) <= 1:
            report(check(Path(folder)), *(to or [None]))
        case ["some", folder, *to] if len(to) <= 1:
            report(check(Path(folder), every=False), *(to or [None]))
        case ["kernel", image, tunneltax, folder, *to] if len(to) <= 1:
            echoes = echo.run(Path(image), tunneltax, Path(folder))
            echo.report(echoes)
            if to:
                Path(to[0]).write_text(json.dumps({"kernel": 2 * sum(echoes.values())}) + "\n")
        case ["self-test"]:
            print(f"{self_test.run(check, ORACLES):>8,} faults put in, each found by each oracle that it concerns")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as why:
        print(f"oracles: {why}", file=sys.stderr)
        sys.exit(1)
