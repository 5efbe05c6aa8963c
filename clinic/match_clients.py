"""What a patient's side of matching asks of the services, wherever they run: in her home, or at their operators'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_index import MatchQuery, OpenMatch
from clinic.match_issuer import IssuerRequest
from matching.answer import Acceptance, Decline
from matching.index_request import IndexRequest
from matching.offer import KeyCheck
from matching.pair import Contact
from matching.relay import Relay
from matching.report import Report
from matching.tags import Answer


class IssuerClient(Protocol):
    """A tag issuer; see ``IssuerService``. What it answers is proved, and checked by whoever asked."""

    def evaluate(self, request: IssuerRequest) -> Answer:
        """Evaluate a patient's batch, once."""


class IndexClient(Protocol):
    """The match index; see ``IndexService``. It is told pseudonyms, and never who asks."""

    def submit(self, request: IndexRequest) -> None:
        """Opt in, change or opt out."""

    def find(self, request: IndexRequest, *, top: int, least: float) -> list[OpenMatch]:
        """Whom the patient is like, best first."""

    def matches(self, query: MatchQuery) -> list[OpenMatch]:
        """All matches of the patient who asks."""

    def accept(self, match_id: bytes, acceptance: Acceptance) -> None:
        """Take an acceptance."""

    def decline(self, match_id: bytes, decline: Decline) -> None:
        """Take a decline."""

    def contact(self, query: MatchQuery, match_id: bytes) -> tuple[Contact, float]:
        """What one of the two gets once both accepted, and the score."""


class RegisterClient(Protocol):
    """Where the authority certifies pseudonyms; see ``PseudonymRegister``."""

    def certify(self, request: PseudonymRequest) -> bytes:
        """A certificate (DER) over the patient's pseudonym key."""


class MatchClients(Protocol):
    """All of them. They are of one epoch, that of when they were opened."""

    @property
    def epoch(self) -> int:
        """The epoch."""

    @property
    def certified(self) -> KeyCheck:
        """The check of pseudonyms' certificates."""

    @property
    def issuers(self) -> Mapping[str, IssuerClient]:
        """Both issuers by member id; their keys of the epoch are on the ledger."""

    @property
    def index(self) -> IndexClient:
        """The index."""

    @property
    def relay(self) -> Relay:
        """Where messages wait."""

    def registrar(self, authority: Callable[[], MemberSecrets]) -> RegisterClient:
        """The register. ``authority`` is called where that is here, and takes the authority's key."""

    def report(self, report: Report) -> str:
        """Hand ``report`` to the authority, durably; returns its file's name among the authority's reports."""
