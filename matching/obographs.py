"""Read an ontology in the OBO Graphs JSON format (the file ``hp.json`` of the Human Phenotype Ontology).

Source: https://github.com/geneontology/obographs
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from matching.errors import VocabularyInvalid
from matching.obo import LAY_TYPE, SKIPPED_TYPES
from matching.term import Ontology, Term

_OBO = "http://purl.obolibrary.org/obo/"
_ALTERNATIVE = "http://www.geneontology.org/formats/oboInOwl#hasAlternativeId"
_REPLACED_BY = _OBO + "IAO_0100001"


def read_obographs(text: str, *, prefix: str = "HP") -> Ontology:
    """The terms of ``text`` whose ids begin with ``prefix``. Raises ``VocabularyInvalid`` on anything else."""
    try:
        graph = json.loads(text)["graphs"][0]
        return _ontology(graph, prefix + ":")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise VocabularyInvalid("this is not an ontology in OBO Graphs JSON; take an unaltered release") from None


def _ontology(graph: dict[str, Any], prefix: str) -> Ontology:
    parents: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        if edge["pred"] == "is_a":
            parents.setdefault(_curie(edge["sub"]), []).append(_curie(edge["obj"]))
    terms: dict[str, Term] = {}
    replaced: dict[str, str] = {}
    for node in graph["nodes"]:
        term_id = _curie(node["id"])
        if not term_id.startswith(prefix):
            continue
        meta = node.get("meta", {})
        if meta.get("deprecated"):
            replaced.update((term_id, new) for new in list(_values(meta, _REPLACED_BY))[:1])
            continue
        replaced.update((old, term_id) for old in _values(meta, _ALTERNATIVE))
        terms[term_id] = _term(term_id, node.get("lbl", term_id), meta, tuple(parents.get(term_id, ())))
    if not terms:
        raise VocabularyInvalid("this file holds no term of the vocabulary; take a complete release")
    version = str(graph.get("meta", {}).get("version", "unknown"))
    return Ontology(version.removesuffix("/hp.json").rpartition("/")[2], terms, replaced)


def _term(term_id: str, label: str, meta: dict[str, Any], parents: tuple[str, ...]) -> Term:
    names: dict[bool, list[str]] = {False: [], True: []}
    for synonym in meta.get("synonyms", ()):
        kind = _curie(synonym.get("synonymType", "")).rpartition("#")[2]
        if kind not in SKIPPED_TYPES:
            names[kind == LAY_TYPE].append(synonym["val"])
    return Term(
        id=term_id,
        label=label,
        synonyms=tuple(names[False]),
        lay_synonyms=tuple(names[True]),
        parents=parents,
        xrefs=tuple(xref["val"] for xref in meta.get("xrefs", ())),
        definition=meta.get("definition", {}).get("val", ""),
    )


def _values(meta: dict[str, Any], predicate: str) -> Iterator[str]:
    """Ids that a property names, in their short form."""
    return (_curie(each["val"]) for each in meta.get("basicPropertyValues", ()) if each["pred"] == predicate)


def _curie(iri: str) -> str:
    """``HP:0000001`` of ``http://purl.obolibrary.org/obo/HP_0000001``; anything else as it is."""
    return iri.removeprefix(_OBO).replace("_", ":", 1) if iri.startswith(_OBO) and "#" not in iri else iri
