"""A hospital's server that lies to members at work: each lie is named, nothing is done because of it, nothing lost."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clinic.enrolment import application_of
from clinic.errors import LinkInvalid, OutboxPending, ProxiesInsufficient
from clinic.home import Home
from clinic.requests import new_id
from ledger.bodies import AnchorBlocks, Request, Role
from ledger.errors import LedgerError
from ledger.export import block_line
from ledger.transactions import SignedTransaction, sign
from network import wire
from network.admission import application_to_json
from network.errors import (
    AnswerInvalid,
    EnrolmentDiffers,
    IdentityInvalid,
    ServerForked,
    ServerNotPinned,
    ServerRolledBack,
    ServerUnreachable,
)
from network.member_home import MemberHome
from network.tls import ServerIdentity
from scheme import canonical, keyfile
from scheme.errors import ChartSealError
from tests.clinic.scene import PASSWORD, draft
from tests.network.client.scripted import Asked, Reply, scripted
from tests.network.hostile.lying import Honest, Liar, body, in_its_place, instead, value
from tests.network.running import AUTHOR, OTHER, PATIENT, READER, Clinic, Homes, made, options, running

_texts = map("sodium {} mmol/l".format, itertools.count())


@pytest.fixture
def liar(clinic: Clinic) -> Iterator[Liar]:
    """In the hospital's place; tells the truth until a test says otherwise."""
    with in_its_place(clinic) as made_up:
        yield made_up


@pytest.fixture(scope="module", autouse=True)
def _met_before(shared_clinic: Clinic) -> None:
    """Everybody has read here once: no lie below is met at the first contact."""
    sealed(shared_clinic)
    shared_clinic.approve(shared_clinic.ask())
    shared_clinic.read()


def position(clinic: Clinic) -> int:
    """Of the newest entry, by the honest server's own word."""
    home = Home(clinic.hospital.home, profile=keyfile.TEST)
    engine = home.engine()
    try:
        return engine.view().position
    finally:
        engine.close()


def anchored(clinic: Clinic) -> int:
    """How many AnchorBlocks there are; delegates' own entries come at heights that the tests before decide."""
    home = Home(clinic.hospital.home, profile=keyfile.TEST)
    engine = home.engine()
    try:
        return sum(isinstance(entry.transaction.body, AnchorBlocks) for entry in engine.entries())
    finally:
        engine.close()


def sealed(clinic: Clinic, patient: str = PATIENT) -> tuple[str, bytes]:
    """One more block: locator and records."""
    text = next(_texts)
    return clinic.seal(draft(text=text), patient=patient).blocks[0], text.encode()


# The ledger


def test_a_ledger_that_goes_back(clinic: Clinic, liar: Liar) -> None:
    sealed(clinic)
    before = position(clinic)
    liar.about("GET", wire.LEDGER_BLOCKS, instead(200, b""))
    with pytest.raises(ServerRolledBack):
        sealed(clinic)
    with pytest.raises(ServerRolledBack):
        clinic.ask(reader=AUTHOR)
    liar.repent()
    assert position(clinic) == before
    locator, records = sealed(clinic)
    assert clinic.own()[locator] == records


@pytest.fixture
def other_course(homes: Homes, tmp_path: Path) -> Home:
    """The same hospital with the same delegates' keys, where something else happened after everybody had joined."""
    copied = homes.copy(tmp_path / "fork")
    home = Home(copied.folder / "hospital", profile=keyfile.TEST)
    secrets = MemberHome(copied.folder / OTHER, options(None)).unlock(OTHER, PASSWORD)
    engine = home.engine()
    for _ in range(12):
        asked = Request(new_id(), homes.ids[PATIENT], homes.ids[OTHER], "ab" * 32)
        engine.submit(
            sign(asked, signer_id=secrets.member_id, key=secrets.signing, ledger=home.genesis, time=home.clock())
        )
    engine.close()
    return home


def told_from(home: Home) -> Callable[[Asked, Honest], Reply]:
    """Ledger blocks of another engine."""

    def lie(asked: Asked, _honest: Honest) -> Reply:
        start = int(parse_qs(urlsplit(asked.path).query)["from"][0])
        engine = home.engine()
        try:
            return Reply(body=b"".join(map(block_line, engine.blocks(start))))
        finally:
            engine.close()

    return lie


def test_a_fork(homes: Homes, other_course: Home, tmp_path: Path) -> None:
    """In a clinic of its own: proxies that are behind take the other course, and cannot know better."""
    with running(homes, tmp_path / "own") as clinic, in_its_place(clinic) as liar:
        sealed(clinic)
        before = position(clinic)
        liar.about("GET", wire.LEDGER_BLOCKS, told_from(other_course))
        with pytest.raises(ServerForked):
            sealed(clinic)
        assert list((clinic.homes.folder / AUTHOR / "evidence").glob("fork-*.jsonl"))
        liar.repent()
        assert position(clinic) == before
        sealed(clinic)


