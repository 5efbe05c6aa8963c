"""Medians, percentiles and bootstrap intervals of samples. Seeded: one result file always gives the same tables."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.errors import ResultInvalid

RESAMPLES = 2000
LEVEL = 0.95
"""Confidence of the interval of the median."""
FEWEST = 6
"""Samples that an interval needs: the median lies between the least and the greatest of n with probability
1 - 2 ** (1 - n), which is below ``LEVEL`` for fewer."""
_SEED = 6


@dataclass(frozen=True)
class Summary:
    """Median, 5th and 95th percentile of ``count`` samples, and the median's bootstrap interval (95 %): ``None`` for
    fewer than ``FEWEST``.
    """

    count: int
    median: float
    p5: float
    p95: float
    low: float | None
    high: float | None


def summarise(samples: Sequence[float]) -> Summary:
    """Percentile bootstrap (Efron 1979) with 2,000 resamples. Raises ``ResultInvalid`` on no samples or NaN."""
    if not samples or not all(math.isfinite(sample) for sample in samples):
        raise ResultInvalid("a series holds no samples, or one that is not a number; measure again")
    return _summarise(tuple(samples))


@lru_cache(maxsize=4096)
def _summarise(samples: tuple[float, ...]) -> Summary:
    """Kept, since several tables and figures show the same samples."""
    ordered = sorted(samples)
    low, high = _interval(samples) if len(samples) >= FEWEST else (None, None)
    return Summary(
        count=len(samples),
        median=statistics.median(ordered),
        p5=percentile(ordered, 0.05),
        p95=percentile(ordered, 0.95),
        low=low,
        high=high,
    )


def _interval(samples: tuple[float, ...]) -> tuple[float, float]:
    rng = random.Random(_SEED)
    medians = sorted(statistics.median(rng.choices(samples, k=len(samples))) for _ in range(RESAMPLES))
    tail = (1 - LEVEL) / 2
    return percentile(medians, tail), percentile(medians, 1 - tail)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The percentile of sorted samples, linear between neighbours (Hyndman and Fan 1996, type 7)."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
