"""A block is read as it was sealed, or refused: no byte of it is without a check, and any zip tool opens it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheme import chapter, seal, umbral, zipframe
from scheme.block import Block, BlockDamaged
from scheme.chapter import BlockKey
from scheme.errors import Damaged, NotForThisKey, SchemeError, SignatureInvalid
from scheme.hashing import Tag
from scheme.header import BlockHeader
from scheme.keys import VerifyingKey
from scheme.seal import Part
from tests import needs
from tests.scheme import scene, second_reader

SEVERAL = (
    (scene.TEXT * 2, [Part("a", "text/plain", len(scene.TEXT)), Part("b", "text/plain")]),
    (scene.NOISE, [Part("noise", "application/octet-stream")]),
    (b"", [Part("nothing", "text/plain")]),
)


def key_of(made: scene.Made) -> BlockKey:
    return made.key.block_key(made.sealed.nonce)


def read_all(data: bytes, key: BlockKey, hospital: VerifyingKey = scene.HOSPITAL.verifying_key) -> list[bytes]:
    """Everything that a reader does with a block."""
    found = Block.open(io.BytesIO(data))
    found.header.verify(hospital)
    found.check_members()
    contents = found.open_manifest(key, scene.author_key).manifest
    plains = []
    for index in range(1, len(contents.payloads) + 1):
        sink = io.BytesIO()
        assert found.open_payload(key, contents, index, sink) == len(sink.getvalue())
        plains.append(sink.getvalue())
    return [plains[record.member - 1][record.offset : record.offset + record.size] for record in contents.records]


def rezipped(header: bytes, members: list[tuple[str, bytes]]) -> bytes:
    """A sound frame around any members."""
    return second_reader.frame([*members, ("header.json", header)])


def files_of(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def test_what_was_sealed_comes_out() -> None:
    made = scene.make(SEVERAL)
    assert read_all(made.data, key_of(made)) == [scene.TEXT, scene.TEXT, scene.NOISE, b""]


def test_a_second_reader_written_from_the_document_reads_it() -> None:
    made = scene.make(SEVERAL, amends="ab" * 32)
    keys = bytes(scene.HOSPITAL.verifying_key), bytes(scene.AUTHOR.verifying_key)
    opened = second_reader.read_block(made.data, made.key.to_secret_bytes(), *keys)
    assert opened.records == [scene.TEXT, scene.TEXT, scene.NOISE, b""]
    assert opened.manifest["author"] == scene.AUTHOR_ID
    assert opened.manifest["amends"] == "ab" * 32
    assert [payload["compressed"] for payload in opened.manifest["payloads"]] == [True, False, False]


def test_the_second_reader_finds_the_chapter_key_both_ways() -> None:
    made = scene.make()
    header = second_reader.header_of(made.data)
    secret = made.key.to_secret_bytes()
    assert second_reader.chapter_key_by_wrap(scene.wrapping().to_secret_bytes(), header) == secret
    assert second_reader.chapter_key_by_scope(scene.SCOPE_SECRET.to_secret_bytes(), header) == secret


@pytest.mark.parametrize(("threshold", "proxies"), [(1, 1), (1, 2), (2, 3), (3, 3)])
def test_the_second_reader_finds_the_chapter_key_by_fragments(threshold: int, proxies: int) -> None:
    made = scene.make()
    doctor = umbral.SecretKey.derive_from(b"d" * 48)
    terms = umbral.RekeyTerms(b"g" * 16, bytes.fromhex(scene.SCOPE_ID), 1_900_000_000)
    key_frags = umbral.generate_rekey(scene.SCOPE_SECRET, doctor.public_key, scene.PATIENT, terms, threshold, proxies)[
        -threshold:
    ]
    capsule, label = made.chapter.capsule, made.chapter.context.label
    frags = [bytes(umbral.reencrypt(capsule, label, key_frag)) for key_frag in key_frags]
    kem_key = second_reader.kem_key_by_fragments(
        doctor.to_secret_bytes(),
        bytes(scene.SCOPE_SECRET.public_key),
        bytes(capsule),
        label,
        bytes(scene.PATIENT.verifying_key),
        b"g" * 16 + bytes.fromhex(scene.SCOPE_ID) + (1_900_000_000).to_bytes(8, "big"),
        frags,
    )
    header = second_reader.header_of(made.data)
    assert second_reader.chapter_key_of_kem(kem_key, header) == made.key.to_secret_bytes()


@settings(max_examples=25, deadline=None)
@given(
    payloads=st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=4), max_size=4),
    repeat=st.sampled_from([1, 300]),
)
def test_both_readers_agree_on_any_block(payloads: list[list[bytes]], repeat: int) -> None:
    parts = [[piece * repeat for piece in pieces] for pieces in payloads]
    made = scene.make(
        [(b"".join(pieces), [Part("r", "text/plain", len(piece)) for piece in pieces]) for pieces in parts]
    )
    records = [piece for pieces in parts for piece in pieces]
    assert read_all(made.data, key_of(made)) == records
    keys = bytes(scene.HOSPITAL.verifying_key), bytes(scene.AUTHOR.verifying_key)
    assert second_reader.read_block(made.data, made.key.to_secret_bytes(), *keys).records == records


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 5])
@pytest.mark.parametrize("pattern", [b"abcdefgh", None])
def test_members_around_the_piece_size(size: int, pattern: bytes | None) -> None:
    seedling = hashlib.shake_256(b"noise").digest(size) if pattern is None else (pattern * (size // 8 + 1))[:size]
    made = scene.make([(seedling, [Part("large", "application/octet-stream")])])
    assert read_all(made.data, key_of(made)) == [seedling]
    payload = Block.open(made.source).open_manifest(key_of(made), scene.author_key).manifest.payloads[0]
    assert payload.compressed == (pattern is not None)


def test_the_same_sealed_members_give_the_same_bytes() -> None:
    made = scene.make(SEVERAL)
    sink = io.BytesIO()
    sink.write(made.data[: made.sealed.end])
    again = scene.finish(sink, made.sealed, 0, made.verified.header.previous)
    assert sink.getvalue() == made.data
    assert again == made.verified
    assert second_reader.frame(files_of(made.data)) == made.data


def test_sealing_twice_gives_no_byte_of_ciphertext_twice() -> None:
    (_, first), *_ = files_of(scene.make().data)
    (_, second), *_ = files_of(scene.make().data)
    assert first[:56] != second[:56]
    assert len(first) == len(second)


def test_the_size_of_a_member_is_a_padme_size() -> None:
    sizes = {len(scene.make([(scene.NOISE[:size], [Part("n", "x")])]).data) for size in range(265, 289)}
    assert len(sizes) <= 3


def test_zipfile_and_unzip_accept_a_block(tmp_path: Path) -> None:
    made = scene.make(SEVERAL)
    with zipfile.ZipFile(made.source) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "records-1.sealed",
            "records-2.sealed",
            "records-3.sealed",
            "manifest.sealed",
            "header.json",
        ]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    path = tmp_path / "block.zip"
    path.write_bytes(made.data)
    unzip = needs.program("unzip", feature="unzip")
    done = subprocess.run([str(unzip), "-t", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "No errors detected" in done.stdout


@pytest.mark.parametrize("bit", [1, 0x80])
def test_one_changed_byte_anywhere_is_refused(bit: int) -> None:
    made = scene.make()
    data = bytearray(made.data)
    for position in range(len(data)):
        data[position] ^= bit
        with pytest.raises(SchemeError):
            Block.open(io.BytesIO(data)).check_members()
        data[position] ^= bit


def test_one_changed_byte_is_refused_without_the_members_check_too() -> None:
    made = scene.make()
    key = key_of(made)
    data = bytearray(made.data)

    def opened() -> None:
        found = Block.open(io.BytesIO(data))
        found.open_payload(key, found.open_manifest(key, scene.author_key).manifest, 1, io.BytesIO())

    opened()
    for position in range(len(data)):
        data[position] ^= 4
        assert scene.refuses(opened), position
        data[position] ^= 4


def test_every_cut_and_every_extension_is_refused() -> None:
    data = scene.make().data
    for size in range(len(data)):
        with pytest.raises(BlockDamaged):
            Block.open(io.BytesIO(data[:size]))
    for longer in (data + b"\0", b"\0" + data, data + data, data[:-1] + b"\0\0", data[1:]):
        with pytest.raises(BlockDamaged):
            Block.open(io.BytesIO(longer))


@pytest.mark.parametrize("cut", [1, 10, 500])
def test_bytes_lost_in_the_middle_are_noticed(cut: int) -> None:
    data = scene.make().data
    for position in range(0, len(data) - cut, 37):
        with pytest.raises(SchemeError):
            Block.open(io.BytesIO(data[:position] + data[position + cut :])).check_members()


def test_members_reordered_renamed_left_out_doubled_or_added_are_refused() -> None:
    *sealed, (_, header) = files_of(scene.make(SEVERAL).data)
    one, two, three, manifest = sealed
    attempts = [
        [two, one, three, manifest],
        [manifest, one, two, three],
        [one, two, manifest],
        [one, one, two, three, manifest],
        [one, two, three, manifest, manifest],
        [one, two, three, ("records-4.sealed", b"x"), manifest],
        [one, two, ("records-4.sealed", three[1]), manifest],
        [one, two, ("../escape", three[1]), manifest],
        [one, two, three, ("Manifest.sealed", manifest[1])],
        [("records-1.sealed", two[1]), ("records-2.sealed", one[1]), three, manifest],
        [manifest],
        [],
    ]
    for members in attempts:
        with pytest.raises(BlockDamaged):
            Block.open(io.BytesIO(rezipped(header, members)))
    assert Block.open(io.BytesIO(rezipped(header, sealed))).members


def test_members_of_one_size_swapped_are_refused() -> None:
    made = scene.make([(scene.NOISE, [Part("a", "x")]), (scene.NOISE[::-1], [Part("b", "x")])])
    one, two, manifest, (_, header) = files_of(made.data)
    swapped = rezipped(header, [(one[0], two[1]), (two[0], one[1]), manifest])
    found = Block.open(io.BytesIO(swapped))
    with pytest.raises(BlockDamaged):
        found.check_members()
    contents = Block.open(made.source).open_manifest(key_of(made), scene.author_key).manifest
    with pytest.raises((BlockDamaged, NotForThisKey)):
        found.open_payload(key_of(made), contents, 1, io.BytesIO())


def test_members_swapped_under_a_header_signed_again_do_not_open() -> None:
    made = scene.make([(scene.NOISE, [Part("a", "x")]), (scene.NOISE[::-1], [Part("b", "x")])])
    one, two, manifest, (_, header) = files_of(made.data)
    lying = scene.resigned(
        header, scene.HOSPITAL, Tag.BLOCK_HEADER, lambda value: value["members"].append(value["members"].pop(1))
    )
    found = Block.open(io.BytesIO(rezipped(lying, [(one[0], two[1]), (two[0], one[1]), manifest])))
    found.check_members()
    with pytest.raises(SchemeError):
        found.open_manifest(key_of(made), scene.author_key)


def test_a_member_of_another_block_of_the_chapter_does_not_open() -> None:
    payloads = [(scene.NOISE, [Part("a", "x")])]
    mine, other = scene.make(payloads), scene.make(payloads)
    (name, foreign), *_ = files_of(other.data)
    _, manifest, (_, header) = files_of(mine.data)

    def take(value: dict) -> None:
        value["members"][1]["sha256"] = hashlib.sha256(foreign).hexdigest()

    lying = scene.resigned(header, scene.HOSPITAL, Tag.BLOCK_HEADER, take)
    found = Block.open(io.BytesIO(rezipped(lying, [(name, foreign), manifest])))
    found.check_members()
    with pytest.raises(SchemeError):
        found.open_manifest(key_of(mine), scene.author_key)
    contents = Block.open(mine.source).open_manifest(key_of(mine), scene.author_key).manifest
    with pytest.raises(NotForThisKey):
        found.open_payload(key_of(mine), contents, 1, io.BytesIO())


def test_another_chapters_key_and_another_nonce_open_nothing() -> None:
    made = scene.make()
    _, other = scene.begin()
    for key in (other.block_key(made.sealed.nonce), made.key.block_key(bytes(32))):
        with pytest.raises(NotForThisKey):
            Block.open(made.source).open_manifest(key, scene.author_key)


def test_a_manifest_by_another_author_is_refused() -> None:
    made = scene.make()
    with pytest.raises(SignatureInvalid):
        Block.open(made.source).open_manifest(key_of(made), lambda _member: scene.STRANGER.verifying_key)


def test_the_locator_names_the_header() -> None:
    made = scene.make()
    locator = made.verified.locator
    assert hashlib.sha256(dict(files_of(made.data))["header.json"]).hexdigest() == locator
    assert Block.open(made.source, locator).header.locator == locator
    with pytest.raises(BlockDamaged):
        Block.open(made.source, scene.make().verified.locator)


def test_another_place_changes_the_header_only() -> None:
    """The sealed members stay as they are, so a block that nobody placed yet can be written to disk."""
    made = scene.make(SEVERAL, amends="cd" * 32)
    members = made.data[: made.sealed.end]
    sink = io.BytesIO(members)
    sink.seek(0, io.SEEK_END)
    verified = scene.finish(sink, made.sealed, 7, "ef" * 32)
    old, new = files_of(made.data), files_of(sink.getvalue())
    assert old[:-1] == new[:-1]
    before, after = json.loads(old[-1][1]), json.loads(new[-1][1])
    assert {name for name in before if before[name] != after[name]} == {"index", "previous", "signature"}
    assert (verified.header.index, verified.header.previous) == (7, "ef" * 32)
    assert verified.locator != made.verified.locator
    assert read_all(sink.getvalue(), key_of(made)) == read_all(made.data, key_of(made))


def test_the_tail_follows_from_the_header_and_the_checksums() -> None:
    """What the outbox keeps beside the members' bytes."""
    made = scene.make(SEVERAL)
    header = Block.open(made.source).header
    kept = seal.SealedBlock.of(header, made.sealed.crcs)
    assert kept.members == made.sealed.members
    assert made.data[: kept.end] + seal.tail(kept, header) == made.data


