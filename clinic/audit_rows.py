"""What proven ledger entries say about one patient: row by row, each checked to concern her and to leave no gap.

An entry left out shows when another refers to it: key card versions count up, blocks stand on the block before,
hospitals anchor for their own patients, grants answer requests, releases name grants and chapters. It does not show
when nothing does: an unanswered request, the last blocks of a chain, a release.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from clinic.errors import AuditFileInvalid, AuditIncomplete
from ledger.bodies import (
    AnchorBlocks,
    Enrol,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    Grant,
    PublishKeyCard,
    Refuse,
    Reinstate,
    Release,
    Remove,
    Renew,
    Request,
    Revoke,
    Suspend,
    Withdraw,
)
from ledger.entry import Entry

_FOREIGN = "the audit file holds an entry that does not concern the patient; have it exported again"


@dataclass(frozen=True)
class AuditRow:
    """One entry: its position, time (unix seconds), signer and kind (``Body.type``).

    ``delegatee`` is who asks, may read or reads; ``request``, ``grant`` and ``scopes`` what it names: a release the
    scopes of the chapters that it opens, a revocation the scopes that its card retires.
    """

    position: int
    time: int
    signer: str
    event: str
    delegatee: str | None = None
    request: str | None = None
    grant: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass
class Account:
    """Takes a patient's entries in order of position and remembers what later ones may refer to."""

    patient: str
    _hospitals: set[str] = field(default_factory=set)
    _card: int = 0
    _heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Chain to index and locator of its newest block."""
    _blocks: set[str] = field(default_factory=set)
    _scope_of: dict[str, str] = field(default_factory=dict)
    """Chapter to scope."""
    _requests: dict[str, Request] = field(default_factory=dict)
    _grants: dict[str, Grant] = field(default_factory=dict)

    def take(self, entry: Entry) -> AuditRow:  # noqa: PLR0911, PLR0912 (one case a kind of entry)
        """The row of ``entry``. Raises ``AuditFileInvalid`` when it concerns somebody else, ``AuditIncomplete``."""
        body = entry.transaction.body
        if not self._hospitals and not isinstance(body, Enrol):
            self._gap("her enrolment")
        match body:
            case Enrol() | Remove() | Renew() | Suspend() | Reinstate():
                self._concerns(body.member)
                if isinstance(body, Enrol) and body.hospital is not None:
                    self._hospitals.add(body.hospital)
                return self._row(entry)
            case PublishKeyCard():
                self._concerns(body.patient)
                self._take_card(body)
                return self._row(entry, scopes=body.adds)
            case AnchorBlocks():
                self._concerns(body.patient)
                self._take_blocks(body)
                return self._row(entry, scopes=_distinct(block.scope for block in body.blocks))
            case Withdraw():
                self._concerns(body.patient)
                if body.block not in self._blocks:
                    self._gap("the anchoring of a block that is withdrawn")
                return self._row(entry)
            case Request():
                self._concerns(body.patient)
                self._requests[body.request] = body
                return self._row(entry, delegatee=body.delegatee, request=body.request)
            case Grant():
                self._concerns(body.patient)
                if body.request is not None:
                    self._asked(body.request)
                return self._take_grant(entry, body)
            case FamilyInvite():
                self._concerns(body.grant.patient, body.grant.delegatee)
                return self._take_grant(entry, body.grant)
            case Refuse():
                asked = self._asked(body.request)
                return self._row(entry, delegatee=asked.delegatee, request=body.request)
            case Revoke():
                return self._take_revocation(entry, body)
            case FamilyAccept() | FamilyEnd():
                link = self._granted(body.grant)
                return self._row(entry, delegatee=link.delegatee, grant=link.grant)
            case Release():
                self._concerns(body.patient)
                grant = self._granted(body.grant)
                scopes = _distinct(self._scope(chapter) for chapter in body.chapters)
                return self._row(entry, delegatee=grant.delegatee, grant=grant.grant, scopes=scopes)
            case _:
                raise AuditFileInvalid(_FOREIGN)

    def _take_card(self, body: PublishKeyCard) -> None:
        if body.card_version != self._card + 1:
            self._gap("a key card")
        self._card = body.card_version

    def _take_blocks(self, body: AnchorBlocks) -> None:
        if body.hospital not in self._hospitals:
            self._gap("her enrolment with a hospital")
        index, head = self._heads.get(body.chain, (-1, None))
        if (body.first_index, body.previous_head) != (index + 1, head):
            self._gap("the anchoring of blocks")
        self._heads[body.chain] = (index + len(body.blocks), body.blocks[-1].locator)
        self._blocks.update(block.locator for block in body.blocks)
        self._scope_of.update((block.chapter, block.scope) for block in body.blocks)

    def _take_grant(self, entry: Entry, grant: Grant) -> AuditRow:
        self._grants[grant.grant] = grant
        own = () if grant.one_off is None else (grant.one_off.scope,)
        if grant.one_off is not None:
            self._scope_of[grant.one_off.chapter] = grant.one_off.scope
        named = (*grant.scopes, *own)
        return self._row(entry, delegatee=grant.delegatee, request=grant.request, grant=grant.grant, scopes=named)

    def _take_revocation(self, entry: Entry, body: Revoke) -> AuditRow:
        ended = self._granted(body.grant)
        if ended.patient != self.patient:  # her parent's, who ends a family link: the rest is the parent's business
            return self._row(entry, delegatee=ended.delegatee, grant=ended.grant)
        for extension in body.extends:
            self._granted(extension.grant)
        if body.card is not None:
            self._concerns(body.card.patient)
            self._take_card(body.card)
        retired = () if body.card is None else body.card.retires
        return self._row(entry, delegatee=ended.delegatee, grant=ended.grant, scopes=retired)

    def _concerns(self, *named: str) -> None:
        if self.patient not in named:
            raise AuditFileInvalid(_FOREIGN)

    def _asked(self, request: str) -> Request:
        found = self._requests.get(request)
        return self._gap("a request that is answered") if found is None else found

    def _granted(self, grant: str) -> Grant:
        found = self._grants.get(grant)
        return self._gap("a grant that others name") if found is None else found

    def _scope(self, chapter: str) -> str:
        found = self._scope_of.get(chapter)
        return self._gap("the anchoring of a chapter that was read") if found is None else found

    def _gap(self, what: str) -> NoReturn:
        raise AuditIncomplete(f"the audit file leaves out {what}; have it exported again, and ask why")

    def _row(
        self,
        entry: Entry,
        *,
        delegatee: str | None = None,
        request: str | None = None,
        grant: str | None = None,
        scopes: Iterable[str] = (),
    ) -> AuditRow:
        signer, event = entry.transaction.signer, entry.transaction.body.type
        return AuditRow(entry.position, entry.time, signer, event, delegatee, request, grant, tuple(scopes))


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
