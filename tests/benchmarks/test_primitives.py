"""Every operation does what its name says, and a library that is missing or broken is a row and never a number."""

import json

import pytest

from benchmarks import provenance
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import primitives
from benchmarks.errors import CaseFailed
from benchmarks.primitives.libraries import LIBRARIES, is_installed
from benchmarks.primitives.operation import SIZES, Library, Operation, Prepared, of_smoke
from benchmarks.results import Absent, Comparison, Series
from tests import needs

INSTALLED = [library for library in LIBRARIES.values() if is_installed(library)]
ANY_RESULT_HOLDS = (" key", "verify", "hash to")
"""In names: any key is right, ``verify`` gives nothing, and a hash to a group has no operands of its own."""


def operations(library):
    return [operation for operation in library.operations() if of_smoke(operation)]


@pytest.mark.parametrize("library", INSTALLED, ids=lambda library: library.name)
def test_every_operation_gives_what_it_should(library):
    for operation in operations(library):
        prepared = operation.prepare()
        assert prepared.holds(prepared.run()), operation.name


@pytest.mark.parametrize("library", INSTALLED, ids=lambda library: library.name)
def test_another_result_does_not_hold(library):
    for operation in operations(library):
        if not any(part in operation.name for part in ANY_RESULT_HOLDS):
            assert not _holds(operation.prepare(), operation.prepare().run()), operation.name


def _holds(prepared, result):
    try:
        return prepared.holds(result)
    except Exception:  # noqa: BLE001 - the libraries raise many errors for what does not open
        return False


def test_one_name_is_one_work_at_one_level_of_security():
    levels = {}
    for library in INSTALLED:
        names = [operation.name for operation in library.operations()]
        assert len(set(names)) == len(names)
        for operation in library.operations():
            level = operation.security_bits, operation.size_bytes
            assert levels.setdefault(operation.name, level) == level


def test_smoke_takes_one_size_of_each():
    sizes = {operation.size_bytes for library in INSTALLED for operation in library.operations() if of_smoke(operation)}
    assert sizes == {None, SIZES["4 KiB"], 3072 // 8}


def test_rsa_is_measured_by_modulus_and_library():
    found = {library.name: {each.name for each in library.operations() if "OAEP" in each.name} for library in INSTALLED}
    every = {f"RSA-{bits} OAEP {what}" for bits in (2048, 3072, 4096) for what in ("encrypt", "decrypt")}
    assert [names for names in found.values() if names] == [every] * 2


def test_less_security_is_marked_in_the_name():
    for library in INSTALLED:
        for operation in library.operations():
            weak = operation.security_bits is not None and operation.security_bits < 112
            assert (f"({operation.security_bits}-bit)" in operation.name) == weak


def measured(monkeypatch, libraries, profile="smoke"):
    needs.module("pyperf", feature="pyperf")
    monkeypatch.setattr(primitives, "LIBRARIES", {library.name: library for library in libraries})
    found = []
    bench = Bench("primitives", PROFILES[profile], provenance.collect(profile), found.append)
    try:
        primitives.measure(bench)
    except CaseFailed as failed:
        found.append(failed)
    return found


def of_kind(kind, found):
    return [line for line in found if isinstance(line, kind)]


def test_pyperf_gives_the_median_of_every_process_with_its_cpu_time(monkeypatch):
    monkeypatch.setitem(
        primitives.ROUNDS,
        "smoke",
        primitives._Rounds(2, ("--processes=2", "--values=3", "--warmups=1", "--min-time=0.001", "--smoke")),
    )
    (line,) = measured(monkeypatch, [LIBRARIES["hashlib"]])
    assert line.name == "hashlib: SHA-256, 4 KiB"
    assert len(line.seconds) == len(line.cpu_seconds) == 2 * 2
    assert len(set(line.seconds)) > 1
    assert 0 < min(line.cpu_seconds) <= max(line.cpu_seconds) < 10 * max(line.seconds)
    assert line.settings["loops"] >= 1
    assert line.settings["tool"].startswith("pyperf 2.")
    assert (line.security_bits, line.settings["size_bytes"], line.unit) == (128, 4096, "operations")


def test_libraries_are_compared_where_they_do_the_same(monkeypatch):
    found = measured(monkeypatch, [LIBRARIES["hashlib"], LIBRARIES["cryptography"]])
    series = {line.name for line in of_kind(Series, found)}
    (comparison,) = of_kind(Comparison, found)
    assert (comparison.of, comparison.over) == ("hashlib: SHA-256, 4 KiB", "cryptography: SHA-256, 4 KiB")
    assert {comparison.of, comparison.over} < series


def test_a_library_that_is_not_installed_says_how_to_get_it(monkeypatch):
    missing = Library("charm", "no.such.module", LIBRARIES["charm"].how_to_get, list)
    found = measured(monkeypatch, [LIBRARIES["hashlib"], missing])
    (row,) = of_kind(Absent, found)
    assert row.name == "charm: all operations"
    assert row.reason.startswith("not installed: build the PBC library")
    assert {line.settings["library"] for line in of_kind(Series, found)} == {"hashlib"}


def test_a_library_that_fails_is_told_and_costs_the_others_nothing(monkeypatch):
    broken = Library("voprf", "json", "", LIBRARIES["voprf"].operations)
    own = primitives._round
    monkeypatch.setattr(primitives, "_round", lambda library, *given: 3 if library is broken else own(library, *given))
    found = measured(monkeypatch, [broken, LIBRARIES["hashlib"]])
    (row,) = of_kind(Absent, found)
    assert "failed with status 3" in row.reason
    assert [line.settings["library"] for line in of_kind(Series, found)] == ["hashlib"]
    (failed,) = of_kind(CaseFailed, found)
    assert "voprf" in str(failed)


def test_a_wrong_result_ends_the_measuring(tmp_path):
    run = needs.module("benchmarks.primitives.run", feature="pyperf")
    operation = next(iter(LIBRARIES["hashlib"].operations()))
    timed = run._timed(operation, tmp_path / "beside")
    assert timed(2) > 0
    name, value, cpu = json.loads((tmp_path / "beside").read_text())
    assert name == operation.name
    assert value > 0
    assert cpu >= 0
    wrong = Operation("wrong", lambda: Prepared(operation.prepare().run, lambda result: False))
    with pytest.raises(RuntimeError, match="wrong does not give what it should"):
        run._timed(wrong, tmp_path / "beside")(1)


def test_without_pyperf_the_case_says_so(monkeypatch):
    monkeypatch.setattr(primitives, "pyperf", None)
    with pytest.raises(CaseFailed, match=r"pip install chartseal\[bench\]"):
        primitives.measure(Bench("primitives", PROFILES["smoke"], provenance.collect("smoke"), lambda line: None))
