"""Delegates that break the rules, for tests."""

from dataclasses import replace

from ledger.bodies import Evidence
from ledger.delegate import Delegate
from ledger.header import LedgerHeader
from ledger.tables import Tables
from ledger.transactions import SignedTransaction
from ledger.votes import Vote, cast_vote
from scheme.keys import SigningKey
from tests.ledger.scene import digest


class DownDelegate(Delegate):
    """Does nothing while it is ``down``."""

    def __init__(self, delegate: str, key: SigningKey, *, down: bool = True) -> None:
        super().__init__(delegate, key)
        self.down = down

    def propose(self, header: LedgerHeader) -> LedgerHeader | None:
        return None if self.down else super().propose(header)

    def vote(self, header: LedgerHeader, valid: bool) -> Vote | None:
        return None if self.down else super().vote(header, valid)

    def duties(self, tables: Tables, height: int, now: int) -> list[SignedTransaction]:
        return [] if self.down else super().duties(tables, height, now)


class RefusingDelegate(Delegate):
    """Rejects every block."""

    def vote(self, header: LedgerHeader, valid: bool) -> Vote | None:
        return super().vote(header, valid=False)


class WithholdingDelegate(Delegate):
    """Commits to its part of the seed and never reveals it."""

    def duties(self, tables: Tables, height: int, now: int) -> list[SignedTransaction]:
        return [each for each in super().duties(tables, height, now) if each.body.type == "commit-seed"]


class LyingProposer(Delegate):
    """Proposes a header with a state root that does not follow."""

    def propose(self, header: LedgerHeader) -> LedgerHeader | None:
        return replace(header, state_root=digest("a lie"))


class AstrayProposer(Delegate):
    """Proposes a header for a turn far ahead of its own."""

    def propose(self, header: LedgerHeader) -> LedgerHeader | None:
        return replace(header, height=header.height + 10**9)


class DoubleSigningDelegate(Delegate):
    """Accepts every header, and beside it another one of the same height and round; ``pairs`` are what it signed."""

    def __init__(self, delegate: str, key: SigningKey) -> None:
        super().__init__(delegate, key)
        self.pairs: list[tuple[Vote, Vote]] = []

    def vote(self, header: LedgerHeader, valid: bool) -> Vote | None:
        other = replace(header, state_root=digest("another state"))
        first, second = (cast_vote(self._key, self.delegate, each, accept=True) for each in (header, other))
        self.pairs.append((first, second))
        return first

    def evidence(self) -> Evidence:
        """What anybody who got both votes can bring against it."""
        return Evidence.double_sign(*self.pairs[-1])
