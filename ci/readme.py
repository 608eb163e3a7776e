"""Splices the bill into README.md, or says that it is stale; ci/readme.sh has the rule."""

import json
import re
import sys
from pathlib import Path

BEGIN = "<!-- output: run -->"
END = "<!-- end -->"
COMMANDS = ("cargo run --release", "cargo test --workspace")
LINES_MAX = 120
# The answer is what stands in front of the first table.
ANSWER = "tunneltax · "
TABLES = ("The bill by packet size", "1440 bytes, hot")
# A cell begins with a figure, or says why there is none.
CELL = re.compile(r"^([<±\d.]|\?$|cannot$|failed$)")
GROWS = re.compile(r"grows by \d+ bytes")


def sections(text):
    """The parts of an output that README shows, by the beginning of their first line."""
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    starts = [i for i, block in enumerate(blocks) if block.startswith(ANSWER)]
    if not starts:
        sys.exit(f"no line begins with {ANSWER!r}")
    first_table = next(i for i, block in enumerate(blocks) if block.startswith(TABLES))
    found = {ANSWER: "\n\n".join(blocks[starts[0] : first_table])}
    for name in TABLES:
        found[name] = next((block for block in blocks if block.startswith(name)), None)
        if found[name] is None:
            sys.exit(f"no table is called {name!r}")
    return found


def shape(table):
    """What of a table does not depend on the clock.

    Rows are named with the heading that they stand under. Each counts once: wide figures cut a
    table into parts that repeat its labels.
    """
    title, *lines = table.splitlines()
    heads, rows, added = [], [], {}
    under = ""
    for line in lines[first_head(lines) :]:
        if is_head(line):
            # Whose core was shared is another in every run.
            heads += [head for head in line.split() if head != "†"]
            continue
        if line.startswith("─"):
            continue
        label, cells = row(line)
        if line.startswith("  "):
            label = f"{under} {label}"
        else:
            under = label
        rows.append(label)
        if heads[-1] == "bytes" and cells:
            added[label] = cells[-1]
    return {
        "title": title,
        "heads": sorted(set(heads)),
        "rows": list(dict.fromkeys(rows)),
        "bytes added": added,
    }


def is_head(line):
    """Column heads stand above an empty label."""
    return line.startswith(" " * 6)


def first_head(lines):
    return next((i for i, line in enumerate(lines) if is_head(line)), len(lines))


def row(line):
    """Label and cells of a row."""
    words = line.split()
    at = next((i for i, word in enumerate(words) if CELL.match(word)), len(words))
    return " ".join(words[:at]), words[at:]


def shapes(text):
    """What of an output does not depend on the clock."""
    found = sections(text)
    result = {name: shape(found[name]) for name in TABLES}
    result["growth"] = GROWS.findall(" ".join(found[ANSWER].split()))
    return result


def spliced(readme):
    """The three parts of README: in front of the output, it, behind it."""
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{readme} must have {BEGIN} and {END} once each")
    before, rest = text.split(BEGIN)
    output, after = rest.split(END)
    return before, output, after


def provenance(record):
    """Where the output comes from, in a sentence."""
    run = record["provenance"]
    host = run["host"]
    under = f", under {host['hypervisor']}" if host["hypervisor"] else ""
    return (
        f"*Measured {run['started'][:10]} in {run['seconds']:.0f} s on {host['cpu']}, "
        f"{host['cores']} CPUs{under}, Linux {host['kernel']}, {run['build']['rustc']}. "
        "Spliced by `ci/readme.sh`.*"
    )


def splice(readme, output, record):
    before, _, after = spliced(readme)
    shown = "\n\n".join(sections(output.read_text()).values())
    source = provenance(json.loads(record.read_text()))
    readme.write_text(f"{before}{BEGIN}\n```text\n{shown}\n```\n\n{source}\n{END}{after}")
    rules(readme)


def rules(readme):
    text = readme.read_text()
    if (lines := len(text.splitlines())) > LINES_MAX:
        sys.exit(f"{readme} has {lines} lines, more than {LINES_MAX}")
    for command in COMMANDS:
        if command not in text:
            sys.exit(f"{readme} does not name `{command}`")


def check(readme, output):
    rules(readme)
    fenced = spliced(readme)[1].split("```")
    if len(fenced) != 3:
        sys.exit(f"{readme} shows no output; run ci/readme.sh")
    now, then = shapes(output.read_text()), shapes(fenced[1].removeprefix("text\n"))
    changed = [part for part in now if now[part] != then[part]]
    stale = [f"{part}\n  README {then[part]}\n  now    {now[part]}" for part in changed]
    if stale:
        sys.exit("README is stale; run ci/readme.sh:\n" + "\n".join(stale))


def main(verb, *files):
    {"splice": splice, "check": check}[verb](*map(Path, files))


main(*sys.argv[1:])
