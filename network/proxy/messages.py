"""What a delegatee sends to a proxy and what comes back, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from clinic.proxy_answer import Ask, ProxyAnswer
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from network.errors import AnswerInvalid, MessageInvalid
from scheme import canonical
from scheme.errors import SchemeError
from scheme.keys import SIGNATURE_SIZE

MAX_ASKS: Final = 1024
"""Most chapters of one request."""
MAX_ASKS_BYTES: Final = 1 << 20
MAX_ANSWER_BYTES: Final = 1 << 20
MAX_DEPOSIT_BYTES: Final = 8 << 20
"""Most bytes of one deposit; 8,192 scopes take about 4 MiB."""


@dataclass(frozen=True)
class AskMessage:
    """A release and what is to be re-encrypted under it."""

    release: str
    asks: tuple[Ask, ...]

    def __bytes__(self) -> bytes:
        return _dumps({"release": self.release, "asks": [ask.to_json() for ask in self.asks]})

    @classmethod
    def from_bytes(cls, data: bytes) -> AskMessage:
        """Strict inverse of ``bytes``. Raises ``MessageInvalid``."""
        try:
            fields = Fields(json.loads(data), frozenset({"release", "asks"}), what="request")
            asks = fields.array("asks", minimum=1, maximum=MAX_ASKS)
            return cls(fields.identifier("release"), tuple(map(Ask.from_json, asks)))
        except (ValueError, RecursionError, FieldInvalid, SchemeError) as error:
            reason = str(error) if isinstance(error, FieldInvalid | SchemeError) else "it is not JSON"
            raise MessageInvalid(f"this is no request for re-encryption: {reason}") from None


def answer_to_bytes(answer: ProxyAnswer) -> bytes:
    """An answer as it is sent."""
    fragments = [canonical.b64(fragment) for fragment in answer.fragments]
    return _dumps({"fragments": fragments, "signature": canonical.b64(answer.signature)})


def answer_from_bytes(data: bytes) -> ProxyAnswer:
    """Inverse of ``answer_to_bytes``; fragments may be anything, since a wrong one is evidence.

    Raises ``AnswerInvalid``.
    """
    try:
        fields = Fields(json.loads(data), frozenset({"fragments", "signature"}), what="answer")
        fragments = tuple(
            canonical.unb64(text, what="a fragment") for text in fields.array("fragments", minimum=0, maximum=MAX_ASKS)
        )
        signature = canonical.unb64(fields.raw("signature"), what="the signature", size=SIGNATURE_SIZE)
    except (ValueError, RecursionError, FieldInvalid, SchemeError):
        raise AnswerInvalid("a proxy's answer is none; nothing of it was used") from None
    return ProxyAnswer(fragments, signature)


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
