"""The issuer: members only, in bounded number, counted on the disk before anything is answered."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from matching.errors import (
    BatchInvalid,
    BatchRepeated,
    ElementInvalid,
    EpochInvalid,
    IssuerKeyChanged,
    MatchingError,
    NotEnrolled,
    OtherEpoch,
    QuotaExceeded,
    QuotaUnavailable,
)
from matching.issuer import Issuer, IssuerKey
from matching.oprf import MAX_BATCH_ELEMENTS, Blinding
from matching.quota import SqliteCounter
from tests.matching.issuing import EPOCH, ISSUERS, MEMBER, OPERATORS, OTHER_MEMBER, issuer_key

LIMIT = 20


class Scene:
    """One issuer with keys for two epochs, whose counts are in a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "counts.sqlite"
        self.members = {MEMBER, OTHER_MEMBER}
        self.keys = [issuer_key(0), issuer_key(0, EPOCH + 1)]
        self.counter = SqliteCounter(self.path)
        self.issuer = self.open(self.counter)

    def open(self, counter: SqliteCounter) -> Issuer:
        return Issuer(self.keys, lambda member: member in self.members, counter, max_elements_per_epoch=LIMIT)

    def spent(self, member: str = MEMBER, epoch: int = EPOCH) -> int:
        return self.counter.spent(member, epoch)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.counter.close()


def elements(count: int) -> tuple[bytes, ...]:
    return Blinding([b"x"] * count).elements


def test_a_member_gets_a_batch_evaluated_with_the_key_of_the_epoch(scene: Scene) -> None:
    for key in scene.keys:
        blinding = Blinding([b"one", b"two"])
        answer = scene.issuer.evaluate(MEMBER, key.public.epoch, blinding.elements)
        assert answer.key == key.public
        assert blinding.finalize(answer.evaluation, key.public.key)[0] == key.oprf.evaluate_known(b"one")


def test_quota_is_a_members_own_an_epochs_own_and_exact(scene: Scene) -> None:
    scene.issuer.evaluate(MEMBER, EPOCH, elements(LIMIT - 1))
    with pytest.raises(QuotaExceeded) as raised:
        scene.issuer.evaluate(MEMBER, EPOCH, elements(2))
    assert raised.value.code == "quota-exceeded"
    assert scene.spent() == LIMIT - 1
    scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
    with pytest.raises(QuotaExceeded):
        scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
    scene.issuer.evaluate(OTHER_MEMBER, EPOCH, elements(LIMIT))
    scene.issuer.evaluate(MEMBER, EPOCH + 1, elements(LIMIT))


def test_the_count_outlives_the_issuer(scene: Scene) -> None:
    scene.issuer.evaluate(MEMBER, EPOCH, elements(LIMIT))
    scene.counter.close()
    scene.counter = SqliteCounter(scene.path)
    with pytest.raises(QuotaExceeded):
        scene.open(scene.counter).evaluate(MEMBER, EPOCH, elements(1))


def test_whoever_is_not_enrolled_or_no_longer_gets_nothing(scene: Scene) -> None:
    scene.members.remove(MEMBER)
    with pytest.raises(NotEnrolled):
        scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
    assert scene.spent() == 0
    with pytest.raises(ElementInvalid):
        scene.issuer.evaluate("no id", EPOCH, elements(1))


def test_a_member_check_that_fails_lets_nobody_in(scene: Scene) -> None:
    def unavailable(_member: str) -> bool:
        raise ConnectionError

    issuer = Issuer(scene.keys, unavailable, scene.counter)
    with pytest.raises(ConnectionError):
        issuer.evaluate(MEMBER, EPOCH, elements(1))
    assert scene.spent() == 0


def test_a_batch_is_answered_once_in_whatever_order_it_comes_again(scene: Scene) -> None:
    batch = elements(3)
    scene.issuer.evaluate(MEMBER, EPOCH, batch)
    for again in (batch, batch[::-1]):
        with pytest.raises(BatchRepeated):
            scene.issuer.evaluate(MEMBER, EPOCH, again)
    assert scene.spent() == 3
    scene.issuer.evaluate(OTHER_MEMBER, EPOCH, batch)  # else one member could block what another is about to send


def test_malformed_batches_are_refused_and_cost_nothing(scene: Scene) -> None:
    good = elements(2)
    for wrong in ((), (good[0], good[0]), elements(1) * (MAX_BATCH_ELEMENTS + 1)):
        with pytest.raises(BatchInvalid):
            scene.issuer.evaluate(MEMBER, EPOCH, wrong)
    for bad in (b"", bytes(32), b"\xff" * 32, good[1] + b"\0", good[1][:31]):
        with pytest.raises(ElementInvalid):
            scene.issuer.evaluate(MEMBER, EPOCH, (good[0], bad))
    assert scene.spent() == 0


def test_an_epoch_without_a_key_is_refused(scene: Scene) -> None:
    with pytest.raises(OtherEpoch):
        scene.issuer.evaluate(MEMBER, EPOCH + 2, elements(1))
    with pytest.raises(EpochInvalid):
        scene.issuer.evaluate(MEMBER, -1, elements(1))


def test_an_issuer_takes_no_second_key_for_an_epoch(scene: Scene) -> None:
    with pytest.raises(IssuerKeyChanged):
        scene.issuer.add_key(issuer_key(0))
    with pytest.raises(IssuerKeyChanged):
        Issuer([issuer_key(0), issuer_key(0)], scene.members.__contains__, scene.counter)


