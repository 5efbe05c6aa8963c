"""Genesis: what a ledger starts from. Its digest is the ledger's name; every transaction is signed for it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from ledger.errors import FieldInvalid, GenesisInvalid
from ledger.fields import Fields
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VERIFYING_KEY_SIZE

MAX_GENESIS_BYTES = 16_384
MAX_SEATS = 64
"""Most founders, and most delegates of an epoch."""
EPOCH_BLOCKS = 256
"""Default of how many ledger blocks an epoch has."""
MIN_EPOCH_BLOCKS = 4
MAX_EPOCH_BLOCKS = 1_000_000
MAX_CLOCK_SKEW_S = 300
"""Default of how far, in seconds, a signer's time may be from the entry's time."""
MAX_PERMITTED_SKEW_S = 86_400

_FORMAT = "chartseal-ledger"
_VERSION = 2
_FIELDS = frozenset(
    {
        "format", "version", "authority", "verifying", "created", "max_clock_skew_s", "founders", "seats",
        "epoch_blocks", "unique",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Founder:
    """A founding delegate: its id, and the Ed25519 key (32 bytes) that signs its votes."""

    delegate: str
    key: bytes

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"delegate", "key"}), what="founder")
        return cls(fields.identifier("delegate"), fields.key("key", VERIFYING_KEY_SIZE))

    def to_json(self) -> JsonObject:
        """As it stands in the genesis."""
        return {"delegate": self.delegate, "key": self.key.hex()}


@dataclass(frozen=True)
class Genesis:
    """The authority (member id, Ed25519 key of 32 bytes), the start in unix seconds, and the rules' parameters.

    ``founders`` sign ledger blocks until others are elected; an epoch has ``epoch_blocks`` ledger blocks and at most
    ``seats`` delegates.
    """

    authority: str
    verifying: bytes
    created: int
    max_clock_skew_s: int
    founders: tuple[Founder, ...]
    seats: int
    epoch_blocks: int
    unique: str

    @classmethod
    def create(
        cls,
        *,
        authority: str,
        verifying: bytes,
        created: int,
        founders: Sequence[Founder],
        seats: int | None = None,
        epoch_blocks: int = EPOCH_BLOCKS,
        max_clock_skew_s: int = MAX_CLOCK_SKEW_S,
    ) -> Self:
        """A new genesis, different from every other; as many ``seats`` as founders unless said otherwise.

        Raises ``GenesisInvalid``.
        """
        genesis = cls(
            authority=authority,
            verifying=verifying,
            created=created,
            max_clock_skew_s=max_clock_skew_s,
            founders=tuple(founders),
            seats=len(founders) if seats is None else seats,
            epoch_blocks=epoch_blocks,
            unique=secrets.token_hex(16),
        )
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
            founders = tuple(
                Founder.from_json(founder) for founder in fields.array("founders", minimum=1, maximum=MAX_SEATS)
            )
            if len({founder.delegate for founder in founders} | {fields.identifier("authority")}) <= len(founders):
                raise GenesisInvalid("the genesis names a founder twice, or the authority as one")
            if len({founder.key for founder in founders}) < len(founders):
                raise GenesisInvalid("two founders of the genesis have the same key")
            return cls(
                authority=fields.identifier("authority"),
                verifying=fields.key("verifying", VERIFYING_KEY_SIZE),
                created=fields.integer("created"),
                max_clock_skew_s=fields.integer("max_clock_skew_s", minimum=1, maximum=MAX_PERMITTED_SKEW_S),
                founders=founders,
                seats=fields.integer("seats", minimum=1, maximum=MAX_SEATS),
                epoch_blocks=fields.integer("epoch_blocks", minimum=MIN_EPOCH_BLOCKS, maximum=MAX_EPOCH_BLOCKS),
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
                "founders": [founder.to_json() for founder in self.founders],
                "seats": self.seats,
                "epoch_blocks": self.epoch_blocks,
                "unique": self.unique,
            }
        )

    @cached_property
    def digest(self) -> str:
        """Name of the ledger: 32 bytes in hex."""
        return tagged_hash(Tag.LEDGER_GENESIS, bytes(self)).hex()
