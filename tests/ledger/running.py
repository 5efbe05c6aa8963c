"""An engine that runs beside the scene that fills it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.engine import Engine
from ledger.errors import LedgerError, TransactionInvalid
from ledger.refusals import Refused
from ledger.transactions import SignedTransaction
from tests.ledger.engines import Reopen
from tests.ledger.scene import Scene


@dataclass
class Running:
    engine: Engine
    scene: Scene
    folder: Path
    reopen: Reopen

    def refusal(self, transaction: SignedTransaction) -> str:
        """Code with which it is refused, alone and in a group; fails if it is admitted or changes anything."""
        before, rows, count = (
            self.engine.view(),
            list(self.engine.view().state.rows()),
            len(list(self.engine.entries())),
        )
        with pytest.raises(LedgerError) as caught:
            self.engine.submit(transaction)
        (outcome,) = self.engine.submit_many([transaction])
        after = self.engine.view()
        assert (after.position, after.head, after.height, after.block) == (
            before.position, before.head, before.height, before.block,
        )  # fmt: skip
        assert list(after.state.rows()) == rows
        assert len(list(self.engine.entries())) == count
        assert isinstance(outcome, Refused | TransactionInvalid)
        assert outcome.code == caught.value.code
        return outcome.code

    def restart(self) -> Engine:
        self.engine.close()
        self.engine = self.reopen(self.folder, lambda: self.scene.now)
        return self.engine
