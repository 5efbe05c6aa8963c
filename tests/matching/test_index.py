"""The index: one opt-in a pseudonym, bounded changes, nothing left after opt-out, no score before both accept."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from matching.errors import (
    ChangesExhausted,
    IndexDamaged,
    IndexUnavailable,
    NotOptedIn,
    OptedInAlready,
    OptInInvalid,
    OtherEpoch,
)
from matching.index import Limits, MatchIndex
from matching.index_request import Action, IndexRequest
from matching.index_store import IndexStore
from matching.score import Frequencies, rank
from scheme.certificates import CertificateInvalid
from scheme.keys import SigningKey
from tests.matching.pairing import EPOCH, NOW, Authority
from tests.servers import postgresql

Place = Path | str


@dataclass
class Patient:
    """A pseudonym of the epoch with its certificate; numbers her requests."""

    authority: Authority
    epoch: int = EPOCH
    key: SigningKey = field(default_factory=SigningKey.generate)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.certificate = self.authority.certificate(self.key.verifying_key, self.epoch)
        self.pseudonym = bytes.fromhex(self.key.verifying_key.key_id)

    def request(self, action: Action, *tags: bytes) -> IndexRequest:
        self.sequence += 1
        return IndexRequest.create(
            action, self.key, self.certificate, epoch=self.epoch, sequence=self.sequence, tags=tags
        )


class Home:
    """An index at a place, opened and closed as often as a test likes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.authority = Authority()
        self.now = NOW
        self.index = self.opened()

    def opened(self, epoch: int = EPOCH) -> MatchIndex:
        return MatchIndex.open(
            self.place,
            epoch=epoch,
            certified=self.authority.certified,
            clock=lambda: self.now,
            limits=Limits(max_changes=3, max_searches=5),
        )

    def reopen(self, epoch: int = EPOCH) -> None:
        self.index.close()
        self.index = self.opened(epoch)

    def patient(self, *tags: bytes) -> Patient:
        patient = Patient(self.authority)
        self.index.opt_in(patient.request(Action.OPT_IN, *tags))
        return patient

    def found(self, patient: Patient, top: int = 5, least: float = 0.0) -> list[frozenset[bytes]]:
        found = self.index.find(patient.request(Action.FIND), top=top, least=least)
        return [frozenset(each.offer.certificates) - {patient.certificate} for each in found]


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return Home(tmp_path / "index.sqlite" if request.param == "sqlite" else postgresql.fresh_database())


@pytest.fixture
def file_home(tmp_path: Path) -> Home:
    return Home(tmp_path / "index.sqlite")


def _tags(*numbers: int) -> list[bytes]:
    return [b"tag of a symptom"[:14] + number.to_bytes(2, "big") for number in numbers]


def test_the_most_alike_are_offered_best_first_and_never_herself(home: Home) -> None:
    asks = home.patient(*_tags(1, 2, 3))
    near, far = home.patient(*_tags(1, 2, 4)), home.patient(*_tags(3, 5, 6))
    home.patient(*_tags(7, 8))
    assert home.found(asks) == [{near.certificate}, {far.certificate}]
    assert home.found(asks, top=1) == [{near.certificate}]
    assert home.found(asks, least=0.9) == []


def test_an_offer_shows_no_score_and_no_tag(home: Home) -> None:
    asks, other = home.patient(*_tags(1, 2)), home.patient(*_tags(1, 3))
    home.patient(*_tags(4))
    (found,) = home.index.find(asks.request(Action.FIND))
    offer = bytes(found.offer)
    assert set(found.offer.certificates) == {asks.certificate, other.certificate}
    assert not any(tag in offer or tag.hex().encode() in offer for tag in _tags(1, 2, 3))
    assert found.shared == set(_tags(1))
    patients = [set(_tags(1, 2)), set(_tags(1, 3)), set(_tags(4))]
    best = rank(patients[0], patients, Frequencies.of([*patients, set()]), top=2)[1]
    assert found.score == best.score


def test_a_restart_finds_the_same(home: Home) -> None:
    asks = home.patient(*_tags(1, 2, 3))
    for number in range(20):
        home.patient(*_tags(1 + number % 3, 100 + number))
    before = home.found(asks)
    home.reopen()
    assert len(home.index) == 21
    assert home.found(asks) == before
    home.index.close()


