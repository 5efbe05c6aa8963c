"""What the entries about a patient say of her grants, put together: given, accepted, widened, ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ledger.bodies import (
    AnchorBlocks,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    Grant,
    Refuse,
    Release,
    Request,
    Revoke,
)
from ledger.entry import Entry


@dataclass(frozen=True)
class GrantHistory:
    """A grant and what became of it; ``scopes`` with those that revocations of others added, times in unix seconds.

    ``awaiting``: a family link that was not accepted. ``ended_at`` is the revocation, or the end of a family link.
    """

    grant: Grant
    given: Entry
    scopes: tuple[str, ...]
    family: bool
    awaiting: bool
    ended_at: int | None = None


@dataclass
class ConsentHistory:
    """The grants and requests that concern ``patient``, and to which scope each chapter of hers belongs.

    A family link concerns the child, its delegatee, as much as the parent; but it is a consent of the parent's, whose
    entries alone tell all that became of it.
    """

    patient: str
    grants: dict[str, GrantHistory]
    requests: dict[str, Request]
    scope_of: dict[str, str]
    events: list[Entry]

    @classmethod
    def of(cls, patient: str, entries: Iterable[Entry]) -> ConsentHistory:
        """Read ``entries``, in any order; those that do not concern the patient's consent are passed over."""
        history = cls(patient, {}, {}, {}, [])
        for entry in sorted(entries, key=lambda each: each.position):
            if history._take(entry):
                history.events.append(entry)
        return history

    @property
    def consents(self) -> list[GrantHistory]:
        """The grants that the patient gave, oldest first."""
        return [each for each in self.grants.values() if each.grant.patient == self.patient]

    def _take(self, entry: Entry) -> bool:
        """Whether the entry is one of the events; what it says of grants, requests and chapters is remembered."""
        body = entry.transaction.body
        if isinstance(body, Grant):
            return self._give(body, entry, family=False)
        if isinstance(body, FamilyInvite):
            return self._give(body.grant, entry, family=True)
        if isinstance(body, FamilyAccept | FamilyEnd | Revoke):
            return self._alter(body, entry)
        if isinstance(body, Refuse):
            # Only the patient may refuse, so what she did not sign is not hers.
            return entry.transaction.signer == self.patient
        if not isinstance(body, Request | Release | AnchorBlocks) or body.patient != self.patient:
            return False
        if isinstance(body, Request):
            self.requests[body.request] = body
        if isinstance(body, AnchorBlocks):
            self.scope_of |= {block.chapter: block.scope for block in body.blocks}
        return not isinstance(body, AnchorBlocks)

    def _give(self, grant: Grant, entry: Entry, *, family: bool) -> bool:
        if self.patient != grant.patient and not (family and self.patient == grant.delegatee):
            return False
        self.grants[grant.grant] = GrantHistory(grant, entry, grant.scopes, family, awaiting=family)
        if grant.one_off is not None:
            self.scope_of[grant.one_off.chapter] = grant.one_off.scope
        return True

    def _alter(self, body: FamilyAccept | FamilyEnd | Revoke, entry: Entry) -> bool:
        known = self.grants.get(body.grant)
        if known is not None:
            change = {"awaiting": False} if isinstance(body, FamilyAccept) else {"ended_at": entry.time}
            self.grants[body.grant] = replace(known, **change)
        for extension in body.extends if isinstance(body, Revoke) else ():
            other = self.grants.get(extension.grant)
            if other is not None:
                scopes = tuple(dict.fromkeys((*other.scopes, *extension.scopes)))
                self.grants[extension.grant] = replace(other, scopes=scopes)
        return known is not None or entry.transaction.signer == self.patient
