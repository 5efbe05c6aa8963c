"""Granting: a patient's approval becomes key fragments at the proxies, a letter to the delegatee, a ledger entry.

Order: fragments -> letter -> ledger. Until the Grant stands on the ledger no proxy answers, so a crash in between
gives nobody access; from then on all is in place. A grant names the proxies that took their fragments: one that is out
of reach or not in office is left out, as long as the others are enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clinic import letters
from clinic.certified import current_member
from clinic.errors import GrantUnknown, SelectionInvalid
from clinic.keystore import MemberSecrets
from clinic.own_blocks import own_chapter_keys
from clinic.own_scopes import master_of, own_scopes
from clinic.rekeying import Sharing, deposit_fragments, forget_fragments
from clinic.requests import Access, AccessRequest, new_id, reader_keys
from clinic.selection import Selection, seal_selection
from clinic.site import Site
from ledger.bodies import Grant, OneOff
from ledger.errors import TransactionInvalid
from ledger.records import AnchoredBlock, GrantRecord
from ledger.refusals import Refused
from ledger.registry import Body
from ledger.state import State
from scheme.canonical import JsonObject
from scheme.errors import ChartSealError
from scheme.keycard import CardScope
from scheme.scopes import Years


@dataclass(frozen=True)
class Decision:
    """What the patient decides: ``access``, an end in unix seconds, and whether it is for blocks that exist now only
    (``blocks`` names them; with ``existing_only`` and none named, all that ``access`` covers)."""

    access: Access
    until: int | None = None
    blocks: tuple[str, ...] = ()
    existing_only: bool = False

    @property
    def selects(self) -> bool:
        """Whether single blocks' keys are granted instead of scope keys."""
        return bool(self.blocks) or self.existing_only


def covered(lines: Mapping[str, CardScope], access: Access) -> list[CardScope]:
    """The scopes that ``access`` covers: a decade only when all of it lies in the years asked for."""
    return [
        line
        for line in lines.values()
        if (not access.categories or line.scope.category in access.categories)
        and (access.since is None or line.scope.years.first >= access.since)
    ]


def cut_decades(lines: Mapping[str, CardScope], access: Access) -> list[Years]:
    """Decades that ``access`` cuts in two and that a grant therefore leaves out whole."""
    since = access.since
    if since is None:
        return []
    return sorted(
        {line.scope.years for line in lines.values() if line.scope.years.first < since <= line.scope.years.last}
    )


def approve(site: Site, patient: MemberSecrets, request: AccessRequest, decision: Decision) -> str:
    """Answer a request with a grant; returns the grant's id.

    Raises ``SelectionInvalid`` when the decision covers nothing, ``NotPermitted``, and the ledger's refusals.
    """
    return grant(site, patient, request.record.delegatee, decision, request_id=request.record.request)


def grant(site: Site, patient: MemberSecrets, delegatee_id: str, decision: Decision, *, request_id: str | None) -> str:
    """Grant ``decision`` to ``delegatee_id``; returns the grant's id. About 0.4 ms a scope and proxy."""
    body = prepare(site, patient, delegatee_id, decision, request_id=request_id)
    submit_prepared(site, patient, body, body)
    return body.grant


def submit_prepared(site: Site, patient: MemberSecrets, entry: Body, prepared: Grant) -> None:
    """Submit ``entry``, by which a ``prepared`` grant counts; its fragments are deleted if the ledger refuses it.

    The proxies keep them on any other error: the ledger may have taken it. Raises the ledger's refusals.
    """
    try:
        site.submit(entry, patient)
    except (Refused, TransactionInvalid):
        forget_fragments(site, prepared.grant, prepared.proxies)
        raise