def test_equal_scores_come_in_an_order_that_is_not_that_of_the_opt_ins(file_home: Home) -> None:
    asks = file_home.patient(*_tags(1, 2))
    equals = [file_home.patient(*_tags(1)) for _ in range(12)]
    file_home.patient(*_tags(9))
    found = file_home.found(asks, top=12)
    assert found == file_home.found(asks, top=12)
    order = [{each.certificate} for each in equals]
    assert sorted(map(sorted, found)) == sorted(map(sorted, order))
    assert found not in (order, order[::-1])


def test_a_second_opt_in_is_refused_and_a_change_replaces_all(home: Home) -> None:
    asks, other = home.patient(*_tags(1, 2)), home.patient(*_tags(5, 6))
    home.patient(*_tags(9))
    with pytest.raises(OptedInAlready):
        home.index.opt_in(other.request(Action.OPT_IN, *_tags(1, 2)))
    assert home.found(asks) == []
    home.index.change(other.request(Action.CHANGE, *_tags(1, 7)))
    assert home.found(asks) == [{other.certificate}]
    assert len(home.index) == 3


def test_changes_are_bounded_also_by_way_of_opting_out_and_across_a_restart_but_opting_out_is_not(home: Home) -> None:
    patient = home.patient(*_tags(1))
    home.index.change(patient.request(Action.CHANGE, *_tags(2)))
    home.index.opt_out(patient.request(Action.OPT_OUT))
    home.index.opt_in(patient.request(Action.OPT_IN, *_tags(3)))
    home.reopen()
    with pytest.raises(ChangesExhausted):
        home.index.change(patient.request(Action.CHANGE, *_tags(4)))
    home.index.opt_out(patient.request(Action.OPT_OUT))
    with pytest.raises(ChangesExhausted):
        home.index.opt_in(patient.request(Action.OPT_IN, *_tags(5)))
    assert len(home.index) == 0


def test_searches_are_bounded(home: Home) -> None:
    patient = home.patient(*_tags(1))
    for _ in range(5):
        assert home.found(patient) == []
    with pytest.raises(ChangesExhausted):
        home.found(patient)


def test_a_request_sent_again_after_a_later_one_does_nothing(home: Home) -> None:
    patient = Patient(home.authority)
    opt_in = patient.request(Action.OPT_IN, *_tags(1))
    home.index.opt_in(opt_in)
    home.index.opt_out(patient.request(Action.OPT_OUT))
    home.reopen()
    with pytest.raises(OptInInvalid, match="sent before"):
        home.index.opt_in(opt_in)
    assert len(home.index) == 0


def test_tags_of_another_epoch_are_refused_and_those_of_earlier_ones_wiped(home: Home) -> None:
    stays = home.patient(*_tags(1))
    with pytest.raises(OtherEpoch):
        home.index.opt_in(Patient(home.authority, epoch=EPOCH + 1).request(Action.OPT_IN, *_tags(1)))
    home.reopen(EPOCH + 1)
    assert len(home.index) == 0
    with pytest.raises(OtherEpoch):
        home.found(stays)
    home.index.opt_in(Patient(home.authority, epoch=EPOCH + 1).request(Action.OPT_IN, *_tags(1)))
    home.index.close()
    with pytest.raises(OtherEpoch):
        home.opened(EPOCH)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: replace(good, tags=frozenset(_tags(9))),
        lambda good: replace(good, sequence=good.sequence + 1),
        lambda good: replace(good, signature=bytes(64)),
        lambda good: replace(good, tags=frozenset()),
        lambda good: replace(good, tags=frozenset([b"short"])),
        lambda good: replace(good, tags=frozenset(number.to_bytes(16, "big") for number in range(1025))),
        lambda good: replace(good, action=Action.CHANGE),
        lambda good: replace(good, sequence=-1),
    ],
)
def test_requests_that_are_malformed_or_not_as_signed_are_refused(
    file_home: Home, spoil: Callable[[IndexRequest], IndexRequest]
) -> None:
    good = Patient(file_home.authority).request(Action.OPT_IN, *_tags(1, 2))
    with pytest.raises(OptInInvalid) as refused:
        file_home.index.opt_in(spoil(good))
    assert not any(tag.hex() in str(refused.value) or repr(tag) in str(refused.value) for tag in good.tags)
    assert len(file_home.index) == 0


def test_a_tag_named_twice_is_refused(file_home: Home) -> None:
    with pytest.raises(OptInInvalid, match="twice"):
        Patient(file_home.authority).request(Action.OPT_IN, *_tags(1, 1))


