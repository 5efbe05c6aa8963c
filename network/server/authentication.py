"""Whose request it is: the signature, the signer's standing on the ledger, and that nobody acts for another.

Routes ask for ``Signed`` (any active member), for ``Annotated[VerifiedRequest, Depends(Own("patient"))]`` (the member
that the path names), or are ``Public``. ``require_own`` is the same rule for an id in a body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from clinic.clock import Clock
from ledger.refusals import CertificateExpired, SignerRemoved, SignerSuspended, SignerUnknown
from ledger.state import State
from network.errors import NetworkError, NotYours, RequestUnsigned, SignatureRefused, TooManyRequests
from network.server.limits import Limits, Slot, TokenBuckets, address_key
from network.server.metrics import Metrics
from network.signatures import RequestVerifier, VerifiedRequest
from scheme.keys import VerifyingKey

_BY_A_STRANGER = (RequestUnsigned, SignatureRefused, SignerUnknown)
"""Counted against the address; a member's wrong clock is not, for others may share her address."""


@dataclass(frozen=True)
class Admitting:
    """By what requests are admitted: ``state`` gives the newest known; ``authority`` is this server's host and port.

    ``started`` and ``remember``: see ``RequestVerifier``. ``newcomer`` is told of a request whose signer is unknown, to
    learn whether there is more to know; ``None`` where ``state`` is the newest there is.
    """

    state: Callable[[], State]
    clock: Clock
    authority: str
    started: int
    remember: Callable[[int], None] = lambda _created: None
    newcomer: Callable[[Request], None] | None = None


class Authentication:
    """Admits signed requests of active members, at the rates of ``limits``. Several threads may ask."""

    def __init__(self, admitting: Admitting, limits: Limits, metrics: Metrics) -> None:
        self._admitting = admitting
        self._metrics = metrics
        self._verifier = RequestVerifier(
            self._member_key, admitting.clock, started=admitting.started, remember=admitting.remember
        )
        self._of_members = TokenBuckets(limits.member_per_s, limits.member_burst)
        self._of_public = TokenBuckets(limits.public_per_s, limits.public_burst)
        self._of_service = TokenBuckets(limits.service_per_s, limits.service_burst)
        self._of_joining = TokenBuckets(limits.join_per_s, limits.join_burst)
        self._of_matching = TokenBuckets(limits.matching_per_s, limits.matching_burst)
        self._of_mailboxes = TokenBuckets(limits.mailbox_per_s, limits.mailbox_burst)
        self._of_relayed = TokenBuckets(limits.relayed_per_s, limits.relayed_burst)
        self._of_refused = TokenBuckets(limits.refused_per_s, limits.refused_burst)

    def signed(self, request: Request) -> VerifiedRequest:
        """Who signed ``request``.

        In order: 1. the address did not send too many that do not hold; 2. signature, time and nonce, for this server;
        3. the signer is active, with a certificate that has not ended; 4. the signer's rate and share. Raises
        ``TooManyRequests``, ``Busy``, as ``RequestVerifier.verify``, ``SignerUnknown``, ``SignerRemoved``,
        ``SignerSuspended``, ``CertificateExpired``.
        """
        address = _address_of(request)
        self._limit("refused", self._of_refused.wait_s(address))  # 1
        try:
            verified = self._verified(request)  # 2
            request.state.member = verified.member_id
            self._require_active(verified.member_id)  # 3
        except (NetworkError, SignerUnknown, SignerRemoved, SignerSuspended, CertificateExpired) as error:
            self._metrics.refused(error.code)
            if isinstance(error, _BY_A_STRANGER):
                self._of_refused.take(address)
            raise
        self._limit("member", self._of_members.take(verified.member_id))  # 4
        _slot_of(request).of_member(verified.member_id)
        return verified

    def public(self, request: Request) -> None:
        """Return if the address may ask once more: its rate, then its share. Raises ``TooManyRequests``, ``Busy``."""
        self._limit("address", self._of_public.take(_address_of(request)))
        _slot_of(request).of_address(_address_of(request))

    def service(self, request: Request) -> None:
        """Return if the address may ask for health or counters once more. Raises ``TooManyRequests``."""
        self._limit("service", self._of_service.take(_address_of(request)))

    def joining(self, request: Request) -> None:
        """As ``public``, for invitations. Raises ``TooManyRequests``, ``Busy``."""
        self._limit("joining", self._of_joining.take(_address_of(request)))
        _slot_of(request).of_address(_address_of(request))

    def matching(self, request: Request) -> None:
        """As ``public``, for index and relay. Raises ``TooManyRequests``, ``Busy``."""
        self._limit("matching", self._of_matching.take(_address_of(request)))
        _slot_of(request).of_address(_address_of(request))

    def mailbox(self, request: Request) -> None:
        """Besides ``matching``, for opening a mailbox. Raises ``TooManyRequests``."""
        self._limit("mailbox", self._of_mailboxes.take(_address_of(request)))

    def relayed(self, request: Request, size_bytes: int) -> None:
        """Besides ``matching``, for leaving as many bytes at the relay. Raises ``TooManyRequests``."""
        self._limit("relayed", self._of_relayed.take(_address_of(request), size_bytes))

    def _verified(self, request: Request) -> VerifiedRequest:
        newcomer = self._admitting.newcomer
        try:
            return self._verify(request)
        except SignerUnknown:
            if newcomer is None:
                raise
        self.joining(request)
        newcomer(request)
        return self._verify(request)

    def _verify(self, request: Request) -> VerifiedRequest:
        return self._verifier.verify(request.method, self._url(request), request.headers.items())

    def _limit(self, by: str, wait_s: float) -> None:
        if wait_s > 0:
            self._metrics.limited(by)
            raise TooManyRequests("too many requests; wait as long as Retry-After says", wait_s)

    def _url(self, request: Request) -> str:
        if request.headers.get("host", "").lower() != self._admitting.authority:
            raise SignatureRefused(f"this server is {self._admitting.authority}; send and sign the request for it")
        path = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        return f"https://{self._admitting.authority}{path}" + (f"?{query}" if query else "")

    def _member_key(self, member_id: str) -> VerifyingKey:
        state = self._admitting.state()
        if member_id == state.genesis.authority:
            return VerifyingKey(state.genesis.verifying)
        member = state.member(member_id)
        if member is None:
            raise SignerUnknown("that member is not enrolled on this ledger; join first, and wait until admitted")
        return VerifyingKey(member.keys.verifying)

    def _require_active(self, member_id: str) -> None:
        state = self._admitting.state()
        member = state.member(member_id)
        if member is None:
            return  # the authority, whose key stands in the genesis
        if member.removed_at is not None:
            raise SignerRemoved("the signer was removed from the ledger; this server answers it no more")
        if member.suspended:
            raise SignerSuspended("the signer is suspended by the authority; wait until it is reinstated")
        if self._admitting.clock() > member.not_after:
            raise CertificateExpired("the signer's certificate has ended; have the authority renew it")


