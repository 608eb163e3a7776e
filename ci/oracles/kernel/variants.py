"""What the kernel is asked to speak: our cases, and the same in `ip xfrm state`'s words."""

import hashlib
from dataclasses import dataclass

# Addresses of the tunnel, as `tunneltax verify --write` writes it.
NEAR, FAR = "192.0.2.1", "192.0.2.2"
ANSWERS_SPI = 0x5EED_0001
SALT_BYTES = 4


@dataclass(frozen=True)
class Sa:
    """One direction of a tunnel."""

    spi: int
    key: bytes
    salt: bytes
    integrity_key: bytes

    @staticmethod
    def of_answers(variant):
        """The kernel's own direction: other keys than ours, the same every time."""
        stream = hashlib.shake_256(variant.case.encode()).digest(128)
        key, rest = stream[: variant.key_bytes], stream[variant.key_bytes :]
        salt = rest[:SALT_BYTES] if variant.aead else b""
        return Sa(ANSWERS_SPI, key, salt, rest[: variant.integrity_bytes])


@dataclass(frozen=True)
class Variant:
    """A case, and the kernel's names for it."""

    case: str
    algorithm: str
    key_bytes: int
    # The kernel's AEAD, or its integrity and encryption.
    aead: str = ""
    integrity: str = ""
    integrity_bytes: int = 0
    encryption: str = ""
    icv_bits: int = 128
    extended: bool = False

    def state(self, source, destination, sa):
        """The command that adds an SA."""
        window = "replay-window 64" + (" flag esn" if self.extended else "")
        if self.aead:
            words = f"aead '{self.aead}' 0x{(sa.key + sa.salt).hex()} {self.icv_bits}"
        else:
            words = f"auth-trunc '{self.integrity}' 0x{sa.integrity_key.hex()} {self.icv_bits}"
            words += f" enc '{self.encryption}' 0x{sa.key.hex()}"
        return (
            f"/sbin/ip xfrm state add src {source} dst {destination} proto esp"
            f" spi 0x{sa.spi:08x} reqid 1 mode tunnel {window} {words}"
        )


VARIANTS = (
    Variant("esp/aes-256-gcm@ring", "aes-256-gcm", 32, aead="rfc4106(gcm(aes))"),
    Variant(
        "esp/chacha20-poly1305@ring",
        "chacha20-poly1305",
        32,
        aead="rfc7539esp(chacha20,poly1305)",
    ),
    Variant(
        "esp+esn/aes-256-gcm@ring",
        "aes-256-gcm",
        32,
        aead="rfc4106(gcm(aes))",
        extended=True,
    ),
    Variant(
        "esp/aes-256-cbc+hmac-sha-256-128@rustcrypto",
        "aes-256-cbc+hmac-sha-256-128",
        32,
        integrity="hmac(sha256)",
        integrity_bytes=32,
        encryption="cbc(aes)",
    ),
)
