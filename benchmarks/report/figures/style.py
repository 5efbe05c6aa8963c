"""What all figures share: colours, markers, lines and hatches that stay apart in grey, and matplotlib's settings."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.transforms import ScaledTranslation, Transform

COLOURS = tuple(to_hex(each) for each in mpl.color_sequences["petroff10"])
"""Told apart by colour-blind readers: Petroff 2021, arXiv:2107.02270."""
_POINTS_PER_INCH = 72
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
LINES = ("-", "--", "-.", (0, (1, 1.2)), (0, (6, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----", "oo", "++++", "||||", "**")
EDGE = "#222222"
WIDTH = 7.0
"""Inches: the text's width of a page with two columns."""
SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "errorbar.capsize": 2.5,
    "figure.constrained_layout.use": True,
    "font.size": 8.5,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 3.4,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "savefig.dpi": 200,
    "svg.hashsalt": "chartseal",
    "text.parse_math": False,
}
"""Names come from result files, so none is read as a formula; a fixed salt makes the same SVG from the same file."""


def colour(place: int) -> str:
    """Of the ``place``-th thing in a figure."""
    return COLOURS[place % len(COLOURS)]


def marker(place: int) -> str:
    """Of the ``place``-th thing in a figure."""
    return MARKERS[place % len(MARKERS)]


def line(place: int) -> Any:
    """Line style of the ``place``-th thing in a figure."""
    return LINES[place % len(LINES)]


def hatch(place: int) -> str:
    """Of the ``place``-th thing in a figure."""
    return HATCHES[place % len(HATCHES)]


def aside(axes: Axes, *, right: float = 0, down: float = 0) -> Transform:
    """Of data, moved by so many points, so that what has the same place is seen side by side."""
    inches = right / _POINTS_PER_INCH, -down / _POINTS_PER_INCH
    return axes.transData + ScaledTranslation(*inches, axes.figure.dpi_scale_trans)
