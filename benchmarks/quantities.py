"""Numbers and times in words."""

from __future__ import annotations

LOW_SECURITY_BITS = 112
"""Below it a level is marked: NIST SP 800-57 part 1 allows none for new data."""
_SMALLEST_PLAIN = 0.1


def number(value: float) -> str:
    """Three or four digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= _SMALLEST_PLAIN else f"{value:.3g}"


def count(value: float) -> str:
    """As ``number``, whole numbers as they are."""
    return f"{int(value):,}" if value == int(value) else number(value)


def size(value: float) -> str:
    """Bytes in the largest of B, KiB, MiB and GiB that leaves at least one of them."""
    power = min(max(int(value).bit_length() - 1, 0) // 10, 3)
    return f"{count(value / 1024**power)} {('B', 'KiB', 'MiB', 'GiB')[power]}"


def duration(seconds: float) -> str:
    """Seconds with a unit that gives few digits."""
    scale, unit = time_scale(seconds)
    return f"{number(seconds / scale)} {unit}"


def time_scale(seconds: float) -> tuple[float, str]:
    """Seconds in a unit that gives ``seconds`` few digits, and the unit."""
    for limit, scale, unit in ((1e-2, 1e-6, "µs"), (10.0, 1e-3, "ms")):
        if seconds < limit:
            return scale, unit
    return 1.0, "s"


def security(bits: int | None) -> str:
    """``128 bits``; what is below 112 bits is marked."""
    if bits is None:
        return ""
    return f"{bits} bits" if bits >= LOW_SECURITY_BITS else f"{bits} BITS, LOW"
