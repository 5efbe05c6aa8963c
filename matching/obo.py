"""Read an ontology in the OBO flat file format 1.4 (the file ``hp.obo`` of the Human Phenotype Ontology).

Only what a vocabulary needs is taken: names, parents (``is_a``), codes elsewhere, and ids that were merged or replaced.
Source: https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html
"""

from __future__ import annotations

import re

from matching.errors import VocabularyInvalid
from matching.term import Ontology, Term

LAY_TYPE = "layperson"
SKIPPED_TYPES = frozenset({"obsolete_synonym", "HP:0034334"})
"""Discarded names, and the codes for modes of inheritance (``HP:0034334``), which nobody says or types."""

_synonym = re.compile(r'"((?:[^"\\]|\\.)*)" (\w+) ?([^ \[]*)').match
_quoted = re.compile(r'"((?:[^"\\]|\\.)*)"').match
_unescape = re.compile(r"\\(.)").sub


def read_obo(text: str) -> Ontology:
    """The ontology in ``text``. Raises ``VocabularyInvalid`` when it is no OBO file or has no live term."""
    header, *stanzas = re.split(r"\n\s*\n\[", text)
    if not header.startswith("format-version:"):
        raise VocabularyInvalid("this is not an OBO file: it does not start with its format version")
    version = next((line[14:] for line in header.split("\n") if line.startswith("data-version: ")), "unknown")
    terms: dict[str, Term] = {}
    replaced: dict[str, str] = {}
    for stanza in stanzas:
        if stanza.startswith("Term]"):
            _read_term(stanza, terms, replaced)
    if not terms:
        raise VocabularyInvalid("this OBO file holds no term; take a complete release of the ontology")
    return Ontology(version.rpartition("/")[2], terms, replaced)


def _read_term(stanza: str, terms: dict[str, Term], replaced: dict[str, str]) -> None:
    fields: dict[str, list[str]] = {}
    for line in stanza.split("\n")[1:]:
        key, _, value = line.partition(": ")
        fields.setdefault(key, []).append(value)
    try:
        (term_id,) = fields["id"]
    except (KeyError, ValueError):
        raise VocabularyInvalid("a term of this OBO file has no id or two; take an unaltered release") from None
    if fields.get("is_obsolete") == ["true"]:
        # ``consider`` only suggests; a replacement is one by name.
        replaced.update((term_id, new) for new in fields.get("replaced_by", ())[:1])
        return
    replaced.update((old, term_id) for old in fields.get("alt_id", ()))
    names: dict[bool, list[str]] = {False: [], True: []}
    for value in fields.get("synonym", ()):
        if (found := _synonym(value)) and found[3] not in SKIPPED_TYPES:
            names[found[3] == LAY_TYPE].append(_plain(found[1]))
    defined = _quoted(fields.get("def", [""])[0])
    terms[term_id] = Term(
        id=term_id,
        label=_plain(fields.get("name", [term_id])[0]),
        synonyms=tuple(names[False]),
        lay_synonyms=tuple(names[True]),
        parents=tuple(value.split(" ", 1)[0] for value in fields.get("is_a", ())),
        xrefs=tuple(value.split(" ", 1)[0] for value in fields.get("xref", ())),
        definition=_plain(defined[1]) if defined else "",
    )


def _plain(text: str) -> str:
    return _unescape(lambda found: "\n" if found[1] == "n" else found[1], text) if "\\" in text else text
