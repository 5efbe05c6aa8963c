"""Members, consent, families and delegates at once, in any order, by anybody: what always holds of the state."""

from collections import defaultdict
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.bodies import (
    Evidence,
    Extension,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    Reinstate,
    Remove,
    Revoke,
    Role,
    StandDown,
    Suspend,
    VoteForDelegate,
)
from ledger.delegate import Delegate
from ledger.election import HOSPITAL_WEIGHT, candidates, organisation_of, tally
from ledger.entry import Entry
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.registry import Body
from ledger.reputation import FULL_REPUTATION
from ledger.state import State
from ledger.votes import cast_vote
from tests.ledger.electorate import standing
from tests.ledger.scene import FOUNDERS, START, Scene, digest, enrolment, enrolments, genesis, ident, signing_key
from tests.ledger.test_header import HEADER

HOSPITALS = ("north", "south")
DOCTORS = ("dora", "saul", "dan")
PATIENTS = ("paula", "petra")
DELEGATES = (*FOUNDERS, *(f"{name}'s delegate" for name in (*HOSPITALS, *DOCTORS)))
WHO = st.sampled_from(["authority", *HOSPITALS, *DOCTORS, *PATIENTS, "nobody"])
READER = st.sampled_from([*DOCTORS, "petra", "south"])
AUTHORITY = st.sampled_from(["authority", "authority", "authority", "north", "paula"])
VOTER = st.sampled_from([*HOSPITALS, *DOCTORS, "paula"])
SCOPES = st.sampled_from(["laboratory", "imaging", "next"])
LASTS = st.none() | st.integers(-5, 300)
PICK = st.integers(0, 50)
OFTEN = st.sampled_from([True, True, True, False])
NAMES = {ident(name): name for name in (*HOSPITALS, *DOCTORS, *PATIENTS, *DELEGATES)}


def small_genesis() -> Genesis:
    return replace(genesis(epoch_blocks=4), seats=3)


