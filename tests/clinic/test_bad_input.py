"""Bad input: each is told in a sentence, and nothing that was there is lost."""

import io
import os
import socket
import unicodedata
from pathlib import Path

import pytest

from clinic.directory import normal_name
from clinic.errors import GrantInactive, HomeInvalid, InputInvalid, LetterInvalid, NotPermitted, RequestUnknown
from clinic.fhir.errors import FhirInvalid
from clinic.history import plan
from clinic.intake import drafts_of
from clinic.requests import read_request, refuse
from clinic.sealing import Draft
from ledger.bodies import Role
from scheme import keyfile
from scheme.block import Block
from scheme.errors import ChartSealError, EncodingInvalid, NotForThisKey
from scheme.keyfile import WrongPassword
from scheme.record import MAX_NAME_CHARS
from scheme.scopes import Category
from tests.clinic.scene import OTHER, PASSWORD, PATIENT, RIVERSIDE, Scene, draft

BUNDLE = '{"resourceType":"Bundle","type":"collection","entry":[%s]}'
OBSERVATION = '{"resource":{"resourceType":"Observation","status":"final"%s}}'


def file_of(tmp_path: Path, content: str | bytes, name: str = "input.json") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def plain(drafts: list[Draft]) -> bytes:
    """What the drafts hold, one after another."""
    found = b""
    for each in drafts:
        with each.open() as payloads:
            found += b"".join(payload.source.read() for payload in payloads)
    return found


# Whose key, whose grant


def test_a_wrong_password(scene: Scene) -> None:
    with pytest.raises(WrongPassword):
        scene.home.unlock(PATIENT, "wrong")
    with pytest.raises(WrongPassword):
        scene.home.authority("wrong")
    assert scene.home.unlock(PATIENT, PASSWORD)


def test_somebody_elses_keystore_under_ones_own_name(scene: Scene) -> None:
    mine, hers = (scene.home.keystore.path(each.member_id) for each in (scene.patient, scene.other))
    mine.write_bytes(hers.read_bytes())
    with pytest.raises(WrongPassword):
        scene.home.unlock(PATIENT, PASSWORD)
    assert scene.home.unlock(OTHER, PASSWORD).member_id == scene.other.member_id


def test_an_expired_a_refused_and_a_foreign_grant(scene: Scene) -> None:
    scene.seal()
    scene.grant(until=scene.clock() + 60)
    with pytest.raises(GrantInactive):
        plan(scene.site, scene.second, scene.patient.member_id)
    scene.clock.advance(61)
    with pytest.raises(GrantInactive, match="expired"):
        plan(scene.site, scene.reader, scene.patient.member_id)
    asked = scene.ask(by=scene.second)
    refuse(scene.site, scene.patient, asked)
    with pytest.raises(GrantInactive):
        plan(scene.site, scene.second, scene.patient.member_id)
    with pytest.raises(ChartSealError):
        scene.approve(asked)
    with pytest.raises(RequestUnknown):
        refuse(scene.site, scene.other, scene.ask())


def test_a_letter_to_somebody_else(scene: Scene) -> None:
    asked = scene.ask()
    record = scene.site.state().request(asked)
    assert record is not None
    with pytest.raises(LetterInvalid):
        read_request(scene.site, scene.second, record)
    folder = scene.home.folder / "mailbox"
    stolen = (folder / scene.reader.member_id / asked).read_bytes()
    (folder / scene.second.member_id).mkdir(exist_ok=True)
    (folder / scene.second.member_id / asked).write_bytes(stolen)
    with pytest.raises(NotForThisKey):
        read_request(scene.site, scene.second, record)


def test_records_for_somebody_who_is_no_patient(scene: Scene) -> None:
    with pytest.raises(NotPermitted):
        scene.seal(patient=scene.reader)
    with pytest.raises(NotPermitted):
        scene.seal(author=scene.reader)
    assert not scene.site.state().blocks(patient=scene.patient.member_id)


# One flipped byte anywhere


def test_one_flipped_byte_anywhere_in_a_block_is_told(scene: Scene) -> None:
    (locator,) = scene.seal(draft(text="4.10")).blocks
    data = scene.store.blocks[locator]
    Block.open(io.BytesIO(data), locator).check_members()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with pytest.raises(ChartSealError):
            Block.open(io.BytesIO(changed), locator).check_members()


