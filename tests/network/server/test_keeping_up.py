"""Following the ledger for a client's sake: for members, seldom for strangers, and once for many who ask together."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from clinic.keystore import MemberSecrets
from clinic.requests import new_id
from ledger.errors import LedgerUnavailable
from network import keeping_up, wire
from network.keeping_up import CatchUp
from network.server.authentication import Admitting, Authentication
from network.server.limits import Limits
from network.server.metrics import Metrics
from tests.network.hostile.conftest import proxy_of
from tests.network.server.serving import HOST, Served, problem

FAR = {wire.LEDGER_HEIGHT: str(2**53)}
PATH = wire.GRANT.format(grant="ab" * 16)


@dataclass
class Counted:
    """A ledger where nothing is new; ``followed`` is how often it was looked."""

    height: int = 1
    followed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def follow(self) -> int:
        with self.lock:
            self.followed += 1
        return 0


@pytest.fixture
def ledger() -> Counted:
    return Counted()


@pytest.fixture
def proxy(served: Served, ledger: Counted) -> Served:
    """A proxy of the home, behind by as much as a client says."""
    made = proxy_of(served)
    made.app.state.catch_up = CatchUp(ledger)
    return made


def test_a_strangers_word_about_the_ledger_moves_nothing(proxy: Served, ledger: Counted) -> None:
    assert problem(proxy.send("DELETE", PATH, None, FAR)) == (401, "signature-missing")
    forged = proxy.signature("DELETE", PATH, by=MemberSecrets.generate(proxy.patient.member_id, "doctor"))
    assert problem(proxy.send("DELETE", PATH, None, FAR | forged)) == (401, "signature-refused")
    assert ledger.followed == 0
    assert problem(proxy.call("DELETE", PATH, headers=FAR)) == (409, "proxy-refused")
    assert ledger.followed == 1


def behind(served: Served, member_id: str, catch_up: CatchUp, ledger: Counted) -> Admitting:
    """A server's admission that knows ``member_id`` only after it followed the ledger."""
    state = served.services.site.state

    class Behind:
        def __getattr__(self, name: str) -> object:
            return getattr(state(), name)

        def member(self, wanted: str) -> object:
            return None if wanted == member_id and not ledger.followed else state().member(wanted)

    return Admitting(
        Behind,  # type: ignore[arg-type]
        served.clock, HOST, served.clock() - 1, newcomer=lambda _request: catch_up.once(),
    )  # fmt: skip


@pytest.fixture
def newcomer(served: Served, ledger: Counted) -> Served:
    """The patient enrolled a moment ago, and the proxy does not know yet."""
    proxy = proxy_of(served)
    proxy.app.state.catch_up = CatchUp(ledger)
    admitting = behind(served, served.patient.member_id, proxy.app.state.catch_up, ledger)
    proxy.app.state.authentication = Authentication(admitting, Limits(join_per_s=0.01, join_burst=2), Metrics())
    return proxy


def test_a_member_who_is_new_is_looked_for_once(newcomer: Served, ledger: Counted) -> None:
    for _ in range(3):
        assert problem(newcomer.call("DELETE", PATH)) == (409, "proxy-refused")
    assert ledger.followed == 1


def test_who_is_no_member_has_the_ledger_looked_at_so_often_and_no_more(newcomer: Served, ledger: Counted) -> None:
    strangers = [MemberSecrets.generate(new_id(), "doctor") for _ in range(4)]
    answers = [problem(newcomer.call("DELETE", PATH, by=stranger)) for stranger in strangers]
    assert answers == [(401, "signer-unknown")] * 2 + [(429, "too-many-requests")] * 2
    assert ledger.followed == 2


def test_after_nothing_new_was_found_the_next_waits(ledger: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_up, "PAUSE_S", 0.2)
    catch_up = CatchUp(ledger)
    start = time.monotonic()
    catch_up.to(2**53)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(catch_up.to, [2**53] * 8))
    assert time.monotonic() - start >= 0.2
    assert ledger.followed <= 3


def test_an_unforeseen_error_does_not_end_the_following(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_up, "FOLLOW_S", 0.01)
    again, errors = threading.Event(), iter([ValueError("unforeseen")])

    class Astray(Counted):
        def follow(self) -> int:
            for error in errors:
                raise error
            again.set()
            raise LedgerUnavailable("still not there")

    with keeping_up._keeping_up(Astray(), lambda: None, card=None):  # type: ignore[arg-type]
        assert again.wait(10)
