"""The pairing groups that are installed here, for tests."""

import importlib.util
from collections.abc import Callable
from random import Random

from benchmarks.groups.charm import CharmGroup
from benchmarks.groups.group import Group
from benchmarks.groups.mcl import MclGroup
from tests import needs
from tests.benchmarks.arkworks_group import ArkworksGroup


def mcl(seed: int | None = None) -> Group:
    """BLS12-381 by mcl; with ``seed``, its random scalars are always the same."""
    needs.module("pymcl", feature="pymcl")
    return MclGroup() if seed is None else MclGroup(below=Random(seed).randrange)


def arkworks(seed: int | None = None, hashes: Group | None = None) -> Group:
    """BLS12-381 by arkworks."""
    needs.module("py_arkworks_bls12381", feature="py-arkworks-bls12381")
    return ArkworksGroup(hashes=hashes) if seed is None else ArkworksGroup(below=Random(seed).randrange, hashes=hashes)


ALL: dict[str, Callable[[], Group]] = {"mcl": mcl, "arkworks": arkworks}
"""Makers by short name; SS512 is among them where charm is installed, which no registry's packages suffice for."""
if importlib.util.find_spec("charm"):
    ALL["SS512"] = CharmGroup