def test_a_flipped_byte_reaches_neither_patient_nor_reader_nor_auditor(scene: Scene) -> None:
    (locator,) = scene.seal(draft(text="4.10")).blocks
    scene.grant()
    data = scene.store.blocks[locator]
    for place in range(0, len(data), 53):
        scene.store.blocks[locator] = data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :]
        with pytest.raises(ChartSealError):
            scene.own()
    for place in (0, 100, len(data) // 2, len(data) - 1):
        scene.store.blocks[locator] = data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :]
        with pytest.raises(ChartSealError):
            scene.read()
    scene.store.blocks[locator] = data
    assert scene.read() == scene.own() == {locator: b"4.10"}


# Files


def test_a_folder_a_missing_file_and_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="is a folder"):
        drafts_of(tmp_path)
    with pytest.raises(InputInvalid, match="there is no file"):
        drafts_of(tmp_path / "none")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    with pytest.raises(InputInvalid):
        drafts_of(tmp_path / "dangling")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputInvalid):
        drafts_of(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(tmp_path)
        listening.bind("socket")
    with pytest.raises(InputInvalid):
        drafts_of(tmp_path / "socket")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(tmp_path, "x")

    def denied(self: Path, *_arguments: object) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(HomeInvalid, match=r"input\.json cannot be read or written: Permission denied"):
        drafts_of(path)


@pytest.mark.parametrize("content", [b"", b"\x00", b"{", b"\xef\xbb\xbf", b"\xff\xfe{\x00}\x00", b" \n"])
def test_tiny_files_are_records(scene: Scene, tmp_path: Path, content: bytes) -> None:
    (each,) = drafts_of(file_of(tmp_path, content))
    (locator,) = scene.seal(each).blocks
    scene.grant()
    assert scene.own() == scene.read() == {locator: content}


@pytest.mark.parametrize(
    "content",
    [
        '{"a":1}',
        "[1, 2.50]",
        '{"resourceType":"Patient","id":"x"}',
        '{"resourceType":["Bundle"]}',
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '"Bundle"',
        '{"a":' * 50_000,
        "{" + '"x":1,' * 9 + '"resourceType":5}',
    ],
)
def test_json_that_is_no_bundle_is_one_file_byte_for_byte(tmp_path: Path, content: str) -> None:
    path = file_of(tmp_path, content)
    drafts = drafts_of(path, category=Category.OTHER)
    assert [each.category for each in drafts] == [Category.OTHER]
    assert plain(drafts) == content.encode()


@pytest.mark.parametrize(
    "content",
    [
        '{"resourceType":"Bundle","entry":5}',
        '{"resourceType":"Bundle","entry":[5]}',
        '{"resourceType":"Bundle","entry":[{"resource":[]}]}',
        '{"resourceType":"Bundle","entry":[{"resource":{}}]}',
        '{"resourceType":"Bundle","entry":[',
        '{"resourceType":"Bundle","type":"collection"} trailing',
        '{"resourceType":"Bundle","resourceType":"Bundle"}',
        BUNDLE % (OBSERVATION % ',"value":NaN'),
        BUNDLE % (OBSERVATION % ',"id":"a","id":"b"'),
        BUNDLE % (OBSERVATION % (',"extension":' + "[" * 100_000)),
    ],
)
def test_a_broken_bundle_is_told_and_not_sealed_as_a_file(tmp_path: Path, content: str) -> None:
    with pytest.raises(FhirInvalid):
        drafts_of(file_of(tmp_path, content))


def test_a_bundle_with_a_byte_that_is_no_utf8(tmp_path: Path) -> None:
    content = (BUNDLE % (OBSERVATION % ',"id":"?"')).encode().replace(b"?", b"\xff")
    with pytest.raises(FhirInvalid):
        drafts_of(file_of(tmp_path, content))


@pytest.mark.parametrize("content", [BUNDLE % "", '{"resourceType":"Bundle","type":"collection"}'])
def test_an_empty_bundle_is_told(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputInvalid, match="holds no resources"):
        drafts_of(file_of(tmp_path, content))


@pytest.mark.parametrize(
    "fields",
    [
        "",
        ',"effectiveDateTime":"not a date"',
        ',"effectiveDateTime":"0000-00-00"',
        ',"effectiveDateTime":"9999-12-31"',
        ',"effectiveDateTime":5',
        ',"encounter":{"reference":"urn:uuid:nowhere"}',
        ',"encounter":5',
        ',"category":"laboratory","code":[]',
    ],
)
def test_a_bundle_without_encounters_or_dates_is_sealed_and_read(scene: Scene, tmp_path: Path, fields: str) -> None:
    entry = OBSERVATION % fields
    scene.seal(*drafts_of(file_of(tmp_path, BUNDLE % f"{entry},{entry}")))
    scene.grant()
    resource = entry.removeprefix('{"resource":').removesuffix("}")
    assert b"".join(scene.read().values()) == b"".join(scene.own().values()) == (resource * 2).encode()


def test_one_bad_file_among_good_ones_seals_none(scene: Scene, tmp_path: Path) -> None:
    good = file_of(tmp_path, "good", "good.txt")
    broken = file_of(tmp_path, '{"resourceType":"Bundle","entry":5}')
    before = scene.site.engine.view().position
    with pytest.raises(FhirInvalid):
        scene.seal(*(each for path in (good, broken, good) for each in drafts_of(path)))
    assert scene.site.engine.view().position == before
    assert scene.store.blocks == {}


def test_a_file_that_goes_away_or_grows_while_it_waits(scene: Scene, tmp_path: Path) -> None:
    gone, grown = file_of(tmp_path, "gone", "gone.txt"), file_of(tmp_path, "grown", "grown.txt")
    drafts = [*drafts_of(gone), *drafts_of(grown)]
    gone.unlink()
    with pytest.raises(HomeInvalid, match=r"gone\.txt"):
        scene.seal(*drafts)
    assert (scene.store.blocks, scene.home.outbox.pending()) == ({}, [])
    grown.write_text("grown" * 1000)
    (locator,) = scene.seal(*drafts[1:]).blocks
    assert scene.own() == {locator: b"grown" * 1000}


# Names


@pytest.mark.parametrize(
    "name",
    [
        "محمد بن سلمان الفارسي",
        "山田 太郎",
        "Ñuñez-Ó Súilleabháin",
        "नमस्ते देवी",
        "👩🏽‍⚕️ Ada",
        "Zoë ß Ǆ",
        "O'Brien; DROP TABLE",
        "[bold]Rich[/bold]",
        "../../etc/passwd",
        "e\u0301\u0323",
        "محمد\u200cرضا",
        "x" * 200,
    ],
)
def test_names_in_any_script(scene: Scene, name: str) -> None:
    person = scene.home.enrol(scene.site, scene.authority, Role.DOCTOR, name, hospital=RIVERSIDE, password=PASSWORD)
    for form in ("NFC", "NFD"):
        assert scene.home.directory.find(unicodedata.normalize(form, name)).member_id == person.member_id
    assert scene.home.directory.name_of(person.member_id) == unicodedata.normalize("NFC", name)
    assert scene.home.unlock(name, PASSWORD).member_id == person.member_id
    assert sorted(path.name for path in scene.home.folder.parent.iterdir()) == ["home", "store"]


@pytest.mark.parametrize("name", ["", " ", "\t\n", "x" * 201, "a\x00b", "a\x1b[2Jb", "a\u202eb", "\ud800", "\u200d"])
def test_names_that_are_none(scene: Scene, name: str) -> None:
    with pytest.raises(InputInvalid):
        normal_name(name)
    before = scene.site.engine.view().position
    with pytest.raises(InputInvalid):
        scene.home.enrol(scene.site, scene.authority, Role.DOCTOR, name, hospital=RIVERSIDE, password=PASSWORD)
    assert scene.site.engine.view().position == before


def test_a_file_whose_name_is_no_text(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"bad-\xff.txt")
    path.write_bytes(b"x")
    with pytest.raises(EncodingInvalid, match="rename the file"):
        scene.seal(*drafts_of(path))
    assert scene.home.outbox.pending() == []


def test_a_reference_that_is_no_text_or_too_long(scene: Scene, tmp_path: Path) -> None:
    for url in ("urn:\\ud800", "u" * (MAX_NAME_CHARS + 1)):
        content = BUNDLE % f'{{"fullUrl":"{url}","resource":{{"resourceType":"Observation"}}}}'
        with pytest.raises(EncodingInvalid):
            scene.seal(*drafts_of(file_of(tmp_path, content)))
    assert scene.home.outbox.pending() == []


def test_a_cheap_keystore_of_a_test_is_refused_elsewhere(scene: Scene) -> None:
    data = scene.home.keystore.path(scene.patient.member_id).read_bytes()
    with pytest.raises(keyfile.KeyfileWeak):
        keyfile.open_keyfile(PASSWORD, data, b"chartseal/1/keystore/" + bytes.fromhex(scene.patient.member_id))
