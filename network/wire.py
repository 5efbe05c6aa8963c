"""What goes over the wire: paths, media types, sizes, receipts as JSON, and frames for many blocks in one answer.

A path is a template for both sides: the server registers it, the client fills it with ``str.format``. Ids are 16 bytes
and digests 32 bytes, in lower-case hexadecimal; nothing else reaches a file system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.engine import Receipt
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.transactions import MAX_TRANSACTION_BYTES
from network.errors import AnswerInvalid

# Paths

HEALTH: Final = "/healthz"
METRICS: Final = "/metrics"
OPENAPI: Final = "/openapi.json"
TRUST: Final = "/v1/trust"
GENESIS: Final = "/v1/ledger/genesis"
LEDGER_BLOCKS: Final = "/v1/ledger/blocks"
TRANSACTIONS: Final = "/v1/ledger/transactions"
JOIN: Final = "/v1/join"
ENDPOINTS: Final = "/v1/endpoints"
ENDPOINT: Final = "/v1/endpoints/{member}"
BLOCK: Final = "/v1/blocks/{locator}"
BLOCKS_FETCH: Final = "/v1/blocks/fetch"
BLOCKS_PRESIGN: Final = "/v1/blocks/presign"
LETTERS: Final = "/v1/letters/{reader}"
LETTER: Final = "/v1/letters/{reader}/{letter}"
CARD: Final = "/v1/cards/{patient}/{version}/{commitment}"
LINKS: Final = "/v1/hospital/links"
ANCHORS: Final = "/v1/hospital/anchors"
REPORTS: Final = "/v1/reports"
GRANT: Final = "/v1/grants/{grant}"
GRANT_PART: Final = "/v1/grants/{grant}/parts/{part}"
REENCRYPT: Final = "/v1/reencrypt"
EVALUATE: Final = "/v1/evaluate"
PSEUDONYMS: Final = "/v1/matching/pseudonyms"
MATCH_SUBMIT: Final = "/v1/matching/submit"
MATCH_FIND: Final = "/v1/matching/find"
MATCH_LIST: Final = "/v1/matching/list"
MATCH_ACCEPT: Final = "/v1/matching/accept"
MATCH_DECLINE: Final = "/v1/matching/decline"
MATCH_CONTACT: Final = "/v1/matching/contact"
MATCH_REPORT: Final = "/v1/matching/report"
RELAY_OPEN: Final = "/v1/relay/open"
RELAY_PUT: Final = "/v1/relay/put"
RELAY_FETCH: Final = "/v1/relay/fetch"
RELAY_DELETE: Final = "/v1/relay/delete"
RELAY_CLOSE: Final = "/v1/relay/close"

LEDGER_HEIGHT: Final = "chartseal-ledger-height"
"""Header of a request to a proxy: the newest ledger block that the client has seen."""

ID_PATTERN: Final = "^[0-9a-f]{32}$"
DIGEST_PATTERN: Final = "^[0-9a-f]{64}$"
PART_PATTERN: Final = r"^[0-9a-f]{32}(\.[0-9]{1,9})?$"
LETTER_PATTERN: Final = r"^[0-9a-f]{32}([0-9a-f]{32})?(\.[0-9a-z-]{1,64}){0,3}$"
LETTER_PREFIX_PATTERN: Final = r"^[0-9a-f]{0,64}(\.[0-9a-z-]{0,64}){0,3}$"

# Media types

OCTETS: Final = "application/octet-stream"
JSON: Final = "application/json"

ERROR_FIELD: Final = "Chartseal-Error"
"""The header field with an error's code: an answer to HEAD has no body to hold it."""

# Sizes

