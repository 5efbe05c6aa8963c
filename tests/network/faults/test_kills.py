"""The server or a proxy ends in the middle of work: what it acknowledged is there when it is back, once."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clinic.errors import OutboxPending
from clinic.requests import new_id, requests_of
from scheme.errors import ChartSealError
from tests.clinic.scene import draft
from tests.network.faults.test_cuts import finish
from tests.network.running import PATIENT, PROXIES, Clinic, Homes, running

_texts = map("magnesium {} mmol/l".format, itertools.count())
SIGNALS = [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
ONE_PROXY = PROXIES[:1]


@pytest.fixture(scope="module")
def killed_clinic(homes: Homes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """One of its own, for its server ends again and again."""
    with running(homes, tmp_path_factory.mktemp("killed"), ONE_PROXY) as clinic:
        yield clinic


@pytest.fixture
def clinic(killed_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("network.client.transport.FIRST_WAIT_S", 0.01)
    yield killed_clinic
    for link in killed_clinic.links:
        link.reset()


def until_it_ends(act: Callable[[], None]) -> threading.Thread:
    """``act`` over and over in a thread, until it fails."""

    def run() -> None:
        try:
            while True:
                act()
        except ChartSealError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for(count: int, *lists: list[str]) -> None:
    deadline = time.monotonic() + 60
    while min(map(len, lists)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("rounds", [1, pytest.param(6, marks=pytest.mark.slow)])
def test_the_server_keeps_what_it_acknowledged(clinic: Clinic, number: signal.Signals, rounds: int) -> None:
    acknowledged: list[str] = []
    begun: list[str] = []
    requests: list[str] = []

    def seal() -> None:
        text = next(_texts)
        begun.append(text)
        clinic.seal(draft(text=text))
        acknowledged.append(text)

    for _ in range(rounds):
        threads = [until_it_ends(seal), until_it_ends(lambda: requests.append(clinic.ask()))]
        wait_for(2, acknowledged, requests)
        time.sleep(0.05)
        clinic.hospital.stop(number)
        for thread in threads:
            thread.join()
        clinic.hospital.start()
        finish(clinic)
    found = list(clinic.own().values())
    assert [found.count(text.encode()) for text in acknowledged] == [1] * len(acknowledged)
    assert all(found.count(text.encode()) <= 1 for text in begun)
    home = clinic.member(PATIENT)
    with home.site() as site:
        assert set(requests) <= {asked.record.request for asked in requests_of(site, home.secrets())}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_proxy_keeps_what_it_acknowledged(clinic: Clinic, number: signal.Signals) -> None:
    (name,) = ONE_PROXY
    proxy, home = clinic.proxies[name], clinic.member(PATIENT)
    home.secrets()
    kept: dict[str, bytes] = {}
    names: list[str] = []
    grant = new_id()
    with home.site() as site:
        client = site.proxies[clinic.ids(name)]

        def deposit() -> None:
            part, sealed = f"{grant}.{len(names)}", new_id().encode() * 1000
            client.deposit(grant, part, sealed)
            kept[part] = sealed
            names.append(part)

        depositing = until_it_ends(deposit)
        wait_for(3, names)
        proxy.stop(number)
        depositing.join()
    proxy.start(server=clinic.hospital.url)
    folder = clinic.homes.folder / name / "fragments" / grant
    assert {part: (folder / part).read_bytes() for part in kept} == kept
    with home.site() as site:
        site.proxies[clinic.ids(name)].deposit(grant, f"{grant}.999", b"and goes on")


def test_a_request_that_runs_when_a_proxy_is_told_to_stop_is_finished(clinic: Clinic) -> None:
    (name,) = ONE_PROXY
    proxy, home, grant = clinic.proxies[name], clinic.member(PATIENT), new_id()
    home.secrets()
    sealed = bytes(1 << 20)
    answered: list[bool] = []
    with home.site() as site:
        client = site.proxies[clinic.ids(name)]
        proxy.link.delay_s = 0.05

        def deposit() -> None:
            client.deposit(grant, grant, sealed)
            answered.append(True)

        sending = until_it_ends(deposit)
        while proxy.link.bytes_up < len(sealed) // 4:
            time.sleep(0.01)
        assert proxy.stop(signal.SIGTERM) == 0
        sending.join()
    proxy.link.delay_s = 0.0
    proxy.start(server=clinic.hospital.url)
    assert answered
    assert (clinic.homes.folder / name / "fragments" / grant / grant).read_bytes() == sealed


def test_what_was_sealed_while_the_server_was_gone_goes_out_once(clinic: Clinic, tmp_path: Path) -> None:
    text = next(_texts)
    clinic.seal(draft(text=next(_texts)))  # the author's home has seen the patient, and her card
    clinic.hospital.stop(signal.SIGKILL)
    try:
        with pytest.raises(OutboxPending):
            clinic.seal(draft(text=text))
    finally:
        clinic.hospital.start()
    finish(clinic)
    finish(clinic)
    assert list(clinic.own().values()).count(text.encode()) == 1
