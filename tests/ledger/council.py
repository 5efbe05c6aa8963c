"""An engine with a scene's members enrolled, whose four founders a test swaps one by one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ledger.bodies import EvidenceKind
from ledger.delegate import Delegate
from ledger.delegates import proposer
from ledger.engines.embedded import EmbeddedEngine
from ledger.entry import Entry
from ledger.genesis import Genesis
from ledger.header import LedgerHeader
from ledger.registry import Body
from ledger.state import State
from ledger.transactions import SignedTransaction
from tests.ledger.engines import ENGINES
from tests.ledger.scene import FOUNDERS, Scene, enrolments, genesis, ident, signing_key

HOSPITALS = ("north", "south", "west", "east", "centre")
NAMES = {ident(name): name for name in (*FOUNDERS, *(f"{hospital}'s delegate" for hospital in HOSPITALS))}


class Council:
    """``engine`` is of the ``kind`` of ``tests.ledger.engines``; ``scene`` makes transactions for it, and its clock."""

    def __init__(self, kind: str, folder: Path, *, start: Genesis | None = None) -> None:
        self._create, self._reopen = ENGINES[kind]
        self._folder = folder
        self.genesis = genesis() if start is None else start
        self.scene = Scene(State(self.genesis))
        self.delegates = {name: Delegate(ident(name), signing_key(name)) for name in FOUNDERS}
        self.engine = self._seated(self._create(folder, self.genesis, self.clock))
        self.enrol()

    def clock(self) -> int:
        return self.scene.now

    def enrol(self) -> None:
        """One block: everybody of the scene, with paula's first key card."""
        names = {ident(name): name for name in ("north", "south")}
        bodies = [(body, names.get(body.hospital or "", "authority")) for body in enrolments()]
        transactions = [self.scene.sign(body, by) for body, by in bodies]
        transactions.append(self.scene.sign(self.scene.card(1, ("laboratory", "imaging")), "paula"))
        self.engine.submit_many(transactions)

    def _seated(self, engine: Any) -> EmbeddedEngine:
        assert isinstance(engine, EmbeddedEngine)
        engine.seat(self.delegates.values())
        self.scene.state = engine.view().state
        return engine

    @property
    def place(self) -> Path | str:
        """Where the ledger is: a path or a URL."""
        url = self._folder / "url"
        return url.read_text() if url.exists() else self._folder / "ledger.sqlite"

    def put(self, kind: type[Delegate], *names: str) -> None:
        """Have delegates of this ``kind`` vote for the founders ``names``."""
        self.delegates |= {name: kind(ident(name), signing_key(name)) for name in names}
        self.engine.seat(self.delegates.values())

    def only(self, *names: str) -> None:
        """Have only these of the delegates at hand."""
        self.engine.seat([self.delegates[name] for name in names])

    def all(self) -> None:
        """Have all of them at hand again."""
        self.engine.seat(self.delegates.values())

    def restart(self) -> None:
        """Close, and open with delegates that remember nothing."""
        self.engine.close()
        self.delegates = {name: type(each)(each.delegate, each._key) for name, each in self.delegates.items()}
        self.engine = self._seated(self._reopen(self._folder, self.clock))

    def second(self, *names: str) -> EmbeddedEngine:
        """Another engine on the same ledger, with these delegates only."""
        engine = self._reopen(self._folder, self.clock)
        assert isinstance(engine, EmbeddedEngine)
        engine.seat([Delegate(ident(name), signing_key(name)) for name in names])
        return engine

    def turns(self, *, ahead: int = 1) -> list[str]:
        """Who proposes the block ``ahead`` of the newest, round by round."""
        state = self.engine.view().state
        epoch = state.epoch(state.height + 1)
        height = state.height + ahead
        return [NAMES[proposer(epoch, height, number).delegate] for number in range(len(epoch.seats))]

    def transaction(self, body: Body | None = None, by: str = "saul") -> SignedTransaction:
        """A request of saul's unless told otherwise."""
        return self.scene.sign(self.scene.request() if body is None else body, by)

    def blocks(self, count: int) -> None:
        """So many blocks of one request each."""
        for _ in range(count):
            self.engine.submit(self.transaction())

    @property
    def newest(self) -> LedgerHeader:
        tip = self.engine.tip()
        assert tip is not None
        return tip.header

    def reputation(self, name: str) -> int:
        candidate = self.engine.view().state.candidate(ident(name))
        assert candidate is not None
        return candidate.reputation

    def faults(self) -> list[tuple[str, str, int, int]]:
        """Who did what at which height and round."""
        found = self.engine.view().state.misconduct()
        return [(NAMES.get(each.accused, each.accused), each.kind, each.height, each.round) for each in found]

    def count(self, transaction: SignedTransaction) -> int:
        """How often the transaction stands in the ledger."""
        return sum(entry.transaction.id == transaction.id for entry in self.engine.entries())

    def standing(self) -> tuple[object, ...]:
        """All that a transaction which is not final must not change."""
        view = self.engine.view()
        newest = self.newest
        rows = tuple(view.state.rows())
        return view.position, view.head, view.height, view.block, view.state.root, newest, rows, len(self.entries())

    def entries(self) -> list[Entry]:
        return list(self.engine.entries())

    def evidence(self) -> list[Entry]:
        return [entry for entry in self.engine.entries() if entry.transaction.body.type == "evidence"]

    def sound(self) -> None:
        """Everything is read again and holds; the state of every block is the one its header names."""
        report = self.engine.verify()
        assert report.head == self.engine.view().head
        assert report.state_root == self.newest.state_root


def kinds(entries: Iterable[Entry]) -> list[EvidenceKind]:
    return [entry.transaction.body.kind for entry in entries]  # type: ignore[attr-defined]
