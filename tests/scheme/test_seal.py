"""Sealing refuses what could not be opened again, and packs members as the manifest says."""

from __future__ import annotations

import io

import pytest

from scheme import seal
from scheme.block import Block
from scheme.errors import EncodingInvalid
from scheme.header import MAX_MEMBERS
from scheme.manifest import MAX_MANIFEST_BYTES, Manifest
from scheme.padding import padded_size
from scheme.seal import Part, PayloadSource, member_name
from tests.scheme import scene
from tests.scheme.scene import NOISE, TEXT, make


def contents_of(made: scene.Made) -> Manifest:
    return Block.open(made.source).open_manifest(made.key.block_key(made.sealed.nonce), scene.author_key).manifest


def test_members_are_named_by_their_number() -> None:
    assert [member_name(index) for index in (0, 1, 4095)] == [
        "manifest.sealed",
        "records-1.sealed",
        "records-4095.sealed",
    ]


@pytest.mark.parametrize("sizes", [(99,), (101,), (60, 41), (60, 39), (100, 1)])
def test_parts_that_do_not_add_up_to_their_source_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(EncodingInvalid):
        make([(NOISE[:100], [Part("r", "x", size) for size in sizes])])


@pytest.mark.parametrize("sizes", [(100,), (None,), (60, 40), (60, None), (0, 100, 0), (100, None)])
def test_parts_that_add_up_are_placed_one_after_another(sizes: tuple[int | None, ...]) -> None:
    records = contents_of(make([(NOISE[:100], [Part("r", "x", size) for size in sizes])])).records
    assert [record.offset for record in records] == [
        sum(record.size for record in records[:number]) for number in range(len(records))
    ]
    assert sum(record.size for record in records) == 100


def test_a_source_without_parts_must_be_empty() -> None:
    assert contents_of(make([(b"", [])])).records == ()
    with pytest.raises(EncodingInvalid):
        make([(b"x", [])])


def test_a_block_may_hold_its_manifest_only() -> None:
    made = make([])
    assert contents_of(made).payloads == ()
    assert len(made.verified.header.members) == 1


def test_more_members_than_a_block_has_are_refused_before_anything_is_written() -> None:
    context, key = scene.begun()
    sink = io.BytesIO()
    with pytest.raises(EncodingInvalid):
        seal.seal_members(
            sink,
            context,
            key,
            [PayloadSource(io.BytesIO(), [])] * MAX_MEMBERS,
            author_id=scene.AUTHOR_ID,
            author=scene.AUTHOR,
            sealed_at=scene.SEALED_AT,
        )
    assert sink.getvalue() == b""


def test_a_manifest_too_large_to_be_read_is_not_sealed() -> None:
    part = Part("x" * 1024, "application/octet-stream", 0)
    with pytest.raises(EncodingInvalid, match="manifest"):
        make([(b"", [part] * (MAX_MANIFEST_BYTES // 1024))])


def test_the_manifest_says_how_each_member_was_packed() -> None:
    made = make([(TEXT, [Part("t", "x")]), (NOISE, [Part("n", "x")])])
    text, noise = contents_of(made).payloads
    assert (text.plain_size, text.compressed) == (len(TEXT), True)
    assert text.packed_size < len(TEXT)
    assert (noise.plain_size, noise.packed_size, noise.compressed) == (len(NOISE), len(NOISE), False)
    for payload in (text, noise):
        assert payload.sealed.size == padded_size(payload.packed_size) + 56 + 16
    assert (text.sealed, noise.sealed) == tuple(made.verified.header.members[1:])


def test_the_day_is_that_of_sealing_and_the_exact_time_is_sealed() -> None:
    made = make()
    assert made.verified.header.day == scene.SEALED_AT[:10]
    assert contents_of(made).sealed_at == scene.SEALED_AT
    assert scene.SEALED_AT.encode() not in made.data


def test_nothing_that_was_sealed_stands_in_the_block_in_clear() -> None:
    made = make([(TEXT, [Part("Secret Name.pdf", "application/x-secret", len(TEXT), None, "2024-05-06")])])
    for text in (TEXT[:30], b"Secret", b"x-secret", scene.AUTHOR_ID.encode(), scene.PATIENT_ID.encode(), b"clinical"):
        assert text not in made.data


def test_padding_hides_the_size_of_a_manifest() -> None:
    sizes = {
        make([(TEXT, [Part("n" * length, "x", len(TEXT))])]).verified.header.members[0].size for length in range(1, 40)
    }
    assert len(sizes) < 8
