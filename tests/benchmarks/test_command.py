"""The command: cases in processes of their own, results kept whatever happens, tables from results alone."""

import dataclasses
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from benchmarks import command, processes, provenance, results
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import CASES, history
from benchmarks.errors import CaseFailed
from benchmarks.results import Absent, Comparison, Profile, Series
from benchmarks.runs import runs
from tests import interrupts
from tests.benchmarks import lines


def invoke(*arguments):
    return CliRunner().invoke(command.main, [str(argument) for argument in arguments])


def test_every_case_is_listed():
    result = invoke("list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == list(CASES)


@pytest.mark.parametrize(
    ("arguments", "known"), [(["run", "nothing"], CASES), (["run", "seal", "--profile", "nothing"], PROFILES)]
)
def test_an_unknown_name_lists_the_known(arguments, known):
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert ", ".join(known) in result.output
    assert "Traceback" not in result.output


QUICK = {"seal", "schemes"}
"""Cases whose smoke profile takes seconds; all of them run beside the slow tests, and in `make bench`."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in QUICK else [pytest.mark.slow]) for case in CASES]
)
def test_a_case_measures_and_keeps_every_sample(case, tmp_path):
    path = tmp_path / "result.jsonl"
    result = invoke("run", case, "--profile", "smoke", "--json", path)
    assert result.exit_code == 0, result.output
    kept = list(results.read([path]))
    series = {line.name: line for line in kept if isinstance(line, Series)}
    comparisons = [line for line in kept if isinstance(line, Comparison)]
    assert series
    assert comparisons or (case == "history" and importlib.util.find_spec("umbral_pre") is None)
    for line in series.values():
        assert len(line.seconds) >= PROFILES["smoke"].repeats
        assert len(line.cpu_seconds) in {0, len(line.seconds)}
        assert min(line.seconds) > 0
    for line in comparisons:
        assert line.of in series
        assert line.over is None or len(series[line.over].seconds) == len(series[line.of].seconds)
    for line in kept:
        assert line.provenance["profile"] == "smoke"
        assert line.provenance["cpu"]
        assert line.provenance["versions"]["cryptography"]
    shown = invoke("report", path)
    assert shown.exit_code == 0
    assert shown.output.split() == result.output[result.output.index(f"\n{case}\n") :].split()


@pytest.mark.slow
def test_a_missing_peer_is_a_row_and_never_a_number(monkeypatch):
    monkeypatch.setitem(sys.modules, "umbral_pre", None)
    found = []
    history.measure(Bench("history", PROFILES["smoke"], provenance.collect("smoke"), found.append))
    missing = [line for line in found if isinstance(line, Absent)]
    assert missing
    assert {line.reason for line in missing} == {"not installed: pip install chartseal[bench]"}
    assert not [line for line in found if isinstance(line, Series) and line.name.startswith("umbral-pre")]
    assert not [line for line in found if isinstance(line, Comparison)]
    assert [line for line in found if isinstance(line, Series) and line.name.startswith("scheme.umbral")]
    assert [line for line in found if isinstance(line, Profile)]


def test_a_crashed_process_is_told():
    with pytest.raises(CaseFailed, match="status 1"):
        list(processes.measured("no such case", "smoke"))


def test_a_case_that_measures_nothing_fails(monkeypatch):
    monkeypatch.setattr(processes.sys, "executable", "true")
    with pytest.raises(CaseFailed, match="measured nothing"):
        list(processes.measured("seal", "smoke"))


def test_a_crash_loses_neither_what_came_before_nor_the_other_cases(monkeypatch, tmp_path):
    def measured(case, profile):
        yield lines.series(f"something of {case}", (1.0, 2.0))
        if case == "seal":
            raise CaseFailed("the case seal ended with status 1")

    monkeypatch.setattr(command, "measured", measured)
    path = tmp_path / "result.jsonl"
    result = invoke("run", "seal", "history", "--json", path)
    assert result.exit_code == 1
    assert [line.name for line in results.read([path])] == ["something of seal", "seal", "something of history"]
    assert "ended with status 1" in result.output


def test_an_interrupt_keeps_what_is_done(monkeypatch, tmp_path):
    def measured(case, profile):
        yield lines.series("the first", (1.0,))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "measured", measured)
    path = tmp_path / "result.jsonl"
    result = invoke("run", "seal", "history", "--json", path)
    assert result.exit_code == 1
    assert [line.name for line in results.read([path])] == ["the first"]
    assert "the first" in result.output


def test_all_runs_every_case_and_a_crash_stands_with_what_was_measured(monkeypatch, tmp_path):
    def measured(case, profile):
        yield dataclasses.replace(lines.series("something", (1.0, 2.0)), case=case)
        if case == "matching":
            raise CaseFailed("the case matching ended with status 1")

    monkeypatch.setattr(command, "measured", measured)
    path = tmp_path / "result.jsonl"
    result = invoke("run", "all", "--profile", "smoke", "--json", path)
    assert result.exit_code == 1
    kept = list(results.read([path]))
    assert list(dict.fromkeys(line.case for line in kept)) == list(CASES)
    assert [run.title for run in runs(kept)] == list(CASES)


@pytest.mark.parametrize(
    ("case", "profile", "at_work", "number"),
    [
        ("ledger", "paper", "benchmarks measure ledger", signal.SIGINT),
        ("ledger", "paper", "benchmarks measure ledger", signal.SIGTERM),
        pytest.param("network", "smoke", "benchmarks.network_readers", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_command_ends_its_case_and_keeps_what_is_done(case, profile, at_work, number, tmp_path):
    path = tmp_path / "result.jsonl"
    arguments = [sys.executable, "-m", "benchmarks", "run", case, "--profile", profile, "--json", str(path)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=environment,
        preexec_fn=interrupts.heeded,  # noqa: PLW1509 (it calls nothing that a thread could hold)
    ) as run:
        deadline = time.monotonic() + 120
        while not (_runs_in(tmp_path, at_work) and list(tmp_path.glob("chartseal-bench-*/chartseal-bench-*"))):
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.1)
        run.send_signal(number)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "what was measured until now is kept" in told
    assert not interrupts.running_with(tmp_path)
    assert not list(tmp_path.glob("chartseal-bench-*"))


def _runs_in(folder, what):
    return any(what in line for line in interrupts.running_with(folder))


def test_a_result_file_that_cannot_be_written_is_told_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "measured", lambda case, profile: pytest.fail("measured"))
    result = invoke("run", "seal", "--json", tmp_path / "missing" / "result.jsonl")
    assert result.exit_code == 1
    assert "cannot be written" in result.output
    assert "Traceback" not in result.output


def test_a_report_says_what_was_reached_and_what_was_missed(tmp_path):
    path = tmp_path / "result.jsonl"
    made_up = [
        lines.series("fast", (1.0, 1.0)),
        lines.series("slow", (4.0, 4.0)),
        lines.comparison("fast over slow", "fast", "slow", 2.0),
        lines.comparison("slow over fast", "slow", "fast", 0.5),
        lines.comparison("slow blocks", "slow", None, 200),
        lines.absent(),
        lines.figure(),
        lines.published(),
        lines.profile(),
    ]
    path.write_text("".join(results.to_json(line) + "\n" for line in made_up))
    output = invoke("report", path).output
    assert re.search(r"fast over slow .* 4\.00 .*>= 2\.00 .*reached", output)
    assert re.search(r"slow over fast .* 0\.25 .*>= 0\.50 .*MISSED", output)
    assert re.search(r"slow blocks .* 250\.0 blocks/s .*reached", output)
    assert re.search(r"a peer .*not installed: pip install chartseal\[bench\]", output)
    assert re.search(r"a certificate .* 731 bytes", output)
    assert re.search(r"another ledger .* 220 transactions/s .* crashes only", output)
    assert re.search(r"scheme/seal\.py: seal .* 12 ", output)


def test_a_report_of_something_else_is_one_clear_line(tmp_path):
    path = tmp_path / "result.jsonl"
    path.write_text("hello\n")
    result = invoke("report", path)
    assert result.exit_code == 1
    assert "no benchmark result" in result.output
