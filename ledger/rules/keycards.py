"""Rule of PublishKeyCard; Revoke publishes a card by the same rule."""

from ledger.bodies import PublishKeyCard, Role
from ledger.records import KeyCard, ScopeOwner
from ledger.refusals import CardVersionWrong, ScopeForeign, ScopeRetired, ScopeTaken, ScopeUnknown
from ledger.rules.membership import active_in_role
from ledger.rules.rule import Change, Place, rule_for, signed_by
from ledger.tables import Tables


def owned_scope(tables: Tables, patient: str, scope: str) -> None:
    """Refuse a scope that no card of ``patient`` ever named. Raises ``ScopeUnknown``, ``ScopeForeign``."""
    owner = tables.scope_owners.get(scope)
    if owner is None or owner.one_off:
        raise ScopeUnknown("a scope is not on any key card; publish the card that adds it first")
    if owner.patient != patient:
        raise ScopeForeign("a scope belongs to another patient")


def current_scopes(tables: Tables, patient: str) -> frozenset[str]:
    """Scopes that may be sealed to; none before the first card."""
    card = tables.key_cards.get(patient)
    return frozenset() if card is None else card.scopes


def require_current(tables: Tables, patient: str, scopes: set[str]) -> None:
    """Refuse unless all ``scopes`` are current. Raises ``ScopeUnknown``, ``ScopeForeign``, ``ScopeRetired``."""
    for scope in sorted(scopes - current_scopes(tables, patient)):
        owned_scope(tables, patient, scope)
        raise ScopeRetired("a scope was retired by a later key card; get the patient's newest card and use its scopes")


@rule_for(PublishKeyCard)
def publish_key_card(tables: Tables, body: PublishKeyCard, place: Place) -> Change:
    """By the patient; versions count up by one."""
    signed_by(place, body.patient, "the patient whose card it is")
    active_in_role(tables, body.patient, Role.PATIENT)
    last = tables.key_cards.get(body.patient)
    if body.card_version != (1 if last is None else last.version + 1):
        raise CardVersionWrong("the key card does not have the version after the newest; refresh and publish again")
    for scope in body.adds:
        if scope in tables.scope_owners:
            raise ScopeTaken("a scope that the card adds was used before; derive the next revision")
    require_current(tables, body.patient, set(body.retires))
    card = KeyCard(
        patient=body.patient,
        version=body.card_version,
        digest=body.digest,
        scopes=(current_scopes(tables, body.patient) - set(body.retires)) | set(body.adds),
        position=place.position,
        time=place.time,
    )
    owner = ScopeOwner(body.patient, one_off=False)
    return [
        tables.key_cards.put(card, body.patient),
        *(tables.scope_owners.put(owner, scope) for scope in body.adds),
        tables.positions_of.put(place.position, body.patient, place.position),
    ]
