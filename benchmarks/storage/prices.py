"""What a year of storage costs: counted requests and bytes of a few visits, scaled to a story, times a price table.

The table is ``prices.toml`` beside this file, dated and to be edited. Everything is scaled linearly: a visit costs the
same requests in every year, and reading a history costs what reading its visits costs.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.errors import PricesInvalid
from benchmarks.storage.wire import Traffic

TABLE = Path(__file__).with_name("prices.toml")
_MONTHS = 12


@dataclass(frozen=True)
class Provider:
    """Prices in USD of one provider; the fields are explained in ``prices.toml``."""

    name: str
    writes_usd_per_1000: float
    reads_usd_per_1000: float
    storage_usd_per_gb_month: float
    egress_usd_per_gb: float
    gb_bytes: int
    page: str
    read_at: str
    read_on: datetime.date


@dataclass(frozen=True)
class Story:
    """Who is treated how often: each patient's whole history is fetched ``readings_a_year`` times a year."""

    patients: int = 1000
    years: int = 10
    visits_a_year: int = 4
    readings_a_year: int = 1

    def __str__(self) -> str:
        return f"{self.patients:,} patients x {self.years} years"


@dataclass(frozen=True)
class Measured:
    """Counted over ``visits`` visits of one patient: what storing and fetching them took, and the bytes then stored."""

    visits: int
    plain_bytes: int
    storing: Traffic
    fetching: Traffic
    stored_bytes: int


@dataclass(frozen=True)
class Bill:
    """USD a year, the mean of a story's years."""

    requests: float
    storage: float
    egress: float

    @property
    def total(self) -> float:
        """All three."""
        return self.requests + self.storage + self.egress


def bill(measured: Measured, story: Story, prices: Provider) -> Bill:
    """What ``story`` costs. In its n-th year a history has on average n - 1/2 years of visits."""
    visits = story.patients * story.visits_a_year / measured.visits
    mean_age = story.years / 2
    fetched = visits * mean_age * story.readings_a_year
    writes = visits * measured.storing.writes + fetched * measured.fetching.writes
    reads = visits * measured.storing.reads + fetched * measured.fetching.reads
    gb = prices.gb_bytes
    return Bill(
        requests=(writes * prices.writes_usd_per_1000 + reads * prices.reads_usd_per_1000) / 1000,
        storage=visits * mean_age * measured.stored_bytes / gb * prices.storage_usd_per_gb_month * _MONTHS,
        egress=fetched * measured.fetching.bytes_down / gb * prices.egress_usd_per_gb,
    )


def providers(path: Path = TABLE) -> list[Provider]:
    """The price table. Raises ``PricesInvalid``."""
    try:
        found = [_provider(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["provider"]]
    except (OSError, ValueError, KeyError, TypeError):
        names = ", ".join(field.name for field in fields(Provider))
        raise PricesInvalid(f"{path.name} is no table of prices: each [[provider]] has {names}") from None
    if not found:
        raise PricesInvalid(f"{path.name} names no provider")
    return found


def _provider(row: dict[str, Any]) -> Provider:
    found = msgspec.convert(row, Provider)
    numbers = [value for value in vars(found).values() if isinstance(value, int | float)]
    words = [value for value in vars(found).values() if isinstance(value, str)]
    if row.keys() != vars(found).keys() or not all(words) or found.gb_bytes < 1:
        raise ValueError(found.name)
    if not all(0 <= number < math.inf for number in numbers):
        raise ValueError(found.name)
    return found