def _left_out(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:-2] + lines[-1:]) if len(lines) > 1 else b"".join(lines).replace(b"1", b"2", 1)


def _altered(data: bytes) -> bytes:
    return data.replace(b'"time":1', b'"time":2', 1)


@pytest.mark.parametrize("change", [_left_out, _altered, lambda data: data[:-9] + b"\n"], ids=["out", "other", "cut"])
def test_an_entry_left_out_or_altered(clinic: Clinic, liar: Liar, change: Callable[[bytes], bytes]) -> None:
    for _ in range(2):
        clinic.ask(reader=READER)
    liar.about("GET", wire.LEDGER_BLOCKS, body(change))
    before = position(clinic)
    with pytest.raises((LedgerError, ServerForked)):
        sealed(clinic)
    assert liar.told
    assert position(clinic) == before
    liar.repent()
    locator, records = sealed(clinic)
    assert clinic.own()[locator] == records


def _confirming(asked: Asked, _honest: Honest) -> Reply:
    """As if it stood there; it never gets there."""
    transaction = SignedTransaction.from_bytes(asked.body)
    receipt = {"transaction": transaction.id, "position": 9, "entry": "cd" * 32, "time": 1_772_359_200}
    return Reply(body=json.dumps(receipt).encode())


def test_a_receipt_for_what_is_not_there(clinic: Clinic, liar: Liar) -> None:
    before = position(clinic)
    liar.about("POST", wire.TRANSACTIONS, _confirming)
    with pytest.raises(ServerForked, match="does not hold it"):
        clinic.ask()
    assert position(clinic) == before
    liar.repent()
    clinic.approve(clinic.ask())


def test_a_ledger_that_stops_when_asked_for_what_was_just_confirmed(clinic: Clinic, liar: Liar) -> None:
    """It hides an entry that it took; it is there, and is not doubled, when the ledger is shown again."""
    before = anchored(clinic)
    confirmed: list[bool] = []

    def hiding(_asked: Asked, honest: Honest) -> Reply:
        return Reply() if confirmed else honest()

    def noting(_asked: Asked, honest: Honest) -> Reply:
        confirmed.append(True)
        return honest()

    liar.about("GET", wire.LEDGER_BLOCKS, hiding)
    liar.about("POST", wire.ANCHORS, noting)
    with pytest.raises(ChartSealError) as named:
        sealed(clinic)
    assert confirmed
    assert named.value.code in {"server-forked", "server-rolled-back", "outbox-pending"}
    assert anchored(clinic) == before + 1
    liar.repent()
    sealed(clinic)
    assert anchored(clinic) == before + 2


# Who it is


def test_another_certificate_authority(clinic: Clinic, tmp_path: Path) -> None:
    with scripted(tmp_path / "tls") as impostor:
        clinic.hospital.link.detour = urlsplit(impostor.url).port
        with pytest.raises(ServerUnreachable, match="pinned authority"):
            clinic.ask()
        assert impostor.asked == []


def test_another_genesis_or_authority_than_invited_to(clinic: Clinic, liar: Liar, tmp_path: Path) -> None:
    other = ServerIdentity.load_or_create(tmp_path / "tls", "127.0.0.1").ca_pem
    for change in ({"genesis": "ab" * 32}, {"ca": other}):
        link = clinic.invitation(Role.DOCTOR, "Dr. Newcomer")
        liar.about("GET", wire.TRUST, value(lambda said, change=change: said | change))
        with pytest.raises(ServerNotPinned):
            made(tmp_path / "newcomer", link, Role.DOCTOR, "newcomer", clinic.hospital.url)
        liar.repent()
    assert not (tmp_path / "newcomer").exists()
    assert all(asked.body == b"" for asked in liar.told)


