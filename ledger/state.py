"""State: the deterministic fold of entries, and what can be asked of it.

Order, enforced by ``prepare``: 1. ledger, 2. signer and signature, 3. time and replay, 4. the rule of the body. Nothing
changes before all four said yes. The state knows no clock: time is the entry's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ledger.bodies import Role
from ledger.entry import Entry
from ledger.errors import EntryMisplaced, OtherLedger
from ledger.genesis import Genesis
from ledger.records import (
    AnchoredBlock,
    Chain,
    Chapter,
    GrantRecord,
    Head,
    KeyCard,
    Member,
    ReleaseRecord,
    RequestRecord,
)
from ledger.refusals import Replayed, SignerRemoved, SignerUnknown, TimeSkewed
from ledger.rules import Change, Place, judge
from ledger.rules.anchoring import require_author
from ledger.rules.membership import active_in_role
from ledger.tables import Tables
from ledger.transactions import SignedTransaction
from scheme import canonical
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VerifyingKey

EMPTY = -1
"""Position of a ledger without entries."""


class State:
    """What the ledger says after the entry at ``position`` with digest ``head``.

    Lives: it moves forward as entries are applied. Every query answers from one moment and with frozen records; several
    threads may ask while one applies. An engine holds ``lock`` from ``apply`` until the entries are durable, so that
    nobody acts on what a crash could take back.
    """

    position: int
    head: str
    time: int

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.lock = threading.RLock()
        self.reset()

    # Moving forward

    def reset(self) -> None:
        """Back to the genesis: nobody is a member, nothing is granted."""
        with self.lock:
            self.position = EMPTY
            self.head = self.genesis.digest
            self.time = self.genesis.created
            self._tables = Tables(self.genesis)
            self._recent: dict[str, int] = {}

    def check(self, transaction: SignedTransaction, *, time: int) -> None:
        """Return if ``transaction`` would be admitted as the next entry at ``time``.

        Raises ``OtherLedger``, ``TransactionSignatureInvalid`` or a ``Refused``. Changes nothing.
        """
        self._prepare(transaction, self.position + 1, time)

    def apply(self, entry: Entry) -> None:
        """Verify ``entry`` and fold it in, all or nothing.

        Raises ``EntryMisplaced``, ``OtherLedger``, ``TransactionSignatureInvalid`` or a ``Refused``.
        """
        self._require_next(entry)
        self._advance(entry, self._prepare(entry.transaction, entry.position, entry.time))

    def reapply(self, entry: Entry) -> None:
        """As ``apply`` without the signature: for entries that this machine verified when it took them in."""
        self._require_next(entry)
        self._advance(entry, self._judge(entry.transaction, entry.position, entry.time))

    def _require_next(self, entry: Entry) -> None:
        if entry.position != self.position + 1 or entry.previous != self.head or entry.time < self.time:
            raise EntryMisplaced("an entry does not follow the one before it; restore the ledger from a good copy")

    def _prepare(self, transaction: SignedTransaction, position: int, time: int) -> Change:
        if transaction.ledger != self.genesis.digest:
            raise OtherLedger("the transaction was signed for another ledger; sign it for this one")
        transaction.verify(self._signer_key(transaction.signer))
        return self._judge(transaction, position, time)

    def _judge(self, transaction: SignedTransaction, position: int, time: int) -> Change:
        self._signer_key(transaction.signer)
        if abs(transaction.time - time) > self.genesis.max_clock_skew_s:
            raise TimeSkewed(
                f"the signer's clock is more than {self.genesis.max_clock_skew_s} s from the ledger's; "
                "set the clock and sign again"
            )
        if transaction.id in self._recent:
            raise Replayed("the transaction is in the ledger already; sign a new one if it is meant twice")
        return judge(self._tables, transaction.body, Place(position, time, transaction.signer))

    def _signer_key(self, signer: str) -> VerifyingKey:
        if signer == self.genesis.authority:
            return VerifyingKey(self.genesis.verifying)
        record = self._tables.members.get(signer)
        if record is None:
            raise SignerUnknown("the signer is not enrolled in this ledger")
        if not record.active:
            raise SignerRemoved("the signer was removed from the ledger by the authority; it can sign nothing more")
        return VerifyingKey(record.keys.verifying)

    def _advance(self, entry: Entry, change: Change) -> None:
        with self.lock:
            change()
            self.position, self.head, self.time = entry.position, entry.digest, entry.time
            self._recent[entry.transaction.id] = entry.time
            self._forget()

    def _forget(self) -> None:
        # A replay older than twice the skew fails on its own time, so the ids kept do not grow with the ledger.
        oldest = self.time - 2 * self.genesis.max_clock_skew_s
        while self._recent:
            first = next(iter(self._recent))
            if self._recent[first] >= oldest:
                return
            del self._recent[first]

    def digest(self) -> str:
        """One digest over everything the state holds, equal on every engine; 32 bytes in hex. Costs a full pass."""
        with self.lock:
            place = canonical.dumps(
                {"ledger": self.genesis.digest, "position": self.position, "head": self.head, "time": self.time}
            )
            return tagged_hash(Tag.LEDGER_STATE, place, *self._tables.rows()).hex()

    # Members

    def member(self, member: str) -> Member | None:
        """The member of that id, removed ones too."""
        with self.lock:
            return self._tables.members.get(member)

    def members(self) -> tuple[Member, ...]:
        """All members in order of enrolment, removed ones too; the authority stands in the genesis."""
        with self.lock:
            return tuple(self._tables.members.values())

    def active_at(self, member: str, position: int) -> bool:
        """Whether a signature by ``member`` counts at ``position``: enrolled before, not yet removed."""
        if member == self.genesis.authority:
            return True
        record = self.member(member)
        if record is None or position <= record.enrolled_at:
            return False
        return record.removed_at is None or position < record.removed_at

    def check_author(self, author: str, patient: str, hospital: str, *, time: int) -> None:
        """Return if ``author`` may add to ``patient``'s chain with ``hospital`` at ``time``. Raises a ``Refused``."""
        with self.lock:
            require_author(self._tables, author, hospital, active_in_role(self._tables, patient, Role.PATIENT), time)

    # Key cards and scopes

    def key_card(self, patient: str) -> KeyCard | None:
        """The patient's newest key card."""
        with self.lock:
            return self._tables.key_cards.get(patient)

    def owner_of_scope(self, scope: str) -> str | None:
        """The patient whose scope it is: current, retired or one-off."""
        with self.lock:
            return self._tables.scope_owners.get(scope)

    # Blocks

    def chains(self, patient: str) -> tuple[Chain, ...]:
        """The patient's chains, one a hospital."""
        with self.lock:
            return tuple(self._tables.chains[chain] for chain in self._tables.chains_of.get(patient, {}).values())

    def chain(self, chain: str) -> Chain | None:
        """The chain of that id."""
        with self.lock:
            return self._tables.chains.get(chain)

    def chain_head(self, chain: str) -> Head | None:
        """Locator and index of the chain's newest block."""
        record = self.chain(chain)
        return None if record is None else record.head

    def blocks(self, *, chain: str | None = None, patient: str | None = None) -> tuple[AnchoredBlock, ...]:
        """Blocks of one chain, or of all chains of a patient; chain by chain in order of index."""
        with self.lock:
            chains = [] if chain is None else [chain]
            if patient is not None:
                chains += self._tables.chains_of.get(patient, {}).values()
            return tuple(
                self._tables.blocks[locator] for each in chains for locator in self._tables.chain_blocks.get(each, ())
            )

    def block(self, locator: str) -> AnchoredBlock | None:
        """The block of that locator."""
        with self.lock:
            return self._tables.blocks.get(locator)

    def chapter(self, chapter: str) -> Chapter | None:
        """The chapter of that id, with the locators of its blocks."""
        with self.lock:
            return self._tables.chapters.get(chapter)

    # Consent

    def request(self, request: str) -> RequestRecord | None:
        """The request of that id."""
        with self.lock:
            return self._tables.requests.get(request)

    def requests(self, *, patient: str | None = None, delegatee: str | None = None) -> tuple[RequestRecord, ...]:
        """Requests to ``patient`` and from ``delegatee``, in order; of everybody when neither is named."""
        with self.lock:
            tables = self._tables
            ids = _ids(tables.requests, tables.requests_of, patient, delegatee)
            return tuple(r for r in map(tables.requests.__getitem__, ids) if _between(r, patient, delegatee))

    def grant(self, grant: str) -> GrantRecord | None:
        """The grant of that id."""
        with self.lock:
            return self._tables.grants.get(grant)

    def grants(self, *, patient: str | None = None, delegatee: str | None = None) -> tuple[GrantRecord, ...]:
        """Grants by ``patient`` and to ``delegatee``, in order, ended ones too; of everybody when neither is named."""
        with self.lock:
            tables = self._tables
            ids = _ids(tables.grants, tables.grants_of, patient, delegatee)
            return tuple(g for g in map(tables.grants.__getitem__, ids) if _between(g, patient, delegatee))

    def grant_active(self, grant: str, *, time: int) -> bool:
        """Whether there is such a grant and at ``time`` it is neither revoked nor ended."""
        record = self.grant(grant)
        return record is not None and record.active(time)

    def release(self, release: str) -> ReleaseRecord | None:
        """The release of that id."""
        with self.lock:
            return self._tables.releases.get(release)

    def releases(self, patient: str) -> tuple[ReleaseRecord, ...]:
        """Who announced to read what of ``patient``, in order."""
        with self.lock:
            return tuple(self._tables.releases[release] for release in self._tables.releases_of.get(patient, ()))

    def entries_about(self, patient: str) -> tuple[int, ...]:
        """Positions of all entries that concern ``patient``, in order."""
        with self.lock:
            return tuple(self._tables.positions_of.get(patient, ()))


def fold(genesis: Genesis, entries: Iterable[Entry]) -> State:
    """The state that ``entries`` add up to, each fully verified. Raises as ``State.apply``."""
    state = State(genesis)
    for entry in entries:
        state.apply(entry)
    return state


def _ids(records: Iterable[str], of: dict[str, list[str]], patient: str | None, delegatee: str | None) -> Iterable[str]:
    named = patient or delegatee
    return records if named is None else of.get(named, ())


def _between(record: RequestRecord | GrantRecord, patient: str | None, delegatee: str | None) -> bool:
    return patient in {None, record.patient} and delegatee in {None, record.delegatee}
