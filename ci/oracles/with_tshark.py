"""Opens every packet of AES-GCM and of encrypt-then-MAC with tshark, which is C over libgcrypt.

tshark knows no ChaCha20-Poly1305 and no GMAC in ESP, and no extended sequence numbers. It runs with a
configuration folder of its own, in which every protocol but the outer headers and ESP is off: a
payload that another dissector stumbles over would lose the fields of the ICV.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from scapy.utils import RawPcapWriter

from sent import FRAMINGS as FRAMINGS_OF_ESP
from sent import LINK_TYPE_RAW, Wrong, tampered

NAME = "tshark"
# What must be there to be opened.
FRAMINGS = {name for name, framing in FRAMINGS_OF_ESP.items() if not framing.extended}
# The obvious name, without the ICV's length, is accepted and silently decrypts nothing.
GCM = "AES-GCM with 16 octet ICV [RFC4106]"
ALGORITHMS = {
    "aes-128-gcm": (GCM, "NULL"),
    "aes-192-gcm": (GCM, "NULL"),
    "aes-256-gcm": (GCM, "NULL"),
    "aes-128-cbc+hmac-sha-256-128": ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]"),
    "aes-256-cbc+hmac-sha-256-128": ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]"),
    "aes-128-cbc+hmac-sha-1-96": ("AES-CBC [RFC3602]", "HMAC-SHA-1-96 [RFC2404]"),
    "aes-256-cbc+hmac-sha-1-96": ("AES-CBC [RFC3602]", "HMAC-SHA-1-96 [RFC2404]"),
    "3des-cbc+hmac-sha-256-128": ("TripleDES-CBC [RFC2451]", "HMAC-SHA-256-128 [RFC4868]"),
    "null+hmac-sha-256-128": ("NULL", "HMAC-SHA-256-128 [RFC4868]"),
    "null+hmac-sha-1-96": ("NULL", "HMAC-SHA-1-96 [RFC2404]"),
}
PROTOCOLS = {"frame", "raw", "ip", "ipv6", "udp", "udpencap", "esp"}
# ESP inside ESP gives a field twice: the first is the outer one's.
FIELDS = ("esp.sequence", "ip.checksum.status", "esp.icv_good", "esp.icv_bad", "esp.contained_data")
SECONDS_MAX = 600
TRUE = {"1", "True"}
FALSE = {"0", "False"}


def knows(sent):
    """What it has a name for, with sequence numbers of 32 bits."""
    return sent.algorithm in ALGORITHMS and not sent.extended


def check(sent):
    """Every packet of a tunnel is opened and equals what entered it; returns their number."""
    with tempfile.TemporaryDirectory() as folder:
        configuration = _configure(Path(folder))
        rows = _rows(sent, sent.path, configuration)
        if len(rows) != len(sent.outer):
            raise Wrong(f"{sent.name}: tshark shows {len(rows)} of {len(sent.outer)} packets")
        for position, (row, inner) in enumerate(zip(rows, sent.inner)):
            _check_row(f"{sent.name}: packet {position}", sent.version, position, row, inner)
        _refuses_tampered(sent, Path(folder) / "tampered.pcap", configuration)
    return len(rows)


def _check_row(where, version, position, row, inner):
    sequence, checksum, good, bad, contained = row
    if good not in TRUE or bad not in FALSE:
        raise Wrong(f"{where} has an ICV that tshark does not find good")
    if sequence != str(position + 1):
        raise Wrong(f"{where} has sequence number {sequence}")
    # An IPv6 header has none; what is inside may be an IPv4 one.
    if version == 4 and checksum != "1":
        raise Wrong(f"{where} has an outer header whose checksum tshark does not find good")
    if bytes.fromhex(contained.replace(":", "")) != inner:
        raise Wrong(f"{where}: what tshark finds inside is not what entered the tunnel")


def _refuses_tampered(sent, path, configuration):
    copies = tampered(sent)
    with RawPcapWriter(str(path), linktype=LINK_TYPE_RAW) as writer:
        writer.write_header(None)
        for copy in copies.values():
            writer.write_packet(copy)
    rows = _rows(sent, path, configuration)
    if len(rows) != len(copies):
        raise Wrong(f"{sent.name}: tshark shows {len(rows)} of {len(copies)} tampered packets")
    for place, (_, _, good, bad, _) in zip(copies, rows):
        if good not in FALSE or bad not in TRUE:
            raise Wrong(f"{sent.name}: tshark does not report a flipped bit of the {place}")


def _configure(folder):
    """A configuration folder with everything but `PROTOCOLS` disabled."""
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}
    known = _run(["-G", "protocols"], environment).splitlines()
    names = {line.split("\t")[2] for line in known if line.count("\t") >= 2}
    if missing := PROTOCOLS - names:
        raise Wrong(f"tshark does not know {', '.join(sorted(missing))}")
    (folder / "disabled_protos").write_text("\n".join(sorted(names - PROTOCOLS)) + "\n")
    return environment


def _rows(sent, path, environment):
    """`FIELDS` of every packet of a file."""
    encryption, integrity = ALGORITHMS[sent.algorithm]
    key, integrity_key = (
        f"0x{key.hex()}" if key else "" for key in (sent.key + sent.salt, sent.integrity_key)
    )
    fields = (
        f"IPv{sent.version}",
        sent.source,
        sent.destination,
        f"0x{sent.spi:08x}",
        encryption,
        key,
        integrity,
        integrity_key,
    )
    preferences = (
        "esp.enable_encryption_decode:TRUE",
        "esp.enable_authentication_check:TRUE",
        "ip.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "uat:esp_sa:" + ",".join(f'"{field}"' for field in fields),
    )
    arguments = ["-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    for preference in preferences:
        arguments += ["-o", preference]
    for field in FIELDS:
        arguments += ["-e", field]
    return [line.split("\t") for line in _run(arguments, environment).splitlines()]


def _run(arguments, environment):
    command = ["tshark", *arguments]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX
        )
    except FileNotFoundError:
        raise Wrong("tshark is not installed; ci/install.sh does it") from None
    except subprocess.TimeoutExpired:
        raise Wrong(f"tshark took longer than {SECONDS_MAX} s") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith("Running as")]
        raise Wrong(f"tshark gave up with {done.returncode}: {' '.join(said[:1])}")
    return done.stdout
