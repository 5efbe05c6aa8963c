"""Fetching blocks: ciphertext from the store, each checked against its place on the ledger before anybody opens it."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import BinaryIO, cast

from clinic.requests import member_of
from clinic.site import Site
from cloud.bulk import BulkStore
from cloud.errors import BlockNotFound
from ledger.records import AnchoredBlock
from ledger.state import State
from scheme import chain
from scheme.block import Block
from scheme.header import HeaderInvalid
from scheme.keys import VerifyingKey

MEMORY_BYTES = 1 << 20
"""Blocks up to this size are held in memory while they are opened, larger ones in a temporary file (ciphertext)."""
FETCH_THREADS = 8
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
    source = _new_file()
    try:
        site.store.get(anchored.locator, source)
    except BlockNotFound:
        source.close()
        return _checked(state, anchored, None)
    except BaseException:
        source.close()
        raise
    return _checked(state, anchored, source)


def _new_file() -> BinaryIO:
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES))


def _checked(state: State, anchored: AnchoredBlock, source: BinaryIO | None) -> FetchedBlock:
    """The checks of ``fetch``; ``source`` (``None``: the store does not have it) is closed when one fails."""
    with ExitStack() as opened:
        if source is None:
            chain.check_place(None, chain=anchored.chain, index=anchored.index, locator=anchored.locator, known=())
            raise AssertionError
        opened.callback(source.close)
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
        opened.pop_all()
    return FetchedBlock(anchored, block)


def fetch_all(
    site: Site, state: State, blocks: Iterable[AnchoredBlock], *, keep: bool = False
) -> Iterator[FetchedBlock]:
    """Fetch blocks in order; each is closed when the next is asked for, unless to ``keep``.

    In one stream where the store offers that, else a few ahead in parallel.
    """
    store = site.store
    arriving = _in_bulk(store, state, blocks) if isinstance(store, BulkStore) else _in_parallel(site, state, blocks)
    with closing(arriving):
        for fetched in arriving:
            try:
                yield fetched
            finally:
                if not keep:
                    fetched.close()


def _in_bulk(store: BulkStore, state: State, blocks: Iterable[AnchoredBlock]) -> Generator[FetchedBlock, None, None]:
    wanted = list(blocks)
    with closing(store.get_many([anchored.locator for anchored in wanted], _new_file)) as arriving:
        for anchored, (_, source) in zip(wanted, arriving, strict=True):
            yield _checked(state, anchored, source)


def _in_parallel(site: Site, state: State, blocks: Iterable[AnchoredBlock]) -> Generator[FetchedBlock, None, None]:
    with ThreadPoolExecutor(min(FETCH_THREADS, site.store.properties.max_connections)) as pool:
        running: deque[Future[FetchedBlock]] = deque()
        pending = iter(blocks)
        try:
            while True:
                while len(running) < _AHEAD and (following := next(pending, None)) is not None:
                    running.append(pool.submit(fetch, site, state, following))
                if not running:
                    return
                yield running.popleft().result()
        finally:
            for future in running:
                if not future.cancel() and future.exception() is None:
                    future.result().close()
