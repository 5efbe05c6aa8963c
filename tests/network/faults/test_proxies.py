"""Three proxies by different operators: down, slow, lying, behind; the first two sound answers are enough."""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from clinic import durable
from clinic.errors import FaultUnfounded, ProxiesInsufficient, ProxyRefused
from clinic.fetching import fetch
from clinic.proxy_answer import Ask
from network.cli.main import cli
from tests.clinic.scene import draft
from tests.network.running import AUTHOR, HONEST, NOWHERE, PATIENT, PROXIES, READER, Clinic

FIRST, SECOND, THIRD = PROXIES
LYING = "tests.network.lying_proxy"
_texts = map("potassium {} mmol/l".format, itertools.count())


@pytest.fixture
def granted(clinic: Clinic) -> tuple[str, bytes]:
    """A block of the patient that the reader may read: locator and records."""
    text = next(_texts)
    (locator,) = clinic.seal(draft(text=text)).blocks
    clinic.approve(clinic.ask())
    return locator, text.encode()


@contextmanager
def instead(clinic: Clinic, name: str, *, server: str | None = None, program: str | None = None) -> Iterator[None]:
    """One proxy runs otherwise, or not at all; afterwards it is as it was."""
    proxy = clinic.proxies[name]
    proxy.stop()
    try:
        if program is not None:
            proxy.start(server=server or clinic.hospital.url, program=program)
        yield
    finally:
        proxy.stop()
        proxy.start(server=clinic.hospital.url)


def refused(clinic: Clinic) -> str:
    """Why the reader cannot read."""
    with pytest.raises(ProxiesInsufficient) as told:
        clinic.read()
    return str(told.value)


def evidence(clinic: Clinic) -> set[Path]:
    return set((clinic.homes.folder / READER / "evidence").glob("*.json"))


def named(clinic: Clinic, name: str, what: str) -> str:
    """What the refusal says of one proxy."""
    return rf"proxy {clinic.ids(name)[:8]}: [^;]*{what}"


def test_one_may_be_down_and_two_may_not(clinic: Clinic, granted: tuple[str, bytes]) -> None:
    locator, records = granted
    with _down(clinic, FIRST):
        assert clinic.read()[locator] == records
        with _down(clinic, SECOND):
            told = refused(clinic)
            assert "1 of the 2 proxies" in told
            for name in (FIRST, SECOND):
                assert re.search(named(clinic, name, "cannot be reached"), told)
    assert clinic.read()[locator] == records


@pytest.mark.slow
def test_a_proxy_that_was_killed_is_there_again_with_all_that_it_kept(
    clinic: Clinic, granted: tuple[str, bytes]
) -> None:
    locator, records = granted
    for name in PROXIES:
        clinic.proxies[name].stop(signal.SIGKILL)
    assert "0 of the 2 proxies" in refused(clinic)
    for name in (FIRST, SECOND, THIRD):
        clinic.proxies[name].start(server=clinic.hospital.url)
    assert clinic.read()[locator] == records


def test_a_patient_grants_while_one_is_down(clinic: Clinic) -> None:
    text = next(_texts)
    (locator,) = clinic.seal(draft(text=text)).blocks
    request = clinic.ask()
    with _down(clinic, THIRD):
        grant_id = clinic.approve(request)
        with clinic.member(READER).site() as site:
            grant = site.state().grant(grant_id)
        assert grant is not None
        assert set(grant.proxies) == {clinic.ids(FIRST), clinic.ids(SECOND)}
        assert clinic.read()[locator] == text.encode()


def test_nobody_waits_for_a_slow_one(clinic: Clinic, granted: tuple[str, bytes]) -> None:
    locator, records = granted
    clinic.proxies[FIRST].link.delay_s = 20.0
    start = time.monotonic()
    assert clinic.read()[locator] == records
    assert time.monotonic() - start < 15


def test_a_lie_is_caught_and_kept_for_everybody_to_check(clinic: Clinic, granted: tuple[str, bytes]) -> None:
    locator, records = granted
    before = evidence(clinic)
    with instead(clinic, FIRST, program=LYING):
        with _down(clinic, SECOND):
            told = refused(clinic)
        assert re.search(named(clinic, SECOND, "cannot be reached"), told)
        assert re.search(named(clinic, FIRST, "proof does not hold"), told)
        assert clinic.read()[locator] == records, "the two that are honest suffice"
    files = evidence(clinic) - before
    assert files
    for file in files:
        told = checked(clinic, AUTHOR, file)
        assert told["proxy"] == clinic.ids(FIRST)
    _nobody_else_is_accused(clinic, file)


@contextmanager
def _down(clinic: Clinic, name: str) -> Iterator[None]:
    clinic.proxies[name].link.gone = True
    try:
        yield
    finally:
        clinic.proxies[name].link.gone = False


def checked(clinic: Clinic, name: str, file: Path) -> dict[str, str]:
    """What ``chartseal proxy check`` says at somebody's home. Raises as the command."""
    home = clinic.homes.folder / name
    words = ["--json", "--home", str(home), "--server", clinic.hospital.url, "proxy", "check", str(file)]
    done = CliRunner().invoke(cli, words, catch_exceptions=False, standalone_mode=False)
    told: dict[str, str] = json.loads(done.stdout)
    return told


def _nobody_else_is_accused(clinic: Clinic, file: Path) -> None:
    changed = file.with_name("changed.json")
    data = durable.read(file).replace(clinic.ids(FIRST).encode(), clinic.ids(SECOND).encode())
    durable.write(changed, data)
    with pytest.raises(FaultUnfounded):
        checked(clinic, PATIENT, changed)
    changed.unlink()


def test_one_whose_ledger_is_behind_refuses_and_says_so(clinic: Clinic, granted: tuple[str, bytes]) -> None:
    locator, records = granted
    with instead(clinic, FIRST, server=NOWHERE, program=HONEST):
        assert clinic.read()[locator] == records, "the two that know the release suffice"
        with _down(clinic, THIRD):
            told = refused(clinic)
        assert re.search(named(clinic, FIRST, "not on this proxy's ledger"), told)
        assert re.search(named(clinic, THIRD, "cannot be reached"), told)


@pytest.mark.slow
def test_one_whose_ledger_is_too_old_re_encrypts_nothing(clinic: Clinic, granted: tuple[str, bytes]) -> None:
    """Even for a release that it knows: it cannot know of a withdrawal."""
    locator, _ = granted
    clinic.read()
    home = clinic.member(READER)
    config = clinic.homes.folder / FIRST / "config.json"
    before = durable.read(config)
    durable.write(config, before.replace(b'"max_staleness_s":60', b'"max_staleness_s":1'))
    try:
        with instead(clinic, FIRST, server=NOWHERE, program=HONEST), home.site() as site:
            time.sleep(3)
            state = site.state()
            release = max(state.releases(clinic.ids(PATIENT)), key=lambda each: each.position)
            anchored = state.block(locator)
            assert anchored is not None
            header = fetch(site, state, anchored).block.header
            with pytest.raises(ProxyRefused, match="older than 1 s"):
                site.proxies[clinic.ids(FIRST)].reencrypt(
                    release.release, [Ask(header.chapter.context, header.chapter.capsule)]
                )
    finally:
        durable.write(config, before)
