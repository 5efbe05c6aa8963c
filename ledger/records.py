"""What the state answers with: frozen records, one for each thing that the ledger knows.

Ids are 16 bytes and digests 32 bytes, in hex; positions count entries from 0; times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.bodies import MemberKeys, OneOff, Role


@dataclass(frozen=True, slots=True)
class Member:
    """An enrolled member; ``hospitals`` are a patient's, a doctor's one, or none; ``removed_at`` is a position."""

    member: str
    role: Role
    hospitals: tuple[str, ...]
    certificate: bytes
    keys: MemberKeys
    enrolled_at: int
    removed_at: int | None

    @property
    def active(self) -> bool:
        """Whether the member was not removed."""
        return self.removed_at is None


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
    """A grant with the scopes that revocations of others added; ``revoked_at`` is a position."""

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

    def active(self, time: int) -> bool:
        """Whether the grant is neither revoked nor, at ``time``, ended."""
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
