"""Known answers for scopes, key cards, chapters, headers, manifests, whole blocks and chains.

Everything random is drawn from a fixed stream, and compressed members are stored blocks (RFC 1951, section 3.2.4) under
a zlib header, so that no other version of zlib makes other vectors. Readers inflate them as any stream.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from scheme import canonical, chain, chunked, padding, umbral, wrap, zipframe
from scheme.chapter import Chapter, ChapterContext, ChapterKey
from scheme.hashing import Tag, commit, tagged_hash
from scheme.header import BlockHeader, SealedMember, seal_context
from scheme.keys import SigningKey
from scheme.manifest import Manifest, Payload
from scheme.record import Record
from scheme.scopes import Category, MasterSecret, Scope, Years, scope_id, year_spans
from scheme.seal import HEADER_NAME, member_name
from scheme.zipframe import Member
from tests.vectors import reference
from tests.vectors.case import FOLDER, Case, Fault, entropy, flipped, hexed, with_faults

_DRAW = entropy("formats")
_PATIENT_ID, _HOSPITAL_ID, _AUTHOR_ID = (_DRAW(16) for _ in range(3))
_PATIENT, _HOSPITAL, _AUTHOR, _STRANGER = (SigningKey.from_secret_bytes(_DRAW(32)) for _ in range(4))
_MASTER = MasterSecret(_DRAW(32))
_SCOPE = Scope(Category.CLINICAL, Years(2024, 2024), 0)
_KEY = _MASTER.scope_key(_SCOPE)
_CHAIN = chain.chain_id(_PATIENT_ID.hex(), _HOSPITAL_ID.hex())
_RECORD = b'{"resourceType":"Observation"}'
_SCAN = b"%PDF-1.7 scan"


@cache
def _wrapping_public() -> bytes:
    secret = bytes.fromhex(json.loads((FOLDER / "wrap.json").read_text())[0]["secret"])
    return bytes(wrap.WrappingKey.from_secret_bytes(secret).public_key)


def _resigned(data: bytes, signer: SigningKey, tag: Tag, change: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(data)
    del value["signature"]
    change(value)
    return canonical.dumps(value | {"signature": canonical.b64(signer.sign(tag, canonical.dumps(value)))})


def scope_cases() -> list[Case]:
    """Keys and ids from the master secret, and the spans of some years."""
    master = _MASTER.to_secret_bytes()
    cases: list[Case] = []
    for scope in (
        _SCOPE,
        dataclasses.replace(_SCOPE, revision=1),
        Scope(Category.MENTAL_HEALTH, Years(1990, 1999), 12),
    ):
        key = _MASTER.scope_key(scope)
        meaning = {"category": scope.category.value, "first_year": scope.years.first, "last_year": scope.years.last}
        found = {"revision": scope.revision, "secret": key.to_secret_bytes(), "scope": scope_id(key.public_key)}
        cases.append(hexed({"name": str(scope), "master": master} | meaning | found))
    grant = _DRAW(16)
    key = _MASTER.one_off_key(grant.hex())
    found = {"secret": key.to_secret_bytes(), "scope": scope_id(key.public_key)}
    cases.append(hexed({"name": "a one-off scope", "master": master, "grant": grant} | found))
    for year in (1999, 2020, 2025, 2029, 2030):
        spans = [[span.first, span.last] for span in year_spans(year)]
        cases.append({"name": f"a card of {year}", "card_year": year, "spans": spans})
    return cases


def _card(draw: Callable[[int], bytes]) -> bytes:
    lines = []
    for scope in (_SCOPE, Scope(Category.IMAGING, Years(1990, 1999), 2)):
        public = _MASTER.scope_key(scope).public_key
        line = {"id": scope_id(public), "key": bytes(public).hex(), "category": scope.category.value}
        years = {"first_year": scope.years.first, "last_year": scope.years.last, "revision": scope.revision}
        lines.append(line | years)
    value = {
        "type": "chartseal/key-card",
        "suite": "chartseal-1",
        "patient": _PATIENT_ID.hex(),
        "version": 3,
        "year": 2024,
        "previous": draw(32).hex(),
        "salt": draw(32).hex(),
        "verifying": bytes(_PATIENT.verifying_key).hex(),
        "wrapping": canonical.b64(_wrapping_public()),
        "scopes": sorted(lines, key=lambda line: str(line["id"])),
    }
    return canonical.dumps(value | {"signature": canonical.b64(_PATIENT.sign(Tag.KEY_CARD, canonical.dumps(value)))})


def key_card_cases() -> list[Case]:
    """A card checked against patient and ledger; a fault that the patient signed is given its own digest."""
    card = _card(entropy("key card"))
    good = {"name": "a key card", "card": card, "digest": _commitment(card), "version": 3, "patient": _PATIENT_ID}
    good |= {"verifying_key": bytes(_PATIENT.verifying_key), "answer": bytes.fromhex(scope_id(_KEY.public_key))}

    def signed(change: Callable[[dict[str, Any]], object], signer: SigningKey = _PATIENT) -> dict[str, bytes]:
        data = _resigned(card, signer, Tag.KEY_CARD, change)
        return {"card": data, "digest": _commitment(data)}

    other_key = bytes(_MASTER.one_off_key("00" * 16).public_key).hex()
    unsigned = canonical.dumps(json.loads(card) | {"year": 2025})
    faults: list[Fault] = [
        ("another version on the ledger", {"version": 4}, "key-card-invalid"),
        ("another digest on the ledger", {"digest": bytes(32)}, "key-card-invalid"),
        ("another patient", {"patient": bytes(16)}, "key-card-invalid"),
        ("signed by a stranger", signed(lambda _value: None, _STRANGER), "signature-invalid"),
        ("a changed field", {"card": unsigned, "digest": _commitment(unsigned)}, "signature-invalid"),
        ("a changed scope key", signed(lambda value: value["scopes"][0].update(key=other_key)), "key-card-invalid"),
        ("years out of order", signed(lambda value: value["scopes"][0].update(last_year=0)), "key-card-invalid"),
        ("no scopes", signed(lambda value: value.update(scopes=[])), "key-card-invalid"),
        ("an unknown category", signed(lambda value: value["scopes"][0].update(category="x")), "key-card-invalid"),
        ("another type", signed(lambda value: value.update(type="chartseal/manifest")), "key-card-invalid"),
        ("an unknown suite", signed(lambda value: value.update(suite="chartseal-2")), "unknown-suite"),
        ("a space", {"card": card.replace(b":", b": ", 1)}, "encoding-invalid"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def _commitment(card: bytes) -> bytes:
    return commit(bytes.fromhex(json.loads(card)["salt"]), card)


@cache
def _chapter() -> tuple[Chapter, ChapterKey]:
    draw = entropy("chapter")
    place = _CHAIN, scope_id(_KEY.public_key), _HOSPITAL.verifying_key.key_id, draw(16).hex()
    context = ChapterContext(*place)
    capsule, kem_key = umbral.encapsulate(_KEY.public_key, context.label, entropy=draw)
    key = ChapterKey.from_kem(kem_key, context, capsule)
    label = tagged_hash(Tag.CAPSULE, bytes(capsule), context.chain.encode(), context.scope.encode())
    wrapped = reference.oaep_encrypt(_wrapping_public(), key.to_secret_bytes(), label, draw(32))
    return Chapter(context, capsule, wrapped), key


def chapter_cases() -> list[Case]:
    """The patient finds the chapter key both ways (her RSA key is the one of wrap.json); then keys below it."""
    draw = entropy("chapter faults")
    chapter, key = _chapter()
    context = chapter.context
    good: dict[str, Any] = {name: bytes.fromhex(value) for name, value in dataclasses.asdict(context).items()}
    good |= {"name": "a chapter", "capsule": bytes(chapter.capsule), "wrap": chapter.wrap}
    good |= {"scope_secret": _KEY.to_secret_bytes(), "answer": key.to_secret_bytes()}
    label = tagged_hash(Tag.CAPSULE, bytes(chapter.capsule), context.chain.encode(), context.scope.encode())
    lying = reference.oaep_encrypt(_wrapping_public(), bytes(32), label, draw(32))
    another, _ = umbral.encapsulate(_KEY.public_key, context.label, entropy=draw)
    stranger = _MASTER.one_off_key("00" * 16).to_secret_bytes()
    faults: list[Fault] = [
        ("another chain", {"chain": bytes(16)}, "not-for-this-key"),
        ("another scope", {"scope": bytes(16)}, "not-for-this-key"),
        ("another hospital", {"hospital": bytes(16)}, "capsule-invalid"),
        ("another chapter", {"chapter": bytes(16)}, "capsule-invalid"),
        ("another capsule", {"capsule": bytes(another)}, "not-for-this-key"),
        ("changed wrap", {"wrap": flipped(chapter.wrap, 7)}, "not-for-this-key"),
        ("another key in the wrap", {"wrap": lying}, "chapter-key-mismatch"),
        ("another scope key", {"scope_secret": stranger}, "chapter-key-mismatch"),
    ]
    nonce = draw(32)
    block_key = key.block_key(nonce)
    below = {"name": "keys of a block and its members", "chapter_key": key.to_secret_bytes(), "nonce": nonce}
    below |= {"label": context.label, "block_key": block_key.to_secret_bytes()}
    members = {f"member_key_{index}": block_key.member_key(index) for index in (0, 1, 4095)}
    return [hexed(good), hexed(below | members), *with_faults(good, faults)]


@dataclass(frozen=True)
class _Block:
    data: bytes
    header: bytes
    manifest: bytes
    files: tuple[tuple[str, bytes], ...]


def _zlib_stored(data: bytes) -> bytes:
    size = len(data).to_bytes(2, "little")
    inverse = bytes(255 - byte for byte in size)
    return b"\x78\x01\x01" + size + inverse + data + zlib.adler32(data).to_bytes(4, "big")


def _zipped(files: list[tuple[str, bytes]]) -> bytes:
    out = b""
    members = []
    for name, data in files:
        member = Member(name, len(data), zlib.crc32(data), len(out))
        out += zipframe.local_header(name) + data + zipframe.descriptor(member.crc, member.size)
        members.append(member)
    return out + zipframe.central_directory(members)


@cache
def _block() -> _Block:
    draw = entropy("block")
    chapter, key = _chapter()
    nonce = draw(32)
    block_key = key.block_key(nonce)

    def sealed(index: int, plaintext: bytes) -> bytes:
        return chunked.seal_bytes(
            block_key.member_key(index), seal_context(chapter, nonce, index, 3), padding.pad(plaintext), salt=draw(24)
        )

    packed = _zlib_stored(_RECORD * 2)
    one, two = sealed(1, packed), sealed(2, _SCAN)
    seals = [SealedMember(hashlib.sha256(data).hexdigest(), len(data)) for data in (one, two)]
    manifest = Manifest(
        author=_AUTHOR_ID.hex(),
        sealed_at="2024-05-06T07:08:09Z",
        amends=draw(32).hex(),
        payloads=(
            Payload(2 * len(_RECORD), len(packed), compressed=True, sealed=seals[0]),
            Payload(len(_SCAN), len(_SCAN), compressed=False, sealed=seals[1]),
        ),
        records=(
            Record("urn:uuid:1", "application/fhir+json", 1, 0, len(_RECORD), "Observation", "2024-05-06"),
            Record("", "application/fhir+json", 1, len(_RECORD), len(_RECORD), "Observation"),
            Record("scan.pdf", "application/pdf", 2, 0, len(_SCAN)),
        ),
    ).sign(_AUTHOR, chapter, nonce)
    framed = _zlib_stored(manifest)
    zero = sealed(0, len(framed).to_bytes(8, "big") + framed)
    members = (SealedMember(hashlib.sha256(zero).hexdigest(), len(zero)), *seals)
    header = BlockHeader(chapter, 0, chain.genesis(_CHAIN), "2024-05-06", nonce, members).sign(_HOSPITAL)
    files = ((member_name(1), one), (member_name(2), two), (member_name(0), zero), (HEADER_NAME, bytes(header)))
    return _Block(_zipped(list(files)), bytes(header), manifest, files)


def header_cases() -> list[Case]:
    """header.json against the hospital's key; the answer is the locator."""
    header = _block().header
    good = {"name": "a header", "header": header, "hospital_key": bytes(_HOSPITAL.verifying_key)}
    good["answer"] = hashlib.sha256(header).digest()

    def signed(change: Callable[[dict[str, Any]], object], tag: Tag = Tag.BLOCK_HEADER) -> dict[str, bytes]:
        return {"header": _resigned(header, _HOSPITAL, tag, change)}

    short = canonical.b64(bytes(97))
    faults: list[Fault] = [
        ("another index", {"header": header.replace(b'"index":0', b'"index":1')}, "signature-invalid"),
        ("another hospital", {"hospital_key": bytes(_STRANGER.verifying_key)}, "header-invalid"),
        ("signed for another purpose", signed(lambda _value: None, Tag.MANIFEST), "signature-invalid"),
        ("a negative index", signed(lambda value: value.update(index=-1)), "encoding-invalid"),
        ("an index that is a truth value", signed(lambda value: value.update(index=True)), "encoding-invalid"),
        ("a day that is none", signed(lambda value: value.update(day="2023-02-29")), "encoding-invalid"),
        ("no members", signed(lambda value: value.update(members=[])), "encoding-invalid"),
        ("an unknown field", signed(lambda value: value.update(note="")), "encoding-invalid"),
        ("a missing field", signed(lambda value: value.pop("wrap")), "encoding-invalid"),
        ("an unknown suite", signed(lambda value: value.update(suite="chartseal-2")), "unknown-suite"),
        ("a capsule of 97 bytes", signed(lambda value: value.update(capsule=short)), "capsule-invalid"),
        ("upper-case hex", signed(lambda value: value.update(chain=value["chain"].upper())), "encoding-invalid"),
        ("not canonical", {"header": header + b"\n"}, "encoding-invalid"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def manifest_cases() -> list[Case]:
    """A manifest against its header and author's key; the answer is the names of its records, one a line."""
    block = _block()
    good = {"name": "a manifest", "manifest": block.manifest, "header": block.header}
    good |= {"author_key": bytes(_AUTHOR.verifying_key), "answer": b"urn:uuid:1\n\nscan.pdf"}

    def signed(change: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
        return {"manifest": _resigned(block.manifest, _AUTHOR, Tag.MANIFEST, change)}

    changed = block.manifest.replace(b"scan.pdf", b"scat.pdf")
    faults: list[Fault] = [
        ("a changed name", {"manifest": changed}, "signature-invalid"),
        ("another author's key", {"author_key": bytes(_STRANGER.verifying_key)}, "signature-invalid"),
        ("another nonce", signed(lambda value: value.update(nonce="00" * 32)), "manifest-invalid"),
        ("another scope", signed(lambda value: value.update(scope="00" * 16)), "manifest-invalid"),
        ("another capsule", signed(lambda value: value.update(capsule="00" * 32)), "manifest-invalid"),
        ("members exchanged", signed(lambda value: value["payloads"].reverse()), "manifest-invalid"),
        ("a member left out", signed(lambda value: value["payloads"].pop()), "manifest-invalid"),
        ("a record past its end", signed(lambda value: value["records"][2].update(offset=1)), "manifest-invalid"),
        ("a record in no member", signed(lambda value: value["records"][2].update(member=3)), "manifest-invalid"),
        ("amends no locator", signed(lambda value: value.update(amends="00")), "encoding-invalid"),
        ("an unknown field", signed(lambda value: value.update(note="")), "manifest-invalid"),
        ("an unknown suite", signed(lambda value: value.update(suite="chartseal-2")), "unknown-suite"),
        ("not canonical", {"manifest": block.manifest + b" "}, "encoding-invalid"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def block_cases() -> list[Case]:
    """A whole block, opened by the chapter key; the answer is its records one after another."""
    block = _block()
    data, files = block.data, list(block.files)
    one, two, manifest, header = files
    good: dict[str, Any] = {"name": "a block", "block": data, "chapter_key": _chapter()[1].to_secret_bytes()}
    good |= {"hospital_key": bytes(_HOSPITAL.verifying_key), "author_key": bytes(_AUTHOR.verifying_key)}
    good["answer"] = _RECORD * 2 + _SCAN
    spoiled = (one[0], flipped(one[1], 60))
    end = len(zipframe.local_header(one[0])) + len(one[1])
    faults: list[Fault] = [
        ("another chapter key", {"chapter_key": bytes(32)}, "not-for-this-key"),
        ("another hospital", {"hospital_key": bytes(_STRANGER.verifying_key)}, "header-invalid"),
        ("another author", {"author_key": bytes(_STRANGER.verifying_key)}, "signature-invalid"),
        ("a byte of a member changed", {"block": flipped(data, 100)}, "block-damaged"),
        ("a member changed, frame made again", {"block": _zipped([spoiled, *files[1:]])}, "block-damaged"),
        ("a byte of a local header changed", {"block": flipped(data, 12)}, "block-damaged"),
        ("a byte of a descriptor changed", {"block": flipped(data, end + 5)}, "block-damaged"),
        ("a byte of the directory changed", {"block": flipped(data, len(data) - 150)}, "block-damaged"),
        ("cut by a byte", {"block": data[:-1]}, "block-damaged"),
        ("a byte too long", {"block": data + b"\0"}, "block-damaged"),
        ("a byte before it", {"block": b"\0" + data}, "block-damaged"),
        ("members in another order", {"block": _zipped([two, one, manifest, header])}, "block-damaged"),
        ("a member left out", {"block": _zipped([one, manifest, header])}, "block-damaged"),
        ("a member twice", {"block": _zipped([one, one, manifest, header])}, "block-damaged"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def chain_cases() -> list[Case]:
    """Id and genesis of a chain."""
    ids = {"patient": _PATIENT_ID, "hospital": _HOSPITAL_ID}
    return [hexed({"name": "a chain"} | ids | {"chain": _CHAIN, "genesis": chain.genesis(_CHAIN)})]
