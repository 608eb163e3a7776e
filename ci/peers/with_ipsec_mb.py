"""Intel's ipsec-mb, called directly by a small C program: the cipher alone."""

from bench import HERE, ONE_SIZE, ROOT, NotHere, Row, Step, needs, package_version, positive

NAME = "ipsec-mb"
_DIFFERS = (
    "No packet around the text: 64 or 1440 octets, where our ESP seals 68 or 1444; in place, a new "
    "IV for each, 8 octets of associated data as in ESP. {} A plain build of ours does without "
    "this library (feature `ipsec-mb`)."
)
ROWS = {
    "mb-gcm": Row("gcm", "ipsec-mb, direct call", _DIFFERS.format("A buffer a call.")),
    "mb-chacha": Row("chacha", "ipsec-mb, jobs", _DIFFERS.format("32 buffers a call.")),
}
_ROW_OF = {"aes-256-gcm": "mb-gcm", "chacha20-poly1305": "mb-chacha"}


def prepare(bench):
    needs("cc")
    flags = ["-O3", "-march=native", "-Wall", "-Wextra"]
    source = (HERE / "ipsec_mb.c").relative_to(ROOT)
    bench.run(["cc", *flags, source, "-o", _program(bench), "-lIPSec_MB"])


def version(bench):
    return f"ipsec-mb {package_version(bench, 'libipsec-mb1')}"


def _program(bench):
    return bench.path("ipsec_mb").relative_to(ROOT)


def steps(bench):
    cells = tuple((row, size) for row in ROWS for size in ONE_SIZE)
    return [Step(cells, lambda: _turn(bench))]


def _turn(bench):
    command = [_program(bench), f"{bench.seconds / 2:g}", *ONE_SIZE]
    figures = parse(bench.run(bench.pinned(command)))
    return {(_ROW_OF[name], size): ns for (name, size), ns in figures.items()}


def parse(text):
    """(algorithm, size) → ns, from lines `algorithm,octets,ns`."""
    lines = [line.split(",") for line in text.splitlines()]
    figures = {
        (line[0], line[1]): positive(line[2], line[0])
        for line in lines
        if len(line) == 3 and line[0] in _ROW_OF
    }
    if missing := {(name, size) for name in _ROW_OF for size in ONE_SIZE} - set(figures):
        raise NotHere(f"it printed no {', '.join(sorted(' '.join(cell) for cell in missing))}")
    return figures
