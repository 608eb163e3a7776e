#!/usr/bin/env python3
"""Writes manifest.toml and the table in README.md from the captures themselves.

manifest.py add DIR FILE FACTS   measures FILE and enters it in DIR; title, programs and commands
                                 are in the folder FACTS
manifest.py readme DIR           rewrites the table in DIR/README.md
manifest.py check DIR            measures everything again and compares
"""

import datetime
import hashlib
import ipaddress
import itertools
import json
import pathlib
import subprocess
import sys
import tomllib

SCHEMA = "tunneltax-pcaps/1"
MAX_FRAME = 1514
UNPACK = {".gz": ["gzip", "-dc"], ".zst": ["zstd", "-qdc"]}
FIELDS = [
    "frame.len", "frame.cap_len", "frame.time_epoch", "frame.encap_type", "eth.src", "eth.dst",
    "ip.len", "ip.src", "ip.dst", "ipv6.plen", "ipv6.src", "ipv6.dst",
    "ip.flags.mf", "ip.frag_offset", "ipv6.fraghdr.nxt",
    "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status",
]  # fmt: skip
OURS = [
    ipaddress.ip_network(n)
    for n in ("10.1.0.0/24", "10.2.0.0/24", "2001:db8::/32", "fe80::/10", "ff00::/8")
]
BEGIN, END = "<!-- table: written by take.sh -->", "<!-- end of table -->"


class Wrong(Exception):
    """A capture that does not belong in this folder, and why."""


def unpacked(path):
    command = UNPACK.get(path.suffix)
    if command is None:
        return path.read_bytes()
    done = subprocess.run([*command, path], check=False, capture_output=True)
    if done.returncode:
        raise Wrong(f"{command[0]} cannot unpack it")
    return done.stdout


def dissect(capture):
    """One dictionary a frame, as tshark reads it; of a field that occurs twice, the outermost."""
    command = ["tshark", "-n", "-r", "-", "-T", "fields", "-E", "occurrence=f", "-E", "separator=|"]
    for name in ("ip", "tcp", "udp"):
        command += ["-o", f"{name}.check_checksum:TRUE"]
    # Each fragment counts as itself.
    command += ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, input=capture, check=False, capture_output=True)
    if done.returncode:
        raise Wrong(f"tshark cannot read it: {done.stderr.decode().strip().splitlines()[-1]}")
    for line in done.stdout.decode().splitlines():
        yield dict(zip(FIELDS, line.split("|"), strict=True))


def examine(frame):
    """Refuses what must not be in a bundled capture."""
    if int(frame["frame.len"]) > MAX_FRAME:
        raise Wrong(f"a frame of {frame['frame.len']} bytes: offloads were on")
    if frame["frame.encap_type"] != "1":
        raise Wrong("a frame that is not Ethernet")
    if frame["frame.len"] != frame["frame.cap_len"]:
        raise Wrong("a snapped frame")
    for field in ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"):
        if frame[field] == "0":
            raise Wrong(f"a bad checksum ({field}): offloads were on, or the file is damaged")
    for field in ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst"):
        if frame[field] and not any(ipaddress.ip_address(frame[field]) in net for net in OURS):
            raise Wrong("an address that is not ours")
    for field in ("eth.src", "eth.dst"):
        first = int(frame[field].split(":")[0], 16)
        if not first & 3:  # neither multicast nor locally administered
            raise Wrong("a hardware address that is not ours")


def ip_length(frame):
    """Total length of the IP packet, or None where there is none."""
    if frame["ip.len"]:
        return int(frame["ip.len"])
    return int(frame["ipv6.plen"]) + 40 if frame["ipv6.plen"] else None


def measure(path):
    """What can be said of a capture by reading it."""
    try:
        return measured(path)
    except Wrong as wrong:
        raise Wrong(f"{path.name}: {wrong}") from None


def measured(path):
    if not path.exists():
        raise Wrong("it is not there")
    stored, capture = path.read_bytes(), unpacked(path)
    frames = list(dissect(capture))
    for frame in frames:
        examine(frame)
    lengths = [length for frame in frames if (length := ip_length(frame)) is not None]
    versions = [4] * any(f["ip.len"] for f in frames) + [6] * any(f["ipv6.plen"] for f in frames)
    fragments = [
        f for f in frames
        if f["ip.flags.mf"] in ("1", "True") or f["ip.frag_offset"] not in ("", "0") or f["ipv6.fraghdr.nxt"]
    ]  # fmt: skip
    times = [float(frame["frame.time_epoch"]) for frame in frames]
    return {
        "format": form(path, capture),
        "link_type": "ethernet",
        "file_bytes": len(stored),
        "sha256": hashlib.sha256(stored).hexdigest(),
        "packets": len(frames),
        "ip_packets": len(lengths),
        "ip_fragments": len(fragments),
        "inner_ip_bytes": sum(lengths),
        "min_ip_length": min(lengths),
        "mean_ip_length": round(sum(lengths) / len(lengths), 1),
        "max_ip_length": max(lengths),
        "ip_versions": versions,
        "seconds": round(times[-1] - times[0], 3),
    }


