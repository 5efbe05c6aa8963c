"""Export: a whole ledger as one text file, a line for the genesis and a line for each block; nothing in it is secret.

Each line is canonical JSON (RFC 8785): first ``{format, version, genesis}``, then ``{header, certificate,
transactions}``. Whoever reads it verifies it by following it into a replica. ``block_line`` and ``read_blocks`` are for
streams of such lines elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ledger.engine import Reader
from ledger.entry import Entry
from ledger.errors import ExportInvalid, FieldInvalid, GenesisInvalid, LedgerError
from ledger.fields import Fields
from ledger.finality import FinalHeader, nested_bytes
from ledger.genesis import Genesis
from ledger.transactions import SignedTransaction
from ledger.validate import MAX_BLOCK_ENTRIES, LedgerBlock
from scheme import canonical
from scheme.errors import EncodingInvalid

_FORMAT = "chartseal-ledger-export"
_VERSION = 1
_BLOCK_FIELDS = frozenset({"header", "certificate", "transactions"})


def write_export(ledger: Reader, file: BinaryIO) -> int:
    """Write all of ``ledger`` to ``file``; returns the number of blocks. Raises as ``Reader.blocks``, ``OSError``."""
    genesis = canonical.loads(bytes(ledger.genesis), what="the genesis")
    file.write(canonical.dumps({"format": _FORMAT, "version": _VERSION, "genesis": genesis}) + b"\n")
    count = 0
    for block in ledger.blocks():
        file.write(block_line(block))
        count += 1
    return count


def block_line(block: LedgerBlock) -> bytes:
    """A ledger block as a line of an export, with the line's end."""
    transactions = [canonical.loads(bytes(entry.transaction), what="the transaction") for entry in block.entries]
    final = FinalHeader(block.header, block.certificate).to_json()
    return canonical.dumps(final | {"transactions": transactions}) + b"\n"


def read_blocks(lines: Iterable[bytes], *, height: int, position: int, previous: str) -> Iterator[LedgerBlock]:
    """The blocks in ``lines``, each with its end; the first is that of ``height``.

    ``position`` is that of its first entry, ``previous`` the digest of the entry before (of the genesis, if none).
    Raises ``ExportInvalid``, also on a line that is cut short.
    """
    for here, line in enumerate(lines, start=height):
        block = _block(line, here, position, previous)
        if block.entries:
            position, previous = block.entries[-1].position + 1, block.entries[-1].digest
        yield block


class ExportFile:
    """``BlockSource`` on an export. Raises ``ExportInvalid`` on anything that is no export."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            first = file.readline()
        try:
            fields = Fields(_json(first, 1), frozenset({"format", "version", "genesis"}), what="the export")
            if fields.raw("format") != _FORMAT or fields.integer("version") != _VERSION:
                raise ExportInvalid("this version does not know the export's format; upgrade to read it")
            self.genesis = Genesis.from_bytes(nested_bytes(fields, "genesis"))
        except (FieldInvalid, GenesisInvalid) as error:
            raise ExportInvalid(f"this is no export of a ledger: {error}") from None

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """The blocks from height ``start`` on, as they stand in the file; a line cut short ends in an error."""
        with self._path.open("rb") as file:
            file.readline()
            for height, block in enumerate(read_blocks(file, height=1, position=0, previous=self.genesis.digest), 1):
                if height >= start:
                    yield block


def _block(line: bytes, height: int, position: int, previous: str) -> LedgerBlock:
    try:
        fields = Fields(_json(line, height + 1), _BLOCK_FIELDS, what="the block")
        final = FinalHeader.from_json({"header": fields.raw("header"), "certificate": fields.raw("certificate")})
        entries: list[Entry] = []
        for value in fields.array("transactions", minimum=0, maximum=MAX_BLOCK_ENTRIES):
            wrapped = Fields({"transaction": value}, frozenset({"transaction"}), what="the block")
            transaction = SignedTransaction.from_bytes(nested_bytes(wrapped, "transaction"))
            entries.append(Entry(position + len(entries), final.header.time, previous, transaction))
            previous = entries[-1].digest
        return LedgerBlock(final.header, final.certificate, tuple(entries))
    except ExportInvalid:
        raise
    except LedgerError as error:
        raise ExportInvalid(
            f"line {height + 1} of the export is no ledger block ({error.code}); export again"
        ) from None


def _json(line: bytes, number: int) -> object:
    if not line.endswith(b"\n"):
        raise ExportInvalid(f"the export is cut short in line {number}; export again")
    try:
        return canonical.loads(line[:-1], what="the line")
    except EncodingInvalid:
        raise ExportInvalid(f"line {number} of the export is no canonical JSON; export again") from None
