# ruff: noqa: SIM905  (tables of names read better as text)
"""When the event of a record took place, as the record says it."""

import re
from typing import Any, Final

EARLIEST_YEAR: Final = 1850
LATEST_YEAR: Final = 2200

_DATE = re.compile(r"(\d{4})(?:-\d\d(?:-\d\d(?:T.*)?)?)?", re.DOTALL)
_FIRST_OF = (
    "effectiveDateTime effectivePeriod effectiveInstant effectiveTiming onsetDateTime onsetPeriod performedDateTime "
    "performedPeriod occurrenceDateTime occurrencePeriod occurrenceTiming servicedDate servicedPeriod authoredOn "
    "recordedDate recorded period billablePeriod created started collectedDateTime collectedPeriod collection "
    "whenHandedOver whenPrepared authored issued date dateTime timingDateTime timingPeriod timing startDate statusDate "
    "assertedDate dateAsserted"
).split()
_TIMELESS = frozenset("Patient Person RelatedPerson Organization Practitioner PractitionerRole Location".split())


def clinical_time(resource: dict[str, Any]) -> str | None:
    """The exact date or time of the event (the start of a period), unchanged; None where there is no sound one."""
    if resource["resourceType"] in _TIMELESS:
        return None
    for key in _FIRST_OF:
        if key in resource:
            time = _sound(resource[key])
            if time is not None:
                return time
    return None


def is_timeless(resource: dict[str, Any]) -> bool:
    """Whether the resource describes a person or a place and so has no event, not even through a visit."""
    return resource["resourceType"] in _TIMELESS


def year_of(time: str | None) -> int | None:
    """Year of a time that ``clinical_time`` gave, in the time zone it was written in."""
    return None if time is None else int(time[:4])


def _sound(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        candidates = [value.get(key) for key in ("start", "collectedDateTime", "collectedPeriod", "event", "end")]
        return next((time for time in map(_sound, candidates) if time is not None), None)
    if not isinstance(value, str):
        return None
    found = _DATE.fullmatch(value)
    return value if found and EARLIEST_YEAR <= int(found[1]) <= LATEST_YEAR else None
