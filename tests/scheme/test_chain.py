"""Each thing that can be wrong with a chain has a class of its own."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from scheme import chain
from scheme.chain import ChainFork, ChainGap, ChainReplay, ChainTampered
from scheme.header import BlockHeader
from tests.scheme.scene import CHAIN, HOSPITAL, HOSPITAL_ID, PATIENT_ID, make

LENGTH = 5


def linked(count: int, start: BlockHeader | None = None) -> list[BlockHeader]:
    first = start or make().verified.header
    headers: list[BlockHeader] = []
    previous = chain.genesis(CHAIN)
    for index in range(count):
        header = dataclasses.replace(first, index=index, previous=previous).sign(HOSPITAL)
        headers.append(header)
        previous = header.locator
    return headers


@pytest.fixture(scope="module")
def headers() -> list[BlockHeader]:
    return linked(LENGTH)


@pytest.fixture(scope="module")
def anchored(headers: list[BlockHeader]) -> list[str]:
    return [header.locator for header in headers]


def test_a_sound_chain_passes(headers: list[BlockHeader], anchored: list[str]) -> None:
    chain.check(anchored, headers, CHAIN)
    chain.check([], [], CHAIN)


def test_genesis_and_id_are_those_of_the_document() -> None:
    def tagged(tag: bytes, *parts: bytes) -> bytes:
        prefix = hashlib.sha256(b"chartseal/1/" + tag).digest() * 2
        return hashlib.sha256(prefix + b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()

    assert chain.genesis(CHAIN) == tagged(b"chain-genesis", bytes.fromhex(CHAIN)).hex()
    parts = bytes.fromhex(PATIENT_ID), bytes.fromhex(HOSPITAL_ID)
    assert chain.chain_id(PATIENT_ID, HOSPITAL_ID) == tagged(b"chain-id", *parts)[:16].hex()
    assert chain.chain_id(HOSPITAL_ID, PATIENT_ID) != CHAIN
    assert chain.genesis(CHAIN) != chain.genesis("00" * 16)


@pytest.mark.parametrize("place", range(LENGTH))
def test_a_missing_block_is_a_gap(headers: list[BlockHeader], anchored: list[str], place: int) -> None:
    holed: list[BlockHeader | None] = list(headers)
    holed[place] = None
    with pytest.raises(ChainGap):
        chain.check(anchored, holed, CHAIN)


@pytest.mark.parametrize("count", range(LENGTH))
def test_a_chain_that_ends_early_is_a_gap(headers: list[BlockHeader], anchored: list[str], count: int) -> None:
    with pytest.raises(ChainGap):
        chain.check(anchored, headers[:count], CHAIN)


@pytest.mark.parametrize("place", range(LENGTH))
def test_a_second_block_in_one_place_is_a_fork(headers: list[BlockHeader], anchored: list[str], place: int) -> None:
    other = list(headers)
    other[place] = dataclasses.replace(headers[place], nonce=bytes(32)).sign(HOSPITAL)
    with pytest.raises(ChainFork):
        chain.check(anchored, other, CHAIN)


@pytest.mark.parametrize(("place", "given"), [(0, 1), (1, 0), (4, 3), (2, 4)])
def test_another_anchored_block_is_a_replay(
    headers: list[BlockHeader], anchored: list[str], place: int, given: int
) -> None:
    other = list(headers)
    other[place] = headers[given]
    with pytest.raises(ChainReplay):
        chain.check(anchored, other, CHAIN)


def test_a_block_of_another_chain_is_a_replay_when_it_is_known(headers: list[BlockHeader]) -> None:
    foreign = dataclasses.replace(
        headers[0],
        chapter=dataclasses.replace(
            headers[0].chapter, context=dataclasses.replace(headers[0].chapter.context, chain="00" * 16)
        ),
    ).sign(HOSPITAL)
    place = {"chain": CHAIN, "index": 0, "locator": headers[0].locator}
    with pytest.raises(ChainReplay):
        chain.check_place(foreign, **place, known={foreign.locator})
    with pytest.raises(ChainTampered):
        chain.check_place(foreign, **place, known={headers[0].locator})


def test_an_unknown_block_of_another_place_is_tampering(headers: list[BlockHeader], anchored: list[str]) -> None:
    other = list(headers)
    other[2] = dataclasses.replace(headers[2], index=7).sign(HOSPITAL)
    with pytest.raises(ChainTampered):
        chain.check(anchored, other, CHAIN)


def test_an_anchored_block_that_says_another_place_is_tampering(headers: list[BlockHeader]) -> None:
    """Its locator is the ledger's, so its hospital made it so."""
    with pytest.raises(ChainTampered):
        chain.check_place(headers[2], chain=CHAIN, index=3, locator=headers[2].locator, known=())
    with pytest.raises(ChainTampered):
        chain.check_place(headers[2], chain="00" * 16, index=2, locator=headers[2].locator, known=())


@pytest.mark.parametrize("place", range(LENGTH))
def test_an_anchored_block_that_is_not_linked_is_tampering(headers: list[BlockHeader], place: int) -> None:
    other = list(headers)
    other[place] = dataclasses.replace(headers[place], previous="00" * 32).sign(HOSPITAL)
    with pytest.raises(ChainTampered):
        chain.check([header.locator for header in other], other, CHAIN)


def test_a_chain_that_begins_elsewhere_is_tampering(headers: list[BlockHeader]) -> None:
    with pytest.raises(ChainTampered):
        chain.check([headers[1].locator], [headers[1]], CHAIN)


def test_two_blocks_exchanged_are_a_replay(headers: list[BlockHeader], anchored: list[str]) -> None:
    with pytest.raises(ChainReplay):
        chain.check(anchored, [headers[1], headers[0], *headers[2:]], CHAIN)


def test_codes_are_stable() -> None:
    codes = [kind.code for kind in (ChainGap, ChainFork, ChainReplay, ChainTampered, chain.ChainInvalid)]
    assert codes == ["chain-gap", "chain-fork", "chain-replay", "chain-tampered", "chain-invalid"]
