"""DPDK's ipsec-secgw: an ESP gateway, one SA, either direction.

What it takes in was sealed by `tunneltax verify --write`, under keys that it is given: a packet
that it could not open would be missing among those that it sends.
"""

import json

import dpdk
import packets
from bench import ROOT, SIZES, Row, Step

NAME = "ipsec-secgw"
_BOTH = (
    "Copies, buffers and ports as l3fwd; a policy look-up (ACL), a route look-up and a crypto "
    "device's queue for every packet; one SA, one policy and two routes. No IPv4 checksum is checked, "
    "no security group. Poll loop of 32 packets. "
)
ROWS = {
    "secgw-null": Row(
        "framing", "DPDK ipsec-secgw outbound, NULL by crypto_null",
        _BOTH + "NULL goes through the crypto device; our `esp/none` calls no cipher, and leaves "
        "room for IV and ICV.",
    ),
    "secgw-gcm": Row(
        "esp-send", "DPDK ipsec-secgw outbound, AES-256-GCM by crypto_aesni_gcm", _BOTH,
    ),
    "secgw-gcm-mb": Row(
        "esp-send", "DPDK ipsec-secgw outbound, AES-256-GCM by crypto_aesni_mb", _BOTH,
    ),
    "secgw-gcm-library": Row(
        "esp-send", "DPDK ipsec-secgw outbound, AES-256-GCM by crypto_aesni_gcm, librte_ipsec (`-l`)",
        _BOTH + "An empty second port is polled, too: without it this path does not start.",
    ),
    "secgw-gcm-in": Row(
        "esp-receive", "DPDK ipsec-secgw inbound, AES-256-GCM by crypto_aesni_gcm",
        _BOTH + "It has no anti-replay window here, since the same 1,024 sealed packets come "
        "again and again; ours checks every packet's number.",
    ),
}  # fmt: skip
_CASE = "esp/aes-256-gcm@ring"
_SPI_OUT = 5
version = dpdk.version


def prepare(bench):
    dpdk.build(bench, "ipsec-secgw", "ipsec-secgw.c")
    for size in SIZES:
        inner = packets.generate(size)
        packets.write(bench.path(f"{size}.eth.pcap"), inner, packets.ETHERNET)
        sa = _seal(bench, size, inner)
        key = sa["key"] + sa["salt"]
        key = ":".join(key[at : at + 2] for at in range(0, len(key), 2))
        spi = int(sa["spi"], 16)
        bench.path(f"secgw/{size}.gcm.cfg").write_text(
            configuration(spi, f"aead_algo aes-256-gcm aead_key {key}")
        )
        bench.path(f"secgw/{size}.null.cfg").write_text(
            configuration(spi, "cipher_algo null auth_algo null")
        )


def _seal(bench, size, inner):
    """Seals the packets with our program; the SA."""
    clear = packets.write(bench.path(f"secgw/{size}.pcap"), inner, packets.RAW)
    sealed = bench.subfolder(f"secgw/sealed-{size}")
    command = [bench.tunneltax, "verify", clear.relative_to(ROOT), "--case", "forward"]
    bench.run([*command, "--case", _CASE, "--write", sealed.relative_to(ROOT)])
    tunnels = json.loads((sealed / "tunnels.json").read_text())["sent"]
    sa = next(sent for sent in tunnels if sent["case"] == _CASE)
    packets.write(
        bench.path(f"{size}.esp.pcap"), packets.read(sealed / sa["file"]), packets.ETHERNET
    )
    return sa


def configuration(spi_in, algorithm):
    """Policies, SAs, routes and neighbours, in the example's language."""
    ends = "mode ipv4-tunnel src 192.0.2.1 dst 192.0.2.2"
    ports = "sport 0:65535 dport 0:65535"
    return "\n".join(
        [
            f"sp ipv4 out esp protect {_SPI_OUT} pri 1 dst {packets.NETWORK} {ports}",
            f"sp ipv4 in esp protect {spi_in} pri 1 dst {packets.NETWORK} {ports}",
            f"sa out {_SPI_OUT} {algorithm} {ends}",
            f"sa in {spi_in} {algorithm} {ends}",
            "rt ipv4 dst 192.0.2.2/32 port 1",
            f"rt ipv4 dst {packets.NETWORK} port 0",
            "neigh port 0 02:00:00:00:00:08",
            "neigh port 1 02:00:00:00:00:09",
            "",
        ]
    )


# Row → (crypto device, configuration, packets, the port that they come in by).
_TURNS = {
    "secgw-null": ("crypto_null", "null", "eth", 0),
    "secgw-gcm": ("crypto_aesni_gcm", "gcm", "eth", 0),
    "secgw-gcm-mb": ("crypto_aesni_mb", "gcm", "eth", 0),
    "secgw-gcm-library": ("crypto_aesni_gcm", "gcm", "eth", 0),
    "secgw-gcm-in": ("crypto_aesni_gcm", "gcm", "esp", 1),
}


def steps(bench):
    return [
        Step(((row, size),), lambda row=row, size=size: {(row, size): _turn(bench, row, size)})
        for row in _TURNS
        for size in SIZES
    ]


def _turn(bench, row, size):
    device, keys, framing, port = _TURNS[row]
    folder = bench.folder.relative_to(ROOT)
    # Ports are numbered as they are named here: 0 is the protected side, 1 the wire's.
    ports = ["net_null0,no-rx=1", "net_null1,no-rx=1"]
    ports[port] = dpdk.fed_by(port, bench.path(f"{size}.{framing}.pcap"))
    command = [f"{folder}/dpdk/ipsec-secgw/build/ipsec-secgw"]
    command += [*dpdk.eal(bench, 1024, *ports, device), "--", "-p", "3", "-u", "2"]
    # Our case carries what is longer than 1500 bytes when sealed; so must this one.
    command += ["--mtu", "1600", "-f", f"{folder}/secgw/{size}.{keys}.cfg"]
    queues = f"({port},0,{bench.core})"
    if row == "secgw-gcm-library":
        # Sessions are made only for directions that have a queue, and librte_ipsec wants both.
        command.append("-l")
        queues += f",({1 - port},0,{bench.core})"
    return dpdk.sample(bench, [*command, "--config", queues])
