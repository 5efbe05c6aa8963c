"""What the state answers with: frozen records, one for each thing that the ledger knows.

Ids are 16 bytes and digests 32 bytes, in hex; positions count entries from 0; times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.bodies import MemberKeys, OneOff, Role
from ledger.seats import Seat


@dataclass(frozen=True, slots=True)
class Tip:
    """Where the state stands: the newest entry (``position``, -1 for none, ``head``, ``time``) and ledger block.

    ``height`` is 0 and ``block`` the genesis digest before the first block; ``root`` is the state root after it.
    """

    position: int
    head: str
    time: int
    height: int
    block: str
    root: str


# Members


@dataclass(frozen=True, slots=True)
class Suspension:
    """From the entry at ``since`` up to the one at ``until`` (positions) the member's signatures do not count."""

    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """An enrolled member; ``hospitals`` are a patient's, a doctor's one, or none; ``removed_at`` is a position.

    ``not_after`` is the end of the certificate in unix seconds.
    """

    member: str
    role: Role
    hospitals: tuple[str, ...]
    certificate: bytes
    not_after: int
    keys: MemberKeys
    enrolled_at: int
    removed_at: int | None
    suspensions: tuple[Suspension, ...] = ()

    @property
    def suspended(self) -> bool:
        """Whether a suspension has not ended."""
        return bool(self.suspensions) and self.suspensions[-1].until is None

    @property
    def active(self) -> bool:
        """Whether the member was neither removed nor is suspended."""
        return self.removed_at is None and not self.suspended

    def active_at(self, position: int) -> bool:
        """Whether a signature at ``position`` counts: enrolled before, not yet removed, not suspended then."""
        if position <= self.enrolled_at or (self.removed_at is not None and position >= self.removed_at):
            return False
        return not any(
            each.since <= position and (each.until is None or position < each.until) for each in self.suspensions
        )


# Key cards, blocks


@dataclass(frozen=True, slots=True)
class KeyCard:
    """The newest key card of a patient: its salted digest and the scopes that may be sealed to."""

    patient: str
    version: int
    digest: str
    scopes: frozenset[str]
    position: int
    time: int


@dataclass(frozen=True, slots=True)
class ScopeOwner:
    """Whose scope it is: current, retired or, when ``one_off``, made for one grant."""

    patient: str
    one_off: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block of a chain."""

    locator: str
    index: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of one patient with one hospital."""

    chain: str
    patient: str
    hospital: str
    head: Head


@dataclass(frozen=True, slots=True)
class AnchoredBlock:
    """A block in its chain; ``size`` in bytes; ``withdrawn`` is the position of its withdrawal."""

    locator: str
    chain: str
    index: int
    scope: str
    chapter: str
    size: int
    patient: str
    author: str
    hospital: str
    position: int
    time: int
    withdrawn: int | None


@dataclass(frozen=True, slots=True)
class Chapter:
    """Blocks of one scope, anchored by one author at once; or the one-off chapter of ``grant``, without blocks."""

    chapter: str
    patient: str
    scope: str
    locators: tuple[str, ...]
    grant: str | None
    position: int


@dataclass(frozen=True, slots=True)
class ChapterPlace:
    """A chapter: of blocks anchored by the entry at ``position``, or the one-off chapter of ``grant``."""

    patient: str
    scope: str
    position: int
    grant: str | None


# Consent


class RequestStatus(StrEnum):
    """What became of a request."""

    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request; ``answered_at`` is the position of the grant or refusal, ``grant`` its grant."""

    request: str
    patient: str
    delegatee: str
    body_digest: str
    position: int
    time: int
    status: RequestStatus
    answered_at: int | None
    grant: str | None


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A grant with the scopes that revocations of others added; ``revoked_at`` is a position.

    ``awaiting``: a family link that the delegatee has not accepted yet.
    """

    grant: str
    request: str | None
    patient: str
    delegatee: str
    scopes: frozenset[str]
    one_off: OneOff | None
    until: int | None
    write: bool
    threshold: int
    proxies: tuple[str, ...]
    body_digest: str
    position: int
    time: int
    revoked_at: int | None
    family: bool = False
    awaiting: bool = False

    def active(self, time: int) -> bool:
        """Whether the grant is in force: not revoked, accepted if it needs to be, and at ``time`` not ended."""
        return self.stands(time) and not self.awaiting

    def stands(self, time: int) -> bool:
        """Whether the grant is neither revoked nor, at ``time``, ended: in force, or on offer."""
        return self.revoked_at is None and (self.until is None or time < self.until)


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A reading that was announced: which chapters, under which grant."""

    release: str
    grant: str
    patient: str
    delegatee: str
    chapters: tuple[str, ...]
    position: int
    time: int


# Delegates


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who stands for delegate; ``key`` (Ed25519, 32 bytes) signs its votes on blocks, ``reputation`` is 0 to 100.

    ``delegate`` is the id under which it votes, ``member`` the hospital or doctor behind it; a founder of the genesis
    has none. ``organisation`` is the hospital, a doctor's hospital, or the founder itself: it gets one seat at most.
    ``standing`` is whether it can be elected, from epoch ``electable_from`` on; founders fill the seats that nobody
    else wins. ``reputation`` and ``fault_epoch``, the last epoch with a fault, are the organisation's: the same in all
    of its candidates.
    """

    delegate: str
    member: str | None
    organisation: str
    key: bytes
    reputation: int
    standing: bool
    position: int
    electable_from: int = 0
    fault_epoch: int | None = None

    @property
    def founder(self) -> bool:
        """Whether the genesis names it."""
        return self.member is None


@dataclass(frozen=True, slots=True)
class DelegateVote:
    """The candidate that ``voter`` supports since ``epoch``."""

    voter: str
    candidate: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """Who signs the ledger blocks from ``first_height`` on: ``seats`` in the order in which they take turns.

    ``seed`` (32 bytes in hex) is what the order was drawn from.
    """

    number: int
    first_height: int
    seed: str
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class SeedShare:
    """A delegate's part in the next epoch's seed: committed, then revealed (32 bytes in hex each)."""

    delegate: str
    commitment: str
    secret: str | None


@dataclass(frozen=True, slots=True)
class Misconduct:
    """What a delegate was punished for: ``kind`` is missed-turn, double-sign, rejected-block or seed-withheld."""

    accused: str
    kind: str
    height: int
    round: int
    reporter: str | None
    position: int


# The consortium


@dataclass(frozen=True, slots=True)
class ChildHead:
    """The newest anchored head of a hospital's ledger; ``external`` is H(internal head, previous external head)."""

    ledger: str
    hospital: str
    notary: str
    height: int
    internal: str
    external: str
    position: int


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A pseudonym's tag in the security index, entered by a notary."""

    tag: str
    notary: str
    position: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A doctor's question to whoever holds the pseudonym behind ``tag``; ``answer`` is sealed to the doctor."""

    ask: str
    tag: str
    doctor: str
    body_digest: str
    answer: bytes | None
    position: int
    time: int


# Matching


@dataclass(frozen=True, slots=True)
class IssuerKeyRecord:
    """A tag issuer's public key (``key``, 32 bytes) in an epoch of tags; ``operator`` runs it, as the issuer says."""

    issuer: str
    operator: str
    epoch: int
    key: bytes
    position: int