def test_a_header_too_large_and_other_zips_are_refused() -> None:
    *members, _ = files_of(scene.make().data)
    for header in (b" " * ((1 << 20) + 1), b""):
        with pytest.raises(SchemeError):
            Block.open(io.BytesIO(rezipped(header, members)))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in files_of(scene.make().data):
            archive.writestr(name, data)
    with pytest.raises(BlockDamaged):
        Block.open(other)


def test_sizes_in_the_manifest_that_do_not_fit_are_refused() -> None:
    made = scene.make()
    found = Block.open(made.source)
    contents = found.open_manifest(key_of(made), scene.author_key).manifest
    true = contents.payloads[0]
    for changes in ({"plain_size": true.plain_size + 1}, {"packed_size": true.packed_size - 1}, {"compressed": False}):
        payload = type(true)(**(vars(true) | changes))
        lying = type(contents)(**(vars(contents) | {"payloads": (payload,)}))
        with pytest.raises(Damaged):
            found.open_payload(key_of(made), lying, 1, io.BytesIO())


def test_a_compressed_member_grows_no_further_than_its_manifest_says() -> None:
    made = scene.make([(bytes(5_000_000), [Part("zeros", "x")])])
    found = Block.open(made.source)
    contents = found.open_manifest(key_of(made), scene.author_key).manifest
    payload = type(contents.payloads[0])(**(vars(contents.payloads[0]) | {"plain_size": 1000}))
    lying = type(contents)(**(vars(contents) | {"payloads": (payload,)}))
    sink = io.BytesIO()
    with pytest.raises(SchemeError) as caught:
        found.open_payload(key_of(made), lying, 1, sink)
    assert caught.value.code == "expansion-limit"
    assert len(sink.getvalue()) <= 1000


