"""The dictionary attack at quota rate: an index operator who enrols asks for the tags of the commonest terms.

Needs no statistics of the tags. What limits it is the number of elements that the issuers evaluate for a member in an
epoch (``matching.quota``); tags of the next epoch are others, so the work begins anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH


def commonest(patients: Iterable[Set[str]]) -> list[str]:
    """All terms of the patients the attacker knows, commonest first; the order in which it spends its quota."""
    counts: Counter[str] = Counter()
    for patient in patients:
        counts.update(patient)
    return sorted(counts, key=lambda each: (-counts[each], each))


def at_quota(
    terms: Sequence[str],
    tags_of: Callable[[Sequence[str]], Mapping[str, bytes]],
    *,
    members: int = 1,
    quota: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH,
) -> dict[bytes, str]:
    """What ``members`` enrolled attackers name in one epoch: the first ``members * quota`` of ``terms``, surely.

    ``tags_of`` gets the tags of at most ``quota`` terms from the issuers, in the name of one member.
    """
    named: dict[bytes, str] = {}
    for start in range(0, min(members * quota, len(terms)), quota):
        named.update({tag: term for term, tag in tags_of(terms[start : start + quota]).items()})
    return named
