"""The tables by name. None of the libraries is imported before its table is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module

from benchmarks.optional import NOT_INSTALLED
from benchmarks.primitives.operation import Library, Operation

_WITH_CHARTSEAL = "not installed: pip install chartseal"


def _table(name: str) -> Callable[[], Sequence[Operation]]:
    return partial(_operations, f"benchmarks.primitives.{name}")


def _operations(module: str) -> Sequence[Operation]:
    found: Sequence[Operation] = import_module(module).operations()
    return found


LIBRARIES: Mapping[str, Library] = {
    library.name: library
    for library in (
        Library("hashlib", "hashlib", "part of Python", _table("standard")),
        Library("cryptography", "cryptography", _WITH_CHARTSEAL, _table("openssl")),
        Library("pycryptodome", "Crypto", _WITH_CHARTSEAL, _table("pycryptodome")),
        Library("coincurve", "coincurve", _WITH_CHARTSEAL, _table("secp256k1")),
        Library("voprf", "voprf", _WITH_CHARTSEAL, _table("oprf")),
        Library("pymcl", "pymcl", f"{NOT_INSTALLED} (CPython before 3.13)", _table("mcl")),
        Library("py-arkworks-bls12381", "py_arkworks_bls12381", NOT_INSTALLED, _table("arkworks")),
        Library(
            "charm",
            "charm.core.math.pairing",
            "not installed: build the PBC library from its source (with GMP), then pip install charm-crypto-framework",
            _table("charm"),
        ),
    )
}


def is_installed(library: Library) -> bool:
    """Whether it imports; a half-built one does not."""
    try:
        import_module(library.module)
    except ImportError:
        return False
    return True
