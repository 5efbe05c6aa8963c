"""A patient's chain at one hospital: headers linked by plain SHA-256, from a genesis bound to the chain's id."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from scheme.errors import SchemeError
from scheme.hashing import Tag, tagged_hash
from scheme.header import CHAIN_ID_SIZE, BlockHeader


class ChainInvalid(SchemeError):
    """Root of what can be wrong with a chain."""

    code = "chain-invalid"


class ChainGap(ChainInvalid):
    """A block is missing: withheld, deleted or not yet uploaded."""

    code = "chain-gap"


class ChainFork(ChainInvalid):
    """Two different blocks claim one place in a chain."""

    code = "chain-fork"


class ChainReplay(ChainInvalid):
    """A genuine block, but one of another place or time, was handed out instead of the one asked for."""

    code = "chain-replay"


class ChainTampered(ChainInvalid):
    """A header that is not the anchored one and not linked to its predecessor."""

    code = "chain-tampered"


def genesis(chain: str) -> str:
    """The ``previous`` of a chain's first block: 32 bytes in hex, bound to the chain's id."""
    return tagged_hash(Tag.CHAIN_GENESIS, bytes.fromhex(chain)).hex()


def chain_id(patient: str, hospital: str) -> str:
    """Id of the one chain of a patient at a hospital (both member ids): 16 bytes in hex.

    Derived, so that two authors who begin it at the same moment begin the same chain.
    """
    return tagged_hash(Tag.CHAIN_ID, bytes.fromhex(patient), bytes.fromhex(hospital))[:CHAIN_ID_SIZE].hex()


def check_place(header: BlockHeader | None, *, chain: str, index: int, locator: str, known: Container[str]) -> None:
    """Compare the header that a store gave for one place with the ``locator`` the ledger anchored there.

    In order: 1. there is a header (``ChainGap``); 2. it is the anchored one (``ChainReplay`` when it is one of the
    ``known`` locators, ``ChainFork`` when it claims the same place, else ``ChainTampered``); 3. it belongs to this
    chain and index (``ChainTampered``).
    """
    if header is None:
        raise ChainGap(f"block {index} of chain {chain} is missing from the store; try another mirror or repair it")
    found = header.locator
    in_place = (header.chapter.context.chain, header.index) == (chain, index)
    if found != locator:
        if found in known:
            raise ChainReplay(f"the store answered with another block in place of block {index} of chain {chain}")
        if in_place:
            raise ChainFork(f"the store holds a second block {index} of chain {chain}, which the ledger does not know")
        raise ChainTampered(f"block {index} of chain {chain} is not the one that was anchored on the ledger")
    if not in_place:
        raise ChainTampered(f"block {index} of chain {chain} is anchored, but says that it belongs elsewhere")


def check(anchored: Sequence[str], headers: Iterable[BlockHeader | None], chain: str) -> None:
    """Walk a whole chain: every place as ``check_place``, and every header names the one before it.

    ``anchored`` are the ledger's locators in order, ``headers`` what the store gave for them.
    """
    known = frozenset(anchored)
    previous = genesis(chain)
    count = 0
    for index, (locator, header) in enumerate(zip(anchored, headers, strict=False)):
        check_place(header, chain=chain, index=index, locator=locator, known=known)
        if header is not None and header.previous != previous:
            raise ChainTampered(f"block {index} of chain {chain} is not linked to the block before it")
        previous = locator
        count += 1
    if count < len(anchored):
        raise ChainGap(f"the store gave {count} of {len(anchored)} blocks of chain {chain}")
