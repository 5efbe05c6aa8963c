"""A small ledger in memory with its members: the tests' starting point."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from ledger.bodies import (
    AnchorBlocks,
    BlockAnchor,
    Enrol,
    Grant,
    MemberKeys,
    PublishKeyCard,
    Release,
    Remove,
    Request,
    Role,
)
from ledger.entry import Entry
from ledger.errors import LedgerError
from ledger.genesis import Founder, Genesis
from ledger.registry import Body
from ledger.state import State
from ledger.transactions import SignedTransaction, sign
from scheme import certificates
from scheme.keys import SigningKey

START = 1_700_000_000
AUTHORITY_KEY = SigningKey.from_secret_bytes(b"\x01" * 32)


def ident(name: str) -> str:
    """A readable stand-in for a random id."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


AUTHORITY = ident("authority")


def signing_key(name: str) -> SigningKey:
    return SigningKey.from_secret_bytes(hashlib.sha256(b"key of " + name.encode()).digest())


def member_keys(name: str) -> MemberKeys:
    key = signing_key(name).verifying_key.data
    return MemberKeys(verifying=key, hpke=bytes(32), receiving=b"\x02" + bytes(32), wrapping=b"rsa")


@cache
def certificate(name: str, role: Role, *, now: int = START, days: int = 730) -> bytes:
    key = signing_key(name).verifying_key
    return certificates.issue(
        AUTHORITY_KEY, AUTHORITY, member_id=ident(name), role=role.value, key=key, now=now, days=days
    )


@cache
def enrolment(name: str, role: Role, hospital: str | None = None) -> Enrol:
    keys = member_keys(name)
    return Enrol(
        member=ident(name),
        role=role,
        hospital=None if hospital is None else ident(hospital),
        certificate=certificate(name, role),
        keys=keys,
        proof=keys.prove(ident(name), signing_key(name)),
    )


FOUNDERS = ("founder 1", "founder 2", "founder 3", "founder 4")


def genesis(*, epoch_blocks: int = 1000) -> Genesis:
    return Genesis(
        authority=AUTHORITY,
        verifying=AUTHORITY_KEY.verifying_key.data,
        created=START,
        max_clock_skew_s=300,
        founders=tuple(Founder(ident(name), signing_key(name).verifying_key.data) for name in FOUNDERS),
        seats=4,
        epoch_blocks=epoch_blocks,
        unique=ident("this ledger"),
    )


def fold_one(state: State, entry: Entry) -> None:
    """A ledger block of one entry, without a header."""
    state.begin(round=0, time=entry.time)
    state.apply(entry)
    state.finish()
    state.settle(digest(f"block {state.height + 1}"), entry.time)


def fold(genesis: Genesis, entries: Iterable[Entry]) -> State:
    state = State(genesis)
    for entry in entries:
        fold_one(state, entry)
    return state


@dataclass
class Scene:
    """North hospital with doctor dora and patient paula; south hospital with doctor saul; patient petra; proxies."""

    state: State = field(default_factory=lambda: State(genesis()))
    now: int = START
    entries: list[Entry] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def sign(self, body: Body, by: str, **changes: Any) -> SignedTransaction:
        key = AUTHORITY_KEY if by == "authority" else signing_key(by)
        given: dict[str, Any] = {
            "signer_id": ident(by),
            "key": key,
            "ledger": self.state.genesis.digest,
            "time": self.now,
        }
        return sign(body, **(given | changes))

    def entry(self, transaction: SignedTransaction) -> Entry:
        return Entry(self.state.position + 1, self.now, self.state.head, transaction)

    def put(self, transaction: SignedTransaction) -> Entry:
        """A ledger block of its own, without a header."""
        entry = self.entry(transaction)
        fold_one(self.state, entry)
        self.entries.append(entry)
        return entry

    def do(self, body: Body, by: str) -> Entry:
        return self.put(self.sign(body, by))

    def refusal(self, body: Body, by: str, **changes: Any) -> str:
        """Code with which ``body`` is refused; fails if it is admitted or changes anything."""
        return self.refusal_of(self.sign(body, by, **changes))

    def refusal_of(self, transaction: SignedTransaction) -> str:
        before = self.state.root, list(self.state.rows())
        try:
            self.state.apply(self.entry(transaction))
        except LedgerError as error:
            assert (self.state.root, list(self.state.rows())) == before
            return error.code
        raise AssertionError("admitted")

    # Bodies with everything right, for tests to change one thing in

    def request(self, **changes: Any) -> Request:
        name = f"request {next(self.numbers)}"
        body = Request(ident(name), ident("paula"), ident("saul"), digest(name))
        return replace(body, **changes)

    def grant(self, **changes: Any) -> Grant:
        name = f"grant {next(self.numbers)}"
        body = Grant(
            grant=ident(name),
            request=None,
            patient=ident("paula"),
            delegatee=ident("saul"),
            scopes=(ident("laboratory"),),
            one_off=None,
            until=None,
            write=False,
            threshold=2,
            proxies=(ident("proxy 1"), ident("proxy 2"), ident("proxy 3")),
            body_digest=digest(name),
        )
        return replace(body, **changes)

    def anchor(self, count: int = 1, *, scope: str = "laboratory", **changes: Any) -> AnchorBlocks:
        """``count`` blocks by dora for paula at north hospital, on the chain's head."""
        chain = changes.get("chain", ident("paula at north"))
        head = self.state.chain_head(chain)
        number = next(self.numbers)
        body = AnchorBlocks(
            patient=ident("paula"),
            hospital=ident("north"),
            author=ident("dora"),
            chain=chain,
            previous_head=None if head is None else head.locator,
            first_index=0 if head is None else head.index + 1,
            blocks=tuple(
                BlockAnchor(digest(f"block {number} {index}"), ident(scope), ident(f"chapter {number}"), 1000)
                for index in range(count)
            ),
        )
        return replace(body, **changes)

    def release(self, grant: str, *chapters: str, **changes: Any) -> Release:
        body = Release(ident(f"release {next(self.numbers)}"), grant, ident("paula"), chapters)
        return replace(body, **changes)

    def card(self, version: int, adds: tuple[str, ...] = (), retires: tuple[str, ...] = ()) -> PublishKeyCard:
        named = tuple(map(ident, adds)), tuple(map(ident, retires))
        return PublishKeyCard(ident("paula"), version, digest(f"card {version}"), *named)

    def remove(self, name: str) -> Entry:
        return self.do(Remove(ident(name)), "authority")


def enrolments() -> list[Enrol]:
    """To be signed by the authority when ``hospital`` is ``None``, else by the hospital."""
    return [
        enrolment("north", Role.HOSPITAL),
        enrolment("south", Role.HOSPITAL),
        *(enrolment(f"proxy {number}", Role.PROXY) for number in (1, 2, 3)),
        enrolment("dora", Role.DOCTOR, "north"),
        enrolment("saul", Role.DOCTOR, "south"),
        enrolment("paula", Role.PATIENT, "north"),
        enrolment("petra", Role.PATIENT, "north"),
    ]


def enrolled() -> Scene:
    """Everybody is enrolled; paula has the scopes laboratory, imaging and, retired, demographics; petra one of hers."""
    scene = Scene()
    for body in enrolments():
        hospital = {ident(name): name for name in ("north", "south")}.get(body.hospital or "")
        scene.do(body, hospital or "authority")
    scene.do(scene.card(1, ("laboratory", "imaging", "demographics")), "paula")
    scene.do(scene.card(2, (), ("demographics",)), "paula")
    scene.do(replace(scene.card(1, ("petra's laboratory",)), patient=ident("petra")), "petra")
    return scene
