"""The command: list the cases, run some of them, show result files as tables or write a report of them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import provenance, published, results
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import CASES
from benchmarks.errors import BenchmarkError, CaseUnknown, OutputUnwritable
from benchmarks.optional import require
from benchmarks.processes import measured
from benchmarks.report.terminal import show
from benchmarks.results import Absent, Line

EVERY_CASE = "all"


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
@click.option(
    "--profile", default="paper", metavar="PROFILE", help="smoke (only shows that all runs), paper (default) or full."
)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Append every sample to FILE, as JSON lines.")
def run(cases: tuple[str, ...], profile: str, path: Path | None) -> None:
    """Measure each CASE (or all) in a process of its own and show the tables."""
    with _told():
        chosen = CASES if EVERY_CASE in cases else dict.fromkeys(cases)
        _require(chosen, CASES, "case")
        _require([profile], PROFILES, "profile")
        _append(path, "")
    lines: list[Line] = []
    failed = 0
    try:
        with _told(), _stoppable(), _progress() as progress:
            bar = progress.add_task("", total=len(chosen))
            for case in chosen:
                progress.update(bar, description=case)
                failed += _run_one(case, profile, path, lines, progress)
                progress.advance(bar)
    except KeyboardInterrupt:
        click.echo("Stopped; what was measured until now is kept.", err=True)
        failed += 1
    show(lines)
    sys.exit(1 if failed else 0)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Being ended, or losing the terminal, is as Ctrl-C: the case that runs ends with its own processes and files."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress() -> Progress:
    """Drawn on a terminal only."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _run_one(case: str, profile: str, path: Path | None, lines: list[Line], progress: Progress) -> int:
    found = 0
    try:
        with closing(measured(case, profile)) as coming:
            for line in coming:
                found += 1
                lines.append(line)
                _append(path, results.to_json(line) + "\n")
                name = getattr(line, "name", "")
                progress.update(progress.task_ids[0], description=f"{case}, {found} results: {name}")
    except BenchmarkError as error:
        origin = lines[-1].provenance if found else provenance.collect(profile)
        lines.append(Absent(case, case, str(error), origin))
        _append(path, results.to_json(lines[-1]) + "\n")
        return 1
    return 0


def _append(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputUnwritable(f"{path} cannot be written ({error.strerror}); name a file that can") from None


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write tables, figures and a page to DIR.")
def report(files: tuple[Path, ...], out: Path | None) -> None:
    """Show the tables of result files; with --out, write them with figures and a page that holds all."""
    with _told():
        lines = list(results.read(files))
        if out is None:
            show(lines)
            return
        require("jinja2", "matplotlib", "pandas")
        from benchmarks.report.write import write  # noqa: PLC0415 - needs what was just looked for

        click.echo(write(lines, out))


@main.command(hidden=True)
@click.argument("case")
@click.option("--profile", required=True)
def measure(case: str, profile: str) -> None:
    """Measure one case in this process; a JSON line for each result on standard output, then what others published."""
    bench = Bench(case, PROFILES[profile], provenance.collect(profile), _emit)
    CASES[case](bench)
    published.hand_in(bench)


def _emit(line: Line) -> None:
    sys.stdout.write(results.to_json(line) + "\n")
    sys.stdout.flush()


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
