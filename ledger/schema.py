"""The tables of a ledger's database, the same in every dialect (SQLAlchemy Core)."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("genesis", sa.LargeBinary, nullable=False),
)
"""One row: what the ledger starts from."""

BLOCK = sa.Table(
    "block",
    METADATA,
    sa.Column("height", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
)
"""Final ledger blocks; ``size`` counts the entries up to and with the block."""

ENTRY = sa.Table(
    "entry",
    METADATA,
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
)

NODE = sa.Table(
    "node",
    METADATA,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Roots of complete subtrees at every ``ledger.tree.STEP``-th level of the Merkle tree; what is between is computed."""

STATE = sa.Table(
    "state",
    METADATA,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
"""The key-value store of the state.

In SQLite the keys are an index of their own: they come in no order, and without the values they are fewer pages to
write; and no long value has to be read while a key is looked for.
"""

PENDING = sa.Table(
    "pending",
    METADATA,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("block", sa.LargeBinary, nullable=False),
)
"""At most one row: the last block that was proposed and is not final."""
