"""Errors of ``network``: one root, stable codes, sentences that say what to do.

The server sends ``{"error": code, "message": sentence}``; the client raises the same class again, or ``RemoteRefused``
with the server's code when it does not know that.
"""

from scheme.errors import ChartSealError


class NetworkError(ChartSealError):
    """Root of the errors of ``network``."""

    code = "network"


class ServerUnreachable(NetworkError):
    """No connection to the server, or one that broke or timed out: whether the request was carried out is open."""

    code = "server-unreachable"


class ConnectionsClosed(NetworkError):
    """A request by a thread that outlived what it asked for."""

    code = "connections-closed"


class MessageInvalid(NetworkError):
    """A request that is not what the server's OpenAPI document says: path, query, media type or body."""

    code = "message-invalid"


class NoSuchPath(NetworkError):
    """The server has nothing at that path, or not for that method."""

    code = "no-such-path"


class RequestUnsigned(NetworkError):
    """A request without a signature (RFC 9421) where one is needed, or without the digest of its body."""

    code = "signature-missing"


class SignatureRefused(NetworkError):
    """A request whose signature, or whose body's digest, does not hold for this server, member and request."""

    code = "signature-refused"


class NonceReused(NetworkError):
    """A request that was sent before."""

    code = "nonce-reused"


class ClockApart(NetworkError):
    """A request signed at a time too far from the server's clock, or a server whose clock is behind what it took."""

    code = "clock-apart"


class NotYours(NetworkError):
    """A request about what belongs to another member than the one who signed it."""

    code = "not-yours"


class TooLarge(NetworkError):
    """More bytes, or more items, than the path takes."""

    code = "too-large"


class TooManyRequests(NetworkError):
    """A member or an address asked more often than it may; wait as long as ``Retry-After`` says."""

    code = "too-many-requests"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Busy(NetworkError):
    """The server has as many requests at work as it takes, or is about to stop; try again."""

    code = "server-busy"


TRANSIENT = (ServerUnreachable, Busy, TooManyRequests)
"""What may be gone at the next attempt."""


class RangeInvalid(NetworkError):
    """A ``Range`` that lies behind the end of the block."""

    code = "range-invalid"


class BodyTooSlow(NetworkError):
    """A request's body came more slowly than the server waits for."""

    code = "body-too-slow"


class ServerFailed(NetworkError):
    """The server met an error that it did not expect; its log has it."""

    code = "server-failed"


class ServerDiskFull(NetworkError):
    """No room is left on the server's disk; nothing was kept."""

    code = "server-disk-full"


class BlockAnchored(NetworkError):
    """A block that is on the ledger is never deleted."""

    code = "block-anchored"


class LetterUnknown(NetworkError):
    """No letter of that id waits for the reader."""

    code = "letter-unknown"


class LetterExists(NetworkError):
    """Another letter of that id waits for the reader already; it is left as it is."""

    code = "letter-exists"


class CardUnknown(NetworkError):
    """No such version of the patient's key card is kept here."""

    code = "card-unknown"


class CardInvalid(NetworkError):
    """Bytes that are not the key card which the path names."""

    code = "card-invalid"


class InvitationInvalid(NetworkError):
    """An invitation that is none, has ended, was used, or is for another role."""

    code = "invitation-invalid"


class ApplicationInvalid(NetworkError):
    """An application to join whose keys or proof do not fit its member and role."""

    code = "application-invalid"


class NotAdmitted(NetworkError):
    """The authority has not decided yet on an application to join."""

    code = "not-admitted"


class EnrolmentDiffers(NetworkError):
    """The ledger has the member who joined otherwise than it asked for."""

    code = "enrolment-differs"


class ServerNotPinned(NetworkError):
    """The server is not the one that the invitation names: another certificate authority or another ledger."""

    code = "server-not-pinned"


class ServerForked(NetworkError):
    """The server shows another course of the ledger than the one this home knows; keep the evidence, tell others."""

    code = "server-forked"


class ServerRolledBack(NetworkError):
    """The server's ledger ends before what this home has seen of it."""

    code = "server-rolled-back"


class AnswerInvalid(NetworkError):
    """An answer that is cut short or not what was asked for; nothing of it was used."""

    code = "answer-invalid"


class EndpointInvalid(NetworkError):
    """An endpoint card that is not its member's, or older than one seen before."""

    code = "endpoint-invalid"


class RegisterClosed(NetworkError):
    """The server certifies no pseudonyms, because it was started without the authority's key."""

    code = "register-closed"


class IdentityInvalid(NetworkError):
    """The keys and certificates that a server shows are missing in part or damaged."""

    code = "identity-invalid"


class RemoteRefused(NetworkError):
    """The server refused with a code that this version does not know."""

    code = "remote-refused"

    def __init__(self, remote_code: str, message: str) -> None:
        super().__init__(message)
        self.remote_code = remote_code
