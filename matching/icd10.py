"""Chapter 18 of ICD-10-CM (R00 to R99: symptoms and signs) as terms, from the package ``simple-icd-10-cm``.

The package reads the whole classification when it is imported (seconds), so it is imported when a code of the chapter
is first asked for.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from types import ModuleType

from matching.errors import VocabularyMissing
from matching.term import Ontology, Term

ROOT = "R00-R99"
"""The chapter itself; the package calls it by its number."""
_CHAPTER = "18"
_code = re.compile(r"R\d[0-9A-Z](\.?[0-9A-Z]{1,4})?|R\d\d-R\d\d").fullmatch


def looks_like_symptom_code(code: str) -> bool:
    """Whether ``code`` (upper case) has the form of a code or block of the chapter; it need not exist."""
    return _code(code) is not None


def dotted(code: str) -> str:
    """``R51.9`` of ``R519``: ICD-10-CM codes stand with and without their dot."""
    return code if "-" in code or "." in code or len(code) <= 3 else f"{code[:3]}.{code[3:]}"


@cache
def chapter_r() -> Ontology:
    """Blocks and codes of the chapter; a term's synonyms are its inclusion terms. Raises ``VocabularyMissing``."""
    icd = _package()
    terms = {ROOT: Term(ROOT, icd.get_description(_CHAPTER))}
    for code in icd.get_descendants(_CHAPTER):
        # R99 is a block of its own single code: the two share a name, and here a term.
        parent = icd.get_parent(code, prioritize_blocks=True)
        terms[code] = Term(
            id=code,
            label=icd.get_description(code).removesuffix(f" ({code})"),
            synonyms=tuple(icd.get_inclusion_term(code)),
            parents=(ROOT if parent == _CHAPTER else parent,),
        )
    return Ontology("ICD-10-CM", terms)


def _package() -> ModuleType:
    try:
        return import_module("simple_icd_10_cm")
    except ImportError:
        raise VocabularyMissing(
            "ICD-10-CM codes need the Python package simple-icd-10-cm; install it with pip"
        ) from None