def form(path, capture):
    kinds = {
        "d4c3b2a1": "pcap, microseconds",
        "4d3cb2a1": "pcap, nanoseconds",
        "0a0d0d0a": "pcapng",
    }
    packing = {".gz": ", gzip", ".zst": ", zstd"}.get(path.suffix, "")
    if (magic := capture[:4].hex()) not in kinds:
        raise Wrong(f"starts with {magic}: no little-endian pcap, no pcapng")
    return kinds[magic] + packing


def toml(value):
    """JSON's strings, numbers and lists of them are TOML's too."""
    if isinstance(value, list) and any(isinstance(v, str) for v in value):
        return "[\n" + "".join(f"    {toml(v)},\n" for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def write_manifest(folder, captures):
    lines = ["# Written by take.sh; lengths and bytes are of IP packets, Ethernet headers left out.\n"]
    lines.append(f"schema = {toml(SCHEMA)}\n")
    for capture in sorted(captures, key=lambda c: c["name"]):
        lines.append("\n[[capture]]\n")
        lines += [f"{key} = {toml(value)}\n" for key, value in capture.items()]
    (folder / "manifest.toml").write_text("".join(lines))


def read_manifest(folder):
    path = folder / "manifest.toml"
    return tomllib.loads(path.read_text())["capture"] if path.exists() else []


def commands(facts, work):
    """The commands as typed, repetitions in a row counted, without the work folder's name."""
    for line, again in itertools.groupby((facts / "commands").read_text().splitlines()):
        times = len(list(again))
        yield line.replace(f"{work}/", "") + (f"  # {times} times" if times > 1 else "")


def add(folder, path, facts):
    name = path.name.split(".")[0]
    entry = {
        "name": name,
        "file": path.name,
        "title": (facts / "title").read_text().strip(),
        "taken": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "synthetic": (facts / "synthetic").read_text().strip(),
        "programs": (facts / "programs").read_text().split("\n")[:-1],
        "commands": list(commands(facts, facts.parent)),
        **measure(path),
    }
    write_manifest(folder, [c for c in read_manifest(folder) if c["name"] != name] + [entry])
    print(f"{path.name}: {entry['packets']} packets, {entry['file_bytes']} bytes")


def readme(folder):
    path = folder / "README.md"
    if not path.exists():
        return
    captures = read_manifest(folder)
    rows = ["| file | what | format | packets | IP length: min / mean / max | bytes |", "| --- | --- | --- | --: | --: | --: |"]
    for c in captures:
        rows.append(
            f"| `{c['file']}` | {c['title']} | {c['format']} | {c['packets']:,} "
            f"| {c['min_ip_length']} / {c['mean_ip_length']:.0f} / {c['max_ip_length']} | {c['file_bytes']:,} |"
        )
    packets, size = (sum(c[key] for c in captures) for key in ("packets", "file_bytes"))
    rows.append(f"| {len(captures)} files | | | {packets:,} | | {size:,} |")
    before, rest = path.read_text().split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{after}")


def check(folder):
    captures = read_manifest(folder)
    if not captures:
        raise Wrong("manifest.toml lists no capture")
    for capture in captures:
        for key, value in measure(folder / capture["file"]).items():
            if capture[key] != value:
                raise Wrong(f"{capture['file']}: {key} is {value}, the manifest says {capture[key]}")
    listed = {capture["file"] for capture in captures}
    if strays := {p.name for p in folder.glob("*.pcap*")} - listed:
        raise Wrong(f"not in the manifest: {', '.join(sorted(strays))}")


def main():
    match sys.argv[1:]:
        case ["add", folder, file, facts]:
            add(pathlib.Path(folder), pathlib.Path(file), pathlib.Path(facts))
        case ["readme", folder]:
            readme(pathlib.Path(folder))
        case ["check", folder]:
            check(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"manifest.py: {wrong}")
