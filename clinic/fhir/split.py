"""Split a FHIR R4 Bundle into groups of records: one visit, one category, one clinical year each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from clinic.fhir.bundle import Bundle
from clinic.fhir.categorise import Categoriser
from clinic.fhir.clinical_time import clinical_time, is_timeless, year_of
from clinic.fhir.mentions import mentions
from clinic.fhir.references import References
from scheme.scopes import Category


@dataclass(frozen=True, slots=True)
class Record:
    """One resource. ``data`` is its exact bytes; ``time`` the clinical time as it is written in the record."""

    full_url: str | None
    resource_type: str
    resource_id: str | None
    data: bytes = field(repr=False)
    time: str | None


@dataclass(frozen=True, slots=True)
class RecordGroup:
    """Records of one visit (None: of no visit) that go into one scope; ``year`` None means that no date is known."""

    category: Category
    year: int | None
    encounter: str | None
    records: tuple[Record, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Most records and most bytes of a group; one record larger than that is a group of its own."""

    max_group_records: int = 256
    max_group_bytes: int = 4 * 1024 * 1024


DEFAULT_LIMITS = Limits()


def split(bundle: Bundle, limits: Limits = DEFAULT_LIMITS) -> list[RecordGroup]:
    """Every record of the bundle exactly once; groups in the order of their first record, records in their own order.

    The year is that of the clinical event, else of the visit. The category is the strictest of what the record codes
    or refers to within this bundle.
    """
    entries = bundle.entries
    named = [mentions(entry.resource) for entry in entries]
    categoriser = Categoriser()
    own = [categoriser.category(entry.resource, mention) for entry, mention in zip(entries, named, strict=True)]
    references = References(entries, named)
    groups: dict[tuple[str | None, Category, int | None], list[Record]] = {}
    for index, (entry, category) in enumerate(zip(entries, references.spread(own), strict=True)):
        time = clinical_time(entry.resource)
        visit = references.visit(index) if time is None and not is_timeless(entry.resource) else None
        year = year_of(time if visit is None else clinical_time(visit.resource))
        record = Record(entry.full_url, entry.resource_type, entry.resource_id, entry.raw, time)
        groups.setdefault((references.encounter(index), category, year), []).append(record)
    return [
        RecordGroup(category, year, encounter, part)
        for (encounter, category, year), records in groups.items()
        for part in _parts(records, limits)
    ]


def _parts(records: Iterable[Record], limits: Limits) -> Iterator[tuple[Record, ...]]:
    part: list[Record] = []
    size = 0
    for record in records:
        if part and (len(part) >= limits.max_group_records or size + len(record.data) > limits.max_group_bytes):
            yield tuple(part)
            part, size = [], 0
        part.append(record)
        size += len(record.data)
    if part:
        yield tuple(part)
