"""Ledger header: what the delegates sign of a ledger block. Each names the one before, back to the genesis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from ledger.errors import FieldInvalid, HeaderInvalid
from ledger.fields import Fields
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash

MAX_HEADER_BYTES = 4096


@dataclass(frozen=True)
class LedgerHeader:
    """Header of the ledger block at ``height`` (from 1), proposed by ``proposer`` in ``round`` (from 0) of ``epoch``.

    ``ledger`` is the genesis digest, ``previous`` that of the header before (the genesis digest at height 1), ``time``
    that of all the block's entries in unix seconds. ``size`` counts the entries up to this block's last and
    ``entries_root`` is the RFC 9162 root over their digests; ``state_root`` stands for what they add up to.
    ``delegates`` is the digest of the set that signs this block, ``next_delegates`` of the set that signs the next.
    Digests are 32 bytes in hex, ids 16.
    """

    ledger: str
    height: int
    round: int
    epoch: int
    time: int
    proposer: str
    previous: str
    size: int
    entries_root: str
    state_root: str
    delegates: str
    next_delegates: str

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Strict inverse of ``bytes``. Raises ``HeaderInvalid``."""
        if len(data) > MAX_HEADER_BYTES:
            raise HeaderInvalid(f"a ledger header has at most {MAX_HEADER_BYTES} bytes")
        try:
            fields = Fields(canonical.loads(data, what="the ledger header"), _FIELDS, what="the ledger header")
            return cls(
                ledger=fields.digest("ledger"),
                height=fields.integer("height", minimum=1),
                round=fields.integer("round"),
                epoch=fields.integer("epoch"),
                time=fields.integer("time"),
                proposer=fields.identifier("proposer"),
                previous=fields.digest("previous"),
                size=fields.integer("size"),
                entries_root=fields.digest("entries_root"),
                state_root=fields.digest("state_root"),
                delegates=fields.digest("delegates"),
                next_delegates=fields.digest("next_delegates"),
            )
        except (EncodingInvalid, FieldInvalid) as error:
            raise HeaderInvalid(f"this is no ledger header: {error}") from None

    def __bytes__(self) -> bytes:
        return self._wire

    @cached_property
    def _wire(self) -> bytes:
        return canonical.dumps({name: getattr(self, name) for name in _NAMES})

    @cached_property
    def digest(self) -> str:
        """Names this header and all before it: 32 bytes in hex."""
        return tagged_hash(Tag.LEDGER_HEADER, bytes(self)).hex()


_NAMES = tuple(LedgerHeader.__dataclass_fields__)
_FIELDS = frozenset(_NAMES)
