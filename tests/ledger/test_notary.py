"""The notary between two real ledgers: what it anchors, what it refuses, and what anyone can check afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ledger.bodies import AnchorChild, Role
from ledger.delegate import Delegate
from ledger.engine import Reader, View
from ledger.engines.embedded import EmbeddedEngine
from ledger.entry import Entry
from ledger.errors import LedgerError, NotAnchored, ProofInvalid
from ledger.finality import FinalHeader, LightClient
from ledger.genesis import Genesis
from ledger.header import LedgerHeader
from ledger.notary import Notary, anchor_positions, check_anchored, external_chain
from ledger.proofs import LedgerProof
from ledger.records import ChildHead
from ledger.refusals import ChildForked
from ledger.registry import Body
from ledger.transactions import sign
from ledger.validate import LedgerBlock
from tests.ledger.scene import AUTHORITY, AUTHORITY_KEY, FOUNDERS, START, enrolment, genesis, ident, signing_key

NORTH = ident("north")


def clock() -> int:
    return START + 60


def delegates() -> list[Delegate]:
    return [Delegate(ident(name), signing_key(name)) for name in FOUNDERS]


@dataclass
class TwoLevels:
    """A consortium with hospitals and two notaries, and north's own ledger with an epoch every four blocks."""

    folder: Path
    closing: ExitStack
    copies: int = 0
    consortium: EmbeddedEngine = field(init=False)
    child: EmbeddedEngine = field(init=False)

    def __post_init__(self) -> None:
        self.consortium = self._ledger("consortium", 1000)
        self.child = self._ledger("child", 4)
        members = {"north": Role.HOSPITAL, "south": Role.HOSPITAL, "nora": Role.NOTARY, "nils": Role.NOTARY}
        for name, role in members.items():
            self.submit(self.consortium, enrolment(name, role))
        self.grow(self.child, 1)

    @property
    def ledger(self) -> str:
        return self.child.genesis.digest

    def _ledger(self, name: str, epoch_blocks: int) -> EmbeddedEngine:
        start = replace(genesis(epoch_blocks=epoch_blocks), unique=ident(name))
        engine = EmbeddedEngine.create(self.folder / name, start, delegates=delegates(), clock=clock)
        self.closing.callback(engine.close)
        return engine

    def submit(self, engine: EmbeddedEngine, body: Body) -> None:
        engine.submit(sign(body, signer_id=AUTHORITY, key=AUTHORITY_KEY, ledger=engine.genesis.digest, time=clock()))

    def grow(self, child: EmbeddedEngine, blocks: int, course: str = "") -> None:
        """Ledger blocks of one enrolment each; another ``course`` enrols others."""
        for _ in range(blocks):
            self.submit(child, enrolment(f"proxy {course}{child.view().height}", Role.PROXY))

    def copy(self) -> EmbeddedEngine:
        """A copy of north's ledger as it is now, with delegates who sign whatever follows on it."""
        self.copies += 1
        path = self.folder / f"copy {self.copies}"
        EmbeddedEngine.copy(self.folder / "child", path)
        engine = EmbeddedEngine.open(path, clock=clock)
        engine.seat(delegates())
        self.closing.callback(engine.close)
        return engine

    def anchor(self, child: Reader | None = None, by: Notary | None = None) -> AnchorChild:
        notary = by or Notary(ident("nora"), signing_key("nora"))
        receipt = notary.anchor(child or self.child, self.ledger, NORTH, self.consortium, clock)
        body = next(self.consortium.entries(receipt.position)).transaction.body
        assert isinstance(body, AnchorChild)
        return body

    def refusal(self, child: Reader, by: Notary | None = None) -> str:
        before = self.consortium.view().head
        try:
            self.anchor(child, by)
        except LedgerError as error:
            assert self.consortium.view().head == before
            return error.code
        raise AssertionError("anchored")

    def header(self, height: int) -> LedgerHeader:
        return next(self.child.blocks(height)).header


@pytest.fixture
def levels(tmp_path: Path) -> Iterator[TwoLevels]:
    with ExitStack() as closing:
        yield TwoLevels(tmp_path, closing)


