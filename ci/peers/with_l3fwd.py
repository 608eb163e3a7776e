"""DPDK's l3fwd: the plain forward."""

import dpdk
import packets
from bench import ROOT, SIZES, Row, Step

NAME = "l3fwd"
ROWS = {
    "l3fwd": Row(
        "forward",
        "DPDK l3fwd, longest-prefix match in 400 routes",
        "It reads the Ethernet header and writes one; it takes a buffer from the pool for every "
        "packet, copies the packet into it (`net_pcap` from memory) and gives it back; no NIC. "
        "It counts TTL and checksum down, but does not check the checksum, and has no security "
        "group and no flow table. Poll loop of 32 packets.",
    )
}
version = dpdk.version


def prepare(bench):
    dpdk.build(bench, "l3fwd", "main.c")
    for size in SIZES:
        packets.write(bench.path(f"{size}.eth.pcap"), packets.generate(size), packets.ETHERNET)
    rules = "".join(f"R{network} 0\n" for network in packets.routes())
    bench.path("l3fwd.routes").write_text(rules)
    bench.path("l3fwd.routes6").write_text("R2001:db8::/64 0\n")


def steps(bench):
    return [Step((("l3fwd", size),), lambda size=size: _turn(bench, size)) for size in SIZES]


def _turn(bench, size):
    folder = bench.folder.relative_to(ROOT)
    feed = dpdk.fed_by(0, bench.path(f"{size}.eth.pcap"))
    command = [f"{folder}/dpdk/l3fwd/build/l3fwd", *dpdk.eal(bench, 512, feed), "--", "-p", "1"]
    command += ["--config", f"(0,0,{bench.core})", "--lookup=lpm", "--parse-ptype"]
    command += [f"--rule_ipv4={folder}/l3fwd.routes", f"--rule_ipv6={folder}/l3fwd.routes6"]
    return {("l3fwd", size): dpdk.sample(bench, command)}
