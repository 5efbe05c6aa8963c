"""Labels of terms in other languages, from the translation files of the Human Phenotype Ontology (Babelon tables).

Source: obophenotype/human-phenotype-ontology, ``src/translations/hp-XX-preprocessed.babelon.tsv``; format at
https://github.com/monarch-initiative/babelon
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from matching.datafile import read_text
from matching.errors import VocabularyInvalid, VocabularyMissing
from matching.lookup import Lookup
from matching.term import Term
from matching.vocabulary import Vocabulary

ENGLISH = "en"
_COLUMNS = ("subject_id", "predicate_id", "translation_language", "translation_value", "translation_status")
_file_name = re.compile(r"hp-([a-z]{2,3})[-.].*babelon\.tsv(\.gz|\.xz)?").fullmatch


@dataclass(frozen=True)
class Translation:
    """A label in another language. ``official``: confirmed by people; otherwise a candidate, often by a machine."""

    text: str
    official: bool


@dataclass(frozen=True)
class Languages:
    """The translation files of one folder; each is read when its language is first asked for."""

    files: Mapping[str, Path]
    _read: dict[str, Mapping[str, Translation]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_folder(cls, folder: Path) -> Languages:
        """The files ``hp-XX*.babelon.tsv`` (also ``.gz``, ``.xz``) of ``folder``. Raises ``VocabularyMissing``."""
        if not folder.is_dir():
            raise VocabularyMissing(
                f"there is no folder of translations named {folder.name}; give the one you unpacked"
            )
        found = ((_file_name(path.name), path) for path in sorted(folder.iterdir()))
        return cls({name[1]: path for name, path in found if name})

    def __iter__(self) -> Iterator[str]:
        """Two-letter codes (ISO 639-1) of the languages at hand, English first."""
        return iter((ENGLISH, *sorted(self.files.keys() - {ENGLISH})))

    def translation(self, vocabulary: Vocabulary, term_id: str, language: str) -> Translation | None:
        """The label in ``language``; ``None`` where nobody translated the term."""
        return self._labels(vocabulary, language).get(vocabulary.canonical_id(term_id))

    def label(self, vocabulary: Vocabulary, term_id: str, language: str = ENGLISH) -> str:
        """The label in ``language``, else the English one, else (an unknown term) the id.

        Raises ``VocabularyMissing`` for a language without a file.
        """
        if language != ENGLISH and (found := self.translation(vocabulary, term_id, language)):
            return found.text
        term = vocabulary.term(term_id)
        return term.label if term else vocabulary.canonical_id(term_id)

    def lookup(self, vocabulary: Vocabulary, language: str) -> Lookup:
        """A lookup over the labels in ``language``; its terms bear that label and keep their ids.

        Raises ``VocabularyMissing`` for a language without a file.
        """
        if language == ENGLISH:
            return Lookup(vocabulary)
        labels = self._labels(vocabulary, language)
        return Lookup(
            Term(term.id, labels[term.id].text, parents=term.parents) for term in vocabulary if term.id in labels
        )

    def _labels(self, vocabulary: Vocabulary, language: str) -> Mapping[str, Translation]:
        if language not in self._read:
            if language not in self.files:
                raise VocabularyMissing(f"there are no labels in that language here; at hand: {', '.join(self)}")
            labels: dict[str, Translation] = {}
            for term_id, translation in read_translations(read_text(self.files[language]), language):
                current = vocabulary.canonical_id(term_id)
                # A merged id's label must not displace that of the term it was merged into.
                if current == term_id or current not in labels:
                    labels[current] = translation
            self._read[language] = labels
        return self._read[language]


def read_translations(text: str, language: str) -> Iterator[tuple[str, Translation]]:
    """Term id and label of each translated label in ``text``. Raises ``VocabularyInvalid`` on another kind of file."""
    lines = iter(text.split("\n"))
    header = next(lines).split("\t")
    if not set(_COLUMNS) <= set(header):
        raise VocabularyInvalid("this is no Babelon table of translations: columns are missing")
    term_at, predicate_at, language_at, value_at, status_at = (header.index(name) for name in _COLUMNS)
    for line in lines:
        cells = line.split("\t")
        if len(cells) != len(header):
            continue  # a comment with a line break in it: the rest of one row
        if cells[predicate_at] == "rdfs:label" and cells[language_at] == language and cells[value_at].strip():
            yield cells[term_at], Translation(cells[value_at].strip(), cells[status_at] == "OFFICIAL")
