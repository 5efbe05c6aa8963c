"""The hospital in whose chain an author writes, at its own server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clinic.certified import certified_member
from clinic.errors import HospitalUnreachable, LinkInvalid
from clinic.hospital import Linked
from ledger.bodies import AnchorBlocks
from ledger.engine import Receipt
from network import wire
from network.client.ledger import FollowingLedger
from network.client.transport import Transport, json_body, parsed
from network.errors import TRANSIENT, AnswerInvalid
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.header import BlockHeader
from scheme.keys import VerifyingKey


class RemoteHospital:
    """``HospitalClient`` of the hospital ``member_id``; its signatures are checked, its anchors looked up."""

    def __init__(self, transport: Transport, ledger: FollowingLedger, member_id: str) -> None:
        self._transport = transport
        self._ledger = ledger
        self._member_id = member_id

    def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
        """See ``HospitalClient``; ``author_id`` is who signs the request."""
        if author_id != self._transport.member_id:
            raise LinkInvalid("this home writes as its own member only")
        asked = {"patient": patient_id, "headers": [canonical.b64(header.unsigned) for header in headers]}
        with _reached():
            answer = self._transport.post_json(wire.LINKS, asked)
        previous, index, listed = answer.get("previous"), answer.get("index"), answer.get("signatures")
        if not isinstance(previous, str | None) or type(index) is not int or not isinstance(listed, list):
            raise LinkInvalid("the hospital's answer is no place in a chain; the records stay in the outbox")
        try:
            signatures = [canonical.unb64(each, what="a signature") for each in listed]
        except EncodingInvalid:
            raise LinkInvalid("the hospital's signatures cannot be read; the records stay in the outbox") from None
        key = VerifyingKey(certified_member(self._ledger.view().state, self._member_id).keys.verifying)
        return Linked.verify(headers, key, previous, index, signatures)

    def anchor(self, body: AnchorBlocks) -> Receipt:
        """See ``HospitalClient``."""
        with _reached():
            answer = self._transport.request("POST", wire.ANCHORS, again=False, **json_body(body.to_json()))
            receipt = wire.receipt_from_json(parsed(answer))
            entry = self._ledger.confirm(receipt)
        if entry.transaction.body != body:
            raise LinkInvalid("the hospital anchored something else than it was asked to; somebody should look into it")
        return receipt


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except (*TRANSIENT, AnswerInvalid) as error:
        raise HospitalUnreachable(str(error)) from None
