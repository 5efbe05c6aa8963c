"""The bare work beside which the ledger's is measured: SQLite commits; Ed25519 and SHA-256 that verifying contains."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.validate import LedgerBlock
from scheme.hashing import Tag

JOURNALS = ("TRUNCATE", "WAL")
"""Rollback journal, as the ledger uses it, and write-ahead log."""

Signed = tuple[bytes, bytes, bytes, bytes]
"""Key, signature, what was signed, and the bytes to hash."""


class BareCommits:
    """A table of one column, and one row a commit with ``synchronous=FULL``: durable, and nothing else."""

    def __init__(self, path: Path, journal: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        (mode,) = self._connection.execute(f"PRAGMA journal_mode={journal}").fetchone()
        if mode.upper() != journal:
            raise RuntimeError(f"the journal mode is {mode}, not {journal}")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")

    def put(self, rows: Iterable[bytes]) -> None:
        """Commit each of ``rows`` by itself."""
        execute = self._connection.execute
        for row in rows:
            execute("BEGIN IMMEDIATE")
            execute("INSERT INTO row (bytes) VALUES (?)", (row,))
            execute("COMMIT")

    def count(self) -> int:
        """How many rows there are."""
        (number,) = self._connection.execute("SELECT count(*) FROM row").fetchone()
        return int(number)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def signatures_in(block: LedgerBlock, keys: Mapping[str, bytes]) -> list[Signed]:
    """Every signature in ``block``, of transactions and of votes, ready to be verified with one call each."""
    found = []
    for transaction in (entry.transaction for entry in block.entries):
        data = bytes(transaction)
        start, end = data.rindex(b'"signature":"'), data.rindex(b'"signer":"')
        signed = _framed(Tag.TRANSACTION, data[:start] + data[end:])
        found.append((keys[transaction.signer], transaction.signature, signed, data))
    for vote in block.certificate.votes:
        statement = _framed(Tag.LEDGER_VOTE, vote._statement(block.header.ledger))
        found.append((keys[vote.delegate], vote.signature, statement, bytes(block.header)))
    return found


def verify(work: Iterable[Signed]) -> None:
    """Verify each signature and hash what it stands in, once. Raises ``InvalidSignature``."""
    keys: dict[bytes, Ed25519PublicKey] = {}
    sha256 = hashlib.sha256
    for key, signature, signed, data in work:
        if key not in keys:
            keys[key] = Ed25519PublicKey.from_public_bytes(key)
        keys[key].verify(signature, signed)
        sha256(data).digest()


def _framed(tag: Tag, message: bytes) -> bytes:
    return f"chartseal/1/{tag}".encode() + b"\x00" + message
