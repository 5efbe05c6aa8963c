"""Family links: a parent lets a child read chosen categories and years, so that hereditary history is known.

The parent's side is that of a grant (``clinic.grants``): fragments, letter, ledger. Proxies answer once the child
accepted.
"""

from __future__ import annotations

from clinic.errors import GrantUnknown, SelectionInvalid
from clinic.grants import Decision, prepare, submit_prepared
from clinic.keystore import MemberSecrets
from clinic.rekeying import forget_fragments
from clinic.requests import member_of
from clinic.site import Site
from ledger.bodies import FamilyAccept, FamilyEnd, FamilyInvite, Role
from ledger.records import GrantRecord


def invite(site: Site, parent: MemberSecrets, child_id: str, decision: Decision) -> str:
    """Offer ``decision`` to a child, who is a patient; returns the grant's id. It is in force once she accepted.

    Raises ``SelectionInvalid`` when it covers nothing or is not for whole categories to read, ``NotPermitted``,
    ``CertificateInvalid``, the ledger's refusals.
    """
    if decision.selects or decision.access.write:
        raise SelectionInvalid("a family link is for categories and years to read, not for blocks or for writing")
    if child_id == parent.member_id or member_of(site.state(), child_id).role is not Role.PATIENT:
        raise SelectionInvalid("a family link is from one patient to another; name the child as she is enrolled")
    body = FamilyInvite(prepare(site, parent, child_id, decision, request_id=None))
    submit_prepared(site, parent, body, body.grant)
    return body.grant.grant


def accept(site: Site, child: MemberSecrets, grant_id: str) -> None:
    """Accept a parent's offer. Raises ``GrantUnknown``, the ledger's refusals."""
    site.submit(FamilyAccept(_link(site, child, grant_id).grant), child)


def end(site: Site, child: MemberSecrets, grant_id: str) -> bool:
    """Decline or end a link as the child; ``True`` if it had been accepted. Raises ``GrantUnknown``, refusals.

    The parent's way is ``clinic.revocation``, which re-keys.
    """
    link = _link(site, child, grant_id)
    site.submit(FamilyEnd(link.grant), child)
    forget_fragments(site, link.grant, link.proxies)
    return not link.awaiting


def _link(site: Site, child: MemberSecrets, grant_id: str) -> GrantRecord:
    record = site.state().grant(grant_id)
    if record is None or not record.family or record.delegatee != child.member_id:
        raise GrantUnknown("there is no such family link to this patient; see `chartseal grants`")
    return record
