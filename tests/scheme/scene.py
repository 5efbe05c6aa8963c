"""One patient, one hospital, one author with fixed keys, and blocks sealed among them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from scheme import canonical, chain, chapter, seal
from scheme.chapter import Chapter, ChapterKey
from scheme.errors import SchemeError
from scheme.hashing import Tag
from scheme.header import VerifiedHeader
from scheme.keys import SigningKey, VerifyingKey
from scheme.scopes import Category, MasterSecret, Scope, Years, scope_id
from scheme.seal import Part, PayloadSource
from scheme.wrap import WrappingKey
from tests.vectors.case import FOLDER

PATIENT_ID, HOSPITAL_ID, AUTHOR_ID = "a1" * 16, "b2" * 16, "c3" * 16
PATIENT, HOSPITAL, AUTHOR, STRANGER = (SigningKey.from_secret_bytes(seed * 32) for seed in (b"p", b"h", b"a", b"s"))
MASTER = MasterSecret(b"m" * 32)
SCOPE = Scope(Category.CLINICAL, Years(2024, 2024), 0)
SCOPE_SECRET = MASTER.scope_key(SCOPE)
SCOPE_ID = scope_id(SCOPE_SECRET.public_key)
CHAIN = chain.chain_id(PATIENT_ID, HOSPITAL_ID)
SEALED_AT = "2024-05-06T07:08:09Z"
TEXT = b'{"resourceType":"Observation","note":"' + b"quiet " * 20 + b'"}'
NOISE = hashlib.shake_256(b"noise").digest(300)
SMALL = ((TEXT, [Part("urn:uuid:1", "application/fhir+json", len(TEXT), "Observation", "2024-05-06")]),)


@cache
def wrapping() -> WrappingKey:
    """The committed RSA key of the vectors."""
    return WrappingKey.from_secret_bytes(bytes.fromhex(json.loads((FOLDER / "wrap.json").read_text())[0]["secret"]))


@dataclass(frozen=True)
class Made:
    """A block's bytes, and what it was made of."""

    data: bytes
    chapter: Chapter
    key: ChapterKey
    sealed: seal.SealedBlock
    verified: VerifiedHeader

    @property
    def source(self) -> io.BytesIO:
        """The block as a file."""
        return io.BytesIO(self.data)


@cache
def begun() -> tuple[Chapter, ChapterKey]:
    """A chapter of ``SCOPE``."""
    return begin()


def begin() -> tuple[Chapter, ChapterKey]:
    """Another chapter of ``SCOPE``."""
    return chapter.begin(
        SCOPE_SECRET.public_key,
        wrapping().public_key,
        chain=CHAIN,
        scope=SCOPE_ID,
        hospital=HOSPITAL.verifying_key.key_id,
    )


def make(
    payloads: Sequence[tuple[bytes, Sequence[Part]]] = SMALL,
    *,
    index: int = 0,
    previous: str | None = None,
    amends: str | None = None,
    of: tuple[Chapter, ChapterKey] | None = None,
) -> Made:
    """A sealed block of the chapter ``of``."""
    context, key = of or begun()
    sink = io.BytesIO()
    sealed = seal.seal_members(
        sink,
        context,
        key,
        [PayloadSource(io.BytesIO(data), parts) for data, parts in payloads],
        author_id=AUTHOR_ID,
        author=AUTHOR,
        sealed_at=SEALED_AT,
        amends=amends,
    )
    verified = finish(sink, sealed, index, previous or chain.genesis(CHAIN))
    return Made(sink.getvalue(), context, key, sealed, verified)


def finish(
    sink: io.BytesIO, sealed: seal.SealedBlock, index: int, previous: str, hospital: SigningKey = HOSPITAL
) -> VerifiedHeader:
    """Make a block of sealed members at a place of its chain."""
    header = sealed.draft.placed(index, previous).sign(hospital)
    sink.write(seal.tail(sealed, header))
    return header.verify(hospital.verifying_key)


def author_key(member_id: str) -> VerifyingKey:
    """Looks up the author of a manifest."""
    assert member_id == AUTHOR_ID
    return AUTHOR.verifying_key


def resigned(data: bytes, signer: SigningKey, tag: Tag, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A signed JSON object with a change, signed again: what a dishonest holder of the key can make."""
    value = json.loads(data)
    del value["signature"]
    change(value)
    value["signature"] = canonical.b64(signer.sign(tag, canonical.dumps(value)))
    return canonical.dumps(value)


def refuses(read: Callable[[], object]) -> bool:
    """Whether ``read`` raises an error of ``scheme``."""
    try:
        read()
    except SchemeError:
        return True
    return False


def single_field_changes(data: bytes) -> list[tuple[str, bytes]]:
    """Every object that differs from a JSON object in one leaf, one lost field or one more field, canonical again."""
    changes = []

    def walk(node: Any, path: tuple[str | int, ...]) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for name, value in list(items):
            if isinstance(value, dict | list):
                walk(value, (*path, name))
            else:
                changes.append((*path, name))

    original = json.loads(data)
    walk(original, ())
    made = []
    for path in changes:
        for what in ("other", "gone"):
            value = json.loads(data)
            node = value
            for step in path[:-1]:
                node = node[step]
            if what == "gone":
                del node[path[-1]]
            else:
                node[path[-1]] = _other(node[path[-1]])
            made.append((f"{what} {'.'.join(map(str, path))}", canonical.dumps(value)))
    made.append(("one more", canonical.dumps(original | {"zzz": 1})))
    return made


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return "00" * 32
    return ("1" if value[:1] == "0" else "0") + value[1:]
