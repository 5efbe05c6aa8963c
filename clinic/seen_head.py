"""The newest ledger block that a home saw, in a file beside the ledger: an older ledger in its place is noticed.

The file is ``ledger.sqlite.seen``, one canonical JSON object; backups leave it out, and what is restored starts anew.
Whoever puts the whole home back, this file too, is not noticed here: only a replica elsewhere or a notary tells.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from clinic import durable
from clinic.errors import ClinicError, LedgerRolledBack
from ledger.engine import Reader
from ledger.engines.embedded import EmbeddedEngine
from ledger.errors import FieldInvalid, LedgerError
from ledger.fields import Fields
from scheme import canonical
from scheme.errors import EncodingInvalid

_FIELDS = frozenset({"height", "header"})


class SeenHead:
    """What is remembered in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[int, str]:
        """Height and header digest of the newest block seen; height 0 when there is none.

        Raises ``LedgerRolledBack`` when the file is damaged: what was seen is not known then.
        """
        if not self._path.exists():
            return 0, ""
        try:
            fields = Fields(canonical.loads(durable.read(self._path), what=self._path.name), _FIELDS, what="seen head")
            return fields.integer("height", minimum=1), fields.digest("header")
        except (EncodingInvalid, FieldInvalid):
            raise LedgerRolledBack(
                f"{self._path.name}, which says how far the ledger had come, is damaged; compare the ledger with a "
                "copy of it, then delete the file"
            ) from None

    def check(self, ledger: Reader) -> None:
        """Return if ``ledger`` has the newest block seen, or none was. Raises ``LedgerRolledBack``, as ``load``."""
        height, digest = self.load()  # before the ledger is looked at: others may add to both meanwhile
        if height == 0:
            return
        view = ledger.view()
        way_out = (
            "put the newest copy back, or take the missing blocks from a replica with `chartseal ledger follow`; only "
            f"when there is none, delete {self._path.name}: the delegates then sign those blocks anew, which others "
            "who have the old ones can report"
        )
        if view.height < height:
            raise LedgerRolledBack(
                f"the ledger ends at block {view.height}, but block {height} was seen here: an older copy is in its "
                f"place; {way_out}"
            )
        here = view.block if view.height == height else next(ledger.blocks(height)).header.digest
        if here != digest:
            raise LedgerRolledBack(f"block {height} of the ledger is not the one that was seen here; {way_out}")

    def remember(self, ledger: Reader) -> None:
        """Keep the newest block of ``ledger``, durably, if it is newer than the one known. Raises as ``load``."""
        view = ledger.view()
        if view.height > self.load()[0]:
            durable.write(self._path, canonical.dumps({"height": view.height, "header": view.block}))


class RememberingEngine(EmbeddedEngine):
    """The embedded engine of a home, which compares with ``seen`` on opening and remembers on closing."""

    seen: SeenHead | None = None

    def watch(self, seen: SeenHead) -> None:
        """Compare with ``seen`` now, and keep the newest block there from now on. Raises ``LedgerRolledBack``."""
        seen.check(self)
        self.seen = seen
        self._remember()

    def close(self) -> None:
        """As ``Reader.close``; what it saw is remembered first."""
        self._remember()
        super().close()

    def _remember(self) -> None:
        # What was submitted is final: that its head cannot be kept (a full disk) must not make it look otherwise.
        with contextlib.suppress(ClinicError, LedgerError):
            if self.seen is not None:
                self.seen.remember(self)
