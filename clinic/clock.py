"""Time is handed in: use cases ask a ``Clock``, so that tests can let grants expire without waiting."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Unix seconds, UTC."""


def system_clock() -> int:
    """The machine's time."""
    return int(time.time())


def rfc3339(moment: int) -> str:
    """``moment`` as RFC 3339 in UTC with seconds."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def year_of(moment: int) -> int:
    """Calendar year in UTC."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).year


def end_of_day(day: datetime.date) -> int:
    """The first second after ``day`` in UTC: a grant until a day includes that day."""
    following = datetime.datetime.combine(day, datetime.time(), datetime.UTC) + datetime.timedelta(days=1)
    return int(following.timestamp())
