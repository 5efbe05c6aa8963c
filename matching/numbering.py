"""What arrived of a session's messages, whatever order the relay gave them: gaps, repeats, and echoes of one's own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from matching.errors import MessageReflected, MessageReplayed, MessageUnreadable
from scheme import canonical
from scheme.hashing import Tag, tagged_hash

MAX_GAP = 2000
"""Most numbers missing at once; as the double ratchet's own limit within one chain."""
REMEMBERED = 512
"""Digests kept each way, 16 bytes each; an older replay still does not open, it is only told less exactly."""
_SHORT_DIGEST = 16


@dataclass
class Numbering:
    """Both directions of one session. Changes with each message."""

    sent: int = 0
    """Number of the next own message."""
    expected: int = 0
    """One more than the highest number that arrived."""
    missing: set[int] = field(default_factory=set)
    """Numbers below ``expected`` that have not arrived."""
    confirmed: int = 0
    """All own messages below this number have arrived, as the other side said."""
    _own: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _theirs: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    @property
    def expects(self) -> int:
        """The lowest number of the other side that has not arrived."""
        return min(self.missing, default=self.expected)

    def sending(self, message: bytes) -> None:
        """An own message was made."""
        self.sent += 1
        self._own.append(_digest(message))

    def require_new(self, message: bytes) -> None:
        """Raises ``MessageReflected``, ``MessageReplayed`` on a message seen before."""
        digest = _digest(message)
        if digest in self._own:
            raise MessageReflected("the relay handed your own message back to you; drop it")
        if digest in self._theirs:
            raise MessageReplayed("the relay delivered a message twice; the second is dropped")

    def arrived(self, message: bytes, number: int, expects: int) -> None:
        """A message that opened, with its number. Raises ``MessageReplayed``, ``MessageUnreadable``."""
        self._theirs.append(_digest(message))
        if number in self.missing:
            self.missing.remove(number)
        elif number < self.expected:
            raise MessageReplayed("a message bears a number that was used before; it is dropped")
        elif len(self.missing) + number - self.expected > MAX_GAP or expects > self.sent:
            raise MessageUnreadable("a message bears a number that cannot be; end this session and match anew")
        else:
            self.missing.update(range(self.expected, number))
            self.expected = number + 1
        self.confirmed = max(self.confirmed, min(expects, self.sent))

    def to_json(self) -> canonical.JsonObject:
        """All of it, for the kept session."""
        return {
            "sent": self.sent,
            "expected": self.expected,
            "missing": sorted(self.missing),
            "confirmed": self.confirmed,
            "own": canonical.b64(b"".join(self._own)),
            "theirs": canonical.b64(b"".join(self._theirs)),
        }

    @classmethod
    def from_json(cls, value: canonical.JsonObject) -> Numbering:
        """Inverse of ``to_json``. Raises ``KeyError``, ``EncodingInvalid`` on other software's."""
        made = cls(value["sent"], value["expected"], set(value["missing"]), value["confirmed"])
        for kept, name in ((made._own, "own"), (made._theirs, "theirs")):
            joined = canonical.unb64(value[name], what="digests")
            kept.extend(joined[at : at + _SHORT_DIGEST] for at in range(0, len(joined), _SHORT_DIGEST))
        return made


def _digest(message: bytes) -> bytes:
    return tagged_hash(Tag.SESSION_MESSAGE, message)[:_SHORT_DIGEST]
