"""Selected blocks: their keys, sealed under a one-off scope that a grant then covers like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clinic.requests import new_id
from scheme import canonical, chunked, umbral
from scheme.canonical import JsonObject
from scheme.chapter import BlockKey, ChapterContext, ChapterKey
from scheme.keys import VerifyingKey
from scheme.scopes import scope_id
from scheme.umbral import Capsule, PublicKey


@dataclass(frozen=True)
class Selection:
    """The wrapped keys of selected blocks: a one-off scope and chapter whose capsule leads to them."""

    context: ChapterContext
    delegating_key: PublicKey
    capsule: Capsule
    blocks: frozenset[str]
    sealed_keys: bytes

    def to_json(self) -> JsonObject:
        """As the grant's letter carries it."""
        return {
            "chain": self.context.chain,
            "scope": self.context.scope,
            "hospital": self.context.hospital,
            "chapter": self.context.chapter,
            "key": bytes(self.delegating_key).hex(),
            "capsule": canonical.b64(bytes(self.capsule)),
            "blocks": sorted(self.blocks),
            "sealed_keys": canonical.b64(self.sealed_keys),
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Selection:
        """Inverse of ``to_json``. Raises ``EncodingInvalid``, ``KeyError``."""
        return cls(
            ChapterContext(value["chain"], value["scope"], value["hospital"], value["chapter"]),
            PublicKey(canonical.unhex(value["key"], what="a scope's key", size=33)),
            Capsule.from_bytes(canonical.unb64(value["capsule"], what="the capsule")),
            frozenset(value["blocks"]),
            canonical.unb64(value["sealed_keys"], what="the wrapped block keys"),
        )


def seal_selection(
    block_keys: Mapping[str, BlockKey], one_off_key: PublicKey, *, grant_id: str, signer: VerifyingKey
) -> Selection:
    """Seal block keys (by locator) under the one-off scope of a grant; ``signer`` is the patient's key."""
    context = ChapterContext(grant_id, scope_id(one_off_key), signer.key_id, new_id())
    capsule, kem_key = umbral.encapsulate(one_off_key, context.label)
    key = ChapterKey.from_kem(kem_key, context, capsule)
    value = {locator: canonical.b64(block_key.to_secret_bytes()) for locator, block_key in block_keys.items()}
    sealed = chunked.seal_bytes(key.to_secret_bytes(), context.label, canonical.dumps(value))
    return Selection(context, one_off_key, capsule, frozenset(value), sealed)


def selected_keys(selection: Selection, key: ChapterKey) -> dict[str, BlockKey]:
    """Block keys by locator, once the selection's one-off chapter is open. Secret. Raises ``Damaged``."""
    data = chunked.open_bytes(key.to_secret_bytes(), selection.context.label, selection.sealed_keys)
    value = canonical.loads(data, what="the selection")
    return {locator: BlockKey(canonical.unb64(text, what="a block key", size=32)) for locator, text in value.items()}