def _authentication(request: Request) -> Authentication:
    found: Authentication = request.app.state.authentication
    return found


def signed(request: Request) -> VerifiedRequest:
    """The dependency behind ``Signed``."""
    return _authentication(request).signed(request)


def public(request: Request) -> None:
    """The dependency of routes that anybody may ask."""
    _authentication(request).public(request)


def service(request: Request) -> None:
    """The dependency of the routes that tell how the server is."""
    _authentication(request).service(request)


def joining(request: Request) -> None:
    """The dependency of the route by which invitations are redeemed."""
    _authentication(request).joining(request)


def matching(request: Request) -> None:
    """The dependency of routes to index and relay, which never learn whose request it is."""
    _authentication(request).matching(request)


def mailbox(request: Request) -> None:
    """The dependency of the route by which mailboxes are opened."""
    _authentication(request).mailbox(request)


def require_relayed(request: Request, size_bytes: int) -> None:
    """Return if the address of ``request`` may fill as many bytes of the relay. Raises ``TooManyRequests``."""
    _authentication(request).relayed(request, size_bytes)


Signed = Annotated[VerifiedRequest, Depends(signed)]
"""An active member's request, whoever it is."""


class Own:
    """The dependency of routes whose path parameter ``name`` has to be the signer."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, request: Request, request_of: Signed) -> VerifiedRequest:
        """The request, if it is about the signer's own. Raises ``NotYours``."""
        require_own(request_of, request.path_params[self._name])
        return request_of


def require_own(request: VerifiedRequest, member_id: str) -> None:
    """Return if ``request`` was signed by ``member_id``. Raises ``NotYours``."""
    if request.member_id != member_id:
        raise NotYours("that is another member's; sign as the one whose it is")


def _slot_of(request: Request) -> Slot:
    found: Slot = request.state.slot
    return found


def _address_of(request: Request) -> str:
    return address_key(request.client.host if request.client else "")
