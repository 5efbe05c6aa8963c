"""A store that answers with something else than it was given, for the doctor, the patient and ``verify``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from clinic.history import plan, read_history
from clinic.home import Home
from clinic.requests import Access
from clinic.sealing import seal_records
from clinic.verification import verify_patient
from cloud.errors import StoreUnreachable
from scheme import block as blocks
from scheme import keyfile
from scheme.block import BlockDamaged
from scheme.chain import ChainFork, ChainGap, ChainInvalid, ChainReplay, ChainTampered
from scheme.errors import ChartSealError
from scheme.seal import SealedBlock
from tests.clinic.command import chartseal
from tests.clinic.scene import AUTHOR, PATIENT, RIVERSIDE, Scene, Template, copy_home, draft
from tests.clinic.stubs import StoreStub, at_store
from tests.scheme import scene as scheme_scene


@pytest.fixture
def sealed(scene: Scene) -> tuple[str, ...]:
    """A chain of four blocks in two anchorings, all granted."""
    first = scene.seal(draft(text="first"), draft(text="second"))
    second = scene.seal(draft(text="third"), draft(text="fourth"))
    scene.grant(Access())
    return (*first.blocks, *second.blocks)


def told_to_everybody(
    scene: Scene,
    error: type[ChartSealError],
    *,
    match: str | None = None,
    instead: Mapping[str, str | None] | None = None,
) -> None:
    """Doctor and patient get ``error``, ``verify`` reports its code."""
    site = at_store(scene.site, StoreStub(scene.store, instead=instead))
    with pytest.raises(error, match=match):
        scene.read(site=site)
    lied_to = Scene(scene.home, site, scene.clock, scene.members, scene.store)
    with pytest.raises(error, match=match):
        lied_to.own()
    (report,) = verify_patient(site, scene.patient.member_id)
    assert report.code == error.code
    assert report.problem


def test_an_honest_store_satisfies_everybody(scene: Scene, sealed: tuple[str, ...]) -> None:
    assert scene.read() == scene.own()
    assert list(scene.own().values()) == [b"first", b"second", b"third", b"fourth"]
    (report,) = verify_patient(scene.site, scene.patient.member_id)
    assert (report.blocks, report.problem) == (4, None)


@pytest.mark.parametrize(("asked", "given"), [(3, 0), (3, 2), (1, 0)])
def test_an_older_block_in_place_of_a_newer_is_a_replay(
    scene: Scene, sealed: tuple[str, ...], asked: int, given: int
) -> None:
    told_to_everybody(scene, ChainReplay, instead={sealed[asked]: sealed[given]})


def test_a_newer_block_in_place_of_an_older_is_a_replay(scene: Scene, sealed: tuple[str, ...]) -> None:
    told_to_everybody(scene, ChainReplay, instead={sealed[0]: sealed[3]})


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_a_withheld_block_is_a_gap_the_newest_too(scene: Scene, sealed: tuple[str, ...], missing: int) -> None:
    told_to_everybody(scene, ChainGap, match=f"block {missing} ", instead={sealed[missing]: None})


def test_a_store_that_forgot_the_whole_tail_is_told(scene: Scene, sealed: tuple[str, ...]) -> None:
    """The store goes back to an older whole state: list and head come from the ledger, so the tail is missed."""
    for locator in sealed[2:]:
        del scene.store.blocks[locator]
    told_to_everybody(scene, ChainGap, match="block [23] ")  # of a chapter the smallest block is fetched first


@pytest.mark.parametrize(("one", "other"), [(2, 3), (0, 3)])
def test_two_swapped_blocks_are_a_replay(scene: Scene, sealed: tuple[str, ...], one: int, other: int) -> None:
    swap: dict[str, str | None] = {sealed[one]: sealed[other], sealed[other]: sealed[one]}
    told_to_everybody(scene, ChainReplay, instead=swap)


def test_another_patients_block_is_a_replay(scene: Scene, sealed: tuple[str, ...]) -> None:
    (foreign,) = scene.seal(draft(text="of another patient"), patient=scene.other).blocks
    told_to_everybody(scene, ChainReplay, instead={sealed[0]: foreign})


def test_a_second_block_for_one_place_is_a_fork(scene: Scene, sealed: tuple[str, ...]) -> None:
    """The hospital signed two blocks for one place and anchored one of them; the store hands out the other."""
    told_to_everybody(scene, ChainFork, instead={sealed[3]: relinked(scene, sealed[2], 3, previous=sealed[2])})


def test_a_block_of_no_place_is_tampered(scene: Scene, sealed: tuple[str, ...]) -> None:
    told_to_everybody(scene, ChainTampered, instead={sealed[3]: relinked(scene, sealed[2], 7, previous=sealed[2])})


def relinked(scene: Scene, locator: str, index: int, *, previous: str) -> str:
    """A block with another header by the hospital's own key, put into the store and never anchored."""
    sink = io.BytesIO()
    block = blocks.Block.open(io.BytesIO(scene.store.blocks[locator]))
    sealed = SealedBlock.of(block.header, [member.crc for member in block.members])
    sink.write(scene.store.blocks[locator][: sealed.end])
    header = scheme_scene.finish(sink, sealed, index, previous, scene.riverside.signing)
    scene.store.blocks[header.locator] = sink.getvalue()
    return header.locator


