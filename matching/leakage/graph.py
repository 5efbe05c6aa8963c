"""Graph matching: tags are laid over terms so that what stands together among the ones does among the others.

Quadratic assignment, solved approximately by FAQ (Vogelstein et al., "Fast approximate quadratic programming for graph
matching", PLOS ONE 10, 2015; scipy's implementation), started from a soft assignment by frequency. Against searchable
encryption: Islam, Kuzu, Kantarcioglu, NDSS 2012; by quadratic assignment: Pouliot and Wright, CCS 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from matching.errors import AssignmentUnavailable
from matching.leakage.statistics import Reals, Statistics

ROUNDS = 30
"""Steps of the optimisation at most; more gained nothing in the measurements."""
_ALWAYS = 1 - 1e-9
_SPREAD = 0.5
"""Natural logarithm by which frequencies among patients and in what the attacker knows may well differ."""
_SCALINGS = 200


def require_assignment() -> Any:
    """The module with the solver. Raises ``AssignmentUnavailable``."""
    if find_spec("scipy") is None:
        raise AssignmentUnavailable("graph matching needs the package scipy; install the extra that names it")
    return import_module("scipy.optimize")


def by_association(tags: Statistics[bytes], terms: Statistics[str]) -> dict[bytes, str]:
    """Guesses from what stands together more often than chance makes it. Raises ``AssignmentUnavailable``."""
    return _assigned(tags, terms, tags.association, terms.association)


def by_implication(
    tags: Statistics[bytes], terms: Statistics[str], implied: Callable[[str], Set[str]]
) -> dict[bytes, str]:
    """Guesses from which tags never come without which others: a closure adds ``implied(term)`` to every term.

    ``implied`` follows from the public hierarchy alone. Raises ``AssignmentUnavailable``.
    """
    number = {term: at for at, term in enumerate(terms.features)}
    known = np.zeros_like(terms.together)
    for term, at in number.items():
        known[at, [number[each] for each in implied(term) if each in number and each != term]] = 1
    return _assigned(tags, terms, (tags.given >= _ALWAYS).astype(np.float64), known)


def _assigned(tags: Statistics[bytes], terms: Statistics[str], seen: Reals, known: Reals) -> dict[bytes, str]:
    solver = require_assignment()
    size = max(len(tags.features), len(terms.features))
    if not size:
        return {}
    options = {"maximize": True, "P0": _start(tags, terms, size), "maxiter": ROUNDS, "tol": 1e-3}
    found = solver.quadratic_assignment(_padded(seen, size), _padded(known, size), method="faq", options=options)
    return {
        tag: terms.features[at]
        for tag, at in zip(tags.features, found.col_ind.tolist(), strict=False)
        if at < len(terms.features)
    }


def _start(tags: Statistics[bytes], terms: Statistics[str], size: int) -> Reals:
    """Doubly stochastic, high where frequencies are alike (Sinkhorn and Knopp's scaling)."""
    least = 1e-6
    one, other = (
        np.log(np.maximum(np.pad(each.shares, (0, size - len(each.features))), least)) for each in (tags, terms)
    )
    start: Reals = np.exp(-((one[:, None] - other[None, :]) ** 2) / (2 * _SPREAD**2)) + 1e-9
    for _ in range(_SCALINGS):
        start /= start.sum(axis=1, keepdims=True)
        start /= start.sum(axis=0, keepdims=True)
    return start


def _padded(matrix: Reals, size: int) -> Reals:
    more = size - len(matrix)
    padded: Reals = np.pad(matrix, ((0, more), (0, more)))
    return padded