def test_heads_are_anchored_across_epochs_and_notaries(levels: TwoLevels) -> None:
    nora, nils = (Notary(ident(name), signing_key(name)) for name in ("nora", "nils"))
    anchored = [levels.anchor(by=nora)]
    for notary, more in ((nora, 2), (nils, 6), (nora, 1)):
        levels.grow(levels.child, more)
        anchored.append(levels.anchor(by=notary))
    newest = levels.child.tip()
    assert newest is not None
    assert [body.previous for body in anchored] == [levels.ledger, *(body.external for body in anchored[:-1])]
    assert [levels.header(body.height).digest for body in anchored] == [body.internal for body in anchored]
    state = levels.consortium.view().state
    head = state.child(levels.ledger)
    assert head is not None
    assert (head.hospital, head.notary, head.height, head.internal) == (
        NORTH, ident("nora"), newest.header.height, newest.header.digest,
    )  # fmt: skip
    assert [each.external for each in state.child_heads(levels.ledger)] == [body.external for body in anchored]


def test_head_without_news_is_not_anchored_again(levels: TwoLevels) -> None:
    levels.anchor()
    assert levels.refusal(levels.child) == "child-head-old"


def test_ledger_that_went_back_is_refused(levels: TwoLevels) -> None:
    old = levels.copy()
    levels.grow(levels.child, 2)
    nora = Notary(ident("nora"), signing_key("nora"))
    levels.anchor(by=nora)
    assert levels.refusal(old) == levels.refusal(old, by=nora) == "child-head-old"


@pytest.mark.parametrize("more", [1, 2, 6], ids=["lower", "same height", "higher"])
def test_forked_ledger_is_refused_though_its_delegates_signed_both(levels: TwoLevels, more: int) -> None:
    fork = levels.copy()
    levels.grow(levels.child, 2)
    levels.anchor()
    levels.grow(fork, more, course="other ")
    assert fork.verify().height == 1 + more
    assert levels.refusal(fork) == ("child-head-old" if more == 1 else "child-forked")
    levels.grow(levels.child, 1)
    levels.anchor()


def test_fork_below_the_anchored_head_is_found_after_both_grew(levels: TwoLevels) -> None:
    levels.anchor()
    fork = levels.copy()
    for course, engine in (("", levels.child), ("other ", fork)):
        levels.grow(engine, 5, course)
    nora = Notary(ident("nora"), signing_key("nora"))
    levels.anchor(by=nora)
    levels.grow(fork, 5, "other ")
    assert levels.refusal(fork) == levels.refusal(fork, by=nora) == "child-forked"
    levels.grow(levels.child, 1)
    levels.anchor(by=nora)


def test_notary_remembers_what_it_saw_and_did_not_anchor(levels: TwoLevels) -> None:
    levels.anchor()
    fork, nora = levels.copy(), Notary(ident("nora"), signing_key("nora"))
    levels.grow(levels.child, 2)
    nora.internal_head(levels.child, levels.ledger)
    levels.grow(fork, 1, "other ")
    assert levels.refusal(fork, by=nora) == "fork-offered"
    levels.grow(fork, 2, "other ")
    assert levels.refusal(fork, by=nora) == "child-forked"
    levels.grow(levels.child, 1)
    levels.anchor(by=nora)


def test_another_ledger_is_not_the_hospitals(levels: TwoLevels) -> None:
    assert levels.refusal(levels.consortium) == "other-ledger"


def test_empty_ledger_has_no_head(levels: TwoLevels) -> None:
    empty = levels._ledger("empty", 4)
    with pytest.raises(LedgerError, match="no such entry"):
        Notary(ident("nora"), signing_key("nora")).internal_head(empty, empty.genesis.digest)


