"""IHE Privacy Consent on FHIR, transcribed: its example records and who asks; and a reader of its own text.

Source: IHE/ITI.PCF, input/fsh and the notes of input/pagecontent; CC-BY-4.0. The last rule that matches decides: the
notes say "first as a forbid everything, second as a permit ...".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOINC = "http://loinc.org"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

TPO = frozenset({"TREAT", "HPAYMT", "HOPERAT"})
WITHIN = {"BTG": "TREAT", "FooBar": "HRESCH"}
"""A purpose and the wider one: break-glass is emergency treatment; basic-research says that it covers projects."""


@dataclass(frozen=True)
class Fact:
    """A record: ``name``, clinical ``date``, who authored it, in which visit, and its security labels."""

    name: str
    labels: frozenset[str]
    date: str | None = None
    author: str | None = None
    visit: str | None = None
    code: str = "29463-7"
    category: str = "vital-signs"

    @property
    def year(self) -> int | None:
        """Clinical year."""
        return None if self.date is None else int(self.date[:4])

    def resource(self) -> dict[str, Any]:
        """As FHIR, with the elements that decide."""
        security = [
            {"system": CONFIDENTIALITY if label in "NRV" else ACT_CODE, "code": label} for label in sorted(self.labels)
        ]
        common = {"id": self.name, "meta": {"security": security}, "subject": {"reference": "Patient/ex-patient"}}
        if self.name == "ex-encounter":
            return {"resourceType": "Encounter", **common, "status": "finished", "class": {"code": "HH"}}
        visit = {} if self.visit is None else {"encounter": {"reference": f"Encounter/{self.visit}"}}
        return {
            "resourceType": "Observation",
            **common,
            "status": "final",
            "category": [{"coding": [{"code": self.category}]}],
            "code": {"coding": [{"system": LOINC, "code": self.code}]},
            "effectiveDateTime": self.date,
            "performer": [{"reference": f"Practitioner/{self.author}"}],
            **visit,
        }


def _fact(name: str, labels: str, date: str | None = None, author: str | None = None, *more: str) -> Fact:
    return Fact(name, frozenset(labels.split()), date, author, *more)


FROM_PCF = (
    _fact("ex-encounter", "N"),
    _fact("ex-alcoholUse", "ETHUD R", "2022-06-13", "ex-author", "ex-encounter", "74013-4", "social-history"),
    _fact("ex-bloodSugar", "N", "2020-12-04", "ex-author", "ex-encounter", "2339-0", "laboratory"),
    _fact("ex-bloodPressure", "N", "2004-12-25", "ex-author", "ex-encounter", "85354-9"),
    _fact("ex-weight", "N", "2004-12-25", "ex-author", "ex-encounter"),
    _fact("ex-weight-2", "N", "2016-03-28", "ex-author", "ex-encounter"),
)
"""ex-sensitive.fsh; the social-history category of alcoholUse is ours, it has none."""
EXISTING = (
    *FROM_PCF,
    # Ours, so that each criterion has records on both sides.
    _fact("drinking", "ETHUD R", "2022-06-13", "ex-author", "ex-encounter", "74013-4", "social-history"),
    _fact("weight-3", "N", "2022-03-01", "ex-practitioner", "other-visit"),
    _fact("mood", "PSY R", "2019-05-02", "ex-author", "other-visit", "44249-1", "survey"),
    _fact("assault", "SDV R", "2021-11-20", "ex-practitioner", "other-visit", "85354-9", "exam"),
    _fact("hiv", "HIV R", "2015-07-07", "ex-author", "other-visit", "7917-8", "laboratory"),
    _fact("very-private", "V", "2018-01-15", "ex-practitioner", "other-visit"),
)
LATER = (
    _fact("late-result", "N", "2022-06-13", "ex-author", "ex-encounter", "2339-0", "laboratory"),
    _fact("late-weight", "N", "2016-03-28", "ex-practitioner", "next-visit"),
    _fact("next-weight", "N", "2023-02-01", "ex-practitioner", "next-visit"),
    _fact("next-drinking", "ETHUD R", "2023-02-01", "ex-author", "next-visit", "74013-4", "social-history"),
    _fact("next-mood", "PSY R", "2023-02-01", "ex-author", "next-visit", "44249-1", "survey"),
)
"""Sealed after the consent was given."""
FACTS = {fact.name: fact for fact in (*EXISTING, *LATER)}


def bundle(facts: Iterable[Fact]) -> bytes:
    """The records as a FHIR bundle to seal."""
    entries = [{"fullUrl": f"urn:chartseal:test:{fact.name}", "resource": fact.resource()} for fact in facts]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


@dataclass(frozen=True)
class Asks:
    """Who asks, and why."""

    person: str
    purpose: str
    groups: frozenset[str] = frozenset()


# The reader of the data


@dataclass(frozen=True)
class Provision:
    """A permit (or a deny) of what meets all its conditions; an empty condition is met by everything."""

    permit: bool
    purposes: frozenset[str] = frozenset()
    actor: str | None = None
    period: tuple[str, str] | None = None
    data: frozenset[tuple[str, str]] = frozenset()
    labels: frozenset[str] = frozenset()

    @property
    def narrows(self) -> bool:
        """Whether it is about some records only."""
        return bool(self.period or self.data or self.labels)

    def for_person(self, asks: Asks) -> bool:
        """Whether it speaks of this purpose and person."""
        purposes = {asks.purpose, WITHIN.get(asks.purpose)}
        people = {asks.person, *asks.groups}
        return (not self.purposes or bool(self.purposes & purposes)) and (self.actor is None or self.actor in people)

    def for_record(self, fact: Fact) -> bool:
        """Whether it speaks of this record. A record without a date lies in no time frame."""
        start, end = self.period or ("", "9")
        in_time = self.period is None or (fact.date is not None and start <= fact.date <= end)
        return (
            in_time
            and (not self.data or bool(self.data & _relations(fact)))
            and (not self.labels or bool(self.labels & fact.labels))
        )


def _relations(fact: Fact) -> set[tuple[str, str]]:
    return {
        ("instance", fact.name),
        ("related", fact.name),
        ("related", str(fact.visit)),
        ("authoredby", str(fact.author)),
    }


@dataclass(frozen=True)
class Consent:
    """A consent as its FSH says it: the root provision, exceptions to it, its last day, and who gave it."""

    root: Provision
    exceptions: tuple[Provision, ...]
    last_day: str | None
    performer: str

    def residual(self, asks: Asks) -> list[Provision]:
        """Rules left for the records once purpose and person are known; the last one that matches decides."""
        rules = [Provision(permit=False)]
        if self.root.for_person(asks):
            rules.append(self.root)
        for exception in self.exceptions:
            # An exception without purposes of its own is one to the root's.
            if exception.for_person(asks) and (exception.purposes or self.root.for_person(asks)):
                rules.append(exception)
        return rules

    def permits(self, asks: Asks, fact: Fact, *, day: str) -> bool:
        """The decision on ``day``."""
        if self.last_day is not None and day > self.last_day:
            return False
        return [rule.permit for rule in self.residual(asks) if rule.for_record(fact)][-1]


def instances(text: str) -> dict[str, list[tuple[str, str]]]:
    """Assignments (path, value) of each FSH instance."""
    found: dict[str, list[tuple[str, str]]] = {}
    for block in re.split(r"^Instance:", text, flags=re.MULTILINE)[1:]:
        name = block.split(maxsplit=1)[0]
        found[name] = re.findall(r"^\* (\S+) = (.+?)\s*$", block, flags=re.MULTILINE)
    return found


def consents(folder: Path) -> dict[str, Consent]:
    """The consents of consent.fsh by id."""
    found = {}
    for name, lines in instances((folder / "consent.fsh").read_text(encoding="utf-8")).items():
        if ("scope", "http://terminology.hl7.org/CodeSystem/consentscope#patient-privacy") in lines:
            end = dict(lines).get("provision.period.end")
            found[name] = Consent(
                _provision([(path[10:], value) for path, value in lines if path.startswith("provision.")]),
                tuple(_exceptions(lines)),
                None if end is None else end.strip('"'),
                _reference(dict(lines)["performer"]),
            )
    return found


def _exceptions(lines: list[tuple[str, str]]) -> Iterator[Provision]:
    nested = [(path[20:], value) for path, value in lines if path.startswith("provision.provision.")]
    if nested:
        yield _provision(nested)


def _provision(lines: list[tuple[str, str]]) -> Provision:
    lines = [(re.sub(r"\[[^]]*\]", "", path), value) for path, value in lines]
    values = dict(lines)
    meanings = [value.lstrip("#") for path, value in lines if path == "data.meaning"]
    targets = [_reference(value) for path, value in lines if path == "data.reference"]
    start, end = values.get("dataPeriod.start"), values.get("dataPeriod.end")
    return Provision(
        permit=values["type"] == "#permit",
        purposes=frozenset(_code(value) for path, value in lines if path == "purpose"),
        actor=_reference(values["actor.reference"]) if "actor.reference" in values else None,
        period=None if start is None or end is None else (start, end),
        data=frozenset(zip(meanings, targets, strict=True)),
        labels=frozenset(_code(value) for path, value in lines if path == "securityLabel"),
    )


def _code(value: str) -> str:
    return value.rsplit("#", 1)[1].split(maxsplit=1)[0]


def _reference(value: str) -> str:
    return value.rsplit("/", 1)[1].rstrip(")")


def noted_residual(folder: Path, consent_id: str) -> list[Provision] | None:
    """The residual rules that the notes of a consent print; ``None`` when they print none."""
    path = folder / f"Consent-{consent_id}-notes.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r'"residual"\s*:\s*(\[.*\])\s*\}', text, flags=re.DOTALL)
    if found is None:
        return None
    rules = json.loads(re.sub(r",(\s*[}\]])", r"\1", found[1]))
    return [
        Provision(
            permit=rule["type"] == "permit",
            period=(rule["dataPeriod"]["start"], rule["dataPeriod"]["end"]) if "dataPeriod" in rule else None,
            data=frozenset(
                (each["meaning"], each["reference"]["reference"].rsplit("/", 1)[1]) for each in rule.get("data", [])
            ),
            labels=frozenset(each["code"] for each in rule.get("securityLabel", [])),
        )
        for rule in rules
    ]


def records(folder: Path) -> dict[str, Fact]:
    """The clinical records of ex-sensitive.fsh by id, as far as a ``Fact`` tells them."""
    found = {}
    for name, lines in instances((folder / "ex-sensitive.fsh").read_text(encoding="utf-8")).items():
        values = dict(lines)
        if "subject" in values:
            labels = frozenset(_code(value) for path, value in lines if path.startswith("meta.security"))
            codes = [value for path, value in lines if re.fullmatch(r"code(\.coding\[\w+\])?", path)]
            categories = [value for path, value in lines if path.startswith("category")]
            found[name] = Fact(
                name,
                labels - {"HTEST"},
                values["effectiveDateTime"][:10] if "effectiveDateTime" in values else None,
                _reference(values["performer"]) if "performer" in values else None,
                _reference(values["encounter"]) if "encounter" in values else None,
                *([_code(codes[0])] if codes else []),
                *([_code(categories[0])] if categories else []),
            )
    return found
