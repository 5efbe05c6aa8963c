"""Key cards over HTTP: published by their patients alone, fetched by them, their hospitals, and who may seal to them.

A card says which category and year a scope is. Who reads under a grant has that of the granted scopes in a letter.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from clinic.errors import HomeInvalid, NotPermitted
from network import wire
from network.card_readers import may_have_card
from network.errors import CardInvalid, CardUnknown, NotYours
from network.server.authentication import Own, Signed
from network.server.bodies import SignedBody, takes_octets
from network.server.limits import require_room
from network.server.paths import Commitment, MemberId, Version
from network.server.problems import octets, signed_problems
from network.server.services import Services
from scheme.errors import SchemeError
from scheme.keycard import KeyCard
from scheme.keys import VerifyingKey

router = APIRouter(tags=["cards"])


@router.get(
    wire.CARD,
    response_class=Response,
    responses=octets("the card") | signed_problems(404, 422),
)
def fetch(services: Services, request: Signed, patient: MemberId, version: Version, commitment: Commitment) -> Response:
    """One card of a patient, for her, her hospitals, and whoever may write to her record now."""
    if not may_have_card(services.site.state(), request.member_id, patient, now=services.site.clock()):
        raise NotPermitted(
            "a key card is for the patient's hospitals and who may write to her record; ask her for a grant"
        )
    try:
        return Response(services.site.cards.fetch(patient, version, commitment), media_type=wire.OCTETS)
    except HomeInvalid:
        raise CardUnknown("that key card is not here; ask the patient to publish it again") from None


@router.put(
    wire.CARD,
    dependencies=[Depends(Own("patient"))],
    status_code=204,
    response_class=Response,
    openapi_extra=takes_octets(wire.MAX_CARD_BYTES),
    responses=signed_problems(408, 413, 422, 507),
)
def publish(
    services: Services,
    patient: MemberId,
    version: Version,
    commitment: Commitment,
    data: Annotated[bytes, Depends(SignedBody(wire.MAX_CARD_BYTES))],
) -> None:
    """Keep a card of the signer's, durably; it counts once the ledger holds its commitment.

    In order: 1. the version is at most one after the ledger's; 2. it is the card that the path names, signed by her.
    """
    state = services.site.state()
    member, current = state.member(patient), state.key_card(patient)
    if member is None:
        raise NotYours("only an enrolled patient has a key card")
    if version > (current.version if current else 0) + 1:  # 1
        raise CardInvalid("that version does not follow the newest card on the ledger; publish the next one")
    key = VerifyingKey(member.keys.verifying)
    try:
        KeyCard.from_bytes(data).verify(key, patient_id=patient, ledger_digest=commitment, ledger_version=version)  # 2
    except SchemeError as error:
        raise CardInvalid(f"this is not the card that the path names: {error}") from None
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    with services.writing:
        services.site.cards.publish(patient, version, commitment, data)
