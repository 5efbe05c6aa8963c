"""Signed requests: HTTP message signatures (RFC 9421) by the member's ledger key, with Content-Digest (RFC 9530).

A signature covers method, authority, path and query, the body's SHA-256 when there is a body, the ``Range`` asked for
when there is one, the time, and a nonce that counts once. It is Ed25519 over the RFC's signature base as it stands.
Its first bytes keep that apart from everything else the key signs: a base begins with the quotation mark of
``"@method"``, all other messages begin with ``chartseal/1/`` (``scheme.keys``), so neither is ever the other.
"""

from __future__ import annotations

import datetime
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)

from clinic.clock import Clock
from network.errors import Busy, ClockApart, NonceReused, RequestUnsigned, SignatureRefused
from scheme import canonical
from scheme.errors import ChartSealError, EncodingInvalid
from scheme.keys import SigningKey, VerifyingKey

LABEL = "chartseal"
TAG = "chartseal"
WINDOW_S = 60
"""Default of how far a request's time may lie from the server's clock, before and behind."""
NONCE_BYTES = 16
DIGEST_BYTES = 32
MAX_NONCES = 1_000_000
"""Most nonces kept at once, about 150 bytes each."""
MAX_FIELD_CHARS = 2048
"""Most characters of each of the three header fields; ours have fewer than 400."""

_DIGEST_START = "sha-256=:"
_REQUEST = ("@method", "@authority", "@path", "@query")
_FIELDS = ("content-digest", "range")
_PARAMETERS = ("created", "keyid", "alg", "nonce", "tag")

MemberKey = Callable[[str], VerifyingKey]
"""The verifying key enrolled for a member id. Raises a ``ChartSealError`` when there is none."""


@dataclass(frozen=True)
class VerifiedRequest:
    """Who signed a request, and the SHA-256 (32 bytes) that its body has to have; ``None`` for no body."""

    member_id: str
    body_digest: bytes | None


class _Headers(dict[str, str]):
    """Header fields under lower-case names, several lines of one joined, as the library reads and writes them."""

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in lines:
            known = self.get(name.lower())
            self[name.lower()] = value if known is None else f"{known}, {value}"


@dataclass(frozen=True)
class _Message:
    method: str
    url: str
    headers: _Headers


