"""One match as a patient keeps it: from her acceptance through the contact to the session and its texts."""

from __future__ import annotations

from dataclasses import dataclass, field

from matching.answer import Acceptance
from matching.binding import held_by_tag
from matching.mailbox import MailboxSecret
from matching.pair import Contact, Match, PendingPair
from matching.session import Session
from matching.tags import TagSecret
from scheme import canonical
from scheme.keys import SigningKey


@dataclass(repr=False)
class Meeting:
    """``pending`` until the session starts; ``contact`` once both accepted."""

    signing: SigningKey
    """The pseudonym's key of the match's epoch, for a report."""
    mailbox: MailboxSecret
    pending: PendingPair | None = None
    contact: Contact | None = None
    secrets: dict[str, TagSecret] = field(default_factory=dict)
    """Of the shared terms, until the session starts."""
    terms: tuple[str, ...] = ()
    """What both share."""
    score: float | None = None
    session: Session | None = None
    waiting: list[str] = field(default_factory=list)
    """Own texts that wait for the other's proof."""
    texts: list[tuple[int, str]] = field(default_factory=list)
    """The other's texts, with their numbers, as they came."""
    shown: int = 0
    """How many of them were handed out."""

    def meet(self, contact: Contact, score: float, tags: dict[str, TagSecret]) -> None:
        """Take the contact, checked; ``tags`` are the patient's own. Raises as ``PendingPair.meet``."""
        if self.pending is None:
            raise AssertionError
        self.terms = self.pending.meet(contact, held_by_tag(tags)).terms
        self.contact, self.score = contact, score
        self.secrets = {term: tags[term] for term in self.terms}

    def match(self) -> Match:
        """The match that a session starts from. Raises as ``PendingPair.meet``."""
        if self.pending is None or self.contact is None:
            raise AssertionError
        return self.pending.meet(self.contact, held_by_tag(self.secrets))

    def started(self, session: Session) -> None:
        """A session has begun: what only served to begin it is dropped."""
        self.session, self.pending, self.contact, self.secrets = session, None, None, {}

    def to_json(self, key: bytes) -> canonical.JsonObject:
        """All of it, for sealing. Secret."""
        contact = self.contact
        return {
            "signing": self.signing.to_secret_bytes().hex(),
            "mailbox": self.mailbox.to_secret_bytes().hex(),
            "pending": canonical.b64(self.pending.to_secret_bytes(key)) if self.pending else None,
            "contact": [canonical.b64(bytes(contact.acceptance)), [tag.hex() for tag in contact.shared]]
            if contact
            else None,
            "secrets": {term: canonical.b64(secret.to_secret_bytes()) for term, secret in self.secrets.items()},
            "terms": list(self.terms),
            "score": self.score.hex() if self.score is not None else None,
            "session": canonical.b64(self.session.to_secret_bytes(key)) if self.session else None,
            "waiting": self.waiting,
            "texts": [[number, text] for number, text in self.texts],
            "shown": self.shown,
        }

    @classmethod
    def from_json(cls, value: canonical.JsonObject, key: bytes) -> Meeting:
        """Inverse of ``to_json``. Raises ``KeyError``, ``TypeError``, ``ValueError`` and what its parts raise."""
        pending, contact, session = value["pending"], value["contact"], value["session"]
        return cls(
            SigningKey.from_secret_bytes(bytes.fromhex(value["signing"])),
            MailboxSecret(bytes.fromhex(value["mailbox"])),
            PendingPair.from_secret_bytes(canonical.unb64(pending, what="a pair"), key) if pending else None,
            Contact(
                Acceptance.from_bytes(canonical.unb64(contact[0], what="an acceptance")),
                tuple(bytes.fromhex(tag) for tag in contact[1]),
            )
            if contact
            else None,
            {
                term: TagSecret.from_secret_bytes(canonical.unb64(secret, what="a tag"))
                for term, secret in value["secrets"].items()
            },
            tuple(value["terms"]),
            float.fromhex(value["score"]) if value["score"] is not None else None,
            Session.from_secret_bytes(canonical.unb64(session, what="a session"), key) if session else None,
            list(value["waiting"]),
            [(number, text) for number, text in value["texts"]],
            value["shown"],
        )
