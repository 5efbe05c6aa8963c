"""The one interface of every scheme here: a key encapsulation that a proxy can re-encapsulate.

``setup`` is the constructor. A capsule travels as bytes and is read, with every check, where it is used; keys are read
once and held. As papers print them, schemes encrypt an element m of GT; as encapsulations here m is 1, so the mask
itself is hashed to the key, and the factor that would hide m is not sent (``docs/schemes.md`` says what this changes).
UNSAFE FOR RECORDS.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from benchmarks.groups.costs import operations
from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.wire import read

KEY_SIZE = 32
DERIVE_KEY = "key derivation"

PublicT = TypeVar("PublicT")
SecretT = TypeVar("SecretT")
RekeyT = TypeVar("RekeyT")


@dataclass(frozen=True, repr=False)
class KeyPair(Generic[PublicT, SecretT]):
    """What one party holds."""

    public: PublicT
    secret: SecretT


class Scheme(ABC, Generic[PublicT, SecretT, RekeyT]):
    """A proxy re-encryption scheme, set up. UNSAFE FOR RECORDS."""

    name: str
    group_name: str
    security_bits: int
    one_setup: bool = False
    """Whether a process can have one setup only, so that it cannot be measured again and again."""

    @abstractmethod
    def key_generation(self, identity: str) -> KeyPair[PublicT, SecretT]:
        """The key pair of ``identity``; only identity-based schemes make something of the name."""

    def author_needs(self, delegator: KeyPair[PublicT, SecretT]) -> Any:
        """What of the delegator's keys whoever seals for her has to hold: the public key, in most schemes."""
        return delegator.public

    def delegator_needs(self, delegatee: KeyPair[PublicT, SecretT]) -> Any:
        """What of the delegatee's keys a rekey is made from: the public key, if the scheme is not interactive."""
        return delegatee.public

    @abstractmethod
    def rekey(self, delegator: KeyPair[PublicT, SecretT], delegatee: Any) -> RekeyT:
        """The proxy's key from ``delegator`` to whoever ``delegator_needs`` speaks of."""

    @abstractmethod
    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        """A capsule and the 32-byte key in it (secret), from what ``author_needs`` gave."""

    @abstractmethod
    def reencapsulate(self, rekey: RekeyT, capsule: bytes) -> bytes:
        """``capsule`` turned to the delegatee. Raises ``ElementInvalid``, ``MessageInvalid``, ``CapsuleRefused``."""

    @abstractmethod
    def decapsulate(self, delegator: KeyPair[PublicT, SecretT], capsule: bytes) -> bytes:
        """The key in ``capsule``, for the delegator ("level 2"). Another's key gives other bytes, or is refused.

        Raises ``ElementInvalid``, ``MessageInvalid``, ``CapsuleRefused``.
        """

    @abstractmethod
    def open_reencapsulated(
        self, delegatee: KeyPair[PublicT, SecretT], delegator: PublicT, reencapsulated: bytes
    ) -> bytes:
        """The key in what a proxy made of ``delegator``'s capsule, for the delegatee ("level 1").

        Raises as ``decapsulate``.
        """

    @abstractmethod
    def parameter_bytes(self) -> bytes:
        """What all have to know of the setup, beside the group."""

    @abstractmethod
    def public_key_bytes(self, public: PublicT) -> bytes:
        """A public key as it is sent."""

    @abstractmethod
    def rekey_bytes(self, rekey: RekeyT) -> bytes:
        """A rekey as it is sent to the proxy. Secret."""

    def count(self, run: Callable[[], object]) -> Counter[str] | None:
        """How often ``run`` does each operation; ``None`` where that cannot be seen from outside."""
        return None

    def operations(self) -> Mapping[str, Callable[[], object]]:
        """A call of each operation that ``count`` names."""
        return {}


class GroupScheme(Scheme[PublicT, SecretT, RekeyT]):
    """A scheme over one pairing group, whose operations are counted."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.group_name = group.name
        self.security_bits = group.security_bits

    def count(self, run: Callable[[], object]) -> Counter[str] | None:
        """As the group's tally saw it."""
        with self.group.tally.counting() as counts:
            run()
        return counts

    def operations(self) -> Mapping[str, Callable[[], object]]:
        """The group's, and the derivation of a key."""
        secret = bytes(max(self.group.sizes.values()))
        return {**operations(self.group), DERIVE_KEY: lambda: self._derive(secret)}

    def key_of(self, shared: Element) -> bytes:
        """The 32-byte key that a shared element gives. Secret."""
        return self._derive(bytes(shared))

    def read_element(self, kind: Kind, capsule: bytes) -> Element:
        """The one element that ``capsule`` is. Raises ``MessageInvalid``, ``ElementInvalid``."""
        found: Element = read(self.group, (kind,), capsule, what="a capsule")[0]
        return found

    def _derive(self, secret: bytes) -> bytes:
        self.group.tally.add(DERIVE_KEY)
        return HKDF(SHA256(), KEY_SIZE, salt=None, info=f"chartseal/research/{self.name}".encode()).derive(secret)
