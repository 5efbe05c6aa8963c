"""A few made-up terms whose weights can be reckoned by hand, and random hierarchies."""

from __future__ import annotations

from hypothesis import strategies as st

from matching.annotations import Annotations
from matching.term import Ontology, Term
from matching.vocabulary import ROOT, Vocabulary


def vocabulary(parents: dict[str, tuple[str, ...]], diseases: dict[str, dict[str, float]]) -> Vocabulary:
    terms = {term: Term(term, f"label of {term}", parents=above) for term, above in parents.items()}
    return Vocabulary(Ontology("made up", terms), lambda: Annotations(diseases))


@st.composite
def random_vocabularies(draw: st.DrawFn) -> Vocabulary:
    """Up to 15 terms below the root, each under one to three earlier ones; up to 6 diseases."""
    ids = [ROOT, *(f"HP:{number:07}" for number in range(2, draw(st.integers(3, 16))))]
    parents: dict[str, tuple[str, ...]] = {ROOT: ()}
    for at, term in enumerate(ids[1:], start=1):
        above = draw(st.lists(st.sampled_from(ids[:at]), min_size=1, max_size=3, unique=True))
        parents[term] = tuple(above)
    annotated = st.dictionaries(st.sampled_from(ids), st.floats(0.01, 1), min_size=1, max_size=4)
    diseases = draw(st.dictionaries(st.sampled_from([f"OMIM:{n}" for n in range(6)]), annotated, max_size=6))
    return vocabulary(parents, diseases)


def ids_of(vocabulary: Vocabulary) -> st.SearchStrategy[list[str]]:
    """Lists of ids, known and unknown, with repeats."""
    known = st.sampled_from([term.id for term in vocabulary])
    unknown = st.sampled_from(["HP:9999998", "HP:9999999", "ORPHA:1", "X"])
    return st.lists(known | unknown, max_size=6)
