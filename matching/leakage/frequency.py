"""The frequency attack: the commonest tag is taken for the commonest term, the second for the second, and so on."""

from __future__ import annotations

from matching.leakage.statistics import Statistics


def by_frequency(tags: Statistics[bytes], terms: Statistics[str]) -> dict[bytes, str]:
    """A guess for each tag that has a term of the same rank."""
    return dict(zip(tags.features, terms.features, strict=False))
