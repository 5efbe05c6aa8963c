"""What the case ledger measures does what its rows say."""

from contextlib import closing
from itertools import islice

import pytest
from cryptography.exceptions import InvalidSignature

from benchmarks import bare, growth
from benchmarks.bare import JOURNALS, BareCommits
from benchmarks.cases import ledger
from benchmarks.cast import ENROLMENT_BLOCKS, HOSPITAL, Cast, require
from ledger.errors import LedgerError
from ledger.proofs import LedgerProof, LightClient
from ledger.transactions import SignedTransaction


@pytest.mark.parametrize("journal", JOURNALS)
def test_bare_commits_are_rows_in_the_journal_that_they_name(journal, tmp_path):
    with closing(BareCommits(tmp_path / "rows", journal)) as file:
        file.put([b"one", b"two", b"three"])
        assert file.count() == 3
        assert (tmp_path / "rows-wal").exists() == (journal == "WAL")


def test_the_bare_work_is_every_signature_of_transactions_and_votes(tmp_path):
    cast = Cast()
    with closing(cast.engine(tmp_path / "ledger.sqlite")) as engine:
        require(engine.submit_many(map(SignedTransaction.from_bytes, cast.requests(5))))
        (block,) = engine.blocks(ENROLMENT_BLOCKS + 1)
    work = bare.signatures_in(block, cast.verifying_keys(cast.seats))
    assert len(work) == 5 + len(block.certificate.votes) == 5 + cast.seats
    bare.verify(work)
    for place in (0, -1):
        key, signature, signed, data = work[place]
        with pytest.raises(InvalidSignature):
            bare.verify([(key, signature, signed + b" ", data)])


def test_anchorings_follow_each_other_and_are_admitted(tmp_path):
    cast = Cast(patients=("one", "another"))
    with closing(cast.engine(tmp_path / "ledger.sqlite")) as engine:
        for patient in cast.patients:
            for body in islice(cast.anchorings(patient, 3), 2):
                require(engine.submit_many([cast.signed(body, HOSPITAL)]))
        assert engine.verify().entries == engine.view().position + 1


def test_a_refusal_ends_the_measuring(tmp_path):
    cast = Cast()
    first, second = islice(cast.anchorings(cast.patients[0], 1), 2)
    with closing(cast.engine(tmp_path / "ledger.sqlite")) as engine, pytest.raises(LedgerError) as refused:
        require(engine.submit_many([cast.signed(body, HOSPITAL) for body in (second, first)]))
    assert refused.value.code == "head-moved"


def test_a_proof_leads_through_the_handovers_that_its_row_names(tmp_path):
    cast, proof = ledger._proof(tmp_path / "ledger.sqlite", seats=4, handovers=2)
    read = LedgerProof.from_bytes(proof)
    assert len(read.handovers) == 2
    (entry,) = read.verify(LightClient(cast.genesis))
    assert entry.position == read.final.header.size - 1


def test_each_step_of_growth_is_measured_by_itself(tmp_path):
    ballast = bytearray(b"x" * (300 << 20))
    for name in growth.STEPS:
        step = growth.run(name, tmp_path, 2000)
        assert step.entries > 2000
        assert 20 << 20 < step.peak_bytes < 200 << 20  # not with what this process holds
        assert len(step.samples) == (1 if name == "open" else 2)
        assert len(step.bare) == (2 if name in {"follow", "verify"} else 0)
        if name in {"append", "verify"}:
            assert sum(amount for _, _, amount in step.samples) == pytest.approx(2000, abs=30)
        assert step.file_bytes > 2000 * 300
    assert len(ballast) == 300 << 20
