"""What is written out: byte for byte, under names that stay in their folder, and all of it or nothing."""

import dataclasses
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clinic import export as exporting
from clinic.errors import DiskFull, InputInvalid
from clinic.export import MAX_NAME_BYTES, ExportReport, export, safe_name
from clinic.intake import bundle_drafts
from clinic.own_blocks import open_own
from clinic.sealing import Draft
from scheme.errors import ChartSealError
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource
from tests.clinic.scene import Scene, draft

RTL_OVERRIDE = "\u202e"


def opened_into(scene: Scene, folder: Path) -> ExportReport:
    blocks = scene.site.state().blocks(patient=scene.patient.member_id)
    return export(open_own(scene.site, scene.patient, blocks), folder)


def files_of(scene: Scene, folder: Path, *names: str) -> dict[str, bytes]:
    """Seal a record under each name, open all, and return what lies in ``files``: name to bytes."""
    scene.seal(*(draft(text=f"record {number}", name=name) for number, name in enumerate(names)))
    opened_into(scene, folder)
    return {path.name: path.read_bytes() for path in (folder / "files").iterdir()}


def test_no_name_leads_out_of_the_folder(scene: Scene, tmp_path: Path) -> None:
    names = (
        "../../outside.txt",
        "/etc/absolute.txt",
        "..",
        ".",
        "",
        "a/b/c.txt",
        "..\\..\\windows.txt",
        "C:\\Windows\\system.ini",
        "C:drive.txt",
        "\\\\server\\share\\unc.txt",
        "nul\x00byte.txt",
        "new\nline.txt",
        "~/home.txt",
        "aux.txt",
        "CON",
        "stream.txt:hidden",
        f"photo{RTL_OVERRIDE}gpj.exe",
        "a" * 1000,
        "é" * 500 + ".pdf",
    )
    found = files_of(scene, tmp_path / "out", *names)
    assert sorted(found.values()) == sorted(f"record {number}".encode() for number in range(len(names)))
    written = {path for path in tmp_path.rglob("*") if path.is_file() and scene.home.folder not in path.parents}
    assert {path.parent for path in written} == {tmp_path / "out", tmp_path / "out" / "files"}
    assert {"outside.txt", "absolute.txt", "windows.txt", "_aux.txt", "_CON", "photo_gpj.exe"} <= found.keys()
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in found)
    assert any(name.endswith("é.pdf") for name in found)


def test_names_that_fall_together_are_told_apart(scene: Scene, tmp_path: Path) -> None:
    names = ("scan.pdf", "scan.pdf", "SCAN.pdf", "a/scan.pdf", "é.txt", "e\u0301.txt", "none", "none", "", "record")
    found = files_of(scene, tmp_path / "out", *names)
    assert len(found) == len(names)
    assert len({name.casefold() for name in found}) == len(names)
    assert found["scan.pdf"] == b"record 0"
    assert found["scan (2).pdf"] == b"record 1"


def test_names_in_any_script_are_kept(scene: Scene, tmp_path: Path) -> None:
    names = ("تقرير الأشعة.pdf", "血液検査.txt", "🫀 echo.mp4", "Überweisung – Größe.doc", "रिपोर्ट.txt", "👩🏽‍⚕️.png")
    assert set(files_of(scene, tmp_path / "out", *names)) == set(names)


@given(name=st.text(max_size=400) | st.text(alphabet="./\\:\x00 a~", max_size=40))
@example(name="COM1 .txt")
@example(name="\ud800")
def test_any_name_becomes_one_plain_file_name(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert Path(safe).name == safe
    assert safe not in {".", ".."}
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not set(safe) & set('<>:"/\\|?*\x00\x1b\u202e')
    assert safe == safe.strip(" .")
    assert safe_name(safe) == safe


def test_a_bundle_is_written_byte_for_byte(scene: Scene, tmp_path: Path) -> None:
    resource = '{"resourceType":"Observation",  "status":"final","valueQuantity":{"value":1.10},"note":[{"text":"é"}]}'
    data = f'{{"resourceType":"Bundle","type":"collection","entry":[{{"fullUrl":"urn:1","resource":{resource}}}]}}'
    scene.seal(*bundle_drafts(data.encode()), draft(text=b"\x00\xff" * 9, name="raw.bin"))
    report = opened_into(scene, tmp_path / "out")
    text = (tmp_path / "out" / "bundle.json").read_text()
    assert resource in text
    assert json.loads(text)["entry"][0]["fullUrl"] == "urn:1"
    assert (tmp_path / "out" / "files" / "raw.bin").read_bytes() == b"\x00\xff" * 9
    assert dataclasses.asdict(report) == {
        "blocks": 2, "chapters": 2, "records": 2, "resources": 1, "files": 1, "bytes": len(resource.encode()) + 18,
    }  # fmt: skip


def test_without_resources_the_bundle_is_empty(scene: Scene, tmp_path: Path) -> None:
    scene.seal()
    assert opened_into(scene, tmp_path / "out").resources == 0
    assert json.loads((tmp_path / "out" / "bundle.json").read_bytes())["resourceType"] == "Bundle"


def mixed(*texts: str) -> Draft:
    """A block with several files in one member, as other software may write it."""

    @contextmanager
    def opened() -> Iterator[Sequence[PayloadSource]]:
        parts = [Part(f"{number}.txt", "text/plain", len(text)) for number, text in enumerate(texts)]
        yield [PayloadSource(io.BytesIO("".join(texts).encode()), parts)]

    return Draft(Category.CLINICAL, None, opened, None, len(texts))


def test_several_files_of_one_member(scene: Scene, tmp_path: Path) -> None:
    scene.seal(mixed("one", "", "three"))
    assert opened_into(scene, tmp_path / "out").files == 3
    found = [(tmp_path / "out" / "files" / f"{number}.txt").read_text() for number in range(3)]
    assert found == ["one", "", "three"]


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_there_is_never_overwritten(scene: Scene, tmp_path: Path, there: str) -> None:
    scene.seal()
    out = tmp_path / "out"
    if there == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")
    with pytest.raises(InputInvalid):
        opened_into(scene, out)
    assert (out if there == "file" else out / "mine").read_text() == "mine"


def test_an_error_on_the_way_leaves_no_bundle(scene: Scene, tmp_path: Path) -> None:
    first, second = scene.seal(draft(name="first.txt"), draft(Category.IMAGING, name="second.txt")).blocks
    scene.store.delete(second)
    with pytest.raises(ChartSealError):
        opened_into(scene, tmp_path / "out")
    assert not (tmp_path / "out" / "bundle.json").exists()
    assert [path.name for path in (tmp_path / "out").rglob("*") if ".tmp" in path.name] == []
    assert len(first) == 64


def test_a_record_larger_than_the_disk_is_not_begun(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.seal()
    free = exporting.shutil.disk_usage(tmp_path)._replace(free=3)
    monkeypatch.setattr(exporting.shutil, "disk_usage", lambda _path: free)
    with pytest.raises(DiskFull):
        opened_into(scene, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.txt"))


def test_resources_that_would_not_fit_into_memory_are_not_unpacked(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic"}}]}'
    scene.seal(*bundle_drafts(data))
    monkeypatch.setattr(exporting, "MAX_RESOURCES_BYTES", 10)
    with pytest.raises(InputInvalid, match="not unpacked"):
        opened_into(scene, tmp_path / "out")
