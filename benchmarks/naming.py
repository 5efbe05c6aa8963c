"""Names of files, from names that may hold anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def slug(name: str) -> str:
    """Small letters, digits and dashes, at least one of them."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def numbered(names: Iterable[str], between: str) -> Iterator[str]:
    """The names, with a number from the second of a kind on, so that no two are alike."""
    used: set[str] = set()
    for name in names:
        fresh, number = name, 1
        while fresh in used:
            number += 1
            fresh = f"{name}{between}{number}"
        used.add(fresh)
        yield fresh
