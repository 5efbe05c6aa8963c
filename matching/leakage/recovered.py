"""How much an attack found out: shares of tags, and of what patients stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from matching.leakage.held import Held


@dataclass(frozen=True)
class Recovered:
    """From 0 to 1."""

    tags: float
    """Of the tags that were judged, those that the attack named right."""
    symptoms: float
    """Of all (patient, symptom of her own) pairs, those whose tag the index holds for her and names right.

    Ancestors, decoys and padding count for nothing; a symptom that was not sent counts as hidden.
    """


def recovered(held: Held, own: Sequence[Set[str]], guesses: Mapping[bytes, str], judged: Sequence[bytes]) -> Recovered:
    """Judge ``guesses`` (tag -> term); ``own`` are the patients' own canonical terms, in the order of ``held``."""
    right = {tag for tag, term in guesses.items() if held.names.get(tag) == term}
    stated = sum(map(len, own))
    found = sum(
        sum(held.names[tag] in terms for tag in tags & right) for tags, terms in zip(held.patients, own, strict=True)
    )
    return Recovered(sum(tag in right for tag in judged) / max(len(judged), 1), found / max(stated, 1))
