"""HTTP to one server: signed requests over TLS to a pinned CA, with timeouts, retries and counters.

Only requests that change nothing when they come twice are sent again; each attempt is signed anew. No redirect is
followed, no proxy or CA of the machine's is used.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

import httpx
import tenacity

from clinic.clock import Clock
from network import tls, wire
from network.client.connections import Connections
from network.client.refusals import MAX_ERROR_BYTES, refusal
from network.errors import TRANSIENT, AnswerInvalid, ServerUnreachable
from network.signatures import NONCE_BYTES, sign_request
from scheme.keys import SigningKey

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
MAX_CONNECTIONS = 16
MAX_ATTEMPTS = 4
FIRST_WAIT_S = 0.2
MAX_WAIT_S = 10.0
MAX_ANSWER_BYTES = 32 << 20
"""Default of the largest answer that is held in memory."""
CHUNK_BYTES = 1 << 16
BROKEN = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)
"""What httpx raises of a request that did not come through; ``UnicodeError`` of a host that IDNA cannot encode."""
_RETRY_AFTER = "retry_after_s"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Signer:
    """Who signs the requests; ``key`` is asked for at the first one, so that what is public needs no password."""

    member_id: str
    key: Callable[[], SigningKey]


@dataclass
class Traffic:
    """What went to a server and came back: requests (every attempt), and bytes of bodies."""

    requests: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, requests: int = 0, sent: int = 0, received: int = 0) -> None:
        """Add to the counters; several threads may."""
        with self._lock:
            self.requests += requests
            self.sent_bytes += sent
            self.received_bytes += received


@dataclass(frozen=True)
class Upload:
    """A body in a file: its size in bytes and its SHA-256, as the server will compare them."""

    file: BinaryIO
    size_bytes: int
    sha256: bytes

    @classmethod
    def of(cls, file: BinaryIO) -> Upload:
        """Read ``file`` (seekable) once, to its end."""
        file.seek(0)
        digest, size = hashlib.sha256(), 0
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
        return cls(file, size, digest.digest())

    def chunks(self) -> Iterator[bytes]:
        """The body from its start."""
        self.file.seek(0)
        while chunk := self.file.read(CHUNK_BYTES):
            yield chunk


Body = bytes | Upload


class Answer:
    """A streamed answer; read it within the ``with`` that gave it."""

    def __init__(self, response: httpx.Response, transport: Transport) -> None:
        self._response = response
        self._transport = transport
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces of any size. Raises ``ServerUnreachable``, ``AnswerInvalid``."""
        with self._transport.told():
            for chunk in self._response.iter_raw():
                self._transport.traffic.count(received=len(chunk))
                yield chunk

    def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises as ``chunks``; ``AnswerInvalid`` also when it is larger than ``max_bytes``."""
        data = bytearray()
        for chunk in self.chunks():
            data += chunk
            if len(data) > max_bytes:
                raise AnswerInvalid(f"the server answered with more than {max_bytes} bytes; nothing of it was used")
        return bytes(data)

    def lines(self, max_bytes: int) -> Iterator[bytes]:
        """The body line by line, each with its end; the last may lack it. Raises as ``read``, of each line."""
        rest = bytearray()
        for chunk in self.chunks():
            start = 0
            while (end := chunk.find(b"\n", start)) >= 0:
                yield bytes(rest) + chunk[start : end + 1]
                rest.clear()
                start = end + 1
            rest += chunk[start:]
            if len(rest) > max_bytes:
                raise AnswerInvalid(f"the server sent a line of more than {max_bytes} bytes; nothing of it was used")
        if rest:
            yield bytes(rest)


class Transport:
    """Requests to the server at ``url``, whose certificate must be by ``ca_pem``. Several threads may use it.

    ``way_out`` is what people are told to do when it cannot be reached.
    """

    def __init__(
        self,
        url: str,
        ca_pem: str,
        clock: Clock,
        signer: Signer | None = None,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        max_attempts: int = MAX_ATTEMPTS,
        max_connections: int = MAX_CONNECTIONS,
        way_out: str = "try again",
    ) -> None:
        self.url = url
        self._way_out = way_out
        self.traffic = Traffic()
        self._clock = clock
        self._signer = signer
        verify = tls.ssl_context(ca_pem)
        self._connections = Connections(
            lambda: httpx.Client(
                base_url=url,
                headers={"accept-encoding": "identity"},  # what is unpacked has no size that the server answers for
                verify=verify,
                timeout=httpx.Timeout(read_timeout_s, connect=connect_timeout_s),
                limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
                trust_env=False,
                follow_redirects=False,
            ),
            url,
        )
        self._attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(max_attempts),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(TRANSIENT),
            reraise=True,
        )

    @property
    def member_id(self) -> str:
        """Whose requests these are. Raises ``ValueError`` on a transport for public requests."""
        if self._signer is None:
            raise ValueError("nobody signs the requests of this transport")
        return self._signer.member_id

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        signed: bool = True,
        again: bool = True,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        """The whole answer to one request. ``again``: it may be sent several times.

        Raises ``ServerUnreachable``, ``AnswerInvalid``, ``ConnectionsClosed``, and what the server refuses with.
        """

        def attempt() -> bytes:
            with self.stream(method, path, params=params, headers=headers, body=body, signed=signed) as answer:
                return answer.read(max_bytes)

        return self.retrying(attempt) if again else attempt()

    def retrying(self, attempt: Callable[[], _T]) -> _T:
        """Make ``attempt`` as often as a transient error may be met. Raises as the last one."""
        return self._attempts.copy()(attempt)

    def get_json(self, path: str, **options: Any) -> dict[str, Any]:
        """As ``request`` with GET, of a JSON object. Raises ``AnswerInvalid`` also when it is none."""
        return parsed(self.request("GET", path, **options))

    def post_json(self, path: str, value: object, **options: Any) -> dict[str, Any]:
        """As ``get_json`` with POST of ``value`` as JSON."""
        return parsed(self.request("POST", path, **options, **json_body(value)))

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        signed: bool = True,
    ) -> Iterator[Answer]:
        """One attempt at a request, its answer not read yet. Raises as ``request``."""
        with self._connections.in_use() as client:
            with self.told():
                request = self._built(client, method, path, params, headers, body, signed=signed)
                self.traffic.count(requests=1, sent=_size(body))
                response = client.send(request, stream=True)
            try:
                answer = Answer(response, self)
                if not response.is_success:
                    error = refusal(path, response.status_code, answer.read(MAX_ERROR_BYTES))
                    vars(error)[_RETRY_AFTER] = _seconds(response.headers.get("retry-after"))
                    raise error
                yield answer
            finally:
                response.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn errors of httpx into ours, also those of an address that names no host."""
        try:
            yield
        except BROKEN as error:
            raise ServerUnreachable(f"{self.url} cannot be reached ({_reason(error)}); {self._way_out}") from None

    def close(self) -> None:
        """As ``Connections.close``."""
        self._connections.close()

    def _built(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: Body | None,
        *,
        signed: bool,
    ) -> httpx.Request:
        content = body.chunks() if isinstance(body, Upload) else body
        fields = {"content-type": wire.OCTETS} if body is not None else {}
        if isinstance(body, Upload):
            fields["content-length"] = str(body.size_bytes)
        request = client.build_request(
            method, path, params=params, headers=fields | dict(headers or {}), content=content
        )
        if signed:
            request.headers.update(self._signed(request, body))
        return request

    def _signed(self, request: httpx.Request, body: Body | None) -> dict[str, str]:
        if self._signer is None:
            raise ValueError("nobody signs the requests of this transport")
        if isinstance(body, Upload):
            digest: bytes | None = body.sha256
        else:
            digest = None if body is None else hashlib.sha256(body).digest()
        return sign_request(
            request.method,
            str(request.url),
            dict(request.headers),
            digest,
            self._signer.key(),
            self._signer.member_id,
            now=self._clock(),
            nonce=secrets.token_bytes(NONCE_BYTES),
        )


def json_body(value: object) -> dict[str, Any]:
    """The options of ``Transport.request`` that send ``value`` as JSON."""
    return {"body": json.dumps(value, separators=(",", ":")).encode(), "headers": {"content-type": wire.JSON}}


def parsed(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises ``AnswerInvalid``."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AnswerInvalid("the server's answer is no JSON object; nothing of it was used")
    return value


def _size(body: Body | None) -> int:
    if body is None:
        return 0
    return body.size_bytes if isinstance(body, Upload) else len(body)


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() and len(text) < 6 else 0.0


def _wait(state: tenacity.RetryCallState) -> float:
    """Growing random pauses, and as long as the server asks for, up to ``MAX_WAIT_S``."""
    error = state.outcome.exception() if state.outcome else None
    asked = float(vars(error).get(_RETRY_AFTER, 0.0)) if error else 0.0
    growing = tenacity.wait_random_exponential(multiplier=FIRST_WAIT_S, max=MAX_WAIT_S)(state)
    return min(max(asked, growing), MAX_WAIT_S)


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is not by the pinned authority, or is for another host"
    return "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke"
