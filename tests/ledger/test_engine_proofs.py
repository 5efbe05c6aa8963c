"""What every engine proves to who knows only the genesis."""

import itertools
from dataclasses import replace

import pytest

from ledger.errors import (
    ProofInvalid,
    ProofUnavailable,
)
from ledger.proofs import LedgerProof, LightClient
from tests.ledger.running import Running


def test_every_entry_is_proved_to_who_knows_only_the_genesis(running: Running) -> None:
    for _ in range(3):
        running.engine.submit(running.scene.sign(running.scene.request(), "saul"))
    entries = list(running.engine.entries())
    tip = running.engine.tip()
    assert tip is not None
    for entry in entries:
        proof = LedgerProof.from_bytes(bytes(running.engine.prove([entry.position])))
        assert proof.verify(LightClient(running.engine.genesis)) == (entry,)
        assert proof.final == tip
    together = running.engine.prove([entry.position for entry in reversed(entries)])
    assert together.verify(LightClient(running.engine.genesis)) == tuple(entries)


def test_one_client_takes_proofs_as_the_ledger_grows(running: Running) -> None:
    client = LightClient(running.engine.genesis)
    entries = list(running.engine.entries())
    early = running.engine.prove([3])
    assert early.verify(client) == (entries[3],)
    for _ in range(5):
        running.engine.submit(running.scene.sign(running.scene.request(), "saul"))
        assert running.engine.prove([3, 5]).verify(client) == (entries[3], entries[5])
    assert early.verify(LightClient(running.engine.genesis)) == (entries[3],)
    assert client.trusted == running.engine.tip()


def test_proof_shows_no_other_entry(running: Running) -> None:
    proof = running.engine.prove([2, 3])
    first, second = proof.entries
    for entries in ((replace(first, time=first.time + 1),), (replace(first, transaction=second.transaction),)):
        with pytest.raises(ProofInvalid):
            replace(proof, entries=entries).verify(LightClient(running.engine.genesis))


@pytest.mark.parametrize("positions", [[], [-1], [0, 1_000], [2**62]])
def test_no_proof_of_what_is_not_there(running: Running, positions: list[int]) -> None:
    with pytest.raises(ProofUnavailable) as caught:
        running.engine.prove(positions)
    assert caught.value.code == "proof-unavailable"


def test_blocks_link_and_hold_the_entries(running: Running) -> None:
    for _ in range(3):
        running.engine.submit(running.scene.sign(running.scene.request(), "saul"))
    blocks = list(running.engine.blocks())
    assert [block.header.height for block in blocks] == list(range(1, running.engine.view().height + 1))
    assert [entry for block in blocks for entry in block.entries] == list(running.engine.entries())
    assert blocks[0].header.previous == running.engine.genesis.digest
    for before, after in itertools.pairwise(blocks):
        assert after.header.previous == before.header.digest
    for start in range(1, len(blocks) + 3):
        assert list(running.engine.blocks(start)) == blocks[start - 1 :]
    assert blocks[-1].header == getattr(running.engine.tip(), "header", None)