def test_one_seed_gives_issuers_and_epochs_keys_of_their_own() -> None:
    places = [(ISSUERS[0], OPERATORS[0], 1), (ISSUERS[1], OPERATORS[0], 1), (ISSUERS[0], OPERATORS[1], 1)]
    places.append((ISSUERS[0], OPERATORS[0], 2))
    keys = [IssuerKey(bytes(32), issuer=issuer, operator=operator, epoch=n) for issuer, operator, n in places]
    assert len({key.public.key.data for key in keys}) == len(places)


def test_a_retired_epoch_is_over_even_for_an_operator_who_kept_its_key(scene: Scene) -> None:
    scene.issuer.evaluate(MEMBER, EPOCH, elements(LIMIT))
    scene.issuer.evaluate(MEMBER, EPOCH + 1, elements(5))
    scene.issuer.retire(EPOCH)
    with pytest.raises(OtherEpoch):
        scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
    assert (scene.spent(), scene.spent(epoch=EPOCH + 1)) == (0, 5)
    with pytest.raises(OtherEpoch):
        scene.open(scene.counter).evaluate(MEMBER, EPOCH, elements(1))
    scene.issuer.retire(EPOCH - 1)
    with pytest.raises(OtherEpoch):
        scene.open(scene.counter).evaluate(MEMBER, EPOCH, elements(1))


def test_members_are_not_left_in_the_file_of_a_retired_epoch(scene: Scene) -> None:
    scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
    assert MEMBER.encode() in scene.path.read_bytes()
    scene.issuer.retire(EPOCH)
    assert MEMBER.encode() not in scene.path.read_bytes()


def test_counts_are_for_the_owner_alone(scene: Scene) -> None:
    assert stat.S_IMODE(scene.path.stat().st_mode) == 0o600


def test_without_counts_nothing_is_evaluated(scene: Scene, tmp_path: Path) -> None:
    scene.counter.close()
    with pytest.raises(QuotaUnavailable):
        scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
    with pytest.raises(QuotaUnavailable):
        SqliteCounter(tmp_path / "absent" / "counts.sqlite")
    (tmp_path / "text").write_bytes(b"no database, and long enough to be looked at " * 40)
    with pytest.raises(QuotaUnavailable):
        SqliteCounter(tmp_path / "text")
    foreign = sqlite3.connect(tmp_path / "foreign")
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    with pytest.raises(QuotaUnavailable):
        SqliteCounter(tmp_path / "foreign")
    scene.counter = SqliteCounter(scene.path)


def test_the_counter_refuses_what_no_issuer_asks(scene: Scene) -> None:
    for count in (0, -5):
        with pytest.raises(ValueError, match="elements"):
            scene.counter.charge(MEMBER, EPOCH, count, limit=LIMIT, batch=b"")
    with pytest.raises(EpochInvalid):
        scene.counter.spent(MEMBER, -1)
    with pytest.raises(ValueError, match="nothing"):
        Issuer([], scene.members.__contains__, scene.counter, max_elements_per_epoch=0)


def test_many_at_once_on_two_connections_never_pass_the_quota(scene: Scene) -> None:
    second = SqliteCounter(scene.path)
    issuers = [scene.issuer, scene.open(second)]
    answered: list[int] = []
    errors: list[MatchingError] = []

    def ask(issuer: Issuer) -> None:
        for _ in range(5):
            try:
                answered.append(len(issuer.evaluate(MEMBER, EPOCH, elements(2)).evaluation.elements))
            except QuotaExceeded:
                continue
            except MatchingError as error:
                errors.append(error)

    threads = [threading.Thread(target=ask, args=(issuers[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.close()
    assert not errors, "a member with quota left was refused because another one asked"
    assert sum(answered) == scene.spent() == LIMIT


def test_who_asks_while_another_is_counted_waits_and_sees_that_count(scene: Scene) -> None:
    other = sqlite3.connect(scene.path, isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO evaluated VALUES (?, ?, ?)", (EPOCH, MEMBER, LIMIT))
    outcome: list[str] = []

    def ask() -> None:
        try:
            scene.issuer.evaluate(MEMBER, EPOCH, elements(1))
        except MatchingError as error:
            outcome.append(error.code)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(timeout=0.5)
    assert asking.is_alive(), "it did not wait"
    other.execute("COMMIT")
    asking.join()
    other.close()
    assert outcome == ["quota-exceeded"]


def killed_before(scene: Scene, number: int) -> bool:
    """Ask in a process of its own, which kills itself before its statement ``number``; whether it had an answer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            counter = SqliteCounter(scene.path)
            passed = 0

            def statement(_text: str) -> None:
                nonlocal passed
                passed += 1
                if passed == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            counter._connection.set_trace_callback(statement)
            scene.open(counter).evaluate(MEMBER, EPOCH, elements(1))
            os.write(writing, b"answered")
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answered = pipe.read() == b"answered"
    os.waitpid(child, 0)
    return answered


def test_an_issuer_killed_anywhere_has_counted_what_it_answered(scene: Scene) -> None:
    answered = 0
    for number in range(1, 20):
        before = scene.spent()
        done = killed_before(scene, number)
        answered += done
        assert scene.spent() - before in ((1,) if done else (0, 1))
        if done:
            break
    assert done, "the process was never let through"
    assert number > 4, "no statement was stopped"
    assert scene.spent() >= answered


def test_no_error_says_who_asked(scene: Scene) -> None:
    scene.issuer.evaluate(MEMBER, EPOCH, elements(LIMIT))
    for member in (MEMBER, "0e" * 16):
        with pytest.raises(MatchingError) as raised:
            scene.issuer.evaluate(member, EPOCH, elements(1))
        assert member not in str(raised.value)
