"""Signed, typed, versioned transactions in canonical JSON (RFC 8785).

Wire form: one object with the fields ``body, ledger, signature, signer, time, type, unique, version``. The signature
(Ed25519, base64) and the id (tagged hash, hex) are over the same object without ``signature``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Self

import ledger.bodies  # noqa: F401  (importing it registers every body)
from ledger.errors import (
    FieldInvalid,
    TransactionNotCanonical,
    TransactionSignatureInvalid,
    TransactionTooLarge,
)
from ledger.fields import Fields
from ledger.registry import Body, body_type
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SIGNATURE_SIZE, SigningKey, VerifyingKey

MAX_TRANSACTION_BYTES = 4 * 1024 * 1024

_FIELDS = frozenset({"type", "version", "ledger", "signer", "unique", "time", "body", "signature"})


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction as its signer sent it; well formed, but neither verified nor admitted.

    ``signer`` is a member id, ``ledger`` the genesis digest, ``unique`` 16 random bytes in hex, ``time`` the signer's
    unix seconds, ``signature`` 64 bytes, ``id`` 32 bytes in hex. Made by ``sign`` and ``from_bytes`` only.
    """

    body: Body
    signer: str
    ledger: str
    unique: str
    time: int
    signature: bytes = field(repr=False)
    id: str
    _wire: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Strict inverse of ``bytes``.

        Raises ``TransactionTooLarge`` (over 4 MiB), ``TransactionNotCanonical``, ``UnknownType``, ``UnknownVersion``,
        ``FieldInvalid``.
        """
        if len(data) > MAX_TRANSACTION_BYTES:
            raise TransactionTooLarge(f"a transaction has at most {MAX_TRANSACTION_BYTES} bytes; send it in parts")
        try:
            value = canonical.loads(data, what="the transaction")
        except EncodingInvalid as error:
            raise TransactionNotCanonical(str(error)) from None
        fields = Fields(value, _FIELDS, what="the transaction")
        signature = fields.encoded("signature", max_bytes=SIGNATURE_SIZE)
        if len(signature) != SIGNATURE_SIZE:
            raise FieldInvalid(f"signature of the transaction must have {SIGNATURE_SIZE} bytes")
        body = body_type(fields.raw("type"), fields.raw("version")).from_json(fields.raw("body"))
        return cls._of(body, fields, signature, data)

    @classmethod
    def _of(cls, body: Body, fields: Fields, signature: bytes, data: bytes) -> Self:
        return cls(
            body=body,
            signer=fields.identifier("signer"),
            ledger=fields.digest("ledger"),
            unique=fields.identifier("unique"),
            time=fields.integer("time"),
            signature=signature,
            id=tagged_hash(Tag.TRANSACTION, _without_signature(data)).hex(),
            _wire=data,
        )

    def verify(self, key: VerifyingKey) -> None:
        """Return if ``key`` signed this transaction. Raises ``TransactionSignatureInvalid``."""
        try:
            key.verify(Tag.TRANSACTION, _without_signature(self._wire), self.signature)
        except SignatureInvalid:
            raise TransactionSignatureInvalid(
                "the transaction is not signed by the key enrolled for its signer; sign it again with the right key"
            ) from None

    def __bytes__(self) -> bytes:
        return self._wire


def sign(body: Body, *, signer_id: str, key: SigningKey, ledger: str, time: int) -> SignedTransaction:
    """Sign ``body`` for the ledger with genesis digest ``ledger``; ``time`` is the signer's clock in unix seconds.

    Two calls never give the same transaction, so keep the bytes until the engine's receipt: submitting them again is
    safe. Raises ``FieldInvalid``, ``TransactionTooLarge`` on what every engine would refuse.
    """
    content = body.to_json()
    body.from_json(content)
    named = Fields(
        {"signer": signer_id, "ledger": ledger, "unique": secrets.token_hex(16), "time": time},
        frozenset({"signer", "ledger", "unique", "time"}),
        what="the transaction",
    )
    value: JsonObject = {
        "type": body.type,
        "version": body.version,
        "ledger": named.digest("ledger"),
        "signer": named.identifier("signer"),
        "unique": named.identifier("unique"),
        "time": named.integer("time"),
        "body": content,
    }
    unsigned = canonical.dumps(value)
    signature = key.sign(Tag.TRANSACTION, unsigned)
    data = _with_signature(unsigned, signature)
    if len(data) > MAX_TRANSACTION_BYTES:
        raise TransactionTooLarge(f"a transaction has at most {MAX_TRANSACTION_BYTES} bytes; send it in parts")
    return SignedTransaction._of(body, named, signature, data)


# In canonical order "signature" stands before "signer", and after both come only hex, numbers and a registered type, so
# the last place where the text occurs is the field.
_SIGNATURE = b'"signature":"'
_SIGNER = b'"signer":"'


def _with_signature(unsigned: bytes, signature: bytes) -> bytes:
    place = unsigned.rindex(_SIGNER)
    return unsigned[:place] + _SIGNATURE + canonical.b64(signature).encode() + b'",' + unsigned[place:]


def _without_signature(data: bytes) -> bytes:
    return data[: data.rindex(_SIGNATURE)] + data[data.rindex(_SIGNER) :]
