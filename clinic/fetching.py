"""Fetching blocks: ciphertext from the store, each checked against its place on the ledger before anybody opens it."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, cast

from clinic.requests import member_of
from clinic.site import Site
from cloud.errors import BlockNotFound
from ledger.records import AnchoredBlock
from ledger.state import State
from scheme import chain
from scheme.block import Block
from scheme.header import HeaderInvalid
from scheme.keys import VerifyingKey

MEMORY_BYTES = 1 << 20
"""Blocks up to this size are held in memory while they are opened, larger ones in a temporary file (ciphertext)."""
_THREADS = 8
_AHEAD = 16


@dataclass(frozen=True)
class FetchedBlock:
    """A block whose header is the anchored one and bears the hospital's signature."""

    anchored: AnchoredBlock
    block: Block

    def close(self) -> None:
        """Let go of the ciphertext."""
        self.block.source.close()


class _Anchored:
    """The locators that the ledger knows, as a container."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __contains__(self, locator: object) -> bool:
        return isinstance(locator, str) and self._state.block(locator) is not None


def fetch(site: Site, state: State, anchored: AnchoredBlock) -> FetchedBlock:
    """Fetch one block and check it.

    In order: 1. the store has it (``ChainGap``); 2. it is a whole block; 3. it is the one anchored in this place
    (``ChainReplay``, ``ChainFork``, ``ChainTampered``); 4. its scope and chapter are the anchored ones; 5. the
    hospital's signature, by the key that was enrolled when it was anchored. Raises also what the store raises.
    """
    source = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES))  # noqa: SIM115
    try:
        try:
            site.store.get(anchored.locator, source)
        except BlockNotFound:
            chain.check_place(None, chain=anchored.chain, index=anchored.index, locator=anchored.locator, known=())
        block = Block.open(source)
        chain.check_place(
            block.header, chain=anchored.chain, index=anchored.index, locator=anchored.locator, known=_Anchored(state)
        )
        context = block.header.chapter.context
        if (context.scope, context.chapter) != (anchored.scope, anchored.chapter):
            raise HeaderInvalid(
                "a block's header names another scope or chapter than the ledger; its hospital deceived"
            )
        block.header.verify(VerifyingKey(member_of(state, anchored.hospital).keys.verifying))
    except BaseException:
        source.close()
        raise
    return FetchedBlock(anchored, block)


def fetch_all(
    site: Site, state: State, blocks: Iterable[AnchoredBlock], *, keep: bool = False
) -> Iterator[FetchedBlock]:
    """Fetch blocks in order, a few ahead in parallel; each is closed when the next is asked for, unless to ``keep``."""
    with ThreadPoolExecutor(min(_THREADS, site.store.properties.max_connections)) as pool:
        running: deque[Future[FetchedBlock]] = deque()
        pending = iter(blocks)
        try:
            while True:
                while len(running) < _AHEAD and (following := next(pending, None)) is not None:
                    running.append(pool.submit(fetch, site, state, following))
                if not running:
                    return
                fetched = running.popleft().result()
                try:
                    yield fetched
                finally:
                    if not keep:
                        fetched.close()
        finally:
            for future in running:
                if not future.cancel() and future.exception() is None:
                    future.result().close()