def test_another_authority_beside_the_one_that_invited(clinic: Clinic, liar: Liar, tmp_path: Path) -> None:
    """Whoever trusted both would talk to whoever is in between, under a pin that is right."""
    other = ServerIdentity.load_or_create(tmp_path / "tls", "127.0.0.1").ca_pem
    both: tuple[Callable[[str], str], ...] = (lambda ca: ca + other, lambda ca: other + ca)
    for change in both:
        link = clinic.invitation(Role.DOCTOR, "Dr. Newcomer")
        liar.about("GET", wire.TRUST, value(lambda said, change=change: said | {"ca": change(said["ca"])}))
        with pytest.raises(AnswerInvalid, match="does not say who it is"):
            made(tmp_path / "newcomer", link, Role.DOCTOR, "newcomer", clinic.hospital.url)
        liar.repent()
        assert not (tmp_path / "newcomer").exists()
    home = made(tmp_path / "newcomer", link, Role.DOCTOR, "newcomer", clinic.hospital.url)
    kept = home.folder / "ca.pem"
    genuine = kept.read_text()
    for change in both:
        kept.write_text(change(genuine))
        with pytest.raises(IdentityInvalid), home.site():
            pass
    kept.write_text(genuine)
    with home.site() as site:
        assert site.state().member(home.config.member) is not None


def test_another_genesis_when_the_ledger_is_first_followed(clinic: Clinic, liar: Liar, tmp_path: Path) -> None:
    home = made(
        tmp_path / "newcomer", clinic.invitation(Role.DOCTOR, "n"), Role.DOCTOR, "newcomer", clinic.hospital.url
    )
    liar.about("GET", wire.GENESIS, body(lambda data: data.replace(b'"threshold"', b'"thresholD"').replace(b"1", b"2")))
    with pytest.raises(ChartSealError), home.site():
        pass
    assert not [asked for asked in liar.told if asked.method != "GET"]
    liar.repent()
    with home.site() as site:
        assert site.state().member(home.config.member) is not None


def test_an_admission_that_did_not_happen(clinic: Clinic, liar: Liar, tmp_path: Path) -> None:
    home = made(
        tmp_path / "newcomer", clinic.invitation(Role.PATIENT, "n"), Role.PATIENT, "newcomer", clinic.hospital.url
    )
    before = position(clinic)
    liar.about("POST", wire.JOIN, instead(200, {"status": "admitted", "hospital": home.config.hospital}))
    with pytest.raises(EnrolmentDiffers), home.site():
        pass
    assert position(clinic) == before
    liar.repent()
    with home.site() as site:
        assert site.state().member(home.config.member) is not None
        assert site.state().key_card(home.config.member) is not None


def test_an_admission_under_other_keys(clinic: Clinic, liar: Liar, tmp_path: Path) -> None:
    """The server enrols a key of its own under the member's id."""
    link = clinic.invitation(Role.DOCTOR, "n")
    home = made(tmp_path / "newcomer", link, Role.DOCTOR, "newcomer", clinic.hospital.url)
    stranger = made(tmp_path / "stranger", link, Role.DOCTOR, "stranger", clinic.hospital.url)
    member = home.config.member
    forged = application_of(replace(stranger.secrets(), member_id=member))

    def enrolling(asked: Asked, honest: Honest) -> Reply:
        forwarded = json.loads(asked.body) | application_to_json(forged)
        return liar.forward(replace(asked, body=json.dumps(forwarded).encode()))

    liar.about("POST", wire.JOIN, enrolling)
    with pytest.raises(EnrolmentDiffers, match="other keys"), home.site():
        pass


# Key cards and letters


def test_another_patients_key_card(clinic: Clinic, liar: Liar) -> None:
    state_of = clinic.member(AUTHOR)
    state_of.secrets()
    with state_of.site() as site:
        card = site.state().key_card(clinic.ids(PATIENT))
        assert card is not None
        others = site.cards.fetch(clinic.ids(PATIENT), card.version, card.digest)
    before = position(clinic)
    liar.about("GET", wire.CARD.split("{", maxsplit=1)[0] + clinic.ids(OTHER), instead(200, others))
    with pytest.raises(ChartSealError) as named:
        sealed(clinic, OTHER)
    assert named.value.code == "key-card-invalid"
    assert liar.told
    assert position(clinic) == before
    assert not [asked for asked in liar.told if asked.method == "PUT"]
    liar.repent()
    locator, records = sealed(clinic, OTHER)
    assert clinic.own(OTHER)[locator] == records


@pytest.mark.parametrize("wrong", [b"no letter", b""])
def test_a_wrong_letter(clinic: Clinic, liar: Liar, wrong: bytes) -> None:
    locator, records = sealed(clinic)
    request = clinic.ask()
    before = position(clinic)
    liar.about("GET", wire.LETTERS.format(reader=clinic.ids(PATIENT)), instead(200, wrong))
    with pytest.raises(ChartSealError) as named:
        clinic.approve(request)
    assert named.value.code in {"letter-invalid", "not-for-this-key"}
    assert position(clinic) == before
    liar.repent()
    clinic.approve(request)
    assert clinic.read()[locator] == records


# Blocks


def _cut(data: bytes) -> bytes:
    return data[:-20]


