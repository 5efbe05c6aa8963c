"""What a proxy answers: a capsule fragment for each ask, under one signature, so that a wrong one is its own word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clinic.keystore import MemberSecrets
from ledger.fields import Fields
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.chapter import ChapterContext
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VerifyingKey
from scheme.umbral import Capsule

_ASK = frozenset({"chain", "scope", "hospital", "chapter", "capsule"})


@dataclass(frozen=True)
class Ask:
    """One chapter to be re-encrypted: its context and its capsule as they stand in a block header."""

    context: ChapterContext
    capsule: Capsule

    @property
    def digest(self) -> str:
        """Of context and capsule: 32 bytes in hex."""
        return tagged_hash(Tag.PROXY_ASK, self.context.label + bytes(self.capsule)).hex()

    def to_json(self) -> JsonObject:
        """As it is sent to a proxy, and as it stands in evidence."""
        context = self.context
        return {
            "chain": context.chain,
            "scope": context.scope,
            "hospital": context.hospital,
            "chapter": context.chapter,
            "capsule": canonical.b64(bytes(self.capsule)),
        }

    @classmethod
    def from_json(cls, value: object) -> Ask:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``, ``EncodingInvalid``, ``umbral.CapsuleInvalid``."""
        fields = Fields(value, _ASK, what="ask")
        context = ChapterContext(**{name: fields.identifier(name) for name in _ASK - {"capsule"}})
        return cls(context, Capsule.from_bytes(canonical.unb64(fields.raw("capsule"), what="the capsule")))


@dataclass(frozen=True)
class Statement:
    """What a proxy signs: this fragment is its answer to that ask, for each of them, under one release."""

    proxy: str
    release: str
    asks: tuple[str, ...]
    """Digest of each ask."""
    fragments: tuple[str, ...]
    """Digest of each fragment, in the order of the asks."""

    def to_json(self) -> JsonObject:
        """As it is signed, and as it stands in evidence."""
        return {
            "type": "chartseal/proxy-answer",
            "proxy": self.proxy,
            "release": self.release,
            "asks": list(self.asks),
            "fragments": list(self.fragments),
        }

    def verify(self, key: VerifyingKey, signature: bytes) -> None:
        """Return if the proxy with ``key`` said this. Raises ``SignatureInvalid``."""
        key.verify(Tag.PROXY_ANSWER, canonical.dumps(self.to_json()), signature)


@dataclass(frozen=True)
class ProxyAnswer:
    """Capsule fragments (293 bytes each when they are sound), in the order of the asks, and the proxy's signature."""

    fragments: tuple[bytes, ...]
    signature: bytes

    @classmethod
    def sign(
        cls, proxy: MemberSecrets, release_id: str, asks: Sequence[Ask], fragments: Sequence[bytes]
    ) -> ProxyAnswer:
        """The answer of ``proxy`` to ``asks`` under a release."""
        statement = _statement(proxy.member_id, release_id, asks, fragments)
        signature = proxy.signing.sign(Tag.PROXY_ANSWER, canonical.dumps(statement.to_json()))
        return cls(tuple(fragments), signature)

    def verify(self, proxy_id: str, key: VerifyingKey, release_id: str, asks: Sequence[Ask]) -> Statement:
        """What the proxy said, which its fragments may still belie. Raises ``SignatureInvalid``."""
        statement = _statement(proxy_id, release_id, asks, self.fragments)
        statement.verify(key, self.signature)
        return statement


def fragment_digest(fragment: bytes) -> str:
    """As a statement names a fragment: 32 bytes in hex."""
    return tagged_hash(Tag.PROXY_FRAGMENT, fragment).hex()


def _statement(proxy_id: str, release_id: str, asks: Sequence[Ask], fragments: Sequence[bytes]) -> Statement:
    digests = tuple(fragment_digest(fragment) for fragment in fragments)
    return Statement(proxy_id, release_id, tuple(ask.digest for ask in asks), digests)