def test_every_class_is_its_own_and_all_are_chain_errors() -> None:
    classes = (ChainGap, ChainFork, ChainReplay, ChainTampered)
    assert len({each.code for each in classes}) == 4
    assert all(issubclass(each, ChainInvalid) for each in classes)
    assert ChainInvalid.code == "chain-invalid"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda _data: b"",
        lambda data: data + b"\x00",
        lambda data: data[:200] + bytes((data[200] ^ 1,)) + data[201:],
        lambda _data: b"PK\x05\x06" + bytes(18),
        lambda data: b"<html>service unavailable</html>" * 100,
    ],
    ids=["cut-by-one", "half", "empty", "longer", "flipped", "empty-zip", "a-web-page"],
)
def test_a_damaged_block_is_damage_and_no_matter_of_keys(
    scene: Scene, sealed: tuple[str, ...], damage: Callable[[bytes], bytes]
) -> None:
    scene.store.blocks[sealed[1]] = damage(scene.store.blocks[sealed[1]])
    told_to_everybody(scene, BlockDamaged)


def test_a_header_changed_in_the_store_is_told(scene: Scene, sealed: tuple[str, ...]) -> None:
    """A day changed in header.json, with the zip's checksum made right again, is not the anchored header."""
    data = scene.store.blocks[sealed[1]]
    source = blocks.Block.open(io.BytesIO(data))
    changed = data.replace(b'"day":"2026-03-01"', b'"day":"2016-03-01"')
    assert changed != data
    scene.store.blocks[sealed[1]] = changed
    with pytest.raises(BlockDamaged):
        scene.read()
    assert source.header.day == "2026-03-01"


def test_what_was_read_before_the_lie_is_good_and_nothing_of_the_lie_is_handed_out(
    scene: Scene, sealed: tuple[str, ...]
) -> None:
    site = at_store(scene.site, StoreStub(scene.store, instead={sealed[3]: sealed[0]}))
    reading = plan(site, scene.reader, scene.patient.member_id)
    seen: list[str] = []
    with pytest.raises(ChainReplay):
        seen.extend(opened.anchored.locator for opened in read_history(site, scene.reader, reading))
    assert set(seen) <= set(sealed[:3])


def test_a_store_that_is_down_is_no_chain_error(scene: Scene, sealed: tuple[str, ...]) -> None:
    """Not reachable is not withheld: the reader is to try again, not to accuse."""
    scene.store.faults.down = StoreUnreachable("simulated:simulated does not answer; try again later")
    with pytest.raises(StoreUnreachable):
        scene.read()
    with pytest.raises(StoreUnreachable):
        verify_patient(scene.site, scene.patient.member_id)
    scene.store.faults.down = None
    assert scene.read()


# The command, on a real folder


@pytest.fixture
def on_disk(template_of_today: Template, tmp_path: Path) -> tuple[Path, list[Path]]:
    """A home on a ``file://`` store with three blocks; the home's folder, and the blocks' files in chain order."""
    folder = copy_home(template_of_today, tmp_path)
    home = Home(folder, profile=keyfile.TEST)
    members = template_of_today.members
    with home.site() as site:
        (sealed,) = seal_records(
            site,
            home.outbox,
            [draft(text="first"), draft(text="second"), draft(text="third")],
            patient_id=members[PATIENT].member_id,
            author=members[AUTHOR],
            hospital_id=members[RIVERSIDE].member_id,
        )
    files = {path.name: path for path in (tmp_path / "store").rglob("*") if path.is_file()}
    return folder, [next(path for name, path in files.items() if block in name) for block in sealed.blocks]


def test_the_command_verifies_an_honest_folder(on_disk: tuple[Path, list[Path]]) -> None:
    ran = chartseal(on_disk[0], "verify")
    assert (ran.status, ran.err) == (0, "")
    assert "Everything is sound" in ran.out


@pytest.mark.parametrize("lie", ["older", "withheld", "swapped"])
def test_the_command_tells_a_folder_that_lies(on_disk: tuple[Path, list[Path]], tmp_path: Path, lie: str) -> None:
    """``verify`` and ``open`` end with an error; no traceback, and nothing half-written."""
    home, (first, _, third) = on_disk
    older, newest = first.read_bytes(), third.read_bytes()
    third.chmod(0o600)
    if lie == "withheld":
        third.unlink()
    else:
        third.write_bytes(older)
    if lie == "swapped":
        first.chmod(0o600)
        first.write_bytes(newest)
    said = "missing from the store" if lie == "withheld" else "another block"
    verified = chartseal(home, "verify", "--json")
    assert verified.status == 1
    assert said in verified.out
    assert json.loads(verified.out.splitlines()[0])["sound"] is False
    opened = chartseal(home, "open", "--patient", PATIENT, "--out", str(tmp_path / "out"))
    assert opened.status == 1
    assert opened.err.startswith("error [chain-gap]" if lie == "withheld" else "error [chain-replay]")
    assert len(opened.err.splitlines()) == 1
    assert not (tmp_path / "out" / "bundle.json").exists()