def prepare(
    site: Site, patient: MemberSecrets, delegatee_id: str, decision: Decision, *, request_id: str | None
) -> Grant:
    """Everything of a grant but its ledger entry: fragments at the proxies and the letter; returns what to submit.

    Raises ``ProxiesInsufficient`` when fewer proxies than the threshold are in office and take theirs.
    """
    state = site.state()
    delegatee = current_member(state, delegatee_id, now=site.clock())
    lines = own_scopes(site, state, patient)
    grant_id = new_id()
    selection: Selection | None = None
    if decision.selects:
        selection = _select(site, state, patient, lines, decision, grant_id)
        scopes: Sequence[CardScope] = ()
        keys = {selection.context.scope: master_of(patient).one_off_key(grant_id)}
    else:
        scopes = _usable(state, patient, covered(lines, decision.access))
        if not scopes:
            raise SelectionInvalid("this would grant nothing; name other categories or an earlier year")
        keys = {line.id: master_of(patient).scope_key(line.scope) for line in scopes}
    sharing = Sharing(tuple(site.proxies), site.threshold)
    deposited = deposit_fragments(
        site, state, patient, delegatee, keys, grant_id=grant_id, part=grant_id, until=decision.until, sharing=sharing
    )
    body = decision.access.to_json() | {
        "until": decision.until,
        "scopes": [scope_to_json(line) for line in scopes],
        "selection": selection.to_json() if selection else None,
    }
    letter = letters.write("grant", grant_id, body, patient.signing)
    try:
        deposited.require_enough()
        letters.post(site.mailbox, letter, grant_id, reader_keys(state, (delegatee_id, patient.member_id)))
    except ChartSealError:
        forget_fragments(site, grant_id, deposited.took)
        raise
    return Grant(
        grant=grant_id,
        request=request_id,
        patient=patient.member_id,
        delegatee=delegatee_id,
        scopes=tuple(line.id for line in scopes),
        one_off=OneOff(selection.context.scope, selection.context.chapter) if selection else None,
        until=decision.until,
        write=decision.access.write,
        threshold=site.threshold,
        proxies=deposited.took,
        body_digest=letter.digest,
    )


def _usable(state: State, patient: MemberSecrets, lines: list[CardScope]) -> list[CardScope]:
    """Current scopes, and superseded ones that blocks were sealed to."""
    card = state.key_card(patient.member_id)
    sealed_to = {block.scope for block in state.blocks(patient=patient.member_id)}
    return [line for line in lines if line.id in sealed_to or (card is not None and line.id in card.scopes)]


def _select(
    site: Site, state: State, patient: MemberSecrets, lines: Mapping[str, CardScope], decision: Decision, grant_id: str
) -> Selection:
    wanted = set(decision.blocks)
    scopes = {line.id for line in covered(lines, decision.access)}
    chosen: list[AnchoredBlock] = [
        block
        for block in state.blocks(patient=patient.member_id)
        if block.withdrawn is None and (block.locator in wanted if wanted else block.scope in scopes)
    ]
    if len(chosen) < max(1, len(wanted)):
        raise SelectionInvalid("a selected block is not one of the patient's, or was withdrawn; see `chartseal blocks`")
    block_keys = {keyed.anchored.locator: keyed.key for keyed in own_chapter_keys(site, patient, chosen)}
    one_off_key = master_of(patient).one_off_key(grant_id).public_key
    return seal_selection(block_keys, one_off_key, grant_id=grant_id, signer=patient.signing.verifying_key)


def scope_to_json(line: CardScope) -> JsonObject:
    """A scope as a grant's letter explains it to the delegatee."""
    return {
        "id": line.id,
        "key": line.key.hex(),
        "category": line.scope.category.value,
        "first_year": line.scope.years.first,
        "last_year": line.scope.years.last,
    }


def own_grant(state: State, patient: MemberSecrets, grant_id: str) -> GrantRecord:
    """A grant that this patient gave and that was not revoked. Raises ``GrantUnknown``."""
    record = state.grant(grant_id)
    if record is None or record.patient != patient.member_id:
        raise GrantUnknown("there is no such grant by this patient; see `chartseal grants`")
    if record.revoked_at is not None:
        raise GrantUnknown("the grant was revoked already")
    return record
