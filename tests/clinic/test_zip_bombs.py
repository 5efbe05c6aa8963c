"""What somebody who may write to a patient could seal to hurt whoever opens it: bombs and false sizes.

The forger holds the chapter key and signs; everything but the sizes and the bytes is as it should be.
"""

import contextlib
import io
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from clinic import export as exporting
from clinic.errors import DiskFull, InputInvalid
from clinic.export import export
from clinic.own_blocks import open_own
from clinic.sealing import Draft
from scheme import chunked, compression, padding, seal
from scheme.compression import ExpansionLimit
from scheme.errors import Damaged, SchemeError
from scheme.manifest import MAX_MANIFEST_BYTES, ManifestInvalid
from scheme.record import Record
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource
from scheme.stream import Writer
from tests.clinic.scene import Scene, draft
from tests.clinic.test_export import opened_into

BOMB_BYTES = 64 << 20
Forge = Callable[..., None]


def bomb(size: int = BOMB_BYTES) -> bytes:
    """Zeros that deflate a thousandfold."""
    deflater = zlib.compressobj(9)
    return b"".join(deflater.compress(bytes(1 << 20)) for _ in range(size >> 20)) + deflater.flush()


@pytest.fixture
def forge(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Forge:
    """Seal a record whose member holds ``packed``, and whose manifest says whatever is wanted of it."""

    def forged(packed: bytes, plain_size: int, *, packed_size: int | None = None, compressed: bool = True) -> None:
        size = len(packed) if packed_size is None else packed_size

        def pack(_source: BinaryIO, key: bytes, context: bytes, writer: Writer) -> tuple[int, int, bool]:
            writer.write(chunked.seal_bytes(key, context, padding.pad(packed)))
            return plain_size, size, compressed

        with monkeypatch.context() as patch:
            patch.setattr(seal, "_pack", pack)
            scene.seal(draft(name="record.bin"))

    return forged


def peak_bytes(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_stops_at_the_size_in_the_manifest(scene: Scene, tmp_path: Path, forge: Forge) -> None:
    forge(bomb(), 1000)

    def attempt() -> None:
        with pytest.raises(ExpansionLimit):
            opened_into(scene, tmp_path / "out")

    assert peak_bytes(attempt) < 8 << 20
    assert not list((tmp_path / "out").rglob("record*"))
    scene.grant()
    with pytest.raises(ExpansionLimit):
        scene.read()


def test_a_bomb_that_says_how_large_it_is_needs_the_disk_and_no_memory(
    scene: Scene, tmp_path: Path, forge: Forge
) -> None:
    forge(bomb(), BOMB_BYTES)
    assert peak_bytes(lambda: opened_into(scene, tmp_path / "out")) < 8 << 20
    (path,) = (tmp_path / "out" / "files").iterdir()
    assert path.stat().st_size == BOMB_BYTES


@pytest.mark.parametrize("plain_size", [1 << 50, 2**53 - 1])
def test_a_size_that_no_disk_has_is_refused_before_anything_is_written(
    scene: Scene, tmp_path: Path, forge: Forge, plain_size: int
) -> None:
    forge(zlib.compress(b"small"), plain_size)
    with pytest.raises(DiskFull):
        opened_into(scene, tmp_path / "out")
    assert not (tmp_path / "out" / "files").exists()


@pytest.mark.parametrize("size", [0, 4, 6, 1 << 40])
def test_a_false_size_is_told(scene: Scene, tmp_path: Path, forge: Forge, size: int) -> None:
    forge(zlib.compress(b"small"), size)
    with pytest.raises((Damaged, ExpansionLimit, DiskFull)):
        opened_into(scene, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("record*"))


@pytest.mark.parametrize("packed_size", [0, 1, 100, 2**53 - 1])
def test_a_false_packed_size_is_told(scene: Scene, tmp_path: Path, forge: Forge, packed_size: int) -> None:
    forge(b"x" * 299, packed_size, packed_size=packed_size, compressed=False)
    with pytest.raises((Damaged, DiskFull)):
        opened_into(scene, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("record*"))


@pytest.mark.parametrize("packed", [b"", b"no zlib", zlib.compress(b"small")[:-1], zlib.compress(b"small") + b"more"])
def test_what_is_no_zlib_stream_is_told(scene: Scene, tmp_path: Path, forge: Forge, packed: bytes) -> None:
    forge(packed, 5)
    with pytest.raises(SchemeError):
        opened_into(scene, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("record*"))


def test_resources_are_not_unpacked_beyond_what_fits_into_memory(
    scene: Scene, tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.clinic.scene.Part", lambda name, kind: Part(name, "application/fhir+json", None, "Observation")
    )
    forge(bomb(1 << 20), exporting.MAX_RESOURCES_BYTES + 1)

    def attempt() -> None:
        with pytest.raises(InputInvalid, match="not unpacked"):
            opened_into(scene, tmp_path / "out")

    assert peak_bytes(attempt) < 8 << 20


def test_a_byte_is_not_handed_out_twice(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand records over the same bytes would be a bomb that no size in the manifest shows."""

    def overlapping(parts: list[Part], member: int, plain_size: int) -> list[Record]:
        return [Record(f"{number}.txt", "text/plain", member, 0, plain_size) for number in range(1000)]

    with monkeypatch.context() as patch:
        patch.setattr(seal, "_place", overlapping)
        scene.seal(draft(text=b"x" * 100_000))
    with pytest.raises(ManifestInvalid):
        opened_into(scene, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.txt"))


def test_a_record_that_hides_most_of_its_member_is_refused(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beginning(parts: list[Part], member: int, _plain_size: int) -> list[Record]:
        return [Record("small.txt", "text/plain", member, 0, 1)]

    with monkeypatch.context() as patch:
        patch.setattr(seal, "_place", beginning)
        scene.seal(draft(text=b"x" * 100_000))
    with pytest.raises(ManifestInvalid):
        opened_into(scene, tmp_path / "out")


def test_a_manifest_that_is_a_bomb_is_not_unpacked(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deflated = bomb(MAX_MANIFEST_BYTES * 4)

    def frame(_manifest: bytes) -> bytes:
        return padding.pad(len(deflated).to_bytes(8, "big") + deflated)

    with monkeypatch.context() as patch:
        patch.setattr(seal, "_frame_manifest", frame)
        scene.seal()

    def attempt() -> None:
        with pytest.raises(ExpansionLimit):
            opened_into(scene, tmp_path / "out")

    assert peak_bytes(attempt) < 3 * MAX_MANIFEST_BYTES
    assert compression.inflate(deflated, max_plain_bytes=MAX_MANIFEST_BYTES * 4) is not None


def test_a_good_block_beside_a_bomb_can_still_be_opened(scene: Scene, tmp_path: Path, forge: Forge) -> None:
    (good,) = scene.seal(draft(Category.IMAGING, name="good.txt")).blocks
    forge(bomb(), 1000)
    only_good = [scene.anchored(good)]
    report = export(open_own(scene.site, scene.patient, only_good), tmp_path / "out")
    assert (report.files, report.records) == (1, 1)
    assert (tmp_path / "out" / "files" / "good.txt").exists()


def test_a_thousand_members_are_fine_and_more_than_the_limit_are_not(scene: Scene) -> None:
    def many(count: int) -> Draft:
        sources = [PayloadSource(io.BytesIO(b"x"), [Part(f"{number}", "text/plain")]) for number in range(count)]
        return Draft(Category.OTHER, None, lambda: contextlib.nullcontext(sources), None, count)

    (locator,) = scene.seal(many(1000)).blocks
    assert scene.own() == {locator: b"x" * 1000}
    with pytest.raises(SchemeError, match="at most 4095 members"):
        scene.seal(many(4096))
