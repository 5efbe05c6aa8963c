"""What stands inside an Olm message: who to whom in which match, its number, a body, and padding.

Both identities stand in the plaintext, so a message that somebody passed on under his own name names the wrong pair
(unknown key share). Sizes: at least 1,024 bytes, above that Padme, so that proofs, ends and short texts look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from matching.errors import MessageTooLong, MessageUnreadable
from matching.offer import MATCH_ID_SIZE
from scheme import canonical
from scheme.errors import Damaged, EncodingInvalid
from scheme.keys import VERIFYING_KEY_SIZE
from scheme.padding import pad, unpad

MAX_TEXT_BYTES = 16 * 1024
MIN_PLAINTEXT_BYTES = 1024
_LENGTH_SIZE = 4
_TYPE = "chartseal/session-message"
_MALFORMED = "the other side sent a message that is none; it may run another version of this software"


class Kind(StrEnum):
    """What a message is for."""

    PROOF = "proof"
    TEXT = "text"
    END = "end"


@dataclass(frozen=True, repr=False)
class Envelope:
    """The plaintext of one Olm message."""

    kind: Kind
    sender: bytes
    """Certified pseudonym key, 32 bytes."""
    receiver: bytes
    """Certified pseudonym key, 32 bytes."""
    match_id: bytes
    number: int
    """Counts the sender's messages in this session from 0."""
    expects: int
    """The lowest number of the receiver that has not arrived: what the relay holds back shows."""
    body: str = ""

    def to_padded(self) -> bytes:
        """Length (4 bytes), canonical JSON, zeros. Raises ``MessageTooLong`` on a text that UTF-8 cannot hold."""
        try:
            content = canonical.dumps(
                {
                    "type": _TYPE,
                    "kind": self.kind.value,
                    "from": self.sender.hex(),
                    "to": self.receiver.hex(),
                    "match": self.match_id.hex(),
                    "number": self.number,
                    "expects": self.expects,
                    "body": self.body,
                }
            )
        except EncodingInvalid:
            raise MessageTooLong("the text holds what cannot be written in UTF-8; write it anew") from None
        framed = len(content).to_bytes(_LENGTH_SIZE, "big") + content
        return pad(framed) if len(framed) > MIN_PLAINTEXT_BYTES else framed.ljust(MIN_PLAINTEXT_BYTES, b"\x00")

    @classmethod
    def from_padded(cls, data: bytes) -> Envelope:
        """Inverse of ``to_padded``. Raises ``MessageUnreadable``."""
        try:
            size = _LENGTH_SIZE + int.from_bytes(data[:_LENGTH_SIZE], "big")
            if len(data) < MIN_PLAINTEXT_BYTES:
                raise ValueError
            if len(data) == MIN_PLAINTEXT_BYTES:
                framed, rest = data[:size], data[size:]
                if size > len(data) or any(rest):
                    raise ValueError
            else:
                framed = unpad(data, size)
            value = canonical.loads(framed[_LENGTH_SIZE:], what="a message")
            number, expects, body = value["number"], value["expects"], value["body"]
            if value["type"] != _TYPE or len(value) != 8 or not isinstance(body, str):
                raise ValueError
            if not all(type(count) is int and count >= 0 for count in (number, expects)):
                raise ValueError
            return cls(
                Kind(value["kind"]),
                canonical.unhex(value["from"], what="a key", size=VERIFYING_KEY_SIZE),
                canonical.unhex(value["to"], what="a key", size=VERIFYING_KEY_SIZE),
                canonical.unhex(value["match"], what="a match id", size=MATCH_ID_SIZE),
                number,
                expects,
                body,
            )
        except (EncodingInvalid, Damaged, KeyError, TypeError, ValueError):
            raise MessageUnreadable(_MALFORMED) from None


def require_text(text: str) -> None:
    """Raises ``MessageTooLong`` on a text above 16 KiB of UTF-8, or none."""
    if not text or len(text) > MAX_TEXT_BYTES or len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise MessageTooLong(f"a text has 1 to {MAX_TEXT_BYTES} bytes; send a long one in parts")
