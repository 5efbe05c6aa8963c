"""The ledger's part of the demo: delegates stand and are elected, sign, are down, are punished; every step is checked.

Order: found (before the stories) -> elected -> certified -> one down -> too few -> evidence; copies in ``demo_copies``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from clinic import delegation
from clinic.demo import Cast, Outcome, follow_up
from clinic.errors import InputInvalid
from clinic.intake import bundle_drafts
from clinic.keystore import MemberSecrets
from clinic.sealing import seal_records
from clinic.site import Site
from ledger.bodies import Evidence, Role, VoteForDelegate
from ledger.delegates import epoch_number
from ledger.engines.embedded import EmbeddedEngine
from ledger.errors import QuorumMissing
from ledger.finality import FinalHeader
from ledger.records import Epoch
from ledger.refusals import EvidenceKnown
from ledger.reputation import DOUBLE_SIGN, MISSED_TURN, REPUTATION_FLOOR
from ledger.seats import quorum
from ledger.transactions import sign
from ledger.votes import cast_vote
from scheme.scopes import Category

EPOCH_BLOCKS = 16
"""So few ledger blocks an epoch that the demo sees several elections."""
_HOSPITAL, _DOCTOR = "Lakeside", "Dr. Haddad"
_TOO_LONG = 4 * EPOCH_BLOCKS

Say = Callable[[str], None]


class LedgerDemo:
    """Plays on a home whose ledger has ``EPOCH_BLOCKS`` an epoch and four founders."""

    def __init__(self, site: Site, cast: Cast, say: Say) -> None:
        if not isinstance(site.engine, EmbeddedEngine):
            raise InputInvalid("the demo's delegates vote in its own process; play it on the embedded ledger")
        self.site = site
        self.engine = site.engine
        self.cast = cast
        self.say = say
        self.outcome = Outcome("the ledger")
        self._names: dict[str, str] = {}
        self._elected: frozenset[str] = frozenset()
        self._written = 0
        self._patient: MemberSecrets | None = None

    def found(self) -> None:
        """Two hospitals and a doctor of a third stand; everybody votes."""
        cast = self.cast
        home, people = cast.home, cast.home.directory
        home.enrol(self.site, cast.authority, Role.HOSPITAL, _HOSPITAL, hospital=None, password=cast.password)
        home.enrol(self.site, cast.authority, Role.DOCTOR, _DOCTOR, hospital=_HOSPITAL, password=cast.password)
        hospitals = {name: home.hospital(people.find(name).member_id) for name in ("Riverside", "Hillcrest", _HOSPITAL)}
        doctor = home.unlock(_DOCTOR, cast.password)
        for name, member in (("Riverside", None), ("Hillcrest", None), (_DOCTOR, doctor)):
            stands = member or hospitals[name]
            candidate = delegation.stand(self.engine, home.delegate_keys, stands, self.site.clock)
            self._names[candidate.delegate] = name
        riverside, hillcrest, haddad = self._names
        for number, founder in enumerate(self.engine.genesis.founders, start=1):
            self._names[founder.delegate] = f"founder {number}"
        votes = (
            (hospitals["Riverside"], riverside), (cast.author, riverside), (hospitals["Hillcrest"], hillcrest),
            (cast.reader, hillcrest), (hospitals[_HOSPITAL], haddad), (doctor, haddad),
        )  # fmt: skip
        for voter, delegate in votes:
            delegation.vote(self.engine, voter, delegate, self.site.clock)
        self._all_present()
        self._elected = frozenset((riverside, hillcrest, haddad))
        self.say(f"Riverside, Hillcrest and {_DOCTOR} stand for delegate, {len(votes)} members vote; founders sign.")

    def play(self, patient: MemberSecrets) -> None:
        """Everything about delegates; ``patient`` gets a note for each ledger block that is needed on the way."""
        self._patient = patient
        self._are_elected()
        self._is_certified()
        self._one_is_down()
        self._too_few_are_there()
        self._one_signs_twice()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count what happens within as the ledger's seconds."""
        started = time.monotonic()
        yield
        self.outcome.seconds += time.monotonic() - started

    def check(self, name: str, held: bool) -> None:
        """Note whether a step held."""
        self.outcome.checks.append((name, held))

    def work(self) -> int:
        """Seal one note: one more ledger block. Returns its height."""
        if self._patient is None:
            raise AssertionError
        cast = self.cast
        self._written += 1
        note = bundle_drafts(follow_up(Category.IMMUNISATION, f"note-{self._written}"))
        seal_records(
            self.site, cast.home.outbox, note, patient_id=self._patient.member_id, author=cast.author,
            hospital_id=cast.hospital.member_id,
        )  # fmt: skip
        return self.height

    @property
    def height(self) -> int:
        """Of the newest ledger block."""
        return self.engine.view().height

    def names(self, delegates: Iterable[str]) -> str:
        """What delegates are called, in order."""
        return ", ".join(self._names[delegate] for delegate in delegates)

    # Steps

    def _are_elected(self) -> None:
        state = self.engine.view().state
        before = state.epoch(1)
        self._work_until(lambda: self._elected <= self._seated())
        now = state.epoch(self.height + 1)
        founders = {founder.delegate for founder in self.engine.genesis.founders}
        self.check("founders sign at first", {seat.delegate for seat in before.seats} == founders)
        self.check("who was voted for is elected", self._elected <= self._seated() and len(now.seats) == len(founders))
        self.check("delegates change between epochs only", self._change_between_epochs_only())
        support = delegation.electorate(self.engine).support
        seats = (f"{self._names[seat.delegate]} ({support.get(seat.delegate, 0)})" for seat in now.seats)
        self.say(f"Epoch {now.number} is elected, with weight of votes, in turn order: {', '.join(seats)}.")

    def _is_certified(self) -> None:
        self.work()
        tip, epoch = self._newest()
        tip.certificate.verify(tip.header, epoch.seats)
        signed = {vote.delegate for vote in tip.certificate.votes}
        weight = sum(seat.weight for seat in epoch.seats if seat.delegate in signed)
        total = sum(seat.weight for seat in epoch.seats)
        self.check("the newest block has a quorum certificate", weight >= quorum(epoch.seats))
        self.say(
            f"Block {tip.header.height}: proposed by {self._names[tip.header.proposer]}, signed by "
            f"{self.names(sorted(signed))}: weight {weight} of {total}, {quorum(epoch.seats)} needed."
        )

    def _one_is_down(self) -> None:
        absent, seats = min(self._elected), len(self._seated())
        self._work_until(lambda: self._left() > seats)  # so that it misses one turn, and no election is in between
        before = self._reputation(absent)
        with self._without(absent):
            blocks = [self.work() for _ in range(seats)]
        finals = list(self.engine.blocks(blocks[0]))
        voters = [{vote.delegate for vote in block.certificate.votes} for block in finals]
        self.check("work goes on with one delegate down", len(finals) == len(blocks))
        self.check("who is down signs nothing", not any(absent in some for some in voters))
        faults = [fault for fault in self.engine.view().state.misconduct() if fault.accused == absent]
        self.check("a missed turn costs reputation", [fault.kind for fault in faults] == [MISSED_TURN])
        self.say(
            f"{self._names[absent]} is down: {len(blocks)} blocks are final without it, in its turn by the next; its "
            f"reputation falls from {before} to {self._reputation(absent)}."
        )

    def _too_few_are_there(self) -> None:
        engine, voter = self.engine, self.cast.author
        choice = next(vote.candidate for vote in engine.view().state.votes() if vote.voter == voter.member_id)
        transaction = sign(
            VoteForDelegate(choice), signer_id=voter.member_id, key=voter.signing, ledger=engine.genesis.digest,
            time=self.site.clock(),
        )  # fmt: skip
        height, refused = self.height, False
        with self._without(*sorted(self._elected)[:2]):
            try:
                engine.submit(transaction)
            except QuorumMissing:
                refused = True
            waits = engine.pending() is not None and self.height == height
        self.check("without a quorum nothing becomes final", refused and waits)
        receipt = engine.submit(transaction)
        self.check("what waited is final once, when they are back", self._once(transaction.id, receipt.position))
        self.say("Two are down: no quorum, a block waits. They are back: it is final, nothing is lost.")

    def _one_signs_twice(self) -> None:
        engine, keys = self.engine, self.cast.home.delegate_keys
        tip, epoch = self._newest()
        accused = next(seat.delegate for seat in epoch.seats if seat.delegate not in self._elected)
        key = keys.find(accused)
        accepting = [vote for vote in tip.certificate.votes if vote.delegate == accused]
        if key is None or not accepting:
            self.check("a founder's vote can be contradicted", False)
            return
        body = Evidence.double_sign(accepting[0], cast_vote(key, accused, tip.header, accept=False))
        before = self._reputation(accused)
        delegation.report(engine, body, self.cast.hospital, self.site.clock)
        fault = engine.view().state.misconduct()[-1]
        self.check("evidence of a double sign is accepted", (fault.accused, fault.kind) == (accused, DOUBLE_SIGN))
        self.check("the same is not punished twice", self._known(body))
        lost = self._reputation(accused)
        self._work_until(lambda: accused not in self._seated())
        moved_up = self._seated() - {seat.delegate for seat in epoch.seats}
        self.check("it loses its seat, and the next moves up", lost < REPUTATION_FLOOR and len(moved_up) == 1)
        self.say(
            f"{self._names[accused]} signs twice; the evidence takes its reputation from {before} to {lost}, the next "
            f"election its seat: {self.names(sorted(moved_up))} moves up."
        )

    # What they need

    def _work_until(self, reached: Callable[[], bool]) -> None:
        for _ in range(_TOO_LONG):
            if reached():
                return
            self.work()

    def _seated(self) -> frozenset[str]:
        return frozenset(seat.delegate for seat in self.engine.view().state.epoch(self.height + 1).seats)

    def _left(self) -> int:
        return -self.height % EPOCH_BLOCKS

    def _newest(self) -> tuple[FinalHeader, Epoch]:
        tip = self.engine.tip()
        if tip is None:
            raise AssertionError
        return tip, self.engine.view().state.epoch(tip.header.height)

    def _reputation(self, delegate: str) -> int:
        candidate = self.engine.view().state.candidate(delegate)
        return candidate.reputation if candidate else 0

    def _change_between_epochs_only(self) -> bool:
        sets: dict[int, set[str]] = {}
        for block in self.engine.blocks():
            number = epoch_number(self.engine.genesis, block.header.height)
            sets.setdefault(number, set()).add(block.header.delegates)
        return all(len(names) == 1 for names in sets.values()) and len(set().union(*sets.values())) > 1

    def _once(self, transaction_id: str, position: int) -> bool:
        found = [entry.position for entry in self.engine.entries() if entry.transaction.id == transaction_id]
        return found == [position]

    def _known(self, body: Evidence) -> bool:
        try:
            delegation.report(self.engine, body, self.cast.hospital, self.site.clock)
        except EvidenceKnown:
            return True
        return False

    def _all_present(self) -> None:
        self.engine.seat(self.cast.home.delegate_keys.delegates())

    @contextmanager
    def _without(self, *absent: str) -> Iterator[None]:
        present = self.cast.home.delegate_keys.delegates()
        self.engine.seat(each for each in present if each.delegate not in absent)
        try:
            yield
        finally:
            self._all_present()
