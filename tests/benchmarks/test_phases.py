"""A story has every phase, each role does its part of it, and what one sends another receives."""

from collections import defaultdict

import pytest

from benchmarks import memory, provenance
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import phases
from benchmarks.results import Comparison, Figure, Series
from benchmarks.roles import RECEIVED, SENT, Account
from benchmarks.story import play, visits
from clinic.intake import bundle_drafts

WORK = {
    "setup": {"authority", "delegate", "proxy", "hospital", "issuer", "index", "relay"},
    "enrolment": {"authority", "hospital", "delegate", "doctor", "patient"},
    "record generation": {"doctor"},
    "block": {"doctor", "hospital"},
    "upload": {"doctor", "cloud", "hospital", "delegate"},
    "request": {"doctor", "hospital", "delegate"},
    "approval": {"patient", "proxy", "hospital", "delegate"},
    "re-encryption": {"proxy", "delegate"},
    "reading": {"doctor", "cloud", "hospital", "delegate"},
    "matching": {"patient", "authority", "issuer", "index", "relay"},
    "session": {"patient", "relay"},
}
"""Who computes in which phase; the hospital also keeps letters and key cards."""


@pytest.mark.parametrize(("records", "blocks"), [(10, [1]), (50, [4, 1]), (100, [4, 4, 2])])
def test_a_history_has_the_records_and_blocks_that_it_promises(records, blocks):
    drafts = [bundle_drafts(visit) for visit in visits(records)]
    assert [len(each) for each in drafts] == blocks
    assert sum(draft.records for each in drafts for draft in each) == records


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    account = Account()
    made = play(tmp_path_factory.mktemp("story"), account, visits(50))
    assert made > 0
    return account


def test_every_role_does_its_part_of_every_phase(account):
    found = defaultdict(set)
    for phase, role in account.computed:
        found[phase].add(role)
    assert found == WORK
    assert set(WORK) == set(phases.PHASES)
    assert {role for each in WORK.values() for role in each} == set(phases.ROLES)
    assert all(seconds > 0 for seconds in account.computed.values())


def test_what_is_sent_is_received(account):
    for phase in phases.PHASES:
        sums = {way: sum(account.bytes.get((phase, role, way), 0) for role in phases.ROLES) for way in (SENT, RECEIVED)}
        assert sums[SENT] == sums[RECEIVED]
        assert (sums[SENT] > 0) == (phase != "record generation")


def test_the_cloud_gives_back_what_it_was_given_and_proxies_never_get_it(account):
    names = 5 * 64
    stored = account.bytes["upload", "cloud", RECEIVED] - names
    assert account.bytes["reading", "cloud", SENT] == stored
    assert stored > sum(len(visit) for visit in visits(50)) / 20  # compressed, but there
    capsules = account.bytes["re-encryption", "doctor", SENT]
    assert 0 < capsules < 3 * 5 * 400
    assert not any(
        phase == "re-encryption" and role in {"cloud", "patient", "hospital"} for phase, role, _ in account.bytes
    )


@pytest.fixture(scope="module")
def measured():
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(phases.SAMPLES, "smoke", {10: 2})
        patch.setattr(memory, "restart_peak", lambda: True)
        patch.setattr(memory, "resident_bytes", lambda: 100 << 20)
        patch.setattr(memory, "peak_bytes", iter([110 << 20, 130 << 20, 120 << 20]).__next__)  # the first warms up
        phases.measure(Bench("phases", PROFILES["smoke"], provenance.collect("smoke"), found.append))
    return found


def test_the_roles_of_a_phase_add_up_to_it(measured):
    series = [line for line in measured if isinstance(line, Series)]
    assert all(line.security_bits == 128 and len(line.seconds) == 2 for line in series)
    for phase in phases.PHASES:
        by_role = [line for line in series if line.settings["phase"] == phase and "role" in line.settings]
        assert {line.settings["role"] for line in by_role} == WORK[phase]
        assert {(line.settings["blocks"], line.settings["clock"]) for line in by_role} == {(1, "cpu")}
        whole = [line for line in series if line.settings["phase"] == phase and "role" not in line.settings]
        assert bool(whole) == (phase != "re-encryption")
        for line in whole:
            assert sum(each.cpu_seconds[0] for each in by_role) == pytest.approx(line.cpu_seconds[0])


def test_bytes_are_figures_by_role_and_direction(measured):
    sizes = [line for line in measured if isinstance(line, Figure) and "direction" in line.settings]
    assert {line.unit for line in sizes} == {"bytes"}
    assert {line.settings["direction"] for line in sizes} == {SENT, RECEIVED}
    doctor = [line for line in sizes if (line.settings["phase"], line.settings["role"]) == ("upload", "doctor")]
    assert {line.settings["direction"] for line in doctor} == {SENT, RECEIVED}


def test_rates_and_growth_are_stated(measured):
    names = {line.of for line in measured if isinstance(line, Comparison)}
    assert names == {f"{phase}, 10 records" for phase in phases.OF_THE_HISTORY}
    growth = [line for line in measured if isinstance(line, Figure) and line.unit == "times"]
    assert [line.settings["phase"] for line in growth] == list(phases.PHASES)
    assert {line.value for line in growth} == {1.0}  # of the same length


def test_the_memory_of_a_story_is_stated(measured):
    (taken,) = [line for line in measured if isinstance(line, Figure) and line.unit == "MiB"]
    assert taken.name == "memory taken, 10 records: all roles in one process"
    assert taken.value == 30