def test_an_opt_in_under_a_certificate_of_another_authority_is_refused(file_home: Home) -> None:
    with pytest.raises(CertificateInvalid):
        file_home.index.opt_in(Patient(Authority()).request(Action.OPT_IN, *_tags(1)))


def test_whoever_left_is_not_found_and_finds_nobody(home: Home) -> None:
    asks, other = home.patient(*_tags(1, 2)), home.patient(*_tags(1))
    assert home.found(asks) == [{other.certificate}]
    home.index.opt_out(other.request(Action.OPT_OUT))
    assert home.found(asks) == []
    with pytest.raises(NotOptedIn):
        home.found(other)


def test_an_opt_out_can_be_said_again_in_its_turn_only(home: Home) -> None:
    """Its answer may have been lost."""
    patient = home.patient(*_tags(1))
    first, second = patient.request(Action.OPT_OUT), patient.request(Action.OPT_OUT)
    home.index.opt_out(first)
    with pytest.raises(OptInInvalid, match="sent before"):
        home.index.opt_out(first)
    home.index.opt_out(second)
    with pytest.raises(OptInInvalid, match="sent before"):
        home.index.opt_out(second)
    assert len(home.index) == 0


def test_an_offer_ends_after_two_weeks(file_home: Home) -> None:
    asks = file_home.patient(*_tags(1))
    file_home.patient(*_tags(1))
    (found,) = file_home.index.find(asks.request(Action.FIND))
    assert found.offer.expires_at == file_home.now + 14 * 24 * 3600


def _bytes_beside(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(path.parent.iterdir()))


def test_after_opt_out_no_byte_of_tags_pseudonym_or_certificate_is_in_the_files(file_home: Home) -> None:
    rng = random.Random(8)
    assert isinstance(file_home.place, Path)
    patients = []
    for _ in range(150):
        tags = [os.urandom(16) for _ in range(rng.choice([3, 30, 90, 300]))]
        patients.append((file_home.patient(*tags), tags))
    gone: list[bytes] = []
    for patient, tags in patients[10:20]:
        file_home.index.change(patient.request(Action.CHANGE, *(os.urandom(16) for _ in range(40))))
        gone += tags
    rng.shuffle(patients)
    for patient, tags in patients[:100]:
        written = _bytes_beside(file_home.place)
        assert patient.pseudonym in written
        file_home.index.opt_out(patient.request(Action.OPT_OUT))
        gone += [*tags, patient.pseudonym, patient.certificate[-64:], bytes(patient.key.verifying_key)]
    for _ in range(20):
        file_home.patient(os.urandom(16))
    for state in ("open", "closed"):
        written = _bytes_beside(file_home.place)
        assert [each for each in gone if each in written or each.hex().encode() in written] == [], state
        assert all(patient.pseudonym in written for patient, _ in patients[100:])
        file_home.index.close()


def test_patients_are_read_bit_by_bit_and_reading_may_be_left_off() -> None:
    """The client would hold a million of them at once, but for a cursor at the server."""
    url = postgresql.fresh_database()
    home = Home(url)
    home.patient(*_tags(1))
    home.index.close()
    store = IndexStore.open(url)
    records = store.records()
    next(records)
    cursors = sa.text("SELECT count(*) FROM pg_cursors")
    assert store._connection.execute(cursors).scalar() == 1
    records.close()
    assert store._connection.execute(cursors).scalar() == 0
    assert len(list(store.records())) == 1
    unread = store.records()
    next(unread)
    store.close()
    unread.close()


def test_a_slot_is_used_again(file_home: Home) -> None:
    assert isinstance(file_home.place, Path)
    for _ in range(30):
        patient = file_home.patient(*_tags(1))
        file_home.index.opt_out(patient.request(Action.OPT_OUT))
    file_home.index.close()
    with sa.create_engine(f"sqlite:///{file_home.place}").connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM slot").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM used").scalar() == 30


def test_a_second_process_may_not_open_it(home: Home) -> None:
    with pytest.raises(IndexUnavailable):
        home.opened()


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (x)")
        connection.commit()
    with pytest.raises(IndexDamaged):
        Home(path)
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(IndexDamaged):
        Home(path)
    with pytest.raises(IndexUnavailable):
        Home("mysql://localhost/index")


def test_the_file_is_for_its_owner_alone(file_home: Home) -> None:
    assert isinstance(file_home.place, Path)
    assert file_home.place.stat().st_mode & 0o777 == 0o600
