# ruff: noqa: SIM905  (tables of names read better as text)
"""Who refers to whom in a bundle, and how a category spreads along it.

A resource takes the strictest category of what it refers to, in three rules:

1. Mental health and reproductive spread to everything that refers to such a resource, over any number of steps.
2. A bill takes the category of whatever it refers to, except the people, the places and the visit it is for.
3. A report or panel takes the category of its results.

References to the Patient spread nothing. Cycles are safe; the time is linear in resources and references.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from clinic.fhir.bundle import Entry
from clinic.fhir.categorise import SENSITIVE, STRICTEST_FIRST, category_of_type, stricter
from clinic.fhir.mentions import Mentions
from scheme.scopes import Category

_SURROUNDINGS: Final = frozenset("Encounter EpisodeOfCare".split())
_SURROUNDING_KEYS: Final = frozenset(
    "patient subject beneficiary subscriber policyHolder provider facility enterer insurer requestor requester "
    "performer payee party payor owner location coverage serviceProvider encounter context originalPrescription".split()
)
_RESULT_KEYS: Final = frozenset("result hasMember derivedFrom".split())
_NOT_FOLLOWED: Final = frozenset((Category.DEMOGRAPHICS, Category.BILLING, Category.OTHER))


class References:
    """Resolves the references among the entries of one bundle: by ``fullUrl``, URL, ``Type/id`` or ``urn:uuid``."""

    def __init__(self, entries: Sequence[Entry], named: Sequence[Mentions]) -> None:
        self._entries = entries
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        for index, entry in enumerate(entries):
            names = set()
            if entry.full_url:
                names.add(entry.full_url)
            if entry.resource_id is not None:
                names.update((f"{entry.resource_type}/{entry.resource_id}", f"urn:uuid:{entry.resource_id}"))
            for name in names:
                self._by_name[name].append(index)
        self._patients = {index for index, entry in enumerate(entries) if entry.resource_type == "Patient"}
        self._targets = [self._edges(entry, mention) for entry, mention in zip(entries, named, strict=True)]
        self._named = named

    def resolve(self, source: Entry, target: str) -> list[int]:
        """Indexes of the entries that ``target``, found in ``source``, may mean; several when versions share a name."""
        found = self._by_name.get(target)
        if found:
            return found
        target = target.split("#", 1)[0].split("/_history/", 1)[0]
        if not target:
            return []
        base = (source.full_url or "").removesuffix(f"{source.resource_type}/{source.resource_id}")
        short = "/".join(target.rsplit("/", 2)[-2:])
        return self._by_name.get(target) or self._by_name.get(base + target) or self._by_name.get(short) or []

    def encounter(self, index: int) -> str | None:
        """Name of the visit the entry belongs to: the Encounter's ``fullUrl`` where it is known, else the reference."""
        entry = self._entries[index]
        if entry.resource_type == "Encounter":
            return entry.full_url or f"Encounter/{entry.resource_id}"
        held = entry.resource.get("encounter")
        direct = held.get("reference") if isinstance(held, dict) else None
        candidates = [direct] if isinstance(direct, str) else []
        if not candidates:
            keyed = self._named[index].references
            candidates = sorted({target for key, target in keyed if key in ("encounter", "context")})
        for target in candidates:
            for found in self.resolve(entry, target):
                if self._entries[found].resource_type == "Encounter":
                    return self._entries[found].full_url or f"Encounter/{self._entries[found].resource_id}"
        return direct if isinstance(direct, str) else None

    def visit(self, index: int) -> Entry | None:
        """The Encounter of the entry, when it is in the bundle."""
        name = self.encounter(index)
        found = self._by_name.get(name, ()) if name is not None else ()
        return next((self._entries[one] for one in found if self._entries[one].resource_type == "Encounter"), None)

    def spread(self, own: Sequence[Category]) -> list[Category]:
        """The categories after the three rules, given each entry's own."""
        categories = [self._with_unresolved(index, category) for index, category in enumerate(own)]
        referrers: list[list[tuple[int, str]]] = [[] for _ in categories]
        for source, targets in enumerate(self._targets):
            for key, target in targets:
                referrers[target].append((source, key))
        settled = [False] * len(categories)
        for category in STRICTEST_FIRST:
            if category in _NOT_FOLLOWED:
                break
            pending = [index for index, one in enumerate(categories) if one is category]
            while pending:
                target = pending.pop()
                for source, key in () if settled[target] else referrers[target]:
                    if stricter(category, categories[source]) is not category or categories[source] is category:
                        continue
                    if self._follows(categories[source], key, target, category):
                        categories[source] = category
                        pending.append(source)
                settled[target] = True
        return categories

    def _edges(self, entry: Entry, named: Mentions) -> list[tuple[str, int]]:
        if entry.resource_type == "Patient":
            return []
        edges = []
        for key, target in named.references:
            found = self._by_name.get(target) or self.resolve(entry, target)
            edges.extend([(key, index) for index in found if index not in self._patients])
        return edges

    def _follows(self, source: Category, key: str, target: int, category: Category) -> bool:
        if category in SENSITIVE:
            return True
        if source is Category.BILLING:
            return self._entries[target].resource_type not in _SURROUNDINGS
        return key in _RESULT_KEYS

    def _with_unresolved(self, index: int, category: Category) -> Category:
        """A bill that refers to something outside the bundle: by the type it names, else clinical."""
        if category is not Category.BILLING:
            return category
        entry = self._entries[index]
        for key, target in self._named[index].references:
            if target.startswith("#") or key in _SURROUNDING_KEYS or self.resolve(entry, target):
                continue
            name = target.split("/_history/", 1)[0].rsplit("/", 2)
            kind = category_of_type({"resourceType": name[-2]}) if len(name) > 1 else Category.CLINICAL
            if kind not in _NOT_FOLLOWED and (len(name) < 2 or name[-2] not in _SURROUNDINGS):
                category = stricter(category, kind)
        return category
