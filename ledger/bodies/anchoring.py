"""AnchorBlocks and Withdraw: which blocks there are, in which chain and order."""

from dataclasses import dataclass
from typing import Self

from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme.canonical import JsonObject

MAX_ANCHORED_BLOCKS = 4096
"""Most blocks that one transaction anchors."""

_BLOCK_FIELDS = frozenset({"locator", "scope", "chapter", "size"})
_ANCHOR_FIELDS = frozenset({"patient", "hospital", "author", "chain", "previous_head", "first_index", "blocks"})


@dataclass(frozen=True, slots=True)
class BlockAnchor:
    """One block: ``locator`` is its header digest (32 bytes in hex), ``size`` its zip in bytes."""

    locator: str
    scope: str
    chapter: str
    size: int

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, _BLOCK_FIELDS, what="block")
        return cls(
            locator=fields.digest("locator"),
            scope=fields.identifier("scope"),
            chapter=fields.identifier("chapter"),
            size=fields.integer("size"),
        )

    def to_json(self) -> JsonObject:
        """The block as it stands in an AnchorBlocks."""
        return {"locator": self.locator, "scope": self.scope, "chapter": self.chapter, "size": self.size}


@registered("anchor-blocks", 1)
@dataclass(frozen=True)
class AnchorBlocks(Body):
    """``hospital`` adds ``blocks`` of ``author``, in order, to ``patient``'s ``chain`` with it.

    Compare and set: ``previous_head`` is the locator of the chain's newest block (``None`` for a new chain) and
    ``first_index`` the index after it; somebody else's block in between makes the transaction ``head-moved``.
    """

    patient: str
    hospital: str
    author: str
    chain: str
    previous_head: str | None
    first_index: int
    blocks: tuple[BlockAnchor, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, _ANCHOR_FIELDS, what="anchor")
        blocks = fields.array("blocks", minimum=1, maximum=MAX_ANCHORED_BLOCKS)
        return cls(
            patient=fields.identifier("patient"),
            hospital=fields.identifier("hospital"),
            author=fields.identifier("author"),
            chain=fields.identifier("chain"),
            previous_head=fields.optional("previous_head", fields.digest),
            first_index=fields.integer("first_index"),
            blocks=tuple(BlockAnchor.from_json(block) for block in blocks),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "patient": self.patient,
            "hospital": self.hospital,
            "author": self.author,
            "chain": self.chain,
            "previous_head": self.previous_head,
            "first_index": self.first_index,
            "blocks": [block.to_json() for block in self.blocks],
        }


@registered("withdraw", 1)
@dataclass(frozen=True)
class Withdraw(Body):
    """The author or the hospital of ``block`` (a locator) withdraws it; ``reason_digest`` is salted."""

    patient: str
    block: str
    reason_digest: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"patient", "block", "reason_digest"}), what="withdraw")
        return cls(
            patient=fields.identifier("patient"),
            block=fields.digest("block"),
            reason_digest=fields.digest("reason_digest"),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"patient": self.patient, "block": self.block, "reason_digest": self.reason_digest}
