"""Marks on logarithmic axes that people read: plain numbers, sizes in bytes, and times from nanoseconds to years."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from matplotlib.axis import Axis
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, Locator, LogLocator, MaxNLocator, NullLocator

from benchmarks.quantities import count, size

Named = Callable[[float], str]
"""A number in words."""
Mark = Callable[[Axis], None]
"""Names an axis's ticks, once its scale and ends are set."""

_HOUR, _DAY, _YEAR = 3600.0, 86_400.0, 31_557_600.0
_LONG = {
    60.0: "1 min",
    600.0: "10 min",
    _HOUR: "1 h",
    10 * _HOUR: "10 h",
    4 * _DAY: "4 days",
    40 * _DAY: "40 days",
    _YEAR: "1 year",
    10 * _YEAR: "10 years",
    100 * _YEAR: "100 years",
    1000 * _YEAR: "1,000 years",
}
_SHORT = EngFormatter(unit="s")
_POWERS = range(-9, 2)
_FACTORS: Sequence[tuple[float, tuple[float, ...]]] = ((200.0, (1.0,)), (20.0, (1.0, 3.0)), (0.0, (1.0, 2.0, 3.0, 5.0)))
"""How many ticks a power of ten needs on an axis that spans more than so much."""
_NARROW = 6.0
_STEPS = (1, 2, 5, 10)
"""Between ticks of a narrow axis: what is counted has no halves."""
_MOST_TICKS = 8
_APART = 1.5
"""Places less than this times their neighbour would have names that overlap."""
_ALL_DIGITS = 999.5


def digits(value: float) -> str:
    """Three digits that count, or all before the point."""
    return f"{value:#.3g}".rstrip(".") if value < _ALL_DIGITS else f"{value:,.0f}"


def rounded(value: float) -> str:
    """As ``count``, of what was counted so exactly that its name would not fit."""
    return count(float(f"{value:.3g}"))


def durations(axis: Axis) -> None:
    """Of seconds."""
    factors = _factors(axis)
    ticks = FixedLocator([*(factor * 10.0**power for power in _POWERS for factor in factors), *_LONG])
    _name(axis, ticks, lambda seconds: _LONG.get(seconds) or _SHORT(seconds))


def numbers(axis: Axis) -> None:
    """Of plain numbers; a scale that is not logarithmic has them anyway."""
    if axis.get_scale() == "log":
        _name(axis, MaxNLocator(6, steps=_STEPS) if _span(axis) < _NARROW else LogLocator(subs=_factors(axis)), count)


def sizes(axis: Axis) -> None:
    """Of bytes, as powers of two."""
    _name(axis, LogLocator(base=2), size)


def places(axis: Axis, measured: Sequence[float], named: Named = count) -> None:
    """Where something was measured, if there is room, else as is usual for the scale."""
    if len(measured) <= _MOST_TICKS and all(later >= earlier * _APART for earlier, later in pairwise(measured)):
        _name(axis, FixedLocator(measured), named)
    else:
        numbers(axis)


def _factors(axis: Axis) -> tuple[float, ...]:
    return next(factors for span, factors in _FACTORS if _span(axis) > span)


def _span(axis: Axis) -> float:
    low, high = axis.get_view_interval()
    return float(high / low)


def _name(axis: Axis, ticks: Locator, named: Named) -> None:
    axis.set_major_locator(ticks)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: named(value)))