def test_of_two_notaries_the_slower_is_told(levels: TwoLevels) -> None:
    class Slow(Notary):
        def internal_head(self, child: Reader, ledger: str, anchored: ChildHead | None = None) -> FinalHeader:
            found = super().internal_head(child, ledger, anchored)
            levels.grow(levels.child, 1)
            levels.anchor()
            levels.grow(levels.child, 1)
            return replace(found, header=levels.header(found.header.height + 2))

    with pytest.raises(LedgerError) as refused:
        levels.anchor(by=Slow(ident("nils"), signing_key("nils")))
    assert refused.value.code == "external-moved"


@dataclass
class Lying:
    """A hospital that proves one course of its ledger and shows the blocks of another."""

    proved: EmbeddedEngine
    shown: EmbeddedEngine

    @property
    def genesis(self) -> Genesis:
        return self.proved.genesis

    def view(self) -> View:
        return self.proved.view()

    def prove(self, positions: list[int]) -> LedgerProof:
        return self.proved.prove(positions)

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        return self.shown.blocks(start)


def test_blocks_must_lead_to_the_head_that_is_proved(levels: TwoLevels) -> None:
    other = levels.copy()
    levels.grow(levels.child, 2)
    levels.grow(other, 2, "other ")
    lying: Reader = Lying(other, levels.child)  # type: ignore[assignment]
    assert levels.refusal(lying) == "child-forked"
    levels.anchor()
    levels.grow(other, 3, "other ")
    levels.grow(levels.child, 3)
    assert levels.refusal(lying) == "child-forked"


def test_ledger_may_grow_while_its_head_is_checked(levels: TwoLevels) -> None:
    class Growing(Lying):
        def prove(self, positions: list[int]) -> LedgerProof:
            proof = super().prove(positions)
            levels.grow(levels.child, 1)
            return proof

    growing: Reader = Growing(levels.child, levels.child)  # type: ignore[assignment]
    assert [levels.anchor(growing).height for _ in range(2)] == [1, 2]


def test_head_without_a_quorum_is_refused(levels: TwoLevels) -> None:
    class Unsigned(Lying):
        def prove(self, positions: list[int]) -> LedgerProof:
            proof = super().prove(positions)
            votes = proof.final.certificate.votes[:1]
            certificate = replace(proof.final.certificate, votes=votes)
            return replace(proof, final=replace(proof.final, certificate=certificate))

    unsigned: Reader = Unsigned(levels.child, levels.child)  # type: ignore[assignment]
    assert levels.refusal(unsigned) == "quorum-missing"


# What anyone can check


@pytest.fixture
def anchored(levels: TwoLevels) -> TwoLevels:
    levels.anchor()
    for _ in range(2):
        levels.grow(levels.child, 2)
        levels.anchor()
    return levels


def proven(levels: TwoLevels) -> tuple[Entry, ...]:
    """The anchoring entries, from their proof alone."""
    positions = anchor_positions(levels.consortium.view().state, levels.ledger)
    proof = LedgerProof.from_bytes(bytes(levels.consortium.prove(positions)))
    return proof.verify(LightClient(levels.consortium.genesis))


def test_anchored_head_is_shown_by_the_ledger_and_by_proofs(anchored: TwoLevels) -> None:
    for entries in (tuple(anchored.consortium.entries()), proven(anchored)):
        for height in (1, 3, 5):
            header = anchored.header(height)
            assert check_anchored(header, entries).internal == header.digest
        assert [body.height for body in external_chain(anchored.ledger, entries)] == [1, 3, 5]


def test_header_that_was_not_anchored_is_told_from_a_false_one(anchored: TwoLevels) -> None:
    entries = proven(anchored)
    with pytest.raises(NotAnchored):
        check_anchored(anchored.header(2), entries)
    with pytest.raises(ChildForked):
        check_anchored(replace(anchored.header(3), time=START), entries)
    with pytest.raises(NotAnchored):
        check_anchored(replace(anchored.header(3), ledger=anchored.consortium.genesis.digest), entries)


def test_left_out_or_reordered_anchors_are_no_chain(anchored: TwoLevels) -> None:
    first, second, third = proven(anchored)
    for wrong in ([first, third], [second, third], [second, first, third]):
        with pytest.raises(ProofInvalid):
            list(external_chain(anchored.ledger, wrong))