class _OneKey(HTTPSignatureKeyResolver):
    """Gives the library the one key of the request at hand."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Any:  # noqa: ARG002 (the library's name)
        return self._key.private_key()


class _MemberKeys(HTTPSignatureKeyResolver):
    def __init__(self, member_key: MemberKey) -> None:
        self._member_key = member_key

    def resolve_public_key(self, key_id: str) -> Any:
        return Ed25519PublicKey.from_public_bytes(bytes(self._member_key(key_id)))


def content_digest(body_digest: bytes) -> str:
    """The value of a Content-Digest field for a body with that SHA-256 (32 bytes)."""
    return f"{_DIGEST_START}{canonical.b64(body_digest)}:"


def sign_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body_digest: bytes | None,
    key: SigningKey,
    member_id: str,
    *,
    now: int,
    nonce: bytes,
) -> dict[str, str]:
    """The fields that sign a request to ``url`` with ``headers``: Content-Digest, Signature-Input and Signature.

    ``body_digest`` is the body's SHA-256 (32 bytes), ``None`` without a body. ``nonce`` are 16 fresh random bytes,
    ``now`` is in unix seconds. Sign again for every attempt: a server takes each nonce once.
    """
    signed = _Headers(headers.items())
    added = {} if body_digest is None else {"content-digest": content_digest(body_digest)}
    message = _Message(method, url, _Headers([*signed.items(), *added.items()]))
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_OneKey(key))
    signer.sign(
        message,
        key_id=member_id,
        created=datetime.datetime.fromtimestamp(now, datetime.UTC),
        nonce=nonce.hex(),
        label=LABEL,
        tag=TAG,
        covered_component_ids=_components(message.headers),
        use_existing_digest=body_digest is not None,
    )
    return {name: message.headers[name] for name in (*added, "Signature-Input", "Signature")}


class RequestVerifier:
    """Checks who signed a request. Several threads may ask.

    1. The fields are there, one signature, of a bounded size; 2. it covers exactly what ``sign_request`` covers; 3. its
    time lies within ``window_s`` of ``clock``, and after ``started``; 4. the member's key made it; 5. its nonce is new.
    Strangers burn no nonces and fill no memory, for 5 comes last.

    Nonces are kept in memory. So that a restart forgets none, requests created up to ``started`` (unix seconds) are
    refused. A request may be created ahead of the clock: ``remember`` is told that time before such a request is
    accepted, and what it keeps is the least that the next start gives as ``started``.
    """

    def __init__(
        self,
        member_key: MemberKey,
        clock: Clock,
        *,
        window_s: int = WINDOW_S,
        started: int,
        remember: Callable[[int], None] = lambda _created: None,
        max_nonces: int = MAX_NONCES,
    ) -> None:
        self._clock = clock
        self._window_s = window_s
        self._started = started
        self._remember = remember
        self._farthest = started
        self._max_nonces = max_nonces
        self._nonces: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()
        self._verifier = _Verifier(self._check_time, _MemberKeys(member_key))

    def verify(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> VerifiedRequest:
        """Who signed the request; its host in ``url`` must be a name under which this server is known.

        Raises ``RequestUnsigned``, ``SignatureRefused``, ``ClockApart``, ``NonceReused``, ``Busy``, and what
        ``member_key`` raises.
        """
        message = _Message(method, url, _Headers(headers))
        self._require_fields(message.headers)  # 1
        try:
            (result,) = self._verifier.verify(message, max_age=None, expect_tag=TAG)  # 3, 4
        except (HTTPMessageSignaturesException, ValueError) as error:
            if isinstance(error.__cause__, ChartSealError):
                raise error.__cause__ from None
            raise SignatureRefused(
                "the request's signature does not hold; sign it for this server with the key enrolled for the member"
            ) from None
        parameters = result.parameters
        self._require_form(message.headers, list(result.covered_components), parameters)  # 2
        self._use_nonce(str(parameters["keyid"]), str(parameters["nonce"]), int(parameters["created"]))  # 5
        return VerifiedRequest(str(parameters["keyid"]), _sha256_of(message.headers.get("content-digest")))

    def _require_fields(self, headers: Mapping[str, str]) -> None:
        if "signature" not in headers or "signature-input" not in headers:
            raise RequestUnsigned("the request is not signed; sign it by RFC 9421 with the member's key")
        fields = ("signature", "signature-input", "content-digest")
        if any(len(headers.get(name, "")) > MAX_FIELD_CHARS for name in fields):
            raise SignatureRefused("a field of the signature is too long; sign with one signature and one digest")

    def _require_form(self, headers: _Headers, covered: list[str], parameters: Mapping[str, Any]) -> None:
        wanted = [f'"{component}"' for component in _components(headers)]
        if covered[:-1] != wanted or set(parameters) != set(_PARAMETERS):
            raise SignatureRefused(
                f"a signature covers {', '.join(_components(headers))} in this order, with {', '.join(_PARAMETERS)}"
            )
        nonce = str(parameters["nonce"])
        if len(nonce) != 2 * NONCE_BYTES or not nonce.isascii():
            raise SignatureRefused(f"a nonce is {NONCE_BYTES} random bytes in hexadecimal")

    def _check_time(self, created: int) -> None:
        now = self._clock()
        if abs(created - now) > self._window_s:
            raise ClockApart(
                f"the request's time is more than {self._window_s} s from the server's; set the clock of this machine"
            )
        if created <= self._started:
            raise ClockApart("the request was signed before the server was started; sign and send it again")

    def _use_nonce(self, member_id: str, nonce: str, created: int) -> None:
        now = self._clock()
        with self._lock:
            while self._nonces and next(iter(self._nonces.values())) < now - 2 * self._window_s:
                self._nonces.popitem(last=False)
            if (member_id, nonce) in self._nonces:
                raise NonceReused("this request was sent before; sign it again with a new nonce")
            if len(self._nonces) >= self._max_nonces:
                raise Busy("the server remembers as many requests as it can; wait a minute and try again")
            if created > max(now, self._farthest):
                self._remember(created)
                self._farthest = created
            self._nonces[(member_id, nonce)] = now


class _Verifier(HTTPMessageVerifier):
    """The library's, by our clock."""

    def __init__(self, check_time: Callable[[int], None], keys: _MemberKeys) -> None:
        super().__init__(signature_algorithm=algorithms.ED25519, key_resolver=keys)
        self._check_time = check_time

    def validate_created_and_expires(
        self,
        sig_input: Any,
        max_age: datetime.timedelta | None = None,  # noqa: ARG002 (the library's name)
    ) -> None:
        created = sig_input.params.get("created")
        if type(created) is not int:
            raise InvalidSignature("no time of creation")
        self._check_time(created)


def _components(headers: Mapping[str, str]) -> tuple[str, ...]:
    return (*_REQUEST, *(name for name in _FIELDS if name in headers))


def _sha256_of(field: str | None) -> bytes | None:
    if field is None:
        return None
    try:
        encoded = field.removeprefix(_DIGEST_START).removesuffix(":")
        digest = canonical.unb64(encoded, what="the digest", size=DIGEST_BYTES)
    except EncodingInvalid:
        digest = b""
    if field != content_digest(digest):
        raise SignatureRefused("Content-Digest must give the body's sha-256 and nothing else (RFC 9530)")
    return digest