def _flipped(data: bytes) -> bytes:
    """A bit in the middle of each block: in its header or in what is sealed."""
    flipped = []
    for frame in wire.frames([data]):
        block = bytearray(b"".join(frame.chunks))
        block[len(block) // 2] ^= 1
        flipped.append(wire.frame_head(frame.locator, len(block)) + block)
    return b"".join(flipped)


def _swapped(data: bytes) -> bytes:
    """The bytes of two blocks under each other's locators."""
    one, two = itertools.islice(((frame.locator, b"".join(frame.chunks)) for frame in wire.frames([data])), 2)
    pairs = ((one[0], two[1]), (two[0], one[1]))
    return b"".join(wire.frame_head(locator, len(block)) + block for locator, block in pairs)


def _absent(data: bytes) -> bytes:
    return b"".join(wire.frame_head(frame.locator, None) for frame in wire.frames([data]))


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        pytest.param(_cut, {"transfer-damaged"}, id="cut", marks=pytest.mark.slow),
        pytest.param(
            _flipped, {"block-damaged", "chain-replay", "encoding-invalid"}, id="altered", marks=pytest.mark.slow
        ),
        pytest.param(_swapped, {"chain-replay"}, id="swapped"),
        pytest.param(_absent, {"chain-gap"}, id="withheld"),
    ],
)
def test_blocks_cut_altered_swapped_or_withheld(
    clinic: Clinic, liar: Liar, change: Callable[[bytes], bytes], codes: set[str]
) -> None:
    blocks = dict(sealed(clinic) for _ in range(2))
    clinic.approve(clinic.ask())
    liar.about("POST", wire.BLOCKS_FETCH, body(change))
    for reading in (clinic.own, clinic.read):
        with pytest.raises(ChartSealError) as named:
            reading()
        assert named.value.code in codes
    liar.repent()
    for reading in (clinic.own, clinic.read):
        assert blocks.items() <= reading().items()


# Links


def _of_another_key(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"signatures": [canonical.b64(bytes(64)) for _ in said["signatures"]]}


LINKS = {
    "signed wrongly": _of_another_key,
    "none signed": lambda said: said | {"signatures": []},
    "another place": lambda said: said | {"index": said["index"] + 1},
    "a taken place": lambda said: said | {"index": 0, "previous": None},
    "behind another block": lambda said: said | {"previous": "ab" * 32},
    "no place": lambda said: said | {"index": "0"},
}


@pytest.mark.parametrize("what", LINKS)
def test_links_signed_wrongly_or_for_another_place(clinic: Clinic, liar: Liar, what: str) -> None:
    sealed(clinic)
    before = anchored(clinic)
    liar.about("POST", wire.LINKS, value(LINKS[what]))
    text = next(_texts)
    with pytest.raises((LinkInvalid, OutboxPending), match=r"outbox"):
        clinic.seal(draft(text=text))
    assert anchored(clinic) == before
    liar.repent()
    home = clinic.member(AUTHOR)
    home.secrets()
    with home.site():
        pass
    assert list(clinic.own().values()).count(text.encode()) == 1
    assert anchored(clinic) == before + 1
    assert home.outbox.pending() == []


# Endpoint cards


def _moved(said: dict[str, Any]) -> dict[str, Any]:
    return {"endpoints": [card | {"url": "https://127.0.0.1:9"} for card in said["endpoints"]]}


def _older(said: dict[str, Any]) -> dict[str, Any]:
    return {"endpoints": [card | {"issued": 1} for card in said["endpoints"]]}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _said: {"endpoints": []}, id="withheld", marks=pytest.mark.slow),
        pytest.param(_moved, id="forged"),
        pytest.param(_older, id="older", marks=pytest.mark.slow),
        pytest.param(lambda _said: {"endpoints": [{}, 7, None]}, id="none", marks=pytest.mark.slow),
    ],
)
def test_endpoint_cards_withheld_or_forged(
    clinic: Clinic, liar: Liar, change: Callable[[Any], object], tmp_path: Path
) -> None:
    locator, records = sealed(clinic)
    clinic.approve(clinic.ask())
    liar.about("GET", wire.ENDPOINTS, value(change))
    assert clinic.read()[locator] == records, "the cards seen before count"
    known = clinic.homes.folder / READER / "endpoints"
    hidden = Path(shutil.move(known, tmp_path / "hidden"))
    with pytest.raises(ProxiesInsufficient, match="not known here where it is"):
        clinic.read()
    liar.repent()
    assert clinic.read()[locator] == records
    assert sorted(path.name for path in hidden.iterdir()) == sorted(path.name for path in known.iterdir())
