"""Signed requests: HTTP message signatures (RFC 9421) by the member's ledger key, with Content-Digest (RFC 9530).

A signature covers method, authority, path and query, the body's SHA-256 when there is a body, the ``Range`` asked for
when there is one, the time, and a nonce that counts once. It is Ed25519 over the RFC's signature base as it stands.
Its first bytes keep that apart from everything else the key signs: a base begins with the quotation mark of
``"@method"``, all other messages begin with ``chartseal/1/`` (``scheme.keys``), so neither is ever the other.
"""

from __future__ import annotations

import datetime
import re
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
"""Default of how far a request's time may lie behind the server's clock."""
AHEAD_S = 5
"""How far it may lie ahead of that: after a restart everybody has to wait until this is past."""
NONCE_BYTES = 16
DIGEST_BYTES = 32
MAX_NONCES = 1_000_000
"""Most nonces kept at once, about 150 bytes each; a nonce is kept for a minute."""
MAX_FIELD_CHARS = 2048
"""Most characters of each of the three header fields; ours have fewer than 400."""

_DIGEST_START = "sha-256=:"
_REQUEST = ("@method", "@authority", "@path", "@query")
_FIELDS = ("content-digest", "range")
_PARAMETERS = ("created", "keyid", "alg", "nonce", "tag")
_NONCE = re.compile(f"[0-9a-f]{{{2 * NONCE_BYTES}}}")

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

    1. The fields are there, of a bounded size; 2. the signature covers exactly what ``sign_request`` covers, and digest
    and nonce are of its form; 3. its time lies at most ``window_s`` behind ``clock`` and ``AHEAD_S`` ahead of it, and
    after ``started``; 4. the member's key made it, and no second one has our tag; 5. its nonce is new. Strangers burn
    no nonces and fill no memory, for 5 comes last.

    Nonces are kept in memory until their request is too old; from then on nothing of that age counts, wherever the
    clock is set. So that a restart forgets none, requests created up to ``started`` (unix seconds) are refused:
    ``remember`` is told the time of each before it is accepted, and what it keeps is the least that the next start
    gives as ``started``.
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
        self._remember = remember
        self._forgotten = started
        """No nonce of a request created later than this was ever forgotten."""
        self._max_nonces = max_nonces
        self._nonces: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()
        self._keys = _MemberKeys(member_key)

    def verify(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> VerifiedRequest:
        """Who signed the request; its host in ``url`` must be a name under which this server is known.

        Raises ``RequestUnsigned``, ``SignatureRefused``, ``ClockApart``, ``NonceReused``, ``Busy``, and what
        ``member_key`` and ``remember`` raise.
        """
        message = _Message(method, url, _Headers(headers))
        self._require_fields(message.headers)  # 1
        body_digest = _sha256_of(message.headers.get("content-digest"))  # 2

        def check(covered: list[str], parameters: Mapping[str, Any]) -> None:
            self._require_form(message.headers, covered, parameters)  # 2
            self._require_time(parameters["created"])  # 3

        try:
            (result,) = _Verifier(check, self._keys).verify(message, max_age=None, expect_tag=TAG)  # 2, 3, 4
        except (HTTPMessageSignaturesException, ValueError) as error:
            if isinstance(error.__cause__, ChartSealError):
                raise error.__cause__ from None
            raise SignatureRefused(
                "the request's signature does not hold; sign it for this server with the key enrolled for the member"
            ) from None
        member_id, created = str(result.parameters["keyid"]), int(result.parameters["created"])
        self._use_nonce(member_id, str(result.parameters["nonce"]), created)  # 5
        self._remember(created)
        return VerifiedRequest(member_id, body_digest)

    def _require_fields(self, headers: Mapping[str, str]) -> None:
        if "signature" not in headers or "signature-input" not in headers:
            raise RequestUnsigned("the request is not signed; sign it by RFC 9421 with the member's key")
        fields = ("signature", "signature-input", "content-digest")
        if any(len(headers.get(name, "")) > MAX_FIELD_CHARS for name in fields):
            raise SignatureRefused("a field of the signature is too long; sign with one signature and one digest")

    def _require_form(self, headers: _Headers, covered: list[str], parameters: Mapping[str, Any]) -> None:
        wanted = [f'"{component}"' for component in _components(headers)]
        if covered != wanted or set(parameters) != set(_PARAMETERS) or type(parameters["created"]) is not int:
            raise SignatureRefused(
                f"a signature covers {', '.join(_components(headers))} in this order, with {', '.join(_PARAMETERS)}"
            )
        if not _NONCE.fullmatch(str(parameters["nonce"])):
            raise SignatureRefused(f"a nonce is {NONCE_BYTES} random bytes in hexadecimal")

    def _require_time(self, created: int) -> None:
        if not -self._window_s <= created - self._clock() <= AHEAD_S:
            raise ClockApart(
                f"the request's time is more than {self._window_s} s behind or {AHEAD_S} s ahead of the server's; set "
                "the clock of this machine"
            )
        if created <= self._forgotten:
            raise ClockApart(
                "the request is not newer than what the server took before it was started, or before its clock was set "
                "back; sign and send it again, and if that does not help, tell whoever runs the server"
            )

    def _use_nonce(self, member_id: str, nonce: str, created: int) -> None:
        with self._lock:
            while self._nonces and next(iter(self._nonces.values())) < self._clock() - self._window_s:
                self._forgotten = max(self._forgotten, self._nonces.popitem(last=False)[1])
            self._require_time(created)  # again, with what was forgotten now
            if (member_id, nonce) in self._nonces:
                raise NonceReused("this request was sent before; sign it again with a new nonce")
            if len(self._nonces) >= self._max_nonces:
                raise Busy("the server remembers as many requests as it can; wait a minute and try again")
            self._nonces[(member_id, nonce)] = created


class _Verifier(HTTPMessageVerifier):
    """The library's, with ``check`` of covered components and parameters before it looks a key up."""

    def __init__(self, check: Callable[[list[str], Mapping[str, Any]], None], keys: _MemberKeys) -> None:
        super().__init__(signature_algorithm=algorithms.ED25519, key_resolver=keys)
        self._check = check

    def validate_created_and_expires(
        self,
        sig_input: Any,
        max_age: datetime.timedelta | None = None,  # noqa: ARG002 (the library's name)
    ) -> None:
        self._check([str(component) for component in sig_input], sig_input.params)


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
