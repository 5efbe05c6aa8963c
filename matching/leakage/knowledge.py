"""What an attacker knows of patients: some drawn from public disease annotations, or half of the published cases."""

from __future__ import annotations

import random
from collections.abc import Sequence

from matching.accuracy_cases import MIN_TERMS, Case
from matching.vocabulary import Vocabulary


def drawn(vocabulary: Vocabulary, count: int, seed: int, *, diseases: int | None = None) -> tuple[Case, ...]:
    """``count`` made-up patients of random diseases, each with the disease's terms as often as annotations say.

    Terms of a patient are independent. Every patient is a publication of her own. ``diseases`` takes that many.
    """
    # Repeatable draws: what is drawn is not secret.
    chosen = random.Random(seed)  # noqa: S311
    known = {
        disease: {
            term: share
            for given, share in terms.items()
            if not vocabulary.is_root(term := vocabulary.canonical_id(given))
        }
        for disease, terms in vocabulary.annotations.diseases.items()
    }
    names = sorted(name for name, terms in known.items() if sum(terms.values()) > MIN_TERMS)
    if diseases is not None:
        names = chosen.sample(names, min(diseases, len(names)))
    cases: list[Case] = []
    while names and len(cases) < count:
        disease = chosen.choice(names)
        terms = tuple(term for term, share in known[disease].items() if chosen.random() < share)
        if len(terms) >= MIN_TERMS:
            name = f"drawn-{len(cases)}"
            cases.append(Case(name, disease, frozenset([name]), terms, ()))
    return tuple(cases)


def halves(cases: Sequence[Case], seed: int, *, by_publication: bool) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The half that the attacker knows, and the one that the index holds.

    ``by_publication`` keeps cases of one publication in one half. Without it most patients of the index have others of
    their own publication, described by the same hand, in the attacker's half: the worst case.
    """
    group = {case.id: min(case.publications, default=case.id) if by_publication else case.id for case in cases}
    groups = sorted(set(group.values()))
    random.Random(seed).shuffle(groups)  # noqa: S311 - repeatable, not secret
    known = set(groups[: len(groups) // 2])
    return (
        tuple(case for case in cases if group[case.id] in known),
        tuple(case for case in cases if group[case.id] not in known),
    )
