"""An opened block: manifest verified, payloads ready to be written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clinic.errors import NotPermitted
from clinic.fetching import FetchedBlock
from ledger.records import AnchoredBlock
from ledger.state import State
from scheme.block import Block
from scheme.chapter import BlockKey
from scheme.keys import VerifyingKey
from scheme.manifest import Manifest, ManifestInvalid


@dataclass(frozen=True)
class KeyedBlock:
    """A block and the key that opens it. Secret."""

    anchored: AnchoredBlock
    key: BlockKey


@dataclass(frozen=True)
class OpenedBlock:
    """A block whose manifest was opened and bears its author's signature."""

    anchored: AnchoredBlock
    block: Block
    key: BlockKey
    manifest: Manifest


def open_block(state: State, fetched: FetchedBlock, key: BlockKey) -> OpenedBlock:
    """Open and verify the manifest: its author is the anchored one, with the key enrolled when it was anchored."""
    anchored = fetched.anchored
    verified = fetched.block.open_manifest(key, author_key(state, anchored))
    return OpenedBlock(anchored, fetched.block, key, verified.manifest)


def author_key(state: State, anchored: AnchoredBlock) -> Callable[[str], VerifyingKey]:
    """How a manifest's author is looked up: by ledger position, never by a date in the block."""

    def lookup(author_id: str) -> VerifyingKey:
        if author_id != anchored.author:
            raise ManifestInvalid("the manifest names another author than the ledger; do not trust the block")
        member = state.member(author_id)
        if member is None or not state.active_at(author_id, anchored.position):
            raise NotPermitted("the block's author was not an active member when it was anchored")
        return VerifyingKey(member.keys.verifying)

    return lookup
