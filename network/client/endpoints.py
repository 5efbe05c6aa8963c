"""Where members' own servers are, by the endpoint cards that the hospital's server passes on."""

from __future__ import annotations

from clinic.clock import Clock
from ledger.bodies import Role
from network import wire
from network.client.ledger import FollowingLedger
from network.endpoint import EndpointBook, EndpointCard
from network.errors import TRANSIENT, AnswerInvalid, EndpointInvalid
from scheme import canonical
from scheme.errors import EncodingInvalid


def cards_of(role: Role, ledger: FollowingLedger, book: EndpointBook, clock: Clock) -> dict[str, EndpointCard]:
    """The newest cards of active members of that role, by member id, asked for and kept in ``book``.

    While the server does not answer, those in ``book``. Raises ``AnswerInvalid``, and as ``FollowingLedger.view``.
    """
    state = ledger.view().state
    book.take_all(_listed(ledger), state, now=clock())
    members = ((card, state.member(card.member)) for card in book.cards())
    return {
        card.member: card for card, member in members if member is not None and member.role is role and member.active
    }


def _listed(ledger: FollowingLedger) -> list[EndpointCard]:
    try:
        listed = ledger.transport.get_json(wire.ENDPOINTS).get("endpoints")
    except TRANSIENT:
        return []
    if not isinstance(listed, list):
        raise AnswerInvalid("the server's list of endpoint cards is none; nothing of it was used")
    return [card for each in listed if (card := _card(each)) is not None]


def _card(value: object) -> EndpointCard | None:
    """One that cannot be read keeps nobody from the others."""
    try:
        return EndpointCard.from_bytes(canonical.dumps(value)) if isinstance(value, dict) else None
    except (EncodingInvalid, EndpointInvalid):
        return None
