"""The rule of PublishIssuerKey: one key an issuer and epoch, and no key twice.

Everybody then sees the same key, so that an issuer cannot give one client a key of its own and know her tags by it; and
a key of one epoch only is erased with that epoch.
"""

from ledger.bodies import PublishIssuerKey, Role
from ledger.records import IssuerKeyRecord
from ledger.refusals import IssuerKeyInUse, IssuerKeyTaken, NotIssuer
from ledger.rules.rule import Change, Place, rule_for
from ledger.tables import Tables


@rule_for(PublishIssuerKey)
def publish_issuer_key(tables: Tables, body: PublishIssuerKey, place: Place) -> Change:
    """By an active tag issuer, for itself; for good, also once the issuer is removed."""
    member = tables.members.get(place.signer)
    if member is None or member.role is not Role.ISSUER or not member.active:
        raise NotIssuer("only a tag issuer publishes such a key; have it signed by one")
    if tables.issuer_keys.get(body.epoch, place.signer) is not None:
        raise IssuerKeyTaken("the issuer has a key for this epoch already; publish one for another epoch")
    if body.key.hex() in tables.issuer_of_key:
        raise IssuerKeyInUse("the key was published before, for another epoch or by another issuer; make a fresh one")
    record = IssuerKeyRecord(
        issuer=place.signer,
        operator=body.operator,
        epoch=body.epoch,
        key=body.key,
        position=place.position,
    )
    return [
        tables.issuer_keys.put(record, body.epoch, place.signer),
        tables.issuer_of_key.put(place.signer, body.key.hex()),
    ]