@pytest.mark.parametrize("wrong", ["records-1.sealed", "manifest.sealed", "header.json"])
def test_a_frame_with_a_false_crc_is_refused(wrong: str) -> None:
    """Consistent in descriptor and directory; the digests are right, but other zip tools would refuse it."""
    body, members = b"", []
    for name, data in files_of(scene.make().data):
        crc = zlib.crc32(data) ^ (name == wrong)
        members.append(zipframe.Member(name, len(data), crc, len(body)))
        body += zipframe.local_header(name) + data + zipframe.descriptor(crc, len(data))
    with pytest.raises(BlockDamaged):
        Block.open(io.BytesIO(body + zipframe.central_directory(members))).check_members()


def test_a_chapter_begun_for_another_hospital_is_not_signed() -> None:
    of = chapter.begin(
        scene.SCOPE_SECRET.public_key,
        scene.wrapping().public_key,
        chain=scene.CHAIN,
        scope=scene.SCOPE_ID,
        hospital=scene.STRANGER.verifying_key.key_id,
    )
    with pytest.raises(SchemeError) as caught:
        scene.make(of=of)
    assert caught.value.code == "header-invalid"


def test_a_header_is_verified_by_its_hospital_only() -> None:
    header = BlockHeader.from_bytes(dict(files_of(scene.make().data))["header.json"])
    assert header.verify(scene.HOSPITAL.verifying_key).header == header
    with pytest.raises(SchemeError) as caught:
        header.verify(scene.STRANGER.verifying_key)
    assert caught.value.code == "header-invalid"
