"""The outbox by itself: what it opens is the whole block, wherever its tail is, and its files never change."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from clinic.batch import Batch, Target
from clinic.errors import OutboxPending
from clinic.hospital import Linked
from clinic.outbox import OWN_FILE_BYTES, Outbox
from scheme import chain, seal
from scheme.block import Block
from scheme.header import VerifiedHeader
from scheme.seal import Part, PayloadSource, SealedBlock
from tests.scheme import scene

TARGET = Target(scene.PATIENT_ID, scene.HOSPITAL_ID, scene.AUTHOR_ID, scene.CHAIN)
SIZES = (100, OWN_FILE_BYTES + 7)


def links(drafts: list[SealedBlock], first_index: int = 0, previous_head: str | None = None) -> Linked:
    headers: list[VerifiedHeader] = []
    previous = previous_head or chain.genesis(scene.CHAIN)
    for index, sealed in enumerate(drafts, first_index):
        header = sealed.draft.placed(index, previous).sign(scene.HOSPITAL)
        headers.append(header.verify(scene.HOSPITAL.verifying_key))
        previous = header.locator
    return Linked(previous_head, first_index, headers)


def filled(outbox: Outbox, *, linked: bool) -> Batch:
    """A batch of a small block and one with a file of its own."""
    writer, drafts = outbox.begin(TARGET), []
    for size in SIZES:
        with writer.block(size) as sink:
            source = PayloadSource(io.BytesIO(os.urandom(size)), [Part("scan", "application/dicom")])
            drafts.append(
                seal.seal_members(
                    sink,
                    *scene.begun(),
                    [source],
                    author_id=scene.AUTHOR_ID,
                    author=scene.AUTHOR,
                    sealed_at=scene.SEALED_AT,
                )
            )
            writer.add(drafts[-1])
    assert [draft.unsigned for draft in writer.drafts] == [sealed.draft.unsigned for sealed in drafts]
    return writer.commit(links(drafts) if linked else None)


def outbox_in(folder: Path) -> Outbox:
    outbox = Outbox(folder)
    with outbox.exclusively():
        return outbox


def whole(batch: Batch) -> list[bytes]:
    """Every block of the batch, which is one."""
    found = []
    for entry in batch.blocks:
        with batch.open(entry) as source:
            data = source.read()
            assert (len(data), source.seek(0, os.SEEK_END), source.tell()) == (entry.size,) * 3
            for offset in (0, 1, entry.sealed.end - 3, entry.sealed.end, entry.size - 1, entry.size, entry.size + 9):
                source.seek(offset)
                assert (source.read(7), source.read()) == (data[offset : offset + 7], data[offset + 7 :])
            Block.open(source, entry.locator).check_members()
        found.append(data)
    return found


def files(batch: Batch) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in batch.folder.iterdir() if path.name != "batch.json"}


@pytest.mark.parametrize("linked", [True, False])
def test_a_batch_is_read_back_as_it_was_committed(tmp_path: Path, linked: bool) -> None:
    outbox = outbox_in(tmp_path)
    batch = filled(outbox, linked=linked)
    (again,) = Outbox(tmp_path).pending()
    assert (again.target, again.first_index, again.superseded) == (TARGET, 0 if linked else None, ())
    drafts, expected = ([entry.sealed.draft.unsigned for entry in each.blocks] for each in (again, batch))
    assert drafts == expected
    if linked:
        assert whole(again) == whole(batch)
    else:
        with pytest.raises(OutboxPending):
            again.blocks[0].locator  # noqa: B018 - it has none yet


def test_a_large_block_that_was_linked_at_once_is_a_file_that_a_store_can_link(tmp_path: Path) -> None:
    batch = filled(outbox_in(tmp_path), linked=True)
    small, large = batch.blocks
    with batch.open(large) as source:
        assert os.fstat(source.fileno()).st_ino == (batch.folder / large.file).stat().st_ino
        assert os.fstat(source.fileno()).st_size == large.size
    with batch.open(small) as source, pytest.raises(OSError, match="fileno"):
        source.fileno()


@pytest.mark.parametrize("linked_before", [True, False])
def test_another_place_changes_no_file_but_the_index(tmp_path: Path, linked_before: bool) -> None:
    """A folder store may have the large file as its block; only what is opened ends otherwise."""
    outbox = outbox_in(tmp_path)
    batch = filled(outbox, linked=linked_before)
    before = files(batch)
    sealed = [entry.sealed for entry in batch.blocks]
    first = batch.link(links(sealed, 3, "ab" * 32))
    second = first.link(links(sealed, 5, "cd" * 32))
    assert files(batch) == before
    (again,) = outbox.pending()
    assert (again.first_index, again.previous_head) == (5, "cd" * 32)
    assert whole(again) == whole(second) != whole(first)
    superseded = [*batch.blocks, *first.blocks] if linked_before else first.blocks
    assert list(again.superseded) == [entry.locator for entry in superseded]
    with again.open(again.blocks[1]) as source, pytest.raises(OSError, match="fileno"):
        source.fileno()


def test_a_file_that_lost_bytes_is_no_block(tmp_path: Path) -> None:
    batch = filled(outbox_in(tmp_path), linked=True)
    for entry in batch.blocks:
        os.truncate(batch.folder / entry.file, entry.offset + entry.sealed.end - 1)
        with pytest.raises(OutboxPending, match=f"{entry.file} is shorter"), batch.open(entry):
            pass


def test_an_index_that_is_cut_or_of_an_earlier_form_is_told(tmp_path: Path) -> None:
    outbox = outbox_in(tmp_path)
    index = filled(outbox, linked=True).folder / "batch.json"
    value = json.loads(index.read_bytes())
    earlier = {"chapter": "d6" * 16, "file": "blocks", "locator": "9d" * 32, "offset": 0, "scope": "8f" * 16, "size": 9}
    for change in (
        {"blocks": [earlier]},
        {"blocks": [value["blocks"][0] | {"header": "AAAA"}]},
        {"blocks": [value["blocks"][0] | {"crcs": [1]}]},
        {"first_index": None},
        {"superseded": None},
    ):
        index.write_bytes(json.dumps(value | change, sort_keys=True, separators=(",", ":")).encode())
        with pytest.raises(OutboxPending, match="damaged"):
            outbox.pending()
