"""How often features stand alone and together: all that the statistical attacks look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Feature = TypeVar("Feature", str, bytes)
"""A term's id in what the attacker knows, a tag in what the index holds."""
Reals = npt.NDArray[np.float64]

_CHUNK = 4096


@dataclass(frozen=True)
class Statistics(Generic[Feature]):
    """The commonest features, commonest first, and shares of patients that have one, or both of two."""

    features: tuple[Feature, ...]
    together: Reals
    """Share of patients with feature i and feature j; the diagonal is the share with feature i."""

    @classmethod
    def of(cls, patients: Sequence[Set[Feature]], most: int) -> Statistics[Feature]:
        """Count the ``most`` commonest features of ``patients``; equal ones in the order of their names."""
        counts: Counter[Feature] = Counter()
        for patient in patients:
            counts.update(patient)
        names = sorted(counts, key=lambda each: (-counts[each], each))[:most]
        number = {name: at for at, name in enumerate(names)}
        together = np.zeros((len(names), len(names)))
        for start in range(0, len(patients), _CHUNK):
            part = patients[start : start + _CHUNK]
            has = np.zeros((len(part), len(names)), np.float32)
            for row, patient in enumerate(part):
                has[row, [number[each] for each in patient if each in number]] = 1
            together += has.T @ has
        return cls(tuple(names), together / max(len(patients), 1))

    @property
    def shares(self) -> Reals:
        """Share of patients with each feature."""
        shares: Reals = np.diag(self.together).copy()
        return shares

    @property
    def given(self) -> Reals:
        """Share of those with feature i who have feature j as well; 0 on the diagonal."""
        given: Reals = self.together / np.maximum(self.shares, np.finfo(float).tiny)[:, None]
        np.fill_diagonal(given, 0)
        return given

    @property
    def association(self) -> Reals:
        """``given``, beyond what chance makes of common features: differences of square roots; 0 on the diagonal.

        The square root evens out the sampling error of a share.
        """
        association: Reals = np.sqrt(self.given) - np.sqrt(self.shares)[None, :]
        np.fill_diagonal(association, 0)
        return association
