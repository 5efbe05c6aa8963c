# ruff: noqa: SIM905  (tables of names read better as text)
"""The category of a resource by its own type, codes, labels and words; what it refers to is in ``references``.

Order, strictest first: see ``STRICTEST_FIRST``. Unknown types are clinical, so that nothing new is read by mistake.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from clinic.fhir.mentions import Mentions
from clinic.fhir.sensitivity import label, sensitive_code, terminology
from clinic.fhir.words import sensitive_words
from scheme.scopes import Category

STRICTEST_FIRST: Final = (
    Category.MENTAL_HEALTH,
    Category.REPRODUCTIVE,
    Category.CLINICAL,
    Category.MEDICATION,
    Category.LABORATORY,
    Category.IMAGING,
    Category.IMMUNISATION,
    Category.DEVICE,
    Category.DEMOGRAPHICS,
    Category.BILLING,
    Category.OTHER,
)
SENSITIVE: Final = frozenset((Category.MENTAL_HEALTH, Category.REPRODUCTIVE))
_RANK: Final = {category: rank for rank, category in enumerate(STRICTEST_FIRST)}

_TYPES: Final = {
    Category.DEMOGRAPHICS: "Patient Person RelatedPerson",
    Category.MEDICATION: "Medication MedicationRequest MedicationStatement MedicationAdministration MedicationDispense "
    "MedicationKnowledge",
    Category.LABORATORY: "Specimen MolecularSequence",
    Category.IMAGING: "ImagingStudy",
    Category.IMMUNISATION: "Immunization ImmunizationEvaluation ImmunizationRecommendation",
    Category.DEVICE: "Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement",
    Category.BILLING: "Account ChargeItem Claim ClaimResponse Coverage CoverageEligibilityRequest "
    "CoverageEligibilityResponse EnrollmentRequest EnrollmentResponse ExplanationOfBenefit InsurancePlan Invoice "
    "PaymentNotice PaymentReconciliation",
    Category.OTHER: "Organization OrganizationAffiliation Practitioner PractitionerRole Location HealthcareService "
    "Endpoint",
}
_CATEGORY_OF_TYPE: Final = {name: category for category, names in _TYPES.items() for name in names.split()}

# ``category`` of Observation and DiagnosticReport: FHIR observation-category and HL7 v2 table 0074; all else clinical.
_CATEGORY_OF_CODE: Final = {
    **dict.fromkeys("laboratory LAB CH HM MB BLB SR TX VR MCB MYC".split(), Category.LABORATORY),
    **dict.fromkeys("imaging RAD RX RUS CT CUS IMG MRI NMR NMS OUS VUS XRC".split(), Category.IMAGING),
}

# Visits as such: a bill for one of these tells no more than that somebody was seen.
_MERE_VISITS: Final = frozenset(
    "185349003 185345009 185347001 308335008 390906007 698314001 50849002 183452005 371883000 316744009 270427003 "
    "308540004 32485007 99202 99203 99204 99205 99211 99212 99213 99214 99215 99281 99282 99283 99284 99285".split()
)
_CARE: Final = frozenset(
    (Category.MEDICATION, Category.LABORATORY, Category.IMAGING, Category.IMMUNISATION, Category.DEVICE)
)
_KIND_OF_SERVICE: Final = {
    "drug": Category.MEDICATION,
    "atc": Category.MEDICATION,
    "vaccine": Category.IMMUNISATION,
    "loinc": Category.LABORATORY,
    "snomed": Category.CLINICAL,
    "icd10": Category.CLINICAL,
    "billed": Category.CLINICAL,
}
_NAMING_KEYS: Final = frozenset(
    "code productOrService productOrServiceEnd diagnosisCodeableConcept procedureCodeableConcept".split()
)
_FREE_TEXT_KEYS: Final = frozenset("div note processNote valueString valueAttachment".split())


def stricter(one: Category, other: Category) -> Category:
    """The stricter of two categories."""
    return one if _RANK[one] <= _RANK[other] else other


def category_of_type(resource: dict[str, Any]) -> Category:
    """Category by resource type, and for Observation and DiagnosticReport by their ``category``."""
    name = resource["resourceType"]
    if name not in ("Observation", "DiagnosticReport"):
        return _CATEGORY_OF_TYPE.get(name, Category.CLINICAL)
    found: set[Category] = set()
    concepts = resource.get("category", [])
    for concept in concepts if isinstance(concepts, list) else [concepts]:
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else []:
            code = coding.get("code") if isinstance(coding, dict) else None
            found.add(_CATEGORY_OF_CODE.get(code, Category.CLINICAL) if isinstance(code, str) else Category.CLINICAL)
    return min(found, key=_RANK.__getitem__, default=Category.CLINICAL)


@dataclass(slots=True)
class Categoriser:
    """Categories of the resources of one bundle; remembers what a code or a text meant, for that bundle only."""

    _codes: dict[tuple[str, str, str], tuple[Category | None, Category | bool]] = field(default_factory=dict)
    _words: dict[str, Category | None] = field(default_factory=dict)

    def category(self, resource: dict[str, Any], named: Mentions) -> Category:
        """The category of ``resource`` by itself.

        A label decides; "restricted" without a topic keeps the sensitive topic found, else means the strictest. A
        Patient is demographics whatever its text says, since every record refers to it.
        """
        base = category_of_type(resource)
        topic, labelled, restricted = self._read(named)
        if labelled is not None:
            return labelled
        if resource["resourceType"] == "Patient":
            topic = None
        if restricted:
            return topic or STRICTEST_FIRST[0]
        if topic is not None:
            return topic
        if base is Category.BILLING:
            return _billed(resource, named)
        return Category.CLINICAL if base in _CARE and _gives_a_reason(resource) else base

    def _read(self, named: Mentions) -> tuple[Category | None, Category | None, bool]:
        topics: set[Category | None] = set()
        labels: set[Category | bool] = set()
        codes, words = self._codes, self._words
        for coding in named.codes:
            meaning = codes.get(coding)
            if meaning is None:
                holder, system, code = coding
                in_security = holder == "security"
                topic = sensitive_code(system, code) or sensitive_words(code)
                meaning = codes[coding] = (topic, label(system, code, in_security=in_security))
            topics.add(meaning[0])
            labels.add(meaning[1])
        for text in named.words:
            if text in words:
                topics.add(words[text])
            else:
                words[text] = sensitive_words(text)
                topics.add(words[text])
        return _strictest(topics), _strictest(labels), True in labels


def _strictest(found: set[Category | None] | set[Category | bool]) -> Category | None:
    return next((category for category in STRICTEST_FIRST if category in found), None)


def _billed(resource: dict[str, Any], named: Mentions) -> Category:
    """A bill takes the category of the services, diagnoses and products it codes; of a mere visit it stays a bill."""
    category = Category.BILLING
    for _, system, code in named.codes:
        kind = _KIND_OF_SERVICE.get(terminology(system) or "")
        if kind is not None and not (kind is Category.CLINICAL and code in _MERE_VISITS):
            category = stricter(category, kind)
    if category is not Category.CLINICAL and _names_in_its_own_way(resource):
        return Category.CLINICAL
    return category


def _names_in_its_own_way(resource: dict[str, Any]) -> bool:
    """Whether a bill has free text, or names a service or diagnosis by text or in a code system not known here."""
    pending: list[tuple[str, Any]] = [("", resource)]
    while pending:
        holder, node = pending.pop()
        if type(node) is list:
            pending.extend([(holder, one) for one in node if type(one) is not str])
            continue
        if type(node) is not dict:
            continue
        if holder in _NAMING_KEYS and not _is_known(node):
            return True
        for key, value in node.items():
            if key in _FREE_TEXT_KEYS:
                return True
            if type(value) is not str:
                pending.append((key, value))
    return False


def _is_known(concept: object) -> bool:
    """Whether what a concept names is all said by a code of a known system, with no other text beside it."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(concept, dict) or not isinstance(codings, list):
        return False
    known = [coding for coding in codings if isinstance(coding, dict)]
    text = concept.get("text")
    return any(terminology(str(coding.get("system"))) in _KIND_OF_SERVICE for coding in known) and (
        text is None or any(text == coding.get("display") for coding in known)
    )


def _gives_a_reason(resource: dict[str, Any]) -> bool:
    """Whether a prescription, image, vaccination, ... names its reason in clear; a bare reference does not."""
    reasons = resource.get("reasonReference")
    named = [reason for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []
    return "reasonCode" in resource or any("display" in reason for reason in named)
