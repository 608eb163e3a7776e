"""Opens every packet of every cipher with scapy's ESP, which is Python over OpenSSL."""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation

from sent import FRAMINGS as FRAMINGS_OF_ESP
from sent import Wrong, tampered

NAME = "scapy"
# All of them must be there to be opened.
FRAMINGS = set(FRAMINGS_OF_ESP)
AEADS = {
    "aes-128-gcm": "AES-GCM",
    "aes-192-gcm": "AES-GCM",
    "aes-256-gcm": "AES-GCM",
    "aes-256-gmac": "AES-NULL-GMAC",
    "chacha20-poly1305": "CHACHA20-POLY1305",
}
ENCRYPTIONS = {
    "aes-128-cbc": "AES-CBC",
    "aes-256-cbc": "AES-CBC",
    "3des-cbc": "3DES",
    "null": "NULL",
}
INTEGRITIES = {"hmac-sha-256-128": "SHA2-256-128", "hmac-sha-1-96": "HMAC-SHA1-96"}
OUTER = {4: IP, 6: IPv6}
# Packets that a worker opens at a time.
PIECE = 500

# Only the outer headers are taken apart: what is inside is compared as bytes.
for header in (IP, IPv6):
    known = (IP, IPv6, UDP, ESP)
    header.payload_guess = [guess for guess in header.payload_guess if guess[1] in known]
UDP.payload_guess = [guess for guess in UDP.payload_guess if guess[1] is ESP]


def association(sent):
    """The SA of a tunnel, for receiving."""
    if sent.algorithm in AEADS:
        algorithms = {"crypt_algo": AEADS[sent.algorithm], "crypt_key": sent.key + sent.salt}
    else:
        encryption, integrity = sent.algorithm.split("+")
        algorithms = {
            "crypt_algo": ENCRYPTIONS[encryption],
            "crypt_key": sent.key,
            "auth_algo": INTEGRITIES[integrity],
            "auth_key": sent.integrity_key,
        }
    return SecurityAssociation(
        ESP,
        spi=sent.spi,
        **algorithms,
        tunnel_header=OUTER[sent.version](src=sent.source, dst=sent.destination),
        nat_t_header=UDP(sport=4500, dport=4500) if sent.in_udp else None,
        esn_en=sent.extended,
    )


def knows(_):
    """All of ESP."""
    return True


def dissect(outer):
    """A sent packet, its outer headers taken apart."""
    return OUTER[outer[0] >> 4](outer)


def open_packet(sa, outer):
    """The packet inside. Raises IPSecIntegrityError where the ICV is wrong."""
    return bytes(sa.decrypt(dissect(outer)))


def check(sent):
    """Every packet of a tunnel is opened and equals what entered it; returns their number."""
    starts = range(0, len(sent.outer), PIECE)
    pieces = [
        replace(sent, outer=sent.outer[at : at + PIECE], inner=sent.inner[at : at + PIECE])
        for at in starts
    ]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        opened = sum(pool.map(_check_piece, pieces, starts))
    _refuses_tampered(sent)
    return opened


def _check_piece(sent, start):
    sa = association(sent)
    for position, (outer, inner) in enumerate(zip(sent.outer, sent.inner), start):
        where = f"{sent.name}: packet {position}"
        header = dissect(outer)
        length = header.len if header.version == 4 else header.plen + 40
        ends = (header.version, header.src, header.dst, length)
        if ends != (sent.version, sent.source, sent.destination, len(outer)):
            raise Wrong(f"{where} has an outer header that is not the tunnel's")
        if (UDP in header) != sent.in_udp or ESP not in header:
            raise Wrong(f"{where} has other headers around ESP than the tunnel")
        # RFC 4303, 3.3.3: the first packet of an SA has number 1.
        if header[ESP].seq != position + 1:
            raise Wrong(f"{where} has sequence number {header[ESP].seq}")
        try:
            same = open_packet(sa, outer) == inner
        except IPSecIntegrityError:
            raise Wrong(f"{where} has an ICV that scapy refuses") from None
        if not same:
            raise Wrong(f"{where}: what scapy finds inside is not what entered the tunnel")
    return len(sent.outer)


def _refuses_tampered(sent):
    sa = association(sent)
    for place, outer in tampered(sent).items():
        try:
            open_packet(sa, outer)
        except IPSecIntegrityError:
            continue
        raise Wrong(f"{sent.name}: scapy opened a packet with a bit of its {place} flipped")
