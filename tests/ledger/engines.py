"""The engines under the contract suite: one factory each; a new engine adds a line and no test."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.delegate import Delegate
from ledger.engine import Clock, Engine
from ledger.engines.embedded import EmbeddedEngine
from ledger.genesis import Genesis
from ledger.transactions import SignedTransaction
from tests.ledger.scene import FOUNDERS, ident, signing_key
from tests.servers.postgresql import fresh_database

Create = Callable[[Path, Genesis, Clock], Engine]
Reopen = Callable[[Path, Clock], Engine]


class QuietDelegate(Delegate):
    """Votes, and adds no transactions of its own, so that positions are those of the test's."""

    def duties(self, *_: object) -> Sequence[SignedTransaction]:
        return ()


def founders() -> list[Delegate]:
    return [QuietDelegate(ident(name), signing_key(name)) for name in FOUNDERS]


def create_embedded(folder: Path, genesis: Genesis, clock: Clock) -> Engine:
    return EmbeddedEngine.create(folder / "ledger.sqlite", genesis, delegates=founders(), clock=clock)


def reopen_embedded(folder: Path, clock: Clock) -> Engine:
    return open_embedded(folder / "ledger.sqlite", clock=clock)


def create_on_postgresql(folder: Path, genesis: Genesis, clock: Clock) -> Engine:
    url = fresh_database()
    (folder / "url").write_text(url)
    return EmbeddedEngine.create(url, genesis, delegates=founders(), clock=clock)


def reopen_on_postgresql(folder: Path, clock: Clock) -> Engine:
    return open_embedded((folder / "url").read_text(), clock=clock)


def open_embedded(place: Path | str, clock: Clock, **options: object) -> EmbeddedEngine:
    engine = EmbeddedEngine.open(place, clock=clock, **options)  # type: ignore[arg-type]
    engine.seat(founders())
    return engine


ENGINES: dict[str, tuple[Create, Reopen]] = {
    "embedded": (create_embedded, reopen_embedded),
    "embedded on PostgreSQL": (create_on_postgresql, reopen_on_postgresql),
}
