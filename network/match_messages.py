"""What patients and the services of matching send each other, as JSON.

Readers are strict; each raises ``FieldInvalid``, ``EncodingInvalid`` or an error of ``matching``, and checks form only:
what holds is for ``clinic`` and ``matching`` to say.
"""

from __future__ import annotations

import math
from typing import Any, Final

from clinic.match_authority import PseudonymRequest
from clinic.match_index import MatchQuery, OpenMatch
from clinic.match_issuer import IssuerRequest
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from matching.answer import Acceptance
from matching.epoch import IssuerPublicKey
from matching.index_request import MAX_CERTIFICATE_BYTES, MAX_TAGS, Action, IndexRequest
from matching.offer import MAX_OFFER_BYTES, MatchOffer
from matching.oprf import ELEMENT_SIZE, MAX_BATCH_ELEMENTS, PROOF_SIZE, Evaluation, OprfPublicKey
from matching.pair import Contact, PairingState
from matching.relay import RelayLimits, Stored
from matching.tags import TAG_SIZE, Answer
from scheme import canonical
from scheme.keys import SIGNATURE_SIZE, VERIFYING_KEY_SIZE, VerifyingKey

MAX_MATCHES: Final = 4096
"""Most matches of one answer; a pseudonym searches 64 times an epoch, for 20 at most."""
MAX_FETCHED: Final = 50
"""Most messages of one answer."""
MAX_ANSWER_BYTES: Final = 4096
"""Of one acceptance or decline."""
_MAX_EVALUATION_BYTES: Final = PROOF_SIZE + MAX_BATCH_ELEMENTS * ELEMENT_SIZE
_MAX_MESSAGE_BYTES: Final = RelayLimits.max_message_bytes


def issuer_request_to_json(request: IssuerRequest) -> dict[str, Any]:
    """A batch for an issuer; who asks stands in the request's signature."""
    return {
        "issuer": request.issuer,
        "epoch": request.epoch,
        "elements": [element.hex() for element in request.elements],
        "signature": canonical.b64(request.signature),
    }


def issuer_request_from_json(value: object, member: str) -> IssuerRequest:
    """Inverse of ``issuer_request_to_json``, of the patient ``member``."""
    fields = Fields(value, frozenset({"issuer", "epoch", "elements", "signature"}), what="request")
    listed = fields.array("elements", minimum=1, maximum=MAX_BATCH_ELEMENTS)
    elements = tuple(canonical.unhex(each, what="an element", size=ELEMENT_SIZE) for each in listed)
    return IssuerRequest(member, fields.identifier("issuer"), fields.integer("epoch"), elements, _signature(fields))


def issuer_answer_to_json(answer: Answer) -> dict[str, Any]:
    """What an issuer answers."""
    key = answer.key
    return {
        "issuer": key.issuer,
        "operator": key.operator,
        "epoch": key.epoch,
        "key": bytes(key.key).hex(),
        "evaluation": canonical.b64(bytes(answer.evaluation)),
    }


def issuer_answer_from_json(value: object) -> Answer:
    """Inverse of ``issuer_answer_to_json``."""
    fields = Fields(value, frozenset({"issuer", "operator", "epoch", "key", "evaluation"}), what="answer")
    key = IssuerPublicKey(
        fields.identifier("issuer"),
        fields.identifier("operator"),
        fields.integer("epoch"),
        OprfPublicKey(fields.key("key", ELEMENT_SIZE)),
    )
    return Answer(key, Evaluation.from_bytes(fields.encoded("evaluation", max_bytes=_MAX_EVALUATION_BYTES)))


def pseudonym_request_to_json(request: PseudonymRequest) -> dict[str, Any]:
    """A request to the register; who asks stands in the request's signature."""
    return {
        "epoch": request.epoch,
        "key": bytes(request.key).hex(),
        "signature": canonical.b64(request.signature),
    }


def pseudonym_request_from_json(value: object, member: str) -> PseudonymRequest:
    """Inverse of ``pseudonym_request_to_json``, of the patient ``member``."""
    fields = Fields(value, frozenset({"epoch", "key", "signature"}), what="request")
    key = VerifyingKey(fields.key("key", VERIFYING_KEY_SIZE))
    return PseudonymRequest(member, fields.integer("epoch"), key, _signature(fields))


