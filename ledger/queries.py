"""What can be asked of the state: frozen records, each answer from one moment."""

from __future__ import annotations

import threading
from typing import Any

from ledger.anchored import anchored_block, blocks_of_chain, chains_of, chapter_of
from ledger.bodies import Role
from ledger.delegates import current_epoch
from ledger.genesis import Genesis
from ledger.records import (
    AnchoredBlock,
    Ask,
    Candidate,
    Chain,
    Chapter,
    ChildHead,
    DelegateVote,
    Epoch,
    GrantRecord,
    Head,
    IndexEntry,
    IssuerKeyRecord,
    KeyCard,
    Member,
    Misconduct,
    ReleaseRecord,
    RequestRecord,
)
from ledger.rules.anchoring import require_author
from ledger.rules.membership import active_in_role
from ledger.tables import Tables


class _Reading:
    """The tables, within the lock and from one moment. A class and no generator: there is one around every question."""

    __slots__ = ("_lock", "_snapshot", "_tables")

    def __init__(self, lock: threading.RLock, tables: Tables) -> None:
        self._lock = lock
        self._tables = tables

    def __enter__(self) -> Tables:
        self._lock.acquire()
        try:
            self._snapshot = self._tables.keyvalue.snapshot()
            self._snapshot.__enter__()
        except BaseException:
            self._lock.release()
            raise
        return self._tables

    def __exit__(self, *error: Any) -> None:
        try:
            self._snapshot.__exit__(*error)
        finally:
            self._lock.release()


