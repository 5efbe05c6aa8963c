"""Who is charged with what: seconds by clocks that the test moves, bytes by what is handed over."""

import io
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from benchmarks import roles
from benchmarks.roles import RECEIVED, SENT, Account, CountedStore, handed_over
from clinic.hospital import Linked
from clinic.keystore import MemberSecrets
from cloud.simulated import SimulatedStore
from scheme.hashing import Tag
from scheme.header import VerifiedHeader

NAME = "ab" * 32


class _Clock:
    """One for the process and all its threads."""

    def __init__(self):
        self.wall = self.cpu = 1000.0

    def work(self, seconds):
        self.wall += seconds
        self.cpu += seconds

    def wait(self, seconds):
        self.wall += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = _Clock()
    faked = SimpleNamespace(
        perf_counter=lambda: clock.wall, process_time=lambda: clock.cpu, thread_time=lambda: clock.cpu
    )
    monkeypatch.setattr(roles, "time", faked)
    return clock


def test_what_nobody_else_does_is_the_actors(clock):
    account = Account()
    clock.work(100)
    with account.during("reading", "doctor"):
        clock.work(1)
        with account.working("cloud"):
            clock.work(20)
        clock.wait(5)
        clock.work(2)
    clock.work(100)
    assert account.computed == {("reading", "doctor"): 3, ("reading", "cloud"): 20}
    assert account.wall_seconds == {"reading": 28}


def test_who_is_asked_by_somebody_who_is_asked_is_charged_alone(clock):
    account = Account()
    with account.during("reading", "doctor"), account.working("proxy", "re-encryption"):
        clock.work(3)
        with account.working("delegate"):
            assert account.caller == "delegate"
            clock.work(40)
        assert account.caller == "proxy"
    assert account.computed == {
        ("reading", "doctor"): 0,
        ("re-encryption", "proxy"): 3,
        ("re-encryption", "delegate"): 40,
    }


def test_outside_of_a_phase_nothing_is_counted(clock):
    account = Account()
    with account.during("", "doctor"), account.working("cloud"):
        clock.work(1)
        account.passed("doctor", "cloud", 10)
    assert not account.computed
    assert not account.bytes


def test_a_method_may_end_a_phase_and_is_itself_again_afterwards(clock):
    class Writer:
        def commit(self, seconds):
            clock.work(seconds)
            return "committed"

    account, own = Account(), Writer.commit
    with account.during("block", "doctor"), account.followed_by(Writer, "commit", "upload", "doctor"):
        assert Writer().commit(2) == "committed"
        clock.work(30)
    assert account.computed == {("block", "doctor"): 2, ("upload", "doctor"): 30}
    assert Writer.commit is own


def test_a_phase_waits_for_calls_that_are_still_answered():
    account, started, release = Account(), threading.Event(), threading.Event()

    def answering():
        with account.working("proxy"):
            started.set()
            release.wait(10)

    thread = threading.Thread(target=answering)
    with account.during("reading", "doctor"):
        thread.start()
        started.wait(10)
        threading.Timer(0.5, release.set).start()
    assert ("reading", "proxy") in account.computed
    assert 0 < account.wall_seconds["reading"] < 0.5
    thread.join(10)


def test_a_remote_call_counts_question_and_answer_for_both(clock):
    class Proxy:
        size = 3

        def reencrypt(self, release, asks, *, limit):
            clock.work(7)
            return [b"answer", b"answer"]

        def local(self):
            clock.work(1)

    account = Account()
    proxy = account.remote("proxy", Proxy(), {"reencrypt"}, phases={"reencrypt": "re-encryption"})
    with account.during("reading", "doctor"):
        assert proxy.reencrypt("0123", (b"ask",), limit=5) == [b"answer", b"answer"]
        proxy.local()
        assert proxy.size == 3
    assert account.computed == {("reading", "doctor"): 1, ("re-encryption", "proxy"): 7}
    asked, answered = 4 + 3 + roles.NUMBER_BYTES, 12
    assert account.bytes == {
        ("re-encryption", "doctor", SENT): asked,
        ("re-encryption", "proxy", RECEIVED): asked,
        ("re-encryption", "proxy", SENT): answered,
        ("re-encryption", "doctor", RECEIVED): answered,
    }


def test_a_refused_call_has_a_question_and_no_answer(clock):
    class Refusing:
        def ask(self, question):
            raise ValueError(question)

    account = Account()
    with account.during("request", "doctor"), pytest.raises(ValueError, match="may I"):
        account.remote("delegate", Refusing()).ask("may I")
    assert account.bytes == {("request", "doctor", SENT): 5, ("request", "delegate", RECEIVED): 5}


def test_a_store_counts_blocks_with_their_names(clock):
    account = Account()
    store = CountedStore(SimulatedStore(), account, "cloud")
    sink = io.BytesIO()
    with account.during("upload", "doctor"):
        store.put(NAME, io.BytesIO(bytes(1000)))
    with account.during("reading", "doctor"):
        store.get(NAME, sink)
    assert len(sink.getvalue()) == 1000
    assert account.bytes["upload", "doctor", SENT] == account.bytes["upload", "cloud", RECEIVED] == 1064
    assert account.bytes["reading", "doctor", SENT] == 64
    assert account.bytes["reading", "cloud", SENT] == account.bytes["reading", "doctor", RECEIVED] == 1000


def test_a_signature_is_the_work_of_the_role_whose_key_it_is():
    account = Account()
    hospital = MemberSecrets.generate("00" * 16, "hospital")
    counted = account.secrets("hospital", hospital)
    with account.during("block", "doctor"):
        signature = counted.signing.sign(Tag.LETTER, b"message")
    hospital.signing.verifying_key.verify(Tag.LETTER, b"message", signature)
    assert account.computed["block", "hospital"] > 0


@dataclass(frozen=True)
class _Message:
    name: str
    parts: tuple[bytes, ...]
    number: int


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (None, 0),
        (b"123", 3),
        ("ärzte", 6),
        (True, 8),
        (1.5, 8),
        ({"ab": b"c"}, 3),
        ([b"1", (b"2", {b"3"})], 3),
        (_Message("ab", (b"1", b"23"), 7), 2 + 3 + 8),
        (MemberSecrets.generate("00" * 16, "doctor").signing.verifying_key, 32),
        (MemberSecrets.generate("00" * 16, "doctor"), 0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_what_is_handed_over_has_a_size(value, size):
    assert handed_over(value) == size


def test_of_linked_headers_their_place_and_the_signatures_are_handed_over():
    signed = VerifiedHeader(SimpleNamespace(signature=bytes(64)), NAME)
    assert handed_over(Linked(NAME, 5, [signed, signed])) == 64 + 8 + 2 * 64
    assert handed_over(Linked(None, 0, [signed])) == 8 + 64


def test_what_has_no_size_is_refused():
    with pytest.raises(TypeError, match="object has no size"):
        handed_over((b"1", object()))