class Whole(RuleBasedStateMachine):
    """Right and wrong transactions beside plain sets of who was granted what, and who is out."""

    @initialize()
    def begin(self) -> None:
        self.scene = Scene(State(small_genesis()))
        self.steps: list[tuple[int, int, list[Entry]]] = []
        self.out: set[str] = set()
        """Suspended or removed."""
        self.removed: set[str] = set()
        self.grants: dict[str, tuple[str, set[str], int | None]] = {}
        self.waiting: set[str] = set()
        self.ended: set[str] = set()
        self.chapters: dict[str, str] = {}
        self.released = 0
        names = {ident(name): name for name in HOSPITALS}
        for body in (*enrolments(), enrolment("dan", Role.DOCTOR, "north")):
            assert self.attempt(body, names.get(body.hospital or "", "authority"))
        assert self.attempt(self.scene.card(1, ("laboratory", "imaging")), "paula")
        for scope in ("laboratory", "imaging"):
            self.anchor(scope)
        for reader in ("saul", "petra"):
            self.grant("paula", True, reader, {"laboratory"}, None)

    def attempt(self, body: Body, by: str) -> bool:
        """Whether it is admitted, in a block of its own."""
        scene, state = self.scene, self.scene.state
        transaction = scene.sign(body, by)
        before = state.root, list(state.rows())
        try:
            state.check(transaction, time=scene.now)
        except LedgerError:
            assert (state.root, list(state.rows())) == before
            return False
        assert by not in self.out, "who is suspended or removed signs nothing"
        self.fold(0, [scene.entry(transaction)])
        return True

    def fold(self, number: int, entries: list[Entry]) -> None:
        state = self.scene.state
        self.steps.append((number, self.scene.now, entries))
        fold_block(state, number, self.scene.now, entries)

    # Time

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.scene.now += seconds

    @rule(number=st.integers(0, 5))
    def block_without_entries(self, number: int) -> None:
        self.fold(number, [])

    # Members

    @rule(by=AUTHORITY, who=st.sampled_from([*HOSPITALS, *DOCTORS, "petra"]))
    def suspend(self, by: str, who: str) -> None:
        if self.attempt(Suspend(ident(who), digest("reason")), by):
            assert by == "authority"
            assert who not in self.out
            self.out.add(who)

    @rule(by=AUTHORITY, pick=PICK)
    def reinstate(self, by: str, pick: int) -> None:
        if self.out:
            who = sorted(self.out)[pick % len(self.out)]
            if self.attempt(Reinstate(ident(who)), by):
                assert by == "authority"
                assert who not in self.removed
                self.out.discard(who)

    @rule(by=WHO, who=st.sampled_from(["dan", "south"]))
    def remove(self, by: str, who: str) -> None:
        if self.attempt(Remove(ident(who)), by):
            assert by in {"authority", "north"}
            assert by == "authority" or who == "dan"
            assert who not in self.removed
            self.out.add(who)
            self.removed.add(who)

    @rule(by=WHO, who=st.sampled_from(["dan", "nadia"]))
    def enrol(self, by: str, who: str) -> None:
        if self.attempt(enrolment(who, Role.DOCTOR, "north"), by):
            assert (by, who) == ("north", "nadia"), "a removed member does not come back"

    # Consent

    @rule(scope=SCOPES)
    def anchor(self, scope: str) -> None:
        body = self.scene.anchor(scope=scope)
        if self.attempt(body, "north"):
            assert "dora" not in self.out
            self.chapters[body.blocks[0].chapter] = ident(scope)

    @rule(by=WHO, right=OFTEN, reader=READER, scopes=st.sets(SCOPES, min_size=1), lasts=LASTS)
    def grant(self, by: str, right: bool, reader: str, scopes: set[str], lasts: int | None) -> None:
        until = None if lasts is None else self.scene.now + lasts
        body = self.scene.grant(delegatee=ident(reader), scopes=tuple(map(ident, scopes)), until=until)
        if self.attempt(body, "paula" if right else by):
            assert right or by == "paula"
            assert reader not in self.out
            self.grants[body.grant] = (reader, set(body.scopes), until)

    @rule(by=WHO, right=OFTEN, child=st.sampled_from(["petra", "petra", "dora"]), lasts=LASTS)
    def invite(self, by: str, right: bool, child: str, lasts: int | None) -> None:
        until = None if lasts is None else self.scene.now + lasts
        body = self.scene.grant(delegatee=ident(child), scopes=(ident("laboratory"),), until=until)
        if self.attempt(FamilyInvite(body), "paula" if right else by):
            assert child == "petra"
            self.grants[body.grant] = (child, set(body.scopes), until)
            self.waiting.add(body.grant)

    @rule(by=WHO, right=OFTEN, pick=PICK, ends=st.booleans())
    def answer_invitation(self, by: str, right: bool, pick: int, ends: bool) -> None:
        if self.grants:
            grant = sorted(self.grants)[pick % len(self.grants)]
            if self.attempt(FamilyEnd(grant) if ends else FamilyAccept(grant), "petra" if right else by):
                assert grant not in self.ended
                assert ends or grant in self.waiting
                self.waiting.discard(grant)
                self.ended |= {grant} if ends else set()

    @rule(by=WHO, right=OFTEN, pick=PICK, other=PICK)
    def revoke(self, by: str, right: bool, pick: int, other: int) -> None:
        if not self.grants:
            return
        ended, extended = (sorted(self.grants)[each % len(self.grants)] for each in (pick, other))
        extends = () if ended == extended else (Extension(extended, (ident("imaging"),)),)
        card = self.scene.state.key_card(ident("paula"))
        assert card is not None
        if self.attempt(Revoke(ended, self.scene.card(card.version + 1), extends), "paula" if right else by):
            assert right or by == "paula"
            assert ended not in self.ended
            self.ended.add(ended)
            if extends:
                self.grants[extended][1].add(ident("imaging"))

    @rule(by=WHO, right=OFTEN, pick=PICK, which=PICK)
    def release(self, by: str, right: bool, pick: int, which: int) -> None:
        if not self.grants or not self.chapters:
            return
        grant = sorted(self.grants)[pick % len(self.grants)]
        chapter = sorted(self.chapters)[which % len(self.chapters)]
        reader, scopes, until = self.grants[grant]
        by = reader if right else by
        may = (
            by == reader
            and reader not in self.out
            and grant not in self.ended
            and grant not in self.waiting
            and (until is None or self.scene.now < until)
            and self.chapters[chapter] in scopes
        )
        assert self.attempt(self.scene.release(grant, chapter), by) == may
        self.released += may

    # Delegates

    @rule(by=VOTER)
    def stand(self, by: str) -> None:
        if self.attempt(standing(by), by):
            assert by != "paula"

    @rule(by=VOTER)
    def stand_down(self, by: str) -> None:
        self.attempt(StandDown(), by)

    @rule(by=VOTER, candidate=st.sampled_from(DELEGATES))
    def vote(self, by: str, candidate: str) -> None:
        last = self.scene.state.tables.votes.get(ident(by))
        if self.attempt(VoteForDelegate(ident(candidate)), by):
            assert by != "paula"
            assert last is None or last.epoch < (self.scene.state.height - 1) // 4, "one vote an epoch"

    @rule()
    def duties(self) -> None:
        for name in DELEGATES:
            delegate = Delegate(ident(name), signing_key(name))
            for due in delegate.duties(self.scene.state.tables, self.scene.state.height + 1, self.scene.now):
                assert self.attempt(due.body, name)

    @rule(by=WHO, accused=st.sampled_from(DELEGATES), back=st.integers(-1, 9), forged=st.booleans())
    def accuse(self, by: str, accused: str, back: int, forged: bool) -> None:
        state = self.scene.state
        height = max(1, state.height + 1 - back)
        header = replace(HEADER, ledger=state.genesis.digest, height=height, round=0)
        key = signing_key("nobody" if forged else accused)
        other = replace(header, state_root=digest("another"))
        votes = (cast_vote(key, ident(accused), each, accept=True) for each in (header, other))
        evidence = Evidence.double_sign(*votes)
        if self.attempt(evidence, by):
            assert not forged
            assert accused in {NAMES[seat.delegate] for seat in state.epoch(height).seats}
            assert not self.attempt(evidence, "authority"), "punished once"

    # What always holds

    @invariant()
    def grants_end_for_good(self) -> None:
        for grant in self.ended | self.waiting:
            assert not self.scene.state.grant_active(grant, time=START)

    @invariant()
    def releases_are_those_that_were_allowed(self) -> None:
        assert len(self.scene.state.releases(ident("paula"))) == self.released

    @invariant()
    def out_is_out(self) -> None:
        for member in self.scene.state.members():
            name = NAMES.get(member.member)
            if name is not None:
                assert member.active is (name not in self.out)
                assert (member.removed_at is not None) is (name in self.removed)

    @invariant()
    def weight_is_neither_lost_nor_made(self) -> None:
        state = self.scene.state
        count = tally(state.tables, candidates(state.tables), state.next_epoch_number)
        assert sum(count.counted.values()) == sum(count.support.values())
        together: defaultdict[str, int] = defaultdict(int)
        for voter, weight in count.counted.items():
            record = state.member(voter)
            assert record is not None
            assert NAMES[voter] not in self.out
            if record.role is Role.DOCTOR:
                together[organisation_of(record) or ""] += weight
            assert 0 <= weight <= HOSPITAL_WEIGHT
        assert all(weight <= HOSPITAL_WEIGHT for weight in together.values())

    @invariant()
    def seats_are_few_distinct_and_weighed(self) -> None:
        state = self.scene.state
        known = candidates(state.tables)
        for epoch in state.tables.epochs.scan():
            assert 1 <= len(epoch.seats) <= state.genesis.seats
            assert len({known[seat.delegate].organisation for seat in epoch.seats}) == len(epoch.seats)
            assert all(1 <= seat.weight <= FULL_REPUTATION for seat in epoch.seats)
        reputations: defaultdict[str, set[int]] = defaultdict(set)
        for candidate in known.values():
            reputations[candidate.organisation].add(candidate.reputation)
            assert 0 <= candidate.reputation <= FULL_REPUTATION
        assert all(len(each) == 1 for each in reputations.values()), "one reputation an organisation"

    def teardown(self) -> None:
        if hasattr(self, "steps"):
            again = State(small_genesis())
            for number, time, entries in self.steps:
                fold_block(again, number, time, entries)
            assert again.root == self.scene.state.root
            assert list(again.rows()) == list(self.scene.state.rows())


def fold_block(state: State, number: int, time: int, entries: list[Entry]) -> None:
    state.begin(round=number, time=time)
    for entry in entries:
        state.apply(entry)
    state.finish()
    state.settle(digest(f"block {state.height + 1}"), time)


TestWhole = Whole.TestCase
TestWhole.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
