"""Words of a phrase as the lookup compares them: folded, without filling words and plural endings; typing mistakes."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

FILLING = frozenset(
    re.findall(
        r"\w+",
        "a an and are at been being by do does feel feeling feels for from get gets getting had has have having he her "
        "his i im in is it its ive keep keeps like me my of on or our she some that the their there they this to very "
        "was we with you your",
    )
)

HOW_MUCH = frozenset(
    re.findall(
        r"\w+",
        "always awful bad badly cannot cant constant constantly extreme horrible lot lots mild much never often "
        "really severe severely slight sometimes strong terrible too",
    )
)
"""Words for how bad or how often: looked for, but what comes with them tells more."""

_word = re.compile(r"[^\W_]+").findall
_APOSTROPHES = str.maketrans("", "", "'’`")
_unspaced = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+)").split


def folded(text: str) -> str:
    """``text`` in lower case without accents and apostrophes, in compatibility form (NFKD)."""
    plain = text.translate(_APOSTROPHES)
    if plain.isascii():
        return plain.lower()
    flat = unicodedata.normalize("NFKD", plain).casefold()
    return "".join(each for each in flat if not unicodedata.combining(each))


def words(text: str) -> tuple[str, ...]:
    """The comparable words of ``text`` in order; filling words only when there are no others.

    Japanese and Chinese, written without spaces, give every pair of neighbouring characters.
    """
    flat = folded(text)
    every = _word(flat)
    if not flat.isascii():
        every = [piece for word in every for piece in _pieces(word)]
    telling = [stem(word) for word in every if word not in FILLING]
    return tuple(telling or map(stem, every))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """``word`` without the English endings of plurals and verb forms. Crude, but the same on both sides."""
    bare = singular(word)
    for ending in ("ing", "ed", "ness", "y"):
        if bare.endswith(ending) and len(bare) - len(ending) >= 4:
            return bare[: -len(ending)]
    return bare.removesuffix("e") if len(bare) > 4 else bare


def singular(word: str) -> str:
    """``word`` without an English plural ending."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1]


def mistakes_allowed(word: str) -> int:
    """Typing mistakes that are looked past: none below 4 letters, 1 below 8, else 2; none in numbers."""
    return 0 if len(word) < 4 or any(each.isdigit() for each in word) else 1 if len(word) < 8 else 2


def mistakes(one: str, two: str, *, at_most: int) -> int:
    """Letters missing, added, replaced or swapped with their neighbour between the words; ``at_most`` + 1 for more.

    Source: optimal string alignment distance, Damerau, Communications of the ACM 7 (1964).
    """
    if abs(len(one) - len(two)) > at_most:
        return at_most + 1
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, letter in enumerate(one, start=1):
        older, before, row = before, row, [i] + [0] * len(two)
        for j, other in enumerate(two, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == two[j - 2] and one[i - 2] == other:
                row[j] = min(row[j], older[j - 2] + 1)
        if min(row) > at_most:
            return at_most + 1
    return min(row[-1], at_most + 1)


def _pieces(word: str) -> list[str]:
    pieces: list[str] = []
    for at, run in enumerate(_unspaced(word)):
        if at % 2 and len(run) > 1:
            pieces += [run[i : i + 2] for i in range(len(run) - 1)]
        elif run:
            pieces.append(run)
    return pieces
