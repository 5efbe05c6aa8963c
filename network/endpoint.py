"""Endpoint cards: where a member's server is and which CA it shows, in the member's own words.

The hospital's server passes them on and cannot change them: each is signed by its member (tag
``endpoint``). A card is trusted for reaching a server, no further: key fragments are sealed to the proxy's key
on the ledger, and what a proxy answers is signed and proved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from clinic import durable
from clinic.certified import current_member
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.state import State
from network import tls
from network.errors import EndpointInvalid, IdentityInvalid, InvitationInvalid
from network.invitation import server_url
from network.wire import MAX_ENDPOINT_BYTES
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.certificates import CertificateInvalid
from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SIGNATURE_SIZE, VerifyingKey

_TYPE = "chartseal/endpoint"
_FIELDS = frozenset({"type", "member", "url", "ca", "issued", "signature"})


@dataclass(frozen=True)
class EndpointCard:
    """``member``'s server is at ``url`` and shows certificates by ``ca`` (PEM); ``issued`` in unix seconds."""

    member: str
    url: str
    ca: str
    issued: int
    signature: bytes = b""

    @classmethod
    def sign(cls, member: MemberSecrets, url: str, ca: str, *, issued: int) -> EndpointCard:
        """A card of ``member``. Raises ``InvitationInvalid`` when ``url`` is none of a server."""
        card = cls(member.member_id, server_url(url), ca, issued)
        return replace(card, signature=member.signing.sign(Tag.ENDPOINT, card._unsigned()))

    @classmethod
    def from_bytes(cls, data: bytes) -> EndpointCard:
        """Strict inverse of ``bytes``. Raises ``EndpointInvalid``."""
        try:
            if len(data) > MAX_ENDPOINT_BYTES:
                raise FieldInvalid(f"it has more than {MAX_ENDPOINT_BYTES} bytes")
            fields = Fields(canonical.loads(data, what="the endpoint card"), _FIELDS, what="endpoint card")
            signature = canonical.unb64(fields.raw("signature"), what="the signature", size=SIGNATURE_SIZE)
            ca, url = str(fields.raw("ca")), str(fields.raw("url"))
            card = cls(fields.identifier("member"), url, ca, fields.integer("issued"), signature)
            tls.ssl_context(ca)
            if bytes(card) != data or server_url(url) != url:
                raise FieldInvalid("it is not in canonical form")
        except (EncodingInvalid, FieldInvalid, IdentityInvalid, InvitationInvalid) as error:
            raise EndpointInvalid(f"this is no endpoint card ({error}); have its member publish it again") from None
        return card

    def verify(self, state: State, *, now: int) -> None:
        """Return if a member in office signed this, not after ``now``. Raises ``EndpointInvalid``."""
        if self.issued > now + state.genesis.max_clock_skew_s:
            raise EndpointInvalid("an endpoint card is of a time to come; its member's clock is ahead")
        try:
            member = current_member(state, self.member, now=now)
            VerifyingKey(member.keys.verifying).verify(Tag.ENDPOINT, self._unsigned(), self.signature)
        except (NotPermitted, CertificateInvalid, SignatureInvalid) as error:
            raise EndpointInvalid(f"an endpoint card does not count: {error}") from None

    def __bytes__(self) -> bytes:
        return canonical.dumps(self._fields() | {"signature": canonical.b64(self.signature)})

    def _fields(self) -> JsonObject:
        return {"type": _TYPE, "member": self.member, "url": self.url, "ca": self.ca, "issued": self.issued}

    def _unsigned(self) -> bytes:
        return canonical.dumps(self._fields())


class EndpointBook:
    """The newest card of each member, one file each in ``folder``: of a server to pass on, of a client as last seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, card: EndpointCard, state: State, *, now: int) -> None:
        """Keep ``card`` durably if it counts and is not older than the one known, if that can be read.

        Raises ``EndpointInvalid``; then the one known stays.
        """
        card.verify(state, now=now)
        path = self._folder / f"{card.member}.json"
        known = _kept(path) if path.exists() else None
        if known == card:
            return
        if known is not None and card.issued <= known.issued:
            raise EndpointInvalid("a newer endpoint card of that member is known; publish one of the present time")
        durable.write(path, bytes(card))

    def take_all(self, cards: Iterable[EndpointCard], state: State, *, now: int) -> None:
        """Take those that count; one that does not keeps nobody from the others."""
        for card in cards:
            try:
                self.take(card, state, now=now)
            except EndpointInvalid:
                continue

    def cards(self) -> list[EndpointCard]:
        """All that are known and can be read, by member id."""
        return [card for path in sorted(self._folder.glob("*.json")) if (card := _kept(path)) is not None]


def _kept(path: Path) -> EndpointCard | None:
    """The card in a file; ``None`` when it cannot be read."""
    try:
        return EndpointCard.from_bytes(durable.read(path))
    except EndpointInvalid:
        return None
