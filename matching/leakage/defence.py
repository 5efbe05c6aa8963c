"""Defences: what a patient's machine leaves out, adds or fills up before tags are made. All are off by default."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from matching.closure import Closure, closed
from matching.errors import DefenceInvalid
from matching.vocabulary import Vocabulary

_PADDING = "padding "


def is_padding(term: str) -> bool:
    """Whether that is a filler and no term."""
    return term.startswith(_PADDING)


@dataclass(frozen=True)
class Defence:
    """What is done to every patient's set. Raises ``DefenceInvalid`` on numbers below 0 or sizes that do not rise."""

    floor_bits: float = 0.0
    """Terms that tell less, by public annotations, are not sent: also the patient's own."""
    dropped: int = 0
    """So many of the terms most often stated in public annotations are not sent."""
    decoys: int = 0
    """Terms that the patient does not have, drawn as often as annotations state them; they use up her quota."""
    sizes: tuple[int, ...] = ()
    """Sets are filled up to the next of these sizes by random tags, each nobody else's; larger ones stay."""

    def __post_init__(self) -> None:
        rising = all(one < other for one, other in zip((0, *self.sizes), self.sizes, strict=False))
        if not (self.floor_bits >= 0 and self.dropped >= 0 and self.decoys >= 0 and rising):
            raise DefenceInvalid("a defence has no negative numbers, and its sizes rise; correct them")

    @property
    def label(self) -> str:
        """What is on, in words."""
        parts = [
            f"floor {self.floor_bits:g} bits" if self.floor_bits else "",
            f"{self.dropped} common dropped" if self.dropped else "",
            f"{self.decoys} decoys" if self.decoys else "",
            f"padded to {'/'.join(map(str, self.sizes))}" if self.sizes else "",
        ]
        return ", ".join(each for each in parts if each) or "none"


class Defended:
    """Makes the sets that patients with one closure and one defence send."""

    def __init__(self, vocabulary: Vocabulary, closure: Closure, defence: Defence, seed: int | None = None) -> None:
        """``seed`` repeats a measurement's decoys; without it they come from the system's randomness."""
        self._vocabulary, self._closure, self._defence = vocabulary, closure, defence
        self._random = random.Random(seed) if seed is not None else secrets.SystemRandom()  # noqa: S311
        stated = _stated(vocabulary) if defence.decoys or defence.dropped else {}
        self._terms, self._cumulative = list(stated), list(accumulate(stated.values()))
        by_weight = sorted(stated, key=lambda each: (-stated[each], each))
        self._dropped = frozenset(by_weight[: defence.dropped])

    def terms(self, own: Iterable[str]) -> frozenset[str]:
        """What is sent for the patient's ``own`` terms; padding is told by ids that no vocabulary has."""
        given = {self._vocabulary.canonical_id(term) for term in own}
        wanted = min(len(given) + self._defence.decoys, len(given.union(self._terms)))
        while self._defence.decoys and len(given) < wanted:
            given.update(self._random.choices(self._terms, cum_weights=self._cumulative))
        floor = self._defence.floor_bits
        sent = {
            term
            for term in closed(self._vocabulary, given, self._closure)
            if term not in self._dropped and (not floor or self._vocabulary.information(term) >= floor)
        }
        size = next((size for size in self._defence.sizes if size >= len(sent)), len(sent))
        return frozenset(sent | {_PADDING + secrets.token_hex(8) for _ in range(size - len(sent))})


def _stated(vocabulary: Vocabulary) -> dict[str, float]:
    """For each term, in how many diseases' patients annotations state it directly."""
    weight: dict[str, float] = {}
    for shares in vocabulary.annotations.diseases.values():
        for given, share in shares.items():
            term = vocabulary.canonical_id(given)
            if not vocabulary.is_root(term):
                weight[term] = weight.get(term, 0.0) + share
    return weight
