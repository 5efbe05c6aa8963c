"""What the vector generators share: a case, a fixed source of randomness, small changes to bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Case = dict[str, Any]

Fault = tuple[str, dict[str, Any], str]
"""Name, what is changed, code of the error."""

FOLDER = Path(__file__).parent


def entropy(name: str) -> Callable[[int], bytes]:
    """A fixed stream of bytes for ``name``, in place of the operating system's generator."""
    counter = 0

    def draw(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_256(f"chartseal vectors/{name}/{counter}".encode()).digest(size)

    return draw


def flipped(data: bytes, position: int) -> bytes:
    """``data`` with the lowest bit of one byte changed."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def hexed(fields: dict[str, Any]) -> Case:
    """``fields`` with every byte string in hex, as JSON holds them."""
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def with_faults(good: dict[str, Any], faults: list[Fault]) -> list[Case]:
    """``good`` with one field changed for each ``(name, change, code of the error)``; the answer is left out."""
    inputs = {name: value for name, value in good.items() if name != "answer"}
    return [hexed(inputs | {"name": name} | change | {"error": error}) for name, change, error in faults]


class Inputs:
    """A case's fields by attribute: hex as bytes, words and the rest as they are."""

    _WORDS = frozenset({"password", "category"})

    def __init__(self, case: Case) -> None:
        self._case = case

    def __contains__(self, name: str) -> bool:
        return name in self._case

    def __getattr__(self, name: str) -> Any:
        value = self._case[name]
        return bytes.fromhex(value) if isinstance(value, str) and name not in self._WORDS else value