def index_request_to_json(request: IndexRequest) -> dict[str, Any]:
    """A request to the index, tags sorted."""
    return {
        "action": request.action.value,
        "epoch": request.epoch,
        "sequence": request.sequence,
        "certificate": canonical.b64(request.certificate),
        "tags": sorted(tag.hex() for tag in request.tags),
        "signature": canonical.b64(request.signature),
    }


def index_request_from_json(value: object) -> IndexRequest:
    """Inverse of ``index_request_to_json``."""
    names = frozenset({"action", "epoch", "sequence", "certificate", "tags", "signature"})
    fields = Fields(value, names, what="request")
    listed = fields.array("tags", minimum=0, maximum=MAX_TAGS)
    tags = [canonical.unhex(each, what="a tag", size=TAG_SIZE) for each in listed]
    if len(set(tags)) != len(tags):
        raise FieldInvalid("a tag stands in the request twice")
    return IndexRequest(
        fields.choice("action", Action),
        fields.integer("epoch"),
        fields.integer("sequence"),
        fields.encoded("certificate", max_bytes=MAX_CERTIFICATE_BYTES),
        frozenset(tags),
        _signature(fields),
    )


def query_to_json(query: MatchQuery) -> dict[str, Any]:
    """A question to the index."""
    return {
        "epoch": query.epoch,
        "time": query.time,
        "certificate": canonical.b64(query.certificate),
        "signature": canonical.b64(query.signature),
    }


def query_from_json(value: object) -> MatchQuery:
    """Inverse of ``query_to_json``."""
    fields = Fields(value, frozenset({"epoch", "time", "certificate", "signature"}), what="question")
    certificate = fields.encoded("certificate", max_bytes=MAX_CERTIFICATE_BYTES)
    return MatchQuery(fields.integer("epoch"), fields.integer("time"), certificate, _signature(fields))


def open_match_to_json(match: OpenMatch) -> dict[str, Any]:
    """A match as the index tells one of the two."""
    return {"offer": canonical.b64(bytes(match.offer)), "state": match.state.value}


def open_match_from_json(value: object) -> OpenMatch:
    """Inverse of ``open_match_to_json``."""
    fields = Fields(value, frozenset({"offer", "state"}), what="match")
    offer = MatchOffer.from_bytes(fields.encoded("offer", max_bytes=MAX_OFFER_BYTES))
    return OpenMatch(offer, fields.choice("state", PairingState))


def contact_to_json(contact: Contact, score: float) -> dict[str, Any]:
    """What each of two gets once both accepted."""
    return {
        "acceptance": canonical.b64(bytes(contact.acceptance)),
        "shared": [tag.hex() for tag in contact.shared],
        "score": score,
    }


def contact_from_json(value: object) -> tuple[Contact, float]:
    """Inverse of ``contact_to_json``."""
    fields = Fields(value, frozenset({"acceptance", "shared", "score"}), what="contact")
    acceptance = Acceptance.from_bytes(fields.encoded("acceptance", max_bytes=MAX_ANSWER_BYTES))
    listed = fields.array("shared", minimum=0, maximum=MAX_TAGS)
    shared = tuple(canonical.unhex(each, what="a tag", size=TAG_SIZE) for each in listed)
    score = fields.raw("score")
    if type(score) not in {int, float} or not math.isfinite(float(str(score))):
        raise FieldInvalid("score of contact must be a number")
    return Contact(acceptance, shared), float(str(score))


def stored_to_json(message: Stored) -> dict[str, Any]:
    """A message in a mailbox."""
    return {"number": message.number, "data": canonical.b64(message.data)}


def stored_from_json(value: object) -> Stored:
    """Inverse of ``stored_to_json``."""
    fields = Fields(value, frozenset({"number", "data"}), what="message")
    return Stored(fields.integer("number", minimum=1), fields.encoded("data", max_bytes=_MAX_MESSAGE_BYTES))


def _signature(fields: Fields) -> bytes:
    return canonical.unb64(fields.raw("signature"), what="the signature", size=SIGNATURE_SIZE)
