"""A figure that can be drawn, and how it is saved: PNG and SVG, the same bytes from the same result file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

from benchmarks.report.figures.style import SETTINGS

_FORMATS: Mapping[str, Mapping[str, None]] = {"svg": {"Date": None}, "png": {"Software": None}}
"""By suffix, what matplotlib would write into a file that is not the same each time or everywhere."""
_FOOTER_INCHES = 0.16


@dataclass(frozen=True)
class Drawing:
    """``name`` is unique in its run, for file names; ``title`` in one line says what is to be seen, and ``caption``
    how to read it; ``inches`` are width and height.
    """

    name: str
    title: str
    caption: str
    inches: tuple[float, float]
    draw: Callable[[SubFigure], None]


def save(drawing: Drawing, footer: str, stem: Path) -> None:
    """Write ``stem`` with each of the formats' suffixes; ``footer`` says where the numbers come from."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=drawing.inches)
        FigureCanvasAgg(figure)
        heights = drawing.inches[1] - _FOOTER_INCHES, _FOOTER_INCHES
        (picture,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
        drawing.draw(picture)
        below.text(0.005, 0.5, footer, fontsize=5.5, color="#555555", va="center")
        for suffix, left_out in _FORMATS.items():
            figure.savefig(stem.with_suffix(f".{suffix}"), metadata={**left_out, "Title": drawing.title})
