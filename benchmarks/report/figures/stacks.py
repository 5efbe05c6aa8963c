"""Bars of 100 %, stacked by who bears the cost, with the whole amount beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from benchmarks.report.figures import scales, style

Parts = Mapping[str, float]
"""Amount by part."""


def draw_stacks(axes: Axes, bars: Mapping[str, Parts], parts: Sequence[str], named: scales.Named) -> None:
    """One bar for each of ``bars``, from top to bottom; ``parts`` fixes which colour and hatch each part has."""
    places = range(len(bars))
    for place, amounts in zip(places, bars.values(), strict=True):
        whole, left = sum(amounts.values()), 0.0
        for number, part in enumerate(parts):
            if amounts.get(part):
                share = 100 * amounts[part] / whole
                axes.barh(
                    place, share, left=left, height=0.68, color=style.colour(number), hatch=style.hatch(number),
                    edgecolor=style.EDGE, linewidth=0.6,
                )  # fmt: skip
                left += share
        axes.annotate(named(whole), (100, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7.5)
    axes.set_yticks(list(places), list(bars))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
