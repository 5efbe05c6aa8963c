"""Look up terms by free text ("bad headache"): the few best, exact names first, the same answer every time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matching.errors import SymptomInvalid
from matching.term import Term
from matching.words import HOW_MUCH, folded, mistakes, mistakes_allowed, stem, words

MAX_TEXT_CHARACTERS = 200
DEFAULT_OFFERED = 5

_SAME_WORDS = 0.99
_LIKE = 0.9
"""The most that a term can score of which the text is no name."""
_POOLED = 1.2
"""Weight of how much of the text all that is said of a term covers, beside its best name (weight 1)."""
_DEFINED = 0.4
"""How much a word of the definition counts in it, beside a word of a name."""
_HABIT = 1.6
"""How much a word counts, times its share, that terms often use for the lay word typed (kidney: renal)."""
_HABITS_KEPT = 8
_MOST_HABIT = 1.0
_LEAST_HABIT = 0.06
_FAINT = 0.4
"""How much a word for how bad or how often counts, beside one for what."""
_MISTYPED = 0.7
_BEGUN = 0.8
_LEAST_BEGUN = 4


@dataclass(frozen=True)
class Match:
    """A term offered for a text, by which of its names. ``score`` is in (0, 1]; 1: the text is that name."""

    term: Term
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class _Name:
    term: int
    text: str
    words: frozenset[str]


class Lookup:
    """An index over the names of terms. Lay synonyms count like any other name."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._terms = tuple(terms)
        self._by_id = {term.id: at for at, term in enumerate(self._terms)}
        self._names: list[_Name] = []
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._defined_by: dict[str, list[int]] = defaultdict(list)
        self._by_length: dict[int, list[str]] = defaultdict(list)
        self._habits = _habits([self._add(at, term) for at, term in enumerate(self._terms)])
        terms_with = {word: len({self._names[n].term for n in names}) for word, names in self._by_word.items()}
        count = len(self._terms)
        self._weight = {word: math.log(1 + count / having) for word, having in terms_with.items()}
        self._weight.update({word: _FAINT * self._weight[word] for word in map(stem, HOW_MUCH) if word in self._weight})
        self._rarest = math.log(1 + count)
        self._name_weight = [math.fsum(self._weight[word] for word in sorted(name.words)) for name in self._names]
        for word in self._by_word:
            self._by_length[len(word)].append(word)

    def search(self, text: str, *, top: int = DEFAULT_OFFERED) -> list[Match]:
        """The at most ``top`` best terms for ``text``, best first; an empty list when nothing is near.

        Terms that have the text as a name (case, accents, plural and filling words apart) come first. Ties go to the
        smaller id. Raises ``SymptomInvalid`` when ``text`` is longer than 200 characters.
        """
        if len(text) > MAX_TEXT_CHARACTERS:
            raise SymptomInvalid(
                f"a text to look up has at most {MAX_TEXT_CHARACTERS} characters; say it in fewer words"
            )
        asked = tuple(dict.fromkeys(words(text)))
        if not asked:
            return []
        best = self._scores(asked)
        if (at := self._by_id.get(text.strip().upper())) is not None:
            best[at] = (1.0, self._terms[at].label)
        for at in self._exact.get(" ".join(sorted(asked)), ()):
            name = self._names[at]
            # A name in the very words goes before one that only has the same words in another order or number.
            score = 1.0 if folded(name.text) == folded(text.strip()) else _SAME_WORDS
            if score > best.get(name.term, (0.0, ""))[0]:
                best[name.term] = (score, name.text)
        ranked = sorted(best.items(), key=lambda item: (-round(item[1][0], 9), self._terms[item[0]].id))
        return [Match(self._terms[term], name, score) for term, (score, name) in ranked[:top]]

    def _add(self, at: int, term: Term) -> tuple[set[str], set[str]]:
        """Take in a term; return the words of its lay synonyms, and those of its other names."""
        lay, others = set[str](), set[str]()
        for text in dict.fromkeys(term.names):
            found = frozenset(words(text))
            if found:
                number = len(self._names)
                self._names.append(_Name(at, text, found))
                self._exact[" ".join(sorted(found))].append(number)
                for word in found:
                    self._by_word[word].append(number)
                (lay if text in term.lay_synonyms else others).update(found)
        for word in set(words(term.definition)):
            self._defined_by[word].append(at)
        return lay, others

    def _scores(self, asked: tuple[str, ...]) -> dict[int, tuple[float, str]]:
        """Term -> score of at most ``_LIKE`` and the name that earned most of it."""
        near_to = {word: self._near(word) for word in asked}
        weight = {word: self._asked_weight(word, near) for word, near in near_to.items()}
        whole = math.fsum(weight.values())
        of_name: dict[int, float] = defaultdict(float)
        covered: dict[int, float] = defaultdict(float)
        for word in asked:
            in_names: dict[int, float] = {}
            in_terms: dict[int, float] = {}
            typed = weight[word]
            for near, likeness in near_to[word].items():
                share = likeness * min(typed, self._weight[near])
                for number in self._by_word[near]:
                    in_names[number] = max(share, in_names.get(number, 0.0))
            for number, share in in_names.items():
                of_name[number] += share
                term = self._names[number].term
                in_terms[term] = max(share, in_terms.get(term, 0.0))
            for term in self._defined_by.get(word, ()):
                in_terms[term] = max(_DEFINED * typed, in_terms.get(term, 0.0))
            for term, share in in_terms.items():
                covered[term] += share
        best: dict[int, tuple[float, str]] = {}
        for number in sorted(of_name):
            name, own = self._names[number], self._name_weight[number]
            alike = 2 * min(of_name[number], own) / (whole + own)
            score = _LIKE * (alike + _POOLED * covered[name.term] / whole) / (1 + _POOLED)
            if score > best.get(name.term, (0.0, ""))[0]:
                best[name.term] = (score, name.text)
        return best

    def _asked_weight(self, word: str, near: Mapping[str, float]) -> float:
        """What ``word`` weighs; mistyped, as the commonest of the words it is most likely meant for."""
        if word in self._weight or not near:
            return self._weight.get(word, _FAINT * self._rarest if word in HOW_MUCH else self._rarest)
        likeliest = max(near.values())
        return min(self._weight[other] for other, likeness in near.items() if likeness == likeliest)

    def _near(self, word: str) -> dict[str, float]:
        """Words of the index that ``word`` may stand for, with how much they count."""
        if word in self._by_word:
            habits = self._habits.get(word, ())
            return {
                **{habit: min(_MOST_HABIT, _HABIT * share) for habit, share in habits if habit in self._by_word},
                word: 1.0,
            }
        allowed = mistakes_allowed(word)
        found: dict[str, float] = {}
        for length in range(len(word) - allowed, len(word) + allowed + 1) if allowed else ():
            for other in self._by_length.get(length, ()):
                if (count := mistakes(word, other, at_most=allowed)) <= allowed:
                    found[other] = _MISTYPED**count
        if len(word) >= _LEAST_BEGUN:
            for other in self._by_word:
                if other.startswith(word):
                    found[other] = max(_BEGUN * len(word) / len(other), found.get(other, 0.0))
        return found


def _habits(named: Iterable[tuple[set[str], set[str]]]) -> Mapping[str, tuple[tuple[str, float], ...]]:
    """For a lay word, the words that other names of the same terms use, each with a share in (0, 1].

    Learned from the terms at hand, given as words of lay and of other names: how often the two stand in names of one
    term, as a cosine over terms.
    """
    together: Counter[tuple[str, str]] = Counter()
    lay_count: Counter[str] = Counter()
    other_count: Counter[str] = Counter()
    for lay, others in named:
        lay_count.update(lay)
        other_count.update(others)
        together.update((word, other) for word in lay for other in others if word != other)
    habits: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for (word, other), count in together.items():
        share = count / math.sqrt(lay_count[word] * other_count[other])
        if count > 1 and share >= _LEAST_HABIT:
            habits[word].append((other, share))
    return {
        word: tuple(sorted(found, key=lambda item: (-item[1], item[0]))[:_HABITS_KEPT])
        for word, found in habits.items()
    }
