"""Genesis: what a ledger starts from. Its digest is the ledger's name; every transaction is signed for it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from ledger.errors import FieldInvalid, GenesisInvalid
from ledger.fields import Fields
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VERIFYING_KEY_SIZE

MAX_GENESIS_BYTES = 4096
MAX_CLOCK_SKEW_S = 300
"""Default of how far, in seconds, a signer's time may be from the entry's time."""
MAX_PERMITTED_SKEW_S = 86_400

_FORMAT = "chartseal-ledger"
_VERSION = 1
_FIELDS = frozenset({"format", "version", "authority", "verifying", "created", "max_clock_skew_s", "unique"})


@dataclass(frozen=True)
class Genesis:
    """The authority (member id, Ed25519 key of 32 bytes), the start in unix seconds, and the rules' parameters."""

    authority: str
    verifying: bytes
    created: int
    max_clock_skew_s: int
    unique: str

    @classmethod
    def create(
        cls, *, authority: str, verifying: bytes, created: int, max_clock_skew_s: int = MAX_CLOCK_SKEW_S
    ) -> Self:
        """A new genesis, different from every other. Raises ``GenesisInvalid``."""
        genesis = cls(authority, verifying, created, max_clock_skew_s, secrets.token_hex(16))
        return cls.from_bytes(bytes(genesis))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Strict inverse of ``bytes``. Raises ``GenesisInvalid``."""
        if len(data) > MAX_GENESIS_BYTES:
            raise GenesisInvalid(f"a genesis has at most {MAX_GENESIS_BYTES} bytes")
        try:
            fields = Fields(canonical.loads(data, what="the genesis"), _FIELDS, what="the genesis")
            if fields.raw("format") != _FORMAT or fields.integer("version") != _VERSION:
                raise GenesisInvalid("this version does not know the genesis's format; upgrade to read this ledger")
            return cls(
                authority=fields.identifier("authority"),
                verifying=fields.key("verifying", VERIFYING_KEY_SIZE),
                created=fields.integer("created"),
                max_clock_skew_s=fields.integer("max_clock_skew_s", minimum=1, maximum=MAX_PERMITTED_SKEW_S),
                unique=fields.identifier("unique"),
            )
        except (EncodingInvalid, FieldInvalid) as error:
            raise GenesisInvalid(f"this is no genesis: {error}") from None

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "format": _FORMAT,
                "version": _VERSION,
                "authority": self.authority,
                "verifying": self.verifying.hex(),
                "created": self.created,
                "max_clock_skew_s": self.max_clock_skew_s,
                "unique": self.unique,
            }
        )

    @cached_property
    def digest(self) -> str:
        """Name of the ledger: 32 bytes in hex."""
        return tagged_hash(Tag.LEDGER_GENESIS, bytes(self)).hex()
