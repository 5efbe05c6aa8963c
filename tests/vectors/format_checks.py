"""What ``scheme`` makes of the known answers of ``formats``; the second reader reads the same good blocks."""

from __future__ import annotations

import io
from collections.abc import Callable

from scheme import chain, manifest
from scheme.block import Block
from scheme.chapter import Chapter, ChapterContext, ChapterKey, open_both_ways
from scheme.header import BlockHeader
from scheme.keycard import KeyCard
from scheme.keys import VerifyingKey
from scheme.scopes import Category, MasterSecret, Scope, Years, scope_id, year_spans
from scheme.umbral import Capsule, SecretKey
from tests.scheme import second_reader
from tests.scheme.scene import wrapping
from tests.vectors.case import Inputs


def _scopes(case: Inputs) -> None:
    if "spans" in case:
        assert [[span.first, span.last] for span in year_spans(case.card_year)] == case.spans
        return
    master = MasterSecret(case.master)
    if "grant" in case:
        key = master.one_off_key(case.grant.hex())
    else:
        years = Years(case.first_year, case.last_year)
        key = master.scope_key(Scope(Category(case.category), years, case.revision))
        again = second_reader.scope_secret(case.master, case.category, years.first, years.last, case.revision)
        assert again == case.secret
    assert (key.to_secret_bytes(), scope_id(key.public_key)) == (case.secret, case.scope.hex())


def _key_card(case: Inputs) -> bytes:
    card = KeyCard.from_bytes(case.card).verify(
        VerifyingKey(case.verifying_key),
        patient_id=case.patient.hex(),
        ledger_digest=case.digest.hex(),
        ledger_version=case.version,
    )
    return bytes.fromhex(card.scope_for(Category.CLINICAL, 2024).id)


def _chapter(case: Inputs) -> bytes | None:
    if "block_key" in case:
        block_key = ChapterKey(case.chapter_key).block_key(case.nonce)
        assert block_key.to_secret_bytes() == case.block_key
        for index in (0, 1, 4095):
            assert block_key.member_key(index) == getattr(case, f"member_key_{index}")
        return None
    context = ChapterContext(case.chain.hex(), case.scope.hex(), case.hospital.hex(), case.chapter.hex())
    chapter = Chapter(context, Capsule.from_bytes(case.capsule), case.wrap)
    return open_both_ways(chapter, wrapping(), SecretKey.from_secret_bytes(case.scope_secret)).to_secret_bytes()


def _header(case: Inputs) -> bytes:
    header = BlockHeader.from_bytes(case.header)
    return bytes.fromhex(header.verify(VerifyingKey(case.hospital_key)).locator)


def _manifest(case: Inputs) -> bytes:
    header = BlockHeader.from_bytes(case.header)
    author = VerifyingKey(case.author_key)
    found = manifest.verify(case.manifest, author, header.chapter, header.nonce, header.members[1:])
    return "\n".join(record.name for record in found.manifest.records).encode()


def _block(case: Inputs) -> bytes:
    block = Block.open(io.BytesIO(case.block))
    header = block.header.verify(VerifyingKey(case.hospital_key)).header
    block.check_members()
    key = ChapterKey(case.chapter_key).block_key(header.nonce)
    contents = block.open_manifest(key, lambda _author: VerifyingKey(case.author_key)).manifest
    sink = io.BytesIO()
    for index in range(1, len(contents.payloads) + 1):
        block.open_payload(key, contents, index, sink)
    again = second_reader.read_block(case.block, case.chapter_key, case.hospital_key, case.author_key)
    assert b"".join(again.records) == sink.getvalue()
    return sink.getvalue()


def _chain(case: Inputs) -> None:
    found = chain.chain_id(case.patient.hex(), case.hospital.hex())
    assert (found, chain.genesis(found)) == (case.chain.hex(), case.genesis.hex())


CHECKS: dict[str, Callable[[Inputs], bytes | None]] = {
    "scopes.json": _scopes,
    "key_card.json": _key_card,
    "chapter.json": _chapter,
    "header.json": _header,
    "manifest.json": _manifest,
    "block.json": _block,
    "chain.json": _chain,
}
