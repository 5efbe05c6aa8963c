"""Terms of the coded conditions in FHIR R4 records, as far as the vocabulary's own cross-references say.

A code becomes a term only when the ontology names the code with exactly one term, or with terms of which one is above
all others; what it names with several unrelated terms is left to the patient. Codes of ICD-10-CM's symptom chapter
are terms of their own when the ontology does not name them. Nothing else is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from matching.errors import SymptomInvalid
from matching.icd10 import dotted, looks_like_symptom_code
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary

SYSTEMS: Mapping[str, tuple[str, ...]] = {
    "http://snomed.info/sct": ("SNOMEDCT_US", "SNOMED_CT"),
    "http://hl7.org/fhir/sid/icd-10": ("ICD-10", "ICD10"),
    "http://hl7.org/fhir/sid/icd-10-cm": ("ICD-10", "ICD10"),
    "http://hl7.org/fhir/sid/icd-9-cm": ("ICD-9", "ICD9"),
    "http://www.nlm.nih.gov/research/umls": ("UMLS",),
    "http://terminology.hl7.org/CodeSystem/umls": ("UMLS",),
    "https://www.meddra.org": ("MEDDRA",),
    "http://terminology.hl7.org/CodeSystem/mdr": ("MEDDRA",),
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": ("NCIT",),
}
"""FHIR code system -> prefixes of the ontology's cross-references to it."""

HPO_SYSTEMS = frozenset({"http://human-phenotype-ontology.org", "http://purl.obolibrary.org/obo/hp.owl"})
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"

_OVER = frozenset({"inactive", "remission", "resolved"})
_NOT_SO = "refuted"
_NO_RECORD = "entered-in-error"


@dataclass(frozen=True)
class CodedTerm:
    """A term and the FHIR coding it was read from; ``excluded`` when the condition was refuted."""

    term: str
    system: str
    code: str = field(repr=False)
    excluded: bool = False


class CodeMap:
    """From codes of other vocabularies to terms."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        named: dict[str, set[str]] = defaultdict(set)
        for term in vocabulary:
            for xref in term.xrefs:
                named[xref].add(term.id)
        self._terms = {xref: found for xref, terms in named.items() if (found := self._topmost(terms))}

    def term(self, system: str, code: str) -> str | None:
        """The term that stands for ``code`` of the FHIR code system ``system``; ``None`` where no map says."""
        try:
            if system in HPO_SYSTEMS:
                return self._vocabulary.canonical_id(code)
            for prefix in SYSTEMS.get(system, ()):
                if found := self._terms.get(f"{prefix}:{code}"):
                    return found
            if system == ICD_10_CM and looks_like_symptom_code(dotted(code.upper())):
                symptom = self._vocabulary.term(code)
                return symptom.id if symptom else None
        except SymptomInvalid:
            return None
        return None

    def _topmost(self, terms: set[str]) -> str | None:
        above_all = [term for term in terms if all(term in self._vocabulary.ancestors(o) for o in terms - {term})]
        return above_all[0] if len(above_all) == 1 else None


def coded_terms(
    resources: Iterable[Mapping[str, Any]], codes: CodeMap, *, current_only: bool = True
) -> Iterator[CodedTerm]:
    """Terms of the Condition resources among ``resources`` (parsed JSON), in their order, repeats included.

    Conditions entered in error are passed over, and with ``current_only`` those that are over (resolved, inactive, in
    remission). Whatever is not shaped like a Condition is passed over too: records come from anywhere.
    """
    for resource in resources:
        if not isinstance(resource, Mapping) or resource.get("resourceType") != "Condition":
            continue
        verified = _status(resource, "verificationStatus")
        if _NO_RECORD in verified or (current_only and _OVER & _status(resource, "clinicalStatus")):
            continue
        for system, code in _codings(resource.get("code")):
            if term := codes.term(system, code):
                yield CodedTerm(term, system, code, excluded=_NOT_SO in verified)


def terms_of_records(resources: Iterable[Mapping[str, Any]], codes: CodeMap, *, current_only: bool = True) -> list[str]:
    """Ids of the terms that the conditions among ``resources`` stand for, without refuted ones, sorted."""
    found = coded_terms(resources, codes, current_only=current_only)
    return sorted({each.term for each in found if not each.excluded})


def symptoms_of_records(
    resources: Iterable[Mapping[str, Any]], vocabulary: Vocabulary, codes: CodeMap, *, current_only: bool = True
) -> Symptoms:
    """The same as observed and, where refuted, excluded terms. Raises what ``Symptoms.of`` raises."""
    found = list(coded_terms(resources, codes, current_only=current_only))
    observed = [each.term for each in found if not each.excluded]
    return Symptoms.of(vocabulary, observed, (each.term for each in found if each.excluded))


def _status(resource: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(code for _, code in _codings(resource.get(name)))


def _codings(concept: object) -> Iterator[tuple[str, str]]:
    codings = concept.get("coding") if isinstance(concept, Mapping) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, Mapping):
            system, code = coding.get("system", ""), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield system, code
