"""The cast of the ledger's benchmark: a ledger with its delegates, a hospital, a doctor who asks, and patients.

The clock stands still: time is not what is measured. The delegates do their part for the seeds, as in use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from ledger.bodies import AnchorBlocks, BlockAnchor, Enrol, MemberKeys, PublishKeyCard, Request, Role
from ledger.delegate import Delegate
from ledger.engines.embedded import EmbeddedEngine
from ledger.genesis import EPOCH_BLOCKS, Founder, Genesis
from ledger.registry import Body
from ledger.transactions import SignedTransaction, sign
from scheme import certificates
from scheme.keys import SigningKey

NOW = 1_800_000_000
AUTHORITY, HOSPITAL, DOCTOR = "the authority", "the hospital", "the doctor"
ENROLMENT_BLOCKS = 3
"""The first ledger blocks, in which everybody is enrolled."""
_DAYS = 730


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _id(name: str) -> str:
    return _digest(name)[:32]


def _key(name: str) -> SigningKey:
    return SigningKey.from_secret_bytes(hashlib.sha256(b"key of " + name.encode()).digest())


@dataclass(frozen=True)
class Cast:
    """Who there is in a ledger of ``seats`` founding delegates; the same arguments give the same people and keys."""

    seats: int = 4
    patients: Sequence[str] = ("the patient",)
    epoch_blocks: int = EPOCH_BLOCKS
    _requests: Iterator[int] = field(default_factory=count, compare=False)

    @property
    def delegates(self) -> list[Delegate]:
        """New delegates with the founders' keys."""
        return [Delegate(_id(name), _key(name)) for name in self._founders]

    @property
    def _founders(self) -> list[str]:
        return [f"delegate {number}" for number in range(self.seats)]

    @cached_property
    def genesis(self) -> Genesis:
        """Of a new ledger, once for this cast."""
        return Genesis.create(
            authority=_id(AUTHORITY),
            verifying=_key(AUTHORITY).verifying_key.data,
            created=NOW,
            founders=[Founder(_id(name), _key(name).verifying_key.data) for name in self._founders],
            epoch_blocks=self.epoch_blocks,
        )

    def engine(self, path: Path) -> EmbeddedEngine:
        """A new ledger at ``path``, everybody enrolled."""
        engine = EmbeddedEngine.create(path, self.genesis, delegates=self.delegates, clock=lambda: NOW)
        require(engine.submit_many([self._enrolled(HOSPITAL, Role.HOSPITAL, AUTHORITY)]))
        members = [self._enrolled(name, Role.PATIENT, HOSPITAL) for name in self.patients]
        require(engine.submit_many([self._enrolled(DOCTOR, Role.DOCTOR, HOSPITAL), *members]))
        cards = (self.signed(PublishKeyCard(_id(who), 1, _digest(who), (_id(f"scope of {who}"),), ()), who)
                 for who in self.patients)  # fmt: skip
        require(engine.submit_many(cards))
        return engine

    def signed(self, body: Body, by: str) -> SignedTransaction:
        """``body`` as a transaction of ``by``."""
        return sign(body, signer_id=_id(by), key=_key(by), ledger=self.genesis.digest, time=NOW)

    def requests(self, number: int) -> list[bytes]:
        """That many signed transactions, each different: the doctor asks the first patient for access."""
        key, patient, doctor = _key(DOCTOR), _id(self.patients[0]), _id(DOCTOR)
        found = []
        for _ in range(number):
            name = f"request {next(self._requests)}"
            body = Request(_id(name), patient, doctor, _digest(name))
            found.append(bytes(sign(body, signer_id=doctor, key=key, ledger=self.genesis.digest, time=NOW)))
        return found

    def anchorings(self, patient: str, headers: int) -> Iterator[AnchorBlocks]:
        """AnchorBlocks of ``headers`` blocks each, one after the other on ``patient``'s chain; without end."""
        head: str | None = None
        for index in count(0, headers):
            blocks = tuple(
                BlockAnchor(
                    _digest(f"block {place} of {patient}"),
                    _id(f"scope of {patient}"),
                    _id(f"chapter {index} of {patient}"),
                    5000,
                )
                for place in range(index, index + headers)
            )
            chain = _id(f"chain of {patient}")
            yield AnchorBlocks(_id(patient), _id(HOSPITAL), _id(DOCTOR), chain, head, index, blocks)
            head = blocks[-1].locator

    @staticmethod
    def verifying_keys(seats: int) -> dict[str, bytes]:
        """Ids and Ed25519 keys of the doctor and ``seats`` delegates: those who sign what is verified in bulk."""
        names = [DOCTOR, *(f"delegate {number}" for number in range(seats))]
        return {_id(name): _key(name).verifying_key.data for name in names}

    def _enrolled(self, name: str, role: Role, by: str) -> SignedTransaction:
        key = _key(name)
        keys = MemberKeys(key.verifying_key.data, hpke=bytes(32), receiving=b"\x02" + bytes(32), wrapping=b"rsa")
        certificate = certificates.issue(
            _key(AUTHORITY), _id(AUTHORITY), member_id=_id(name), role=role.value, key=key.verifying_key, now=NOW,
            days=_DAYS,
        )  # fmt: skip
        hospital = None if by == AUTHORITY else _id(by)
        body = Enrol(_id(name), role, hospital, certificate, keys, keys.prove(_id(name), key))
        return self.signed(body, by)


def require(outcomes: Sequence[object]) -> None:
    """Raise what was refused: a benchmark of refusals would be fast."""
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
