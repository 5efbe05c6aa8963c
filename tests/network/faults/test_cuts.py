"""The connection to the hospital is cut, damaged, reordered or slow at any stage; the same again completes, once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from clinic.enrolment import application_of
from clinic.errors import OutboxPending, RequestUnknown
from clinic.requests import new_id
from ledger.bodies import Role
from ledger.refusals import RequestClosed
from scheme.errors import ChartSealError
from tests.clinic.scene import draft
from tests.network.running import AUTHOR, PATIENT, READER, Clinic, made
from tests.servers.cutting_proxy import CuttingProxy

_texts = map("chloride {} mmol/l".format, itertools.count())
Operation = Callable[[Clinic, Path, Callable[[], None]], Iterator[None]]
"""Something that a member does, again after ``mended`` if it failed; asserts that it is done once and whole."""


def seal(clinic: Clinic, _folder: Path, mended: Callable[[], None]) -> Iterator[None]:
    """What the outbox has is not sealed again; what it does not have is."""
    text = next(_texts)
    yield
    try:
        clinic.seal(draft(text=text))
    except OutboxPending:
        mended()
        finish(clinic)
    except ChartSealError:
        mended()
        clinic.seal(draft(text=text))
    mended()
    assert list(clinic.own().values()).count(text.encode()) == 1
    assert clinic.member(AUTHOR).outbox.pending() == []


def finish(clinic: Clinic) -> None:
    """Any next command of the author's with her keys."""
    home = clinic.member(AUTHOR)
    home.secrets()
    with home.site():
        pass


def approve(clinic: Clinic, _folder: Path, mended: Callable[[], None]) -> Iterator[None]:
    """One grant answers the request, whose fragments the proxies have."""
    text = next(_texts)
    (locator,), request = clinic.seal(draft(text=text)).blocks, clinic.ask()
    with clinic.member(PATIENT).site() as site:
        assert site.state().request(request) is not None  # her home has heard of it
    yield
    try:
        clinic.approve(request)
    except ChartSealError:
        mended()
        with suppress(RequestUnknown, RequestClosed):  # it was granted, and only the answer was lost
            clinic.approve(request)
    mended()
    with clinic.member(READER).site() as site:
        grants = [each for each in site.state().grants(patient=clinic.ids(PATIENT)) if each.request == request]
    assert len(grants) == 1
    assert clinic.read()[locator] == text.encode()


def read(clinic: Clinic, _folder: Path, mended: Callable[[], None]) -> Iterator[None]:
    """What was read is what was sealed, whole."""
    yield
    try:
        found = clinic.read()
    except ChartSealError:
        mended()
        found = clinic.read()
    mended()
    own = clinic.own()
    assert found
    assert found.items() <= own.items()


def join(clinic: Clinic, folder: Path, mended: Callable[[], None]) -> Iterator[None]:
    """The member is enrolled once, with the keys that were made first, and has a key card."""
    link = clinic.invitation(Role.PATIENT, "newcomer")
    folder = folder / new_id()
    home = None
    yield
    try:
        home = made(folder, link, Role.PATIENT, "newcomer", clinic.hospital.url)
        with home.site():
            pass
    except ChartSealError:
        mended()
        home = home or made(folder, link, Role.PATIENT, "newcomer", clinic.hospital.url)
        with home.site():
            pass
    mended()
    assert not home.joining.pending
    with home.site() as site:
        state = site.state()
        member = state.member(home.config.member)
        assert member is not None
        assert member.keys == application_of(home.secrets()).keys
        assert state.key_card(home.config.member) is not None


OPERATIONS = (seal, approve, read, join)


def play(steps: Iterator[None], begin: Callable[[], None]) -> None:
    """What comes before, ``begin``, and the operation itself."""
    next(steps)
    begin()
    for _ in steps:
        pass


def measured(clinic: Clinic, operation: Operation, folder: Path) -> dict[str, int]:
    """Bytes that the operation sends to the hospital and hears from it."""
    link = clinic.hospital.link
    sizes: dict[str, int] = {}

    def note() -> None:
        if not sizes:
            sizes.update(up=link.bytes_up, down=link.bytes_down)

    play(operation(clinic, folder, note), link.reset)
    return sizes


def cut_for_good(link: CuttingProxy, way: str, after_bytes: int) -> None:
    """Nothing goes through from there on, until it is mended."""
    link.stays_cut = True
    (link.cut_up if way == "up" else link.cut_down)(after_bytes)


def cut_once(link: CuttingProxy, way: str, after_bytes: int) -> None:
    """The next connection holds."""
    (link.cut_up if way == "up" else link.cut_down)(after_bytes)


FAULTS = {
    "cut for good": cut_for_good,
    "cut once": cut_once,
    "corrupted": CuttingProxy.corrupt,
    "reordered": CuttingProxy.swap,
}


def meets(clinic: Clinic, operation: Operation, fault: str, folder: Path, places: list[tuple[str, float]]) -> None:
    """The operation, with a fault at each of ``places``: the way, and how much of what goes that way has gone."""
    clinic.seal(draft(text=next(_texts)))
    if operation is read:
        clinic.approve(clinic.ask())
    if operation is not join:
        # What is fetched once, as a card, is here before traffic is measured.
        play(operation(clinic, folder, lambda: None), lambda: None)
    sizes, link, met = measured(clinic, operation, folder), clinic.hospital.link, 0
    for way, part in places:

        def mended() -> None:
            nonlocal met
            met += link.cuts
            link.reset()

        def begin(way: str = way, part: float = part) -> None:
            link.reset()
            FAULTS[fault](link, way, max(1, int(sizes[way] * part)))

        play(operation(clinic, folder, mended), begin)
    assert met


@pytest.mark.parametrize(
    ("fault", "places"),
    [
        ("cut for good", [("up", 0.35), ("down", 0.8)]),
        pytest.param("corrupted", [("down", 0.3)], marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_again_completes_it_once(
    clinic: Clinic, operation: Operation, fault: str, places: list[tuple[str, float]], tmp_path: Path
) -> None:
    meets(clinic, operation, fault, tmp_path, places)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_again_completes_it_once_wherever_it_broke(
    clinic: Clinic, operation: Operation, fault: str, tmp_path: Path
) -> None:
    meets(clinic, operation, fault, tmp_path, [(way, place / 4) for place in range(4) for way in ("up", "down")])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_slow_connection_is_waited_for(clinic: Clinic, operation: Operation, tmp_path: Path) -> None:
    if operation is read:
        clinic.seal(draft(text=next(_texts)))
        clinic.approve(clinic.ask())

    def begin() -> None:
        for link in clinic.links:
            link.delay_s = 0.02

    play(operation(clinic, tmp_path, lambda: None), begin)