MAX_BLOCK_BYTES: Final = 16 << 30
"""Default of the largest block that a server takes."""
MAX_TRANSACTION: Final = MAX_TRANSACTION_BYTES
MAX_LETTER_BYTES: Final = 2 << 20
"""A grant of 8,192 scopes, the most there can be, has a letter of about 1.5 MiB."""
MAX_CARD_BYTES: Final = 1 << 20
MAX_EVIDENCE_BYTES: Final = 1 << 20
MAX_ENDPOINT_BYTES: Final = 16 << 10
MAX_JOIN_BYTES: Final = 16 << 10
MAX_LINKED: Final = 4096
"""Most headers of one request for links, as one ``AnchorBlocks`` holds."""
MAX_LINKS_BYTES: Final = 32 << 20
MAX_ANCHOR_BYTES: Final = MAX_TRANSACTION_BYTES
MAX_FETCHED: Final = 4096
"""Most blocks of one ``BLOCKS_FETCH``."""
MAX_FETCH_BYTES: Final = 512 << 10
"""Most bytes of the list of locators."""
MAX_EVALUATE_BYTES: Final = 128 << 10
"""A batch of 1,024 elements has some 68 KiB."""
MAX_MATCHING_BYTES: Final = 64 << 10
"""A request to the index with 1,024 tags and a certificate has some 42 KiB."""
MAX_RELAYED_BYTES: Final = 192 << 10
"""A message of 128 KiB in base64."""
PRESIGNED_S: Final = 900
"""How long a presigned URL counts."""

# Receipts

_RECEIPT = frozenset({"transaction", "position", "entry", "time"})


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    """A ledger receipt as the server sends it."""
    return {
        "transaction": receipt.transaction_id,
        "position": receipt.position,
        "entry": receipt.entry_digest,
        "time": receipt.time,
    }


def receipt_from_json(value: object) -> Receipt:
    """Strict inverse of ``receipt_to_json``. Raises ``AnswerInvalid``."""
    try:
        fields = Fields(value, _RECEIPT, what="receipt")
        return Receipt(
            fields.digest("transaction"), fields.integer("position"), fields.digest("entry"), fields.integer("time")
        )
    except FieldInvalid:
        raise AnswerInvalid(
            "the server's receipt is none; look on the ledger whether the transaction is there"
        ) from None


# Frames: locator (32 bytes), length (8 bytes, big-endian; all ones when the block is not there), the block's bytes

FRAME_HEAD_BYTES: Final = 40
_ABSENT: Final = (1 << 64) - 1


def frame_head(locator: str, size_bytes: int | None) -> bytes:
    """What stands before a block's bytes; ``None`` says that it is not there."""
    return bytes.fromhex(locator) + (_ABSENT if size_bytes is None else size_bytes).to_bytes(8, "big")


@dataclass
class Frame:
    """One block of a stream; ``size_bytes`` is ``None`` when it is not there. Read ``chunks`` before the next frame."""

    locator: str
    size_bytes: int | None
    chunks: Iterator[bytes] = field(repr=False)


def frames(stream: Iterable[bytes]) -> Iterator[Frame]:
    """The frames in ``stream`` (pieces of any size), in flat memory; what of a frame is not read is skipped.

    Raises ``AnswerInvalid`` when the stream ends within a frame.
    """
    reader = _Reader(iter(stream))
    while (head := reader.exactly(FRAME_HEAD_BYTES, or_nothing=True)) is not None:
        length = int.from_bytes(head[32:], "big")
        size = None if length == _ABSENT else length
        frame = Frame(head[:32].hex(), size, reader.pieces(size or 0))
        yield frame
        for _ in frame.chunks:
            pass


class _Reader:
    def __init__(self, stream: Iterator[bytes]) -> None:
        self._stream = stream
        self._rest = b""

    def exactly(self, count: int, *, or_nothing: bool) -> bytes | None:
        data = b"".join(self._up_to(count))
        if not data and or_nothing:
            return None
        if len(data) < count:
            raise _cut_short()
        return data

    def pieces(self, count: int) -> Iterator[bytes]:
        for piece in self._up_to(count):
            count -= len(piece)
            yield piece
        if count:
            raise _cut_short()

    def _up_to(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._rest or next(self._stream, None)
            if piece is None:
                return
            taken, self._rest = piece[:count], piece[count:]
            count -= len(taken)
            yield taken


def _cut_short() -> AnswerInvalid:
    return AnswerInvalid("the answer with the blocks was cut short; ask again")
