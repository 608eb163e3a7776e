"""boringtun: WireGuard in user space, its two calls without a socket."""

import os
import tomllib

from bench import HERE, ROOT, SIZES, NotHere, Row, Step, needs, positive

NAME = "boringtun"
_DIFFERS = (
    "WireGuard's data message from one buffer into another, by ring as ours; no forwarding (route, "
    "rules, TTL, checksum), no outer IP or UDP header, as a socket adds them; it counts bytes and "
    "notes times. "
)
ROWS = {
    "boringtun-send": Row("wireguard-send", "boringtun `encapsulate`", _DIFFERS),
    "boringtun-receive": Row(
        "wireguard-receive", "boringtun `decapsulate`",
        _DIFFERS + "It keeps an anti-replay window, as ours does.",
    ),
}  # fmt: skip
_ROW_OF = {"encapsulate": "boringtun-send", "decapsulate": "boringtun-receive"}
_CRATE = HERE / "boringtun"
_FOLDER = "target/ci/peers/boringtun"


def prepare(bench):
    needs("cargo")
    manifest = (_CRATE / "Cargo.toml").relative_to(ROOT)
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", manifest]
    bench.run([*build, "--target-dir", _FOLDER], timeout=900, env=_environment())


def _environment():
    """The project's flags of .cargo/config.toml, for this CPU, as ours was built."""
    return {name: value for name, value in os.environ.items() if name != "RUSTFLAGS"}


def version(_):
    lock = tomllib.loads((_CRATE / "Cargo.lock").read_text())
    versions = {package["name"]: package["version"] for package in lock["package"]}
    return f"boringtun {versions['boringtun']}, ring {versions['ring']}"


def steps(bench):
    cells = tuple((row, size) for row in ROWS for size in SIZES)
    return [Step(cells, lambda: _turn(bench))]


def _turn(bench):
    program = f"{_FOLDER}/release/tunneltax-peer-boringtun"
    figures = parse(bench.run(bench.pinned([program, f"{bench.seconds:g}", *SIZES])))
    return {(_ROW_OF[name], size): ns for (name, size), ns in figures.items()}


def parse(text):
    """(direction, size) → ns, from lines `direction,size,ns`."""
    lines = [line.split(",") for line in text.splitlines()]
    figures = {
        (line[0], line[1]): positive(line[2], line[0])
        for line in lines
        if len(line) == 3 and line[0] in _ROW_OF
    }
    if missing := {(name, size) for name in _ROW_OF for size in SIZES} - set(figures):
        raise NotHere(f"it printed no {', '.join(sorted(' '.join(cell) for cell in missing))}")
    return figures
