"""dpdk-test-crypto-perf: the cipher alone, behind DPDK's crypto devices."""

import csv
import os
import statistics

import dpdk
from bench import ONE_SIZE, NotHere, Row, Step, needs, positive

NAME = "dpdk-test-crypto-perf"
_DIFFERS = (
    "No packet around the text: 64 or 1440 octets, where our ESP seals 68 or 1444 (trailer and "
    "padding). A session, a queue and an operation for every buffer; in place. Bursts of 32."
)
# Row → (section, device, algorithm).
_RUNS = {
    "perf-gcm": ("gcm", "crypto_aesni_gcm", "aes-gcm"),
    "perf-gcm-mb": ("gcm", "crypto_aesni_mb", "aes-gcm"),
    "perf-gcm-openssl": ("gcm", "crypto_openssl", "aes-gcm"),
    "perf-chacha-mb": ("chacha", "crypto_aesni_mb", "chacha20-poly1305"),
}
ROWS = {
    row: Row(section, f"DPDK crypto-perf, {device}", _DIFFERS)
    for row, (section, device, _) in _RUNS.items()
}
BURST = 32
# Short samples, some tenths of a millisecond, so that the middle one was not interrupted: the tool
# times by wall clock.
SAMPLES = 31
OPERATIONS = {"64": 4096, "1440": 512}


def version(bench):
    return f"DPDK {dpdk.package_version(bench, 'dpdk-dev')}"


def prepare(_):
    needs("dpdk-test-crypto-perf")
    if len(os.sched_getaffinity(0)) < 2:
        raise NotHere("it wants a second CPU for its main thread")


def steps(bench):
    return [
        Step(((row, size),), lambda row=row, size=size: {(row, size): _turn(bench, row, size)})
        for row in _RUNS
        for size in ONE_SIZE
    ]


def _turn(bench, row, size):
    _, device, algorithm = _RUNS[row]
    main = min(os.sched_getaffinity(0))
    command = ["dpdk-test-crypto-perf", "-l", f"{main},{bench.core}", "--main-lcore", str(main)]
    command += ["--no-huge", "-m", "512", "--no-pci", "--file-prefix", dpdk.PREFIX]
    command += ["--vdev", device, "--", "--devtype", device, "--ptest", "throughput"]
    command += ["--optype", "aead", "--aead-algo", algorithm, "--aead-op", "encrypt"]
    command += ["--aead-key-sz", "32", "--aead-iv-sz", "12", "--aead-aad-sz", "8"]
    command += ["--digest-sz", "16", "--buffer-sz", size]
    command += ["--burst-sz", ",".join([str(BURST)] * SAMPLES), "--total-ops", str(OPERATIONS[size])]
    text = bench.run([*command, "--csv-friendly", "--silent"])
    return parse(text, size, OPERATIONS[size])


def parse(text, size, operations):
    """ns an operation of this size: the median over the lines of `--csv-friendly`, by Ops(Millions)."""
    lines = [line.strip() for line in text.splitlines()]
    heads = [line for line in lines if line.startswith("#lcore id")]
    if not heads:
        raise NotHere("it printed no table")
    names = heads[0].lstrip("#").split(",")
    samples = []
    for values in csv.reader(line for line in lines if line[:1].isdigit()):
        if len(values) != len(names):
            continue
        row = dict(zip(names, values))
        if row["Dequeued"] != str(operations):
            raise NotHere(f"{row['Dequeued']} of {operations} operations came back")
        if row["Buffer Size(B)"] == size:
            samples.append(1000 / positive(row["Ops(Millions)"], "Ops(Millions)"))
    if not samples:
        raise NotHere(f"it printed no line for {size} bytes")
    return statistics.median(samples)
