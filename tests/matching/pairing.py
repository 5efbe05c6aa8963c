"""An authority, an index and two patients whom it pairs, for the tests of pairing, session and relay."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from matching.binding import BindingRule, held_by_tag
from matching.offer import MatchOffer, VerifiedOffer
from matching.pair import Contact, Match, Pairing, PendingPair
from matching.session import Session
from matching.tags import TagSecret
from scheme import certificates
from scheme.certificates import CertificateInvalid
from scheme.keys import SigningKey, VerifyingKey

EPOCH = 7
NOW = 1_800_000_000
KEY = bytes(range(32))

SEIZURE, FOCAL, ATAXIA, RARE, NERVES, VOICE, COMMON = (f"HP:{number:07}" for number in range(11, 18))
TOP, ALL = "HP:0000118", "HP:0000001"
_PARENT = {
    SEIZURE: NERVES,
    FOCAL: SEIZURE,
    ATAXIA: NERVES,
    RARE: NERVES,
    COMMON: NERVES,
    NERVES: TOP,
    VOICE: TOP,
    TOP: ALL,
}
_BITS = {SEIZURE: 4.0, FOCAL: 7.0, ATAXIA: 5.0, RARE: 9.0, NERVES: 0.8, COMMON: 1.9, VOICE: 5.2, TOP: 0.1, ALL: 0.0}


def ancestors(term: str) -> frozenset[str]:
    parent = _PARENT.get(term)
    return frozenset() if parent is None else ancestors(parent) | {parent}


RULE = BindingRule(lambda term: _BITS.get(term, 6.0), ancestors, "made-up 1")


class Authority:
    """Certifies one pseudonym key a member and epoch."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()

    def certificate(self, key: VerifyingKey, epoch: int = EPOCH) -> bytes:
        role = f"pseudonym of epoch {epoch}"
        member = secrets.token_hex(16)
        return certificates.issue(self._key, "ff" * 16, member_id=member, role=role, key=key, now=NOW, days=30)

    def certified(self, certificate: bytes, epoch: int) -> VerifyingKey:
        found = certificates.verify(certificate, self._key.verifying_key, now=NOW)
        if found.role != f"pseudonym of epoch {epoch}":
            raise CertificateInvalid("the certificate is of another epoch")
        return found.verifying_key


@dataclass
class Patient:
    """A pseudonym of this epoch and its tags."""

    authority: Authority
    tags: dict[str, TagSecret]
    signing: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def key(self) -> VerifyingKey:
        return self.signing.verifying_key

    @property
    def certificate(self) -> bytes:
        return self.authority.certificate(self.key)

    def verified(self, offer: MatchOffer) -> VerifiedOffer:
        return offer.verify(self.key, epoch=EPOCH, certified=self.authority.certified)

    def accept(self, offer: MatchOffer, *, single: bool = False, rule: BindingRule = RULE) -> PendingPair:
        return PendingPair.accept(self.verified(offer), self.signing, rule, now=NOW, single=single)

    def meet(self, pending: PendingPair, contact: Contact) -> Match:
        return pending.meet(contact, held_by_tag(self.tags))


class World:
    """One epoch: each term has one tag and one session secret, as both issuers' keys make them."""

    def __init__(self) -> None:
        self.authority = Authority()
        self._epoch_tags: dict[str, TagSecret] = {}

    def tags(self, terms: Iterable[str]) -> dict[str, TagSecret]:
        made = self._epoch_tags
        fresh = TagSecret.from_secret_bytes
        return {term: made.setdefault(term, fresh(secrets.token_bytes(48))) for term in terms}

    def patient(self, *terms: str) -> Patient:
        return Patient(self.authority, self.tags(terms))

    def patients(self, one: Iterable[str], two: Iterable[str]) -> tuple[Patient, Patient]:
        """Two patients, the initiator of their match first."""
        made = [self.patient() for _ in range(2)]
        made.sort(key=lambda patient: bytes(patient.key))
        made[0].tags, made[1].tags = self.tags(one), self.tags(two)
        return made[0], made[1]


def offer_to(one: Patient, two: Patient) -> MatchOffer:
    return MatchOffer.create(epoch=EPOCH, expires_at=NOW + 3600, certificates=(one.certificate, two.certificate))


def shared_tags(one: Patient, two: Patient) -> list[bytes]:
    return [tag.tag for term, tag in one.tags.items() if two.tags.get(term) == tag]


def matches(
    one: Patient, two: Patient, *, single: tuple[bool, bool] = (False, False), shared: list[bytes] | None = None
) -> tuple[Match, Match]:
    """Both accept at an honest index, and get their contacts."""
    offer = offer_to(one, two)
    pairing, certified = Pairing(offer), one.authority.certified
    pending = one.accept(offer, single=single[0]), two.accept(offer, single=single[1])
    for each in pending:
        pairing = pairing.accept(each.acceptance, now=NOW, certified=certified)
    tags = shared_tags(one, two) if shared is None else shared
    return (
        one.meet(pending[0], pairing.contact_for(one.key, tags)),
        two.meet(pending[1], pairing.contact_for(two.key, tags)),
    )


def opened(one: Patient, two: Patient) -> tuple[Session, Session]:
    """Both sessions after the proofs; ``one`` is the initiator."""
    mine, theirs = (Session.start(match, RULE) for match in matches(one, two))
    assert mine[1] is not None
    reply = theirs[0].receive(mine[1]).reply
    assert reply is not None
    mine[0].receive(reply)
    return mine[0], theirs[0]


def copy(session: Session) -> Session:
    """As kept and taken up again."""
    return Session.from_secret_bytes(session.to_secret_bytes(KEY), KEY)