class Queries:
    """Questions to the state; several threads may ask while one applies entries, with ``lock`` held for each answer."""

    def __init__(self, genesis: Genesis, tables: Tables) -> None:
        self.genesis = genesis
        self.lock = threading.RLock()
        self._tables = tables

    @property
    def tables(self) -> Tables:
        """The tables, to read within ``lock``."""
        return self._tables

    def _reading(self) -> _Reading:
        return _Reading(self.lock, self._tables)

    # Members

    def member(self, member: str) -> Member | None:
        """The member of that id, removed ones too."""
        with self._reading() as tables:
            return tables.members.get(member)

    def members(self) -> tuple[Member, ...]:
        """All members in order of enrolment, removed ones too; the authority stands in the genesis."""
        with self._reading() as tables:
            return tuple(sorted(tables.members.scan(), key=lambda member: member.enrolled_at))

    def active_at(self, member: str, position: int) -> bool:
        """Whether a signature by ``member`` counts at ``position``: enrolled before, not removed or suspended then."""
        if member == self.genesis.authority:
            return True
        record = self.member(member)
        return record is not None and record.active_at(position)

    def check_author(self, author: str, patient: str, hospital: str, *, time: int) -> None:
        """Return if ``author`` may add to ``patient``'s chain with ``hospital`` at ``time``. Raises a ``Refused``."""
        with self._reading() as tables:
            require_author(tables, author, hospital, active_in_role(tables, patient, Role.PATIENT), time)

    # Key cards and scopes

    def key_card(self, patient: str) -> KeyCard | None:
        """The patient's newest key card."""
        with self._reading() as tables:
            return tables.key_cards.get(patient)

    def owner_of_scope(self, scope: str) -> str | None:
        """The patient whose scope it is: current, retired or one-off."""
        with self._reading() as tables:
            owner = tables.scope_owners.get(scope)
            return None if owner is None else owner.patient

    # Blocks

    def chains(self, patient: str) -> tuple[Chain, ...]:
        """The patient's chains, one a hospital."""
        with self._reading() as tables:
            return tuple(chains_of(tables, patient))

    def chain(self, chain: str) -> Chain | None:
        """The chain of that id."""
        with self._reading() as tables:
            return tables.chains.get(chain)

    def chain_head(self, chain: str) -> Head | None:
        """Locator and index of the chain's newest block."""
        record = self.chain(chain)
        return None if record is None else record.head

    def blocks(self, *, chain: str | None = None, patient: str | None = None) -> tuple[AnchoredBlock, ...]:
        """Blocks of one chain, or of all chains of a patient; chain by chain in order of index."""
        with self._reading() as tables:
            named = [] if chain is None else [tables.chains.get(chain)]
            if patient is not None:
                named += chains_of(tables, patient)
            return tuple(block for each in named if each is not None for block in blocks_of_chain(tables, each))

    def block(self, locator: str) -> AnchoredBlock | None:
        """The block of that locator."""
        with self._reading() as tables:
            return anchored_block(tables, locator)

    def chapter(self, chapter: str) -> Chapter | None:
        """The chapter of that id, with the locators of its blocks."""
        with self._reading() as tables:
            return chapter_of(tables, chapter)

    # Consent

    def request(self, request: str) -> RequestRecord | None:
        """The request of that id."""
        with self._reading() as tables:
            return tables.requests.get(request)

    def requests(self, *, patient: str | None = None, delegatee: str | None = None) -> tuple[RequestRecord, ...]:
        """Requests to ``patient`` and from ``delegatee``, in order; of everybody when neither is named."""
        with self._reading() as tables:
            named = patient or delegatee
            if named is None:
                return tuple(sorted(tables.requests.scan(), key=lambda record: record.position))
            found = map(tables.requests.get, tables.requests_of.scan(named))
            return tuple(r for r in found if r is not None and _between(r, patient, delegatee))

    def grant(self, grant: str) -> GrantRecord | None:
        """The grant of that id."""
        with self._reading() as tables:
            return tables.grants.get(grant)

    def grants(self, *, patient: str | None = None, delegatee: str | None = None) -> tuple[GrantRecord, ...]:
        """Grants by ``patient`` and to ``delegatee``, in order, ended ones too; of everybody when neither is named."""
        with self._reading() as tables:
            named = patient or delegatee
            if named is None:
                return tuple(sorted(tables.grants.scan(), key=lambda record: record.position))
            found = map(tables.grants.get, tables.grants_of.scan(named))
            return tuple(g for g in found if g is not None and _between(g, patient, delegatee))

    def grant_active(self, grant: str, *, time: int) -> bool:
        """Whether there is such a grant and at ``time`` it is accepted, not revoked and not ended."""
        record = self.grant(grant)
        return record is not None and record.active(time)

    def release(self, release: str) -> ReleaseRecord | None:
        """The release of that id."""
        with self._reading() as tables:
            return tables.releases.get(release)

    def releases(self, patient: str) -> tuple[ReleaseRecord, ...]:
        """Who announced to read what of ``patient``, in order."""
        with self._reading() as tables:
            found = map(tables.releases.get, tables.releases_of.scan(patient))
            return tuple(release for release in found if release is not None)

    def entries_about(self, patient: str) -> tuple[int, ...]:
        """Positions of all entries that concern ``patient``, in order."""
        with self._reading() as tables:
            return tuple(tables.positions_of.scan(patient))

    # Delegates

    def epoch(self, height: int) -> Epoch:
        """The epoch of the ledger block at ``height``, which is at most one above the newest."""
        with self._reading() as tables:
            return current_epoch(tables, height)

    def candidates(self) -> tuple[Candidate, ...]:
        """Everybody who stands or stood for delegate, founders too."""
        with self._reading() as tables:
            return tuple(tables.candidates.scan())

    def candidate(self, delegate: str) -> Candidate | None:
        """The candidate with that delegate id."""
        with self._reading() as tables:
            return tables.candidates.get(delegate)

    def candidate_of(self, member: str) -> Candidate | None:
        """The candidate behind whom ``member`` stands."""
        with self._reading() as tables:
            delegate = tables.candidate_of.get(member)
            return None if delegate is None else tables.candidates.get(delegate)

    def votes(self) -> tuple[DelegateVote, ...]:
        """Every voter's standing vote."""
        with self._reading() as tables:
            return tuple(tables.votes.scan())

    def misconduct(self) -> tuple[Misconduct, ...]:
        """What delegates were punished for, in order."""
        with self._reading() as tables:
            return tuple(sorted(tables.misconduct.scan(), key=lambda record: (record.height, record.round)))

    # The consortium

    def child(self, ledger: str) -> ChildHead | None:
        """The newest anchored head of a hospital's ledger."""
        with self._reading() as tables:
            return tables.children.get(ledger)

    def children(self) -> tuple[ChildHead, ...]:
        """The newest anchored head of every hospital's ledger."""
        with self._reading() as tables:
            return tuple(tables.children.scan())

    def child_heads(self, ledger: str) -> tuple[ChildHead, ...]:
        """Every anchored head of a hospital's ledger, in order of height."""
        with self._reading() as tables:
            return tuple(tables.child_heads.scan(ledger))

    def index_entry(self, tag: str) -> IndexEntry | None:
        """The security index's entry of a pseudonym's tag."""
        with self._reading() as tables:
            return tables.index.get(tag)

    def ask(self, ask: str) -> Ask | None:
        """The ask of that id."""
        with self._reading() as tables:
            return tables.asks.get(ask)

    def asks(self, tag: str) -> tuple[Ask, ...]:
        """What was asked about a tag, in order."""
        with self._reading() as tables:
            found = map(tables.asks.get, tables.asks_of.scan(tag))
            return tuple(ask for ask in found if ask is not None)

    def asks_by(self, doctor: str) -> tuple[Ask, ...]:
        """What a doctor asked, in order."""
        with self._reading() as tables:
            found = map(tables.asks.get, tables.asks_by.scan(doctor))
            return tuple(ask for ask in found if ask is not None)

    # Matching

    def issuer_keys(self, epoch: int) -> tuple[IssuerKeyRecord, ...]:
        """Every tag issuer's key in an epoch of tags (0 to 2^53 - 1), in order of issuer; of removed issuers too."""
        with self._reading() as tables:
            return tuple(tables.issuer_keys.scan(epoch))


def _between(record: RequestRecord | GrantRecord, patient: str | None, delegatee: str | None) -> bool:
    return patient in {None, record.patient} and delegatee in {None, record.delegatee}
