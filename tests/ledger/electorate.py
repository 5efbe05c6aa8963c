"""Hospitals, doctors and delegates on bare tables: rules and elections without entries, blocks or engine."""

from dataclasses import dataclass, field, replace

import pytest

from ledger.bodies import Role, Stand, VoteForDelegate
from ledger.delegates import current_epoch, epoch_number, genesis_writes, missed_turns, next_epoch
from ledger.errors import FieldInvalid
from ledger.genesis import Genesis
from ledger.header import LedgerHeader
from ledger.keyvalue import MemoryKeyValue
from ledger.records import Candidate, Epoch, Member
from ledger.refusals import Refused
from ledger.registry import Body
from ledger.rules import Place, judge
from ledger.seats import set_digest
from ledger.tables import Tables
from scheme import canonical
from scheme.keys import SigningKey
from tests.ledger import scene
from tests.ledger.scene import START, digest, ident, member_keys, signing_key

EPOCH_BLOCKS = 8


def genesis(*, seats: int = 4, epoch_blocks: int = EPOCH_BLOCKS) -> Genesis:
    return replace(scene.genesis(epoch_blocks=epoch_blocks), seats=seats)


@dataclass
class Electorate:
    """The next block is at ``height``. ``stand`` makes NAME stand as "NAME's delegate"."""

    genesis: Genesis = field(default_factory=genesis)
    height: int = 1
    position: int = 0

    def __post_init__(self) -> None:
        self.keyvalue = MemoryKeyValue()
        self.tables = Tables(self.genesis, self.keyvalue)
        self.keyvalue.write(genesis_writes(self.tables))

    def enrol(self, name: str, role: Role, hospital: str | None = None) -> None:
        hospitals = () if hospital is None else (ident(hospital),)
        record = Member(ident(name), role, hospitals, b"certificate", START * 2, member_keys(name), 0, None)
        self.keyvalue.write([self.tables.members.put(record, ident(name))])

    def remove(self, name: str) -> None:
        record = self.tables.members.get(ident(name))
        assert record is not None
        self.keyvalue.write([self.tables.members.put(replace(record, removed_at=self.position), ident(name))])

    def do(self, body: Body, by: str) -> None:
        """Admit what ``by`` signed in the block at ``height``, after a round trip through its JSON."""
        self.position += 1
        place = Place(self.position, START, ident(by), self.height, epoch_number(self.genesis, self.height))
        self.keyvalue.write(judge(self.tables, type(body).from_json(body.to_json()), place))

    def refusal(self, body: Body, by: str) -> str:
        before = list(self.keyvalue.scan(b""))
        try:
            self.do(body, by)
        except Refused as refused:
            assert list(self.keyvalue.scan(b"")) == before
            return refused.code
        raise AssertionError("admitted")

    def stand(self, name: str) -> None:
        self.do(standing(name), name)

    def vote(self, name: str, candidate: str) -> None:
        self.do(VoteForDelegate(ident(f"{candidate}'s delegate")), name)

    def block(self, *, round: int = 0) -> None:  # noqa: A002
        """End the block at ``height``."""
        self.keyvalue.write(missed_turns(self.tables, self.height, round, self.position))
        elected = next_epoch(self.tables, self.height, self.position)
        if elected is not None:
            self.keyvalue.write(elected[1])
        self.height += 1

    def end_epoch(self) -> Epoch:
        """Blocks to the end of the epoch; the next epoch."""
        self.block()
        while (self.height - 1) % self.genesis.epoch_blocks:
            self.block()
        return self.epoch

    def reach(self, offset: int) -> None:
        """Blocks until the next is the one at ``offset``, from 0, of its epoch."""
        while (self.height - 1) % self.genesis.epoch_blocks != offset:
            self.block()

    @property
    def epoch(self) -> Epoch:
        return current_epoch(self.tables, self.height)

    @property
    def seated(self) -> set[str]:
        """Delegate ids of the epoch."""
        return {seat.delegate for seat in self.epoch.seats}

    def candidate(self, name: str) -> Candidate:
        candidate = self.tables.candidates.get(ident(name))
        assert candidate is not None
        return candidate

    def reputation(self, name: str) -> int:
        return self.candidate(name).reputation

    def repute(self, name: str, reputation: int) -> None:
        candidate = replace(self.candidate(name), reputation=reputation)
        self.keyvalue.write([self.tables.candidates.put(candidate, candidate.delegate)])

    def header(self, *, height: int, round: int = 0) -> LedgerHeader:  # noqa: A002
        """A header by whoever's turn it is; its content leads nowhere."""
        epoch = current_epoch(self.tables, height)
        return LedgerHeader(
            ledger=self.genesis.digest,
            height=height,
            round=round,
            epoch=epoch.number,
            time=START,
            proposer=epoch.seats[(height - epoch.first_height + round) % len(epoch.seats)].delegate,
            previous=digest("previous"),
            size=1,
            entries_root=digest("entries"),
            state_root=digest("state"),
            delegates=set_digest(epoch.seats),
            next_delegates=set_digest(epoch.seats),
        )


def standing(name: str, *, delegate: str | None = None, key: SigningKey | None = None) -> Stand:
    known_as = f"{name}'s delegate" if delegate is None else delegate
    return Stand.of(ident(known_as), signing_key(known_as) if key is None else key, ident(name))


def two_hospitals() -> Electorate:
    """North hospital with doctors dora and dan, south hospital with doctor saul, patient paula; four founders."""
    electorate = Electorate()
    for name in ("north", "south"):
        electorate.enrol(name, Role.HOSPITAL)
    for name, hospital in (("dora", "north"), ("dan", "north"), ("saul", "south")):
        electorate.enrol(name, Role.DOCTOR, hospital)
    electorate.enrol("paula", Role.PATIENT, "north")
    electorate.enrol("proxy", Role.PROXY)
    electorate.enrol("notary", Role.NOTARY)
    return electorate


def require_strict(body: Body) -> None:
    """Fails unless the body is read back from its JSON, and from nothing like it."""
    value = body.to_json()
    assert type(body).from_json(value) == body
    assert canonical.loads(canonical.dumps(value), what="the body") == value
    wrongs = [value | {"more": 1}, None, []]
    for name in value:
        wrongs.append({key: each for key, each in value.items() if key != name})
        wrongs += [value | {name: wrong} for wrong in (-1, "x", True, [])]
    for wrong in wrongs:
        with pytest.raises(FieldInvalid):
            type(body).from_json(wrong)
