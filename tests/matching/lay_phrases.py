"""A labelled set for the lookup: lay synonyms of HPO, taken out of the index and asked for; and mistyped ones.

``python -m tests.matching.lay_phrases`` prints the rates that docs/vocabulary.md gives.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from string import ascii_lowercase

from matching.lookup import Lookup
from matching.term import Term
from matching.vocabulary import Vocabulary
from matching.words import words


@dataclass(frozen=True)
class LayPhrase:
    """A phrase, and the term whose lay synonym it is."""

    text: str
    term: str


def held_out(terms: Iterable[Term], *, seed: int, one_in: int = 10) -> tuple[list[Term], list[LayPhrase]]:
    """Terms without one in ``one_in`` of their lay synonyms, and those as phrases in random order.

    A phrase that has the words of a name which the same term keeps is left out: it would not be held out at all.
    """
    chance = random.Random(seed)
    kept: list[Term] = []
    phrases: list[LayPhrase] = []
    for term in terms:
        out = {name for name in term.lay_synonyms if chance.randrange(one_in) == 0}
        kept.append(replace(term, lay_synonyms=tuple(name for name in term.lay_synonyms if name not in out)))
        names = {frozenset(words(name)) for name in kept[-1].names}
        phrases += [LayPhrase(name, term.id) for name in sorted(out) if frozenset(words(name)) not in names]
    chance.shuffle(phrases)
    return kept, phrases


def mistyped(text: str, chance: random.Random) -> str:
    """``text`` with one letter inside it left out, doubled, replaced, or swapped with the next."""
    at = chance.choice([i for i in range(1, len(text) - 1) if text[i].isalpha()])
    before, letter, after = text[:at], text[at], text[at + 1 :]
    wrong = chance.choice(ascii_lowercase)
    return before + chance.choice([after, 2 * letter + after, wrong + after, after[0] + letter + after[1:]])


def known_but_mistyped(terms: Iterable[Term], *, seed: int, count: int) -> list[LayPhrase]:
    """``count`` lay synonyms of more than 5 characters, each with one typing mistake in it."""
    chance = random.Random(seed)
    known = [LayPhrase(name, term.id) for term in terms for name in term.lay_synonyms if len(name) > 5]
    return [LayPhrase(mistyped(each.text, chance), each.term) for each in chance.sample(known, count)]


def found_within(lookup: Lookup, phrases: Iterable[LayPhrase], *, top: int) -> float:
    """Share of ``phrases`` whose term is among the first ``top`` offered."""
    hits = [phrase.term in {match.term.id for match in lookup.search(phrase.text, top=top)} for phrase in phrases]
    return sum(hits) / len(hits)


def _report() -> None:
    hpo = Vocabulary.default()
    for seed in (3, 4):
        kept, phrases = held_out(hpo, seed=seed)
        lookup = Lookup(kept)
        rates = [f"top {top}: {found_within(lookup, phrases, top=top):.3f}" for top in (1, 5, 10)]
        sys.stdout.write(f"held out, seed {seed}, {len(phrases)} phrases: {', '.join(rates)}\n")
    mistaken = known_but_mistyped(hpo, seed=5, count=500)
    lookup = Lookup(hpo)
    rates = [f"top {top}: {found_within(lookup, mistaken, top=top):.3f}" for top in (1, 5)]
    sys.stdout.write(f"known but mistyped, {len(mistaken)} phrases: {', '.join(rates)}\n")


if __name__ == "__main__":
    _report()
