# ruff: noqa: SIM905  (lists of names read better as text)
"""The consents of IHE Privacy Consent on FHIR as a table: what each permits, and how a patient of ChartSeal says it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clinic.requests import Access
from scheme.scopes import Category
from tests.clinic.consent_pcf import FACTS, LATER, Asks, Fact
from tests.clinic.scene import EVERYTHING

PRACTITIONER = Asks("ex-practitioner", "TREAT", frozenset({"ex-privilegedUsers"}))
EMERGENCY = Asks("ex-practitioner", "BTG", frozenset({"ex-privilegedUsers"}))
COLLEAGUE = Asks("ex-colleague", "TREAT")
RESEARCH = Asks("ex-university", "HRESCH")
PROJECT = Asks("ex-org-researcher", "FooBar")
EVERYBODY = (PRACTITIONER, EMERGENCY, COLLEAGUE, RESEARCH, PROJECT)
TREATING = (PRACTITIONER, COLLEAGUE)
CARE = (PRACTITIONER, EMERGENCY, COLLEAGUE)

Names = Collection[str]


class Outcome(StrEnum):
    """What becomes of a consent: said exactly, said with less access than it permits, or not sayable."""

    EXACT = "exact"
    OVER_RESTRICTS = "over-restricts"
    NOT_EXPRESSIBLE = "not expressible"


@dataclass(frozen=True)
class Give:
    """A grant to each of ``to``: of ``access``, or of the blocks that hold nothing but ``chosen`` records."""

    to: tuple[Asks, ...]
    access: Access = EVERYTHING
    chosen: Callable[[Fact], bool] | None = None
    until: int | None = None


@dataclass(frozen=True)
class Row:
    """A consent: the records it permits, how a patient of ChartSeal says it, and which it then denies needlessly."""

    permits: Mapping[Asks, Names]
    gives: tuple[Give, ...]
    outcome: Outcome = Outcome.EXACT
    denies: Mapping[Asks, Names] = field(default_factory=dict)


def each(people: tuple[Asks, ...], permitted: Names) -> dict[Asks, Names]:
    return dict.fromkeys(people, permitted)


ALL = frozenset(FACTS)
NORMAL = frozenset(
    "ex-encounter ex-bloodSugar ex-bloodPressure ex-weight ex-weight-2 weight-3 late-result late-weight "
    "next-weight".split()
)
RESTRICTED = frozenset("ex-alcoholUse drinking mood assault hiv next-drinking next-mood".split())
IN_2022 = frozenset("ex-alcoholUse drinking weight-3 late-result".split())
BY_PRACTITIONER = frozenset("weight-3 assault very-private late-weight next-weight".split())
IN_ENCOUNTER = frozenset(
    "ex-encounter ex-alcoholUse ex-bloodSugar ex-bloodPressure ex-weight ex-weight-2 drinking late-result".split()
)
LISTED = frozenset("ex-encounter ex-weight-2 ex-weight ex-bloodPressure ex-bloodSugar ex-alcoholUse".split())
LATER_NAMES = frozenset(fact.name for fact in LATER)

OPEN = Access(frozenset(Category) - {Category.MENTAL_HEALTH, Category.REPRODUCTIVE})
NOT_MENTAL = Access(frozenset(Category) - {Category.MENTAL_HEALTH})
END_OF_2022 = 1_672_531_200

COMPLETE = Row(each(CARE, ALL), (Give(TREATING),))
NORMAL_ONLY = Row(each(CARE, NORMAL), (Give(TREATING, OPEN),))


def chosen(criterion: Callable[[Fact], bool], to: tuple[Asks, ...] = TREATING) -> Give:
    return Give(to, chosen=criterion)


def less(permitted: Names, denied: Names, *gives: Give) -> Row:
    """Everybody in care is permitted ``permitted`` and is denied ``denied`` of it."""
    return Row(each(CARE, permitted), gives, Outcome.OVER_RESTRICTS, each(CARE, denied))


def focused(more: Names, denied: Names, criterion: Callable[[Fact], bool]) -> Row:
    """Normal for everybody in care; ``more`` for the practitioner, less ``denied``."""
    theirs = (PRACTITIONER, EMERGENCY)
    return Row(
        each(theirs, NORMAL | frozenset(more)) | {COLLEAGUE: NORMAL},
        (Give(TREATING, OPEN), chosen(criterion, (PRACTITIONER,))),
        Outcome.OVER_RESTRICTS,
        each(theirs, denied),
    )


TABLE: dict[str, Row] = {
    "ex-consent-basic-treat": COMPLETE,
    "ex-consent-basic-treat-infant": COMPLETE,
    "ex-consent-basic-ink": COMPLETE,
    "ex-consent-expired-treat": Row({}, (Give(TREATING, until=END_OF_2022),)),
    "ex-consent-basic-reject": Row({}, ()),
    "ex-consent-basic-research": Row(each((RESEARCH, PROJECT), ALL), (Give((RESEARCH, PROJECT)),)),
    "ex-consent-intermediate-timeframe": less(IN_2022, {"late-result"}, chosen(lambda fact: fact.year == 2022)),
    "ex-consent-intermediate-not-timeframe": less(
        ALL - IN_2022, {"late-weight"}, Give(TREATING, Access(since=2023)), chosen(lambda fact: fact.year != 2022)
    ),
    "ex-consent-intermediate-authoredby": less(
        BY_PRACTITIONER, {"late-weight", "next-weight"}, chosen(lambda fact: fact.author == "ex-practitioner")
    ),
    "ex-consent-intermediate-not-authoredby": less(
        ALL - BY_PRACTITIONER,
        {"late-result", "next-drinking", "next-mood"},
        chosen(lambda fact: fact.author != "ex-practitioner"),
    ),
    "ex-consent-intermediate-encounter": less(
        IN_ENCOUNTER, {"late-result"}, chosen(lambda fact: "ex-encounter" in (fact.name, fact.visit))
    ),
    "ex-consent-intermediate-not-encounter": less(
        ALL - IN_ENCOUNTER,
        LATER_NAMES - IN_ENCOUNTER,
        chosen(lambda fact: "ex-encounter" not in (fact.name, fact.visit)),
    ),
    "ex-consent-intermediate-data": less(LISTED, {"ex-alcoholUse"}, chosen(lambda fact: fact.name in LISTED)),
    "ex-consent-intermediate-not-data": less(
        ALL - {"ex-alcoholUse"},
        {"drinking", "next-drinking", "next-mood"},
        Give(TREATING, NOT_MENTAL),
        chosen(lambda fact: fact.name != "ex-alcoholUse"),
    ),
    "ex-consent-intermediate-purpose": Row({PROJECT: ALL}, (Give((PROJECT,)),)),
    "ex-dissent-intermediate-break-glass": Row({EMERGENCY: ALL}, (), Outcome.NOT_EXPRESSIBLE, {EMERGENCY: ALL}),
    "ex-consent-advanced-normal": NORMAL_ONLY,
    "ex-consent-advanced-normal-not-restricted": NORMAL_ONLY,
    "ex-consent-advanced-normal-restricted": less(
        NORMAL | RESTRICTED,
        {"next-drinking", "next-mood"},
        Give(TREATING, OPEN),
        chosen(lambda fact: "R" in fact.labels),
    ),
    "ex-consent-advanced-normal-focused-restricted": focused(
        RESTRICTED, {"next-drinking", "next-mood"}, lambda fact: "R" in fact.labels
    ),
    "ex-consent-advanced-normal-focused-psy": focused(
        {"mood", "next-mood"}, {"next-mood"}, lambda fact: "PSY" in fact.labels
    ),
    "ex-consent-advanced-normal-focused-psy-or-sdv": focused(
        {"mood", "assault", "next-mood"}, {"next-mood"}, lambda fact: bool({"PSY", "SDV"} & fact.labels)
    ),
    "ex-consent-advanced-normal-break-glass-restricted": Row(
        each(TREATING, NORMAL) | {EMERGENCY: NORMAL | RESTRICTED},
        (Give(TREATING, OPEN),),
        Outcome.NOT_EXPRESSIBLE,
        {EMERGENCY: RESTRICTED},
    ),
}
