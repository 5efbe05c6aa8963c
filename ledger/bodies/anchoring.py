"""AnchorBlocks and Withdraw: which blocks there are, in which chain and order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import msgspec

from ledger.fields import MAX_INTEGER, Fields
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
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]

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
            blocks=_plainly(blocks) or tuple(BlockAnchor.from_json(block) for block in blocks),
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


def _plainly(values: Sequence[Any]) -> tuple[BlockAnchor, ...] | None:
    """The blocks, if nothing is wrong with any; eight times as fast as one by one, which tells what is wrong."""
    try:
        blocks = msgspec.convert(values, tuple[BlockAnchor, ...])
        locators = [block.locator for block in blocks]
        ids = {block.scope for block in blocks} | {block.chapter for block in blocks}
        whole = all(len(value) == len(_BLOCK_FIELDS) for value in values)
        return blocks if whole and _are_hex(locators, 64) and _are_hex(ids, 32) else None
    except (msgspec.ValidationError, ValueError):
        return None


def _are_hex(texts: Collection[str], digits: int) -> bool:
    joined = "".join(texts)
    return all(len(text) == digits for text in texts) and bytes.fromhex(joined).hex() == joined


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
