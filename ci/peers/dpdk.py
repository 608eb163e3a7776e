"""DPDK's example gateways on Debian's packages: built from the packaged source, fed from memory by
net_pcap, counted through DPDK's telemetry socket, timed by the kernel's account of their thread.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from bench import ROOT, NotHere, needs, package_version, reason

EXAMPLES = Path("/usr/share/dpdk/examples")
PREFIX = "tunneltax-peers"
START_SECONDS = 20
SETTLE_SECONDS = 0.5
# The ports are not looked at in one instant: what may be missing, as a part of all. A gateway that
# can't open or send one kind of packet loses more: the largest are a twelfth of the mix.
IN_FLIGHT_PART = 0.02
LEAST_PACKETS = 50_000
# No virtual port computes checksums, and the examples insist on it, without using the answer.
NO_CHECKSUM_OFFLOAD = "s/[.]offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM/.offloads = 0/"


def version(bench):
    return f"DPDK {package_version(bench, 'libdpdk-dev')}"


def build(bench, example, source):
    """The example's program, built once."""
    needs("make", "cc", "pkg-config")
    if not (EXAMPLES / example / "Makefile").exists():
        raise NotHere(f"{EXAMPLES / example} is not there (Debian package dpdk-doc)")
    bench.run(["pkg-config", "--exists", "libdpdk"], note=False)
    copies = bench.subfolder("dpdk")
    program = copies / example / "build" / example
    stamp = copies / f"{example}.version"
    wanted = version(bench)
    copy = ["cp", "-r", EXAMPLES / "common", EXAMPLES / example, copies]
    patch = ["sed", "-i", NO_CHECKSUM_OFFLOAD, copies / example / source]
    make = ["make", "-C", copies / example]
    if program.exists() and stamp.exists() and stamp.read_text() == wanted:
        for command in (copy, patch, make):
            bench.note(command)
        return program
    shutil.rmtree(copies / example, ignore_errors=True)
    bench.run(copy)
    bench.run(patch)
    bench.run(make, timeout=600)
    stamp.write_text(wanted)
    return program


def eal(bench, megabytes, *devices):
    """Options of DPDK itself: one core, no hugepages, virtual devices."""
    options = ["-l", str(bench.core), "--no-huge", "-m", str(megabytes), "--no-pci"]
    options += ["--file-prefix", PREFIX]
    for device in devices:
        options += ["--vdev", device]
    return options


def fed_by(port, path):
    """A port that receives the packets of a file for ever, and drops what it is to send."""
    return f"net_pcap{port},rx_pcap={path.relative_to(ROOT)},infinite_rx=1"


def sample(bench, command):
    """ns a packet, of a gateway that runs until it is stopped."""
    bench.note(command)
    log = bench.path("dpdk/gateway.log")
    with log.open("w") as out:
        gateway = subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            telemetry = _connect(gateway, log)
            _wait_for_packets(telemetry, gateway, log)
            time.sleep(SETTLE_SECONDS)
            before = _look(telemetry, gateway, log)
            time.sleep(bench.seconds)
            return per_packet(before, _look(telemetry, gateway, log))
        finally:
            _stop(gateway)


def per_packet(before, after):
    """ns a packet between two looks. The work is proven: what comes in must go out."""
    received = after["received"] - before["received"]
    sent = after["sent"] - before["sent"]
    if received < LEAST_PACKETS:
        raise NotHere(f"it received {received:,} packets only")
    if abs(received - sent) > IN_FLIGHT_PART * received:
        raise NotHere(f"it sent {sent:,} of {received:,} packets")
    busy = after["cpu_ns"] - before["cpu_ns"]
    if busy <= 0:
        raise NotHere("its thread did not run")
    return busy / received


def counted(stats):
    """Packets received and sent, over all ports, out of telemetry's answers."""
    ports = [json.loads(text)["/ethdev/stats"] for text in stats]
    if not ports:
        raise NotHere("telemetry names no port")
    return {
        "received": sum(port["ipackets"] for port in ports),
        "sent": sum(port["opackets"] for port in ports),
    }


def _connect(gateway, log):
    folder = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    path = f"{folder}/dpdk/{PREFIX}/dpdk_telemetry.v2"
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        _must_live(gateway, log)
        telemetry = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        telemetry.settimeout(START_SECONDS)
        try:
            telemetry.connect(path)
            # The file may be an earlier gateway's until this one has replaced it.
            if json.loads(telemetry.recv(1 << 16))["pid"] == gateway.pid:
                return telemetry
        except OSError:
            pass
        telemetry.close()
        time.sleep(0.1)
    raise NotHere("no telemetry socket")


def _ask(telemetry, question, gateway, log):
    try:
        telemetry.send(question.encode())
        return telemetry.recv(1 << 16).decode()
    except OSError:
        time.sleep(0.5)
        _must_live(gateway, log)
        raise NotHere("telemetry does not answer") from None


def _look(telemetry, gateway, log):
    ports = json.loads(_ask(telemetry, "/ethdev/list", gateway, log))["/ethdev/list"]
    # The thread's time on the CPU: others' turns on this core are not in it.
    thread = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/schedstat")
    stats = [_ask(telemetry, f"/ethdev/stats,{port}", gateway, log) for port in ports]
    return counted(stats) | {"cpu_ns": int(thread.read_text().split()[0])}


def _wait_for_packets(telemetry, gateway, log):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        ports = json.loads(_ask(telemetry, "/ethdev/list", gateway, log))["/ethdev/list"]
        stats = [_ask(telemetry, f"/ethdev/stats,{port}", gateway, log) for port in ports]
        if stats and counted(stats)["received"]:
            return
        time.sleep(0.1)
    raise NotHere(f"no packet came in within {START_SECONDS} s")


def _must_live(gateway, log):
    if gateway.poll() is not None:
        done = subprocess.CompletedProcess([], gateway.returncode, log.read_text(), "")
        raise NotHere(f"it ended with {gateway.returncode}: {reason(done)}")


def _stop(gateway):
    gateway.terminate()
    try:
        gateway.wait(10)
    except subprocess.TimeoutExpired:
        gateway.kill()
        gateway.wait()
