"""The engines under the contract suite: one factory each; a new engine adds a line and no test."""

from collections.abc import Callable
from pathlib import Path

from ledger.engine import Clock, Engine
from ledger.engines.embedded import EmbeddedEngine
from ledger.genesis import Genesis

Create = Callable[[Path, Genesis, Clock], Engine]
Reopen = Callable[[Path, Clock], Engine]


def create_embedded(folder: Path, genesis: Genesis, clock: Clock) -> Engine:
    return EmbeddedEngine.create(folder / "ledger.sqlite", genesis, clock=clock)


def reopen_embedded(folder: Path, clock: Clock) -> Engine:
    return EmbeddedEngine.open(folder / "ledger.sqlite", clock=clock)


ENGINES: dict[str, tuple[Create, Reopen]] = {"embedded": (create_embedded, reopen_embedded)}
