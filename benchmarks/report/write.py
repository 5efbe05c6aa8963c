"""A report as a folder: ``index.html``, ``report.md``, ``report.tex``, ``tables/`` (LaTeX, CSV), ``figures/``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.errors import OutputUnwritable, ResultInvalid
from benchmarks.report import csv, latex
from benchmarks.report.figures.drawing import save
from benchmarks.report.markdown import markdown
from benchmarks.report.page import page
from benchmarks.report.section import section
from benchmarks.results import Line
from benchmarks.runs import runs

PAGE, MARKDOWN, DOCUMENT = "index.html", "report.md", "report.tex"


def write(lines: Iterable[Line], out: Path) -> Path:
    """Write the report of ``lines`` into the folder ``out``, over an earlier one; gives the page's path.

    Raises ``ResultInvalid``, and ``OutputUnwritable`` when the folder cannot be written.
    """
    found = runs(lines)
    if not found:
        raise ResultInvalid("the files hold no results; measure with `run --json`")
    sections = [section(run) for run in found]
    try:
        for folder in (out, out / "figures", out / "tables"):
            folder.mkdir(parents=True, exist_ok=True)
        for each in sections:
            for drawing in each.drawings:
                save(drawing, each.footer, out / "figures" / f"{each.slug}-{drawing.name}")
            for table in each.tables:
                _write(out / "tables" / f"{each.slug}-{table.name}.tex", latex.latex(table))
        downloads = [MARKDOWN, DOCUMENT]
        for name, frame in csv.frames(found).items():
            if len(frame):
                downloads.append(f"tables/{name}.csv")
                _write(out / downloads[-1], frame.to_csv(index=False))
        _write(out / MARKDOWN, markdown(sections))
        _write(out / DOCUMENT, latex.document(sections))
        _write(out / PAGE, page(sections, downloads))
    except OSError as error:
        raise OutputUnwritable(f"{out} cannot be written ({error.strerror}); name a folder that can") from None
    return out / PAGE


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
