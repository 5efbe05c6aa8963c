"""Ledger, store, logs and what commands print, searched for everything that must not be there.

Searched for: fragments and keys in every encoding, names, categories, purposes, and every long word of the records.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pytest

from clinic import revocation
from clinic.cli.main import main
from clinic.export import export
from clinic.fhir.bundle import parse_bundle
from clinic.history import plan, read_history
from clinic.intake import bundle_drafts, drafts_of
from clinic.own_blocks import open_own
from clinic.requests import Access, refuse
from clinic.verification import verify_patient
from clinic.withdrawal import withdraw
from ledger import records
from scheme.chapter import open_by_wrap
from scheme.scopes import Category
from tests.clinic import histories
from tests.clinic.pooling import pool
from tests.clinic.scene import AUTHOR, PASSWORD, PATIENT, PEOPLE, READER, Scene, draft

LONG = 6
"""Letters that make a word long."""
SURE = 9
"""Letters that random base64 does not spell within a few megabytes: such a word is looked for anywhere, in any case;
shorter ones only between other characters, in lower case, upper case and with a capital."""
_WORD = rf"[^\W\d_]{{{LONG},}}"

FORMAT_WORDS = {"release", "version", "patient", "hospital", "certificate", "created", "primary"}
"""Types and fields of transactions, roles, and SQL: words of records that stand in the ledger and, ``hospital``, in
headers whatever the records say. A test below shows that they do."""


def words_of(text: str) -> set[str]:
    """Long words in lower case; not those of the letters a to f alone, which any hexadecimal id may spell."""
    found = {word.lower() for word in re.findall(_WORD, text)}
    return {word for word in found if not set(word) <= set("abcdef")}


def encodings(secret: bytes) -> Iterator[bytes]:
    """Raw, hex in both cases, base64 at each of its three alignments."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        for code in (base64.b64encode, base64.urlsafe_b64encode):
            yield code(bytes(shift) + secret)[4 if shift else 0 :][: len(secret) * 4 // 3 - 4]


@dataclass(frozen=True)
class Place:
    """Bytes that a stranger may come to see, and the words in them."""

    name: str
    data: bytes

    @property
    def words(self) -> set[str]:
        """As they stand there."""
        return {word for code in ("latin-1", "utf-8") for word in re.findall(_WORD, self.data.decode(code, "ignore"))}


def cases(word: str) -> set[str]:
    return {word, word.lower(), word.upper(), word.capitalize()}


def found_words(place: Place, words: set[str]) -> set[str]:
    lower, there = place.data.lower(), place.words
    return {word for word in words if cases(word) & there or (len(word) >= SURE and word.encode() in lower)}


def found_names(place: Place, names: set[str]) -> set[str]:
    """Whole names and each part of them."""
    parts = {part.strip(".") for name in names for part in (name, *name.split()) if len(part.strip(".")) > 3}
    spelt = {part: "|".join(re.escape(each) for each in cases(part)) for part in parts}
    return {
        part
        for part, any_case in spelt.items()
        if re.search(f"(?<![A-Za-z])({any_case})(?![A-Za-z])".encode(), place.data)
    }


def found_secrets(place: Place, secrets: dict[str, bytes]) -> set[str]:
    return {name for name, secret in secrets.items() if any(code in place.data for code in encodings(secret))}


def files_of(name: str, *folders: Path) -> list[Place]:
    """File names and contents."""
    return [
        Place(f"{name}: {path.name}", path.name.encode() + b"\n" + path.read_bytes())
        for folder in folders
        for path in sorted(folder.rglob("*") if folder.is_dir() else folder.parent.glob(f"{folder.name}*"))
        if path.is_file()
    ]


@dataclass
class Played:
    """A whole story on a home with a folder store: what strangers see, and what they must not."""

    places: list[Place]
    secrets: dict[str, bytes]
    words: set[str]


NAMES = {name for _, name, _ in PEOPLE}
FILE_NAME = "Lebensmittelallergie-Befundbericht.txt"
PURPOSE = "gallbladder surgery preparation"
REASON = "unrelated speciality"


def play(scene: Scene, bundles: list[bytes], folder: Path, caplog: pytest.LogCaptureFixture) -> Played:
    """Seal, ask, refuse, approve in every manner, read, revoke, withdraw, verify: all that leaves traces."""
    caplog.set_level(logging.DEBUG)
    written = folder / FILE_NAME
    written.write_text("Erdnussallergie, anaphylaktische Reaktion; Notfallmedikament verordnet")
    with scene.home.site() as site:
        scene.site = site
        for bundle in bundles:
            scene.seal(*bundle_drafts(bundle))
        last = scene.seal(*drafts_of(written))
        refuse(site, scene.patient, scene.ask(Access(), by=scene.second, purpose=PURPOSE), reason=REASON)
        wide = scene.approve(scene.ask(Access(), purpose=PURPOSE))
        scene.grant(Access(frozenset({Category.MENTAL_HEALTH}), since=2000), to=scene.second)
        scene.grant(Access(), to=scene.other, existing_only=True)
        held = pool(scene, wide, scene.reader)
        for reader in (scene.reader, scene.second, scene.other):
            reading = plan(site, reader, scene.patient.member_id)
            export(read_history(site, reader, reading), folder / f"read by {reader.member_id}")
        withdraw(site, scene.author, last.blocks[0], reason=REASON)
        revocation.revoke(site, scene.patient, wide)
        scene.seal(draft(text="Nachuntersuchung unauffaellig"))
        blocks = site.state().blocks(patient=scene.patient.member_id)
        export(open_own(site, scene.patient, blocks), folder / "own")
        assert [report.problem for report in verify_patient(site, scene.patient.member_id)] == [None]
        chapters = {scene.fetched(block.locator).block.header.chapter for block in blocks[:5]}
    home = scene.home.folder
    places = [
        *files_of("ledger", home / "ledger.sqlite"),
        *files_of("store", home.parent / "store"),
        *files_of("outbox", home / "outbox"),
        *files_of("proxies", home / "proxies"),
        *files_of("mailbox", home / "mailbox"),
        Place("logs", "\n".join(f"{record.name} {record.getMessage()}" for record in caplog.records).encode()),
    ]
    assert scene.patient.wrapping is not None
    secrets = {f"chapter key {place}": key.to_secret_bytes() for place, key in enumerate(held.chapter_keys)}
    secrets |= {f"block key {place}": key.to_secret_bytes() for place, key in enumerate(held.block_keys)}
    for chapter in chapters:
        wrapped = open_by_wrap(chapter, scene.patient.wrapping)
        secrets[f"later chapter key {chapter.context.chapter}"] = wrapped.to_secret_bytes()
    for scope in {chapter.context.scope for chapter in held.chapters}:
        frags = held.key_frags[scope]
        secrets |= {f"key fragment {scope} {place}": frag.to_secret_bytes()[-32:] for place, frag in enumerate(frags)}
        secrets[f"commitment {scope}"] = frags[0].origin.commitment_bytes
    for name, made in held.capsule_frags.items():
        secrets[f"capsule fragment {name}"] = bytes(made[0])[163:229]
    text = b"\n".join(entry.raw for bundle in bundles for entry in parse_bundle(bundle).entries).decode()
    plain = f"{text} {written.read_text()} Nachuntersuchung unauffaellig {FILE_NAME} {PURPOSE} {REASON}"
    return Played(places, secrets, words_of(plain) - FORMAT_WORDS)


RECORD_FIELDS = " ".join(
    field.name for record in vars(records).values() if is_dataclass(record) for field in fields(record)
)
"""Names under which the ledger's database keeps its own state: height and weight of blocks and delegates, for one."""


def nothing_shows(played: Played) -> None:
    categories = {category.value for category in Category} - {"other"}
    for place in played.places:
        assert found_secrets(place, played.secrets) == set(), place.name
        own = {word for word in played.words if place.name.startswith("ledger") and word in RECORD_FIELDS}
        assert found_words(place, played.words - own) == set(), place.name
        assert found_names(place, categories) == set(), place.name
        assert found_names(place, NAMES) == set(), place.name


def test_ledger_store_and_logs_show_nothing_of_made_up_histories(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    played = play(scene, histories.made_up(1), tmp_path, caplog)
    assert len(played.words) > 150
    assert played.words >= {"influenza", "surgery", "erdnussallergie"}
    sizes = dict.fromkeys(("ledger", "store", "proxies", "mailbox"), 0)
    for place in played.places:
        kind = place.name.partition(":")[0]
        sizes[kind] = sizes.get(kind, 0) + len(place.data)
    assert all(size > 10_000 for kind, size in sizes.items() if kind not in {"outbox", "logs"}), sizes
    nothing_shows(played)


def test_ledger_store_and_logs_show_nothing_of_real_histories(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    played = play(scene, histories.real(2), tmp_path, caplog)
    assert len(played.words) > 250
    nothing_shows(played)


# The search itself


@pytest.mark.parametrize("code", range(9))
def test_the_search_finds_a_secret_in_any_encoding(code: int) -> None:
    secret = bytes(range(100, 132))
    leaked = list(encodings(secret))[code]
    assert found_secrets(Place("leak", b"..." + leaked + b"..."), {"share": secret}) == {"share"}
    inside = base64.b64encode(b"1234567890ab"[: 4 + code] + secret + b"tail")
    assert found_secrets(Place("leak", inside), {"share": secret}) == {"share"}
    assert found_secrets(Place("clean", bytes(1000)), {"share": secret}) == set()


def test_the_search_finds_words_names_and_categories() -> None:
    leak = Place("leak", b'{"a":"Asthma attack","b":"xxDiabetesMellitusxx","c":"W. Abernathy","d":"mental-health"}')
    assert found_words(leak, {"asthma", "attack", "diabetesmellitus", "absent"}) == {
        "asthma",
        "attack",
        "diabetesmellitus",
    }
    assert found_names(leak, NAMES) == {"Abernathy"}
    assert found_names(leak, {"mental-health", "billing"}) == {"mental-health"}


def test_the_words_that_are_excused_are_those_of_the_formats(scene: Scene) -> None:
    """Records of none of these words: the words are there all the same. No name and no category is among them."""
    scene.seal(draft(text="x"))
    scene.grant(Access())
    scene.read()
    ledger = b"".join(place.data for place in files_of("ledger", scene.home.folder / "ledger.sqlite"))
    place = Place("formats", ledger + b"".join(scene.store.blocks.values()))
    assert found_words(place, FORMAT_WORDS) == FORMAT_WORDS
    assert not FORMAT_WORDS & {category.value for category in Category}
    assert not FORMAT_WORDS & words_of(" ".join(NAMES))


# What commands print


@dataclass
class Terminal:
    """Runs commands in this process, so that logs are seen too; keeps all that they print."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    printed: str = ""

    def run(self, *words: str, status: int = 0) -> str:
        self.monkeypatch.setattr("sys.argv", ["chartseal", *words, "--home", str(self.home)])
        try:
            main()
            ended = 0
        except SystemExit as end:
            ended = int(end.code or 0)
        said = self.capsys.readouterr()
        self.printed += said.out + said.err
        assert ended == status, said.err
        return said.out


@pytest.fixture
def terminal(home_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("CHARTSEAL_PASSWORD", PASSWORD)
    return Terminal(home_folder, monkeypatch, capsys)


OWN_WORDS = {
    *("demographics", "clinical", "medication", "laboratory", "imaging", "immunisation", "mental", "health"),
    *("reproductive", "billing", "device", "everything", "resources", "resource", "system", "active", "result"),
}
"""Headings and sentences of the commands, and categories: they are shown to the patient and to who was granted them."""


def test_commands_print_and_log_nothing_of_the_records(
    terminal: Terminal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without ``--json``. People see the names and categories that they typed or own; never a record or a fragment."""
    caplog.set_level(logging.DEBUG)
    (bundle,) = histories.made_up(1)
    history, note = tmp_path / "history.json", tmp_path / FILE_NAME
    history.write_bytes(bundle)
    note.write_text("Erdnussallergie, anaphylaktische Reaktion")
    terminal.run("seal", "--author", AUTHOR, "--patient", PATIENT, str(history), str(note))
    request_id = re.findall(r"\b[0-9a-f]{32}\b", terminal.run("request", "--doctor", READER, "--patient", PATIENT))[-1]
    grant_id = re.findall(r"\b[0-9a-f]{32}\b", terminal.run("approve", request_id, "--yes"))[-1]
    deposited = [path.read_bytes() for path in (terminal.home / "proxies").rglob("*") if path.is_file()]
    assert len(deposited) == 3
    terminal.run("history", "--doctor", READER, "--patient", PATIENT, "--out", str(tmp_path / "read"))
    terminal.run("history", "--doctor", READER, "--patient", PATIENT, "--list")
    terminal.run("open", "--patient", PATIENT, "--out", str(tmp_path / "own"))
    terminal.run("audit", "show", "--patient", PATIENT)
    terminal.run("status")
    terminal.run("verify")
    terminal.run("revoke", grant_id)
    terminal.run("history", "--doctor", READER, "--patient", PATIENT, "--out", str(tmp_path / "again"), status=1)
    assert len(terminal.printed) > 2000
    plain = words_of(bundle.decode()) | words_of(note.read_text()) | words_of(FILE_NAME)
    printed = Place("printed", terminal.printed.encode())
    logged = Place("logs", "\n".join(record.getMessage() for record in caplog.records).encode())
    assert found_words(printed, plain - OWN_WORDS - words_of(" ".join(NAMES)) - FORMAT_WORDS) == set()
    assert found_words(logged, plain) | found_names(logged, NAMES) == set()
    for place in (printed, logged):
        assert found_secrets(place, {str(number): data[-64:] for number, data in enumerate(deposited)}) == set()
        assert FILE_NAME.encode() not in place.data
