"""`openssl speed`: the cipher alone, by the library's own tool."""

from bench import ONE_SIZE, NotHere, Row, Step, needs, positive

NAME = "openssl speed"
_DIFFERS = (
    "No packet around the text: 64 or 1440 octets, where our ESP seals 68 or 1444. Always the same "
    "buffer; 13 octets of associated data, as in TLS; the tag is computed and not fetched; an init call for every buffer. Divided "
    "by user time, which the kernel counts in steps of 10 ms."
)
_RUNS = {"openssl-gcm": ("gcm", "aes-256-gcm"), "openssl-chacha": ("chacha", "chacha20-poly1305")}
ROWS = {
    row: Row(section, f"`openssl speed -aead -evp {name}`", _DIFFERS)
    for row, (section, name) in _RUNS.items()
}


def prepare(_):
    needs("openssl")


def version(bench):
    return " ".join(bench.run(["openssl", "version"], note=False).split()[:2])


def steps(bench):
    return [
        Step(((row, size),), lambda row=row, size=size: {(row, size): _turn(bench, row, size)})
        for row in _RUNS
        for size in ONE_SIZE
    ]


def _turn(bench, row, size):
    seconds = max(1, round(bench.seconds))
    command = ["openssl", "speed", "-mr", "-seconds", str(seconds), "-aead"]
    return parse(bench.run(bench.pinned([*command, "-bytes", size, "-evp", _RUNS[row][1]])), size)


def parse(text, size):
    """ns a call, from `+R:calls:name:seconds`, of the size in `+H:`."""
    found = {line[:3]: line.split(":") for line in text.splitlines() if line[:1] == "+"}
    if "+R:" not in found or "+H:" not in found:
        raise NotHere("it printed no line +R: or no line +H:")
    if found["+H:"][1] != size:
        raise NotHere(f"it measured {found['+H:'][1]} bytes, not {size}")
    _, calls, _, seconds = found["+R:"]
    return 1e9 * positive(seconds, "time") / positive(calls, "calls")
