"""The command: list the cases, run some of them, show result files as tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import provenance, results
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import CASES
from benchmarks.errors import BenchmarkError, CaseUnknown
from benchmarks.processes import measured
from benchmarks.results import Absent, Line
from benchmarks.tables import tables

_WIDTH = 160


@click.group()
def main() -> None:
    """Cost benchmarks of ChartSeal."""


@main.command("list")
def list_cases() -> None:
    """List the cases."""
    for name, measure in CASES.items():
        click.echo(f"{name:10} {(measure.__doc__ or '').splitlines()[0]}")


@main.command()
@click.argument("cases", nargs=-1, required=True, metavar="CASE...")
@click.option("--profile", default="paper", metavar="PROFILE", help="smoke (only shows that all runs) or paper.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Append every sample to FILE, as JSON lines.")
def run(cases: tuple[str, ...], profile: str, path: Path | None) -> None:
    """Measure each CASE in a process of its own and show the tables."""
    with _told():
        _require(cases, CASES, "case")
        _require([profile], PROFILES, "profile")
    lines: list[Line] = []
    failed = 0
    try:
        for case in dict.fromkeys(cases):
            failed += _run_one(case, profile, path, lines)
    except KeyboardInterrupt:
        click.echo("Stopped; what was measured until now is kept.", err=True)
        failed += 1
    _show(lines)
    sys.exit(1 if failed else 0)


def _run_one(case: str, profile: str, path: Path | None, lines: list[Line]) -> int:
    with Console(stderr=True).status(f"{case} ...") as status:
        try:
            for line in measured(case, profile):
                lines.append(line)
                _append(path, line)
                status.update(f"{case}: {getattr(line, 'name', '')}")
        except BenchmarkError as error:
            line = Absent(case, case, str(error), provenance.collect(profile))
            lines.append(line)
            _append(path, line)
            return 1
    return 0


def _append(path: Path | None, line: Line) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(results.to_json(line) + "\n")


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
def report(files: tuple[Path, ...]) -> None:
    """Show the tables of result files."""
    with _told():
        _show(list(results.read(files)))


@main.command(hidden=True)
@click.argument("case")
@click.option("--profile", required=True)
def measure(case: str, profile: str) -> None:
    """Measure one case in this process; a JSON line for each result on standard output."""
    CASES[case](Bench(case, PROFILES[profile], provenance.collect(profile), _emit))


def _emit(line: Line) -> None:
    sys.stdout.write(results.to_json(line) + "\n")
    sys.stdout.flush()


def _show(lines: list[Line]) -> None:
    console = Console(width=_WIDTH, highlight=False, markup=False)
    for table in tables(lines):
        console.print(table)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from None


def _require(names: Iterable[str], known: Mapping[str, Any], what: str) -> None:
    for name in names:
        if name not in known:
            raise CaseUnknown(f"there is no {what} {name!r}; known: {', '.join(known)}")
