"""The tables behind the state: typed views of one key-value store. They read; only the state writes.

A key is the table's byte followed by its parts: ids and digests as bytes, numbers in 8 bytes, big-endian, so that scans
go in their order. A value is the record as JSON with its fields in order and its sets sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import msgspec

from ledger.genesis import Genesis
from ledger.keyvalue import KeyValue, Write
from ledger.records import (
    Ask,
    Candidate,
    Chain,
    ChapterPlace,
    ChildHead,
    DelegateVote,
    Epoch,
    GrantRecord,
    IndexEntry,
    IssuerKeyRecord,
    KeyCard,
    Member,
    Misconduct,
    ReleaseRecord,
    RequestRecord,
    ScopeOwner,
    SeedShare,
    Tip,
)

Record = TypeVar("Record")
Part = str | int
"""Part of a key: an id or digest in hex, or a number below 2^63."""


class Table(Generic[Record]):
    """Records of one kind by key."""

    def __init__(self, keyvalue: KeyValue, prefix: int, record: type[Record]) -> None:
        self._keyvalue = keyvalue
        self._prefix = bytes([prefix])
        self._decoder = msgspec.json.Decoder(record)

    def get(self, *key: Part) -> Record | None:
        """The record of that key."""
        value = self._keyvalue.get(self._key(key))
        return None if value is None else self._decoder.decode(value)

    def scan(self, *prefix: Part) -> Iterator[Record]:
        """Records whose key begins with these parts, in order of key."""
        for _, value in self._keyvalue.scan(self._key(prefix)):
            yield self._decoder.decode(value)

    def __contains__(self, key: Part) -> bool:
        return self._keyvalue.get(self._key((key,))) is not None

    def any_of(self, keys: Iterable[Part]) -> bool:
        """Whether there is a record of one of ``keys``."""
        return self._keyvalue.any_of([self._key((key,)) for key in keys])

    def put(self, record: Record, *key: Part) -> Write:
        """The write that makes ``record`` the one of that key; nothing is written here."""
        return self._key(key), self._encoded(record)

    def put_each(self, record: Record, keys: Iterable[Part]) -> list[Write]:
        """The writes that make ``record`` that of each of ``keys``."""
        value = self._encoded(record)
        return [(self._key((key,)), value) for key in keys]

    def delete(self, *key: Part) -> Write:
        """The write that takes the key away; nothing is written here."""
        return self._key(key), None

    @staticmethod
    def _encoded(record: Record) -> bytes:
        return msgspec.json.encode(record, order="deterministic")

    def _key(self, parts: tuple[Part, ...]) -> bytes:
        key = self._prefix
        for part in parts:
            key += bytes.fromhex(part) if isinstance(part, str) else part.to_bytes(8, "big")
        return key


class Tables:
    """Everything that the entries so far add up to."""

    def __init__(self, genesis: Genesis, keyvalue: KeyValue) -> None:  # noqa: PLR0915 (a line for each table)
        self.genesis = genesis
        self.keyvalue = keyvalue
        self.tip = Table(keyvalue, 0, Tip)
        """Under no key at all: one row."""
        self.transactions = Table(keyvalue, 1, int)
        """Transaction id to position: what is here is a replay."""
        # Members
        self.members = Table(keyvalue, 10, Member)
        self.verifying_keys = Table(keyvalue, 11, str)
        """Verifying key in hex to member."""
        self.positions_of = Table(keyvalue, 12, int)
        """(patient, position) to that position: the entries about her."""
        # Key cards, blocks
        self.key_cards = Table(keyvalue, 20, KeyCard)
        """By patient."""
        self.scope_owners = Table(keyvalue, 21, ScopeOwner)
        self.chains = Table(keyvalue, 22, Chain)
        self.chains_of = Table(keyvalue, 23, str)
        """(patient, hospital) to chain."""
        self.anchorings = Table(keyvalue, 24, bytes)
        """Position of an AnchorBlocks to its packed blocks; see ``ledger.anchorings``."""
        self.anchorings_of = Table(keyvalue, 28, int)
        """(chain, first index) to that position."""
        self.blocks = Table(keyvalue, 25, tuple[int, ...])
        """The first 8 bytes of a locator to the positions of the anchorings that hold such a block."""
        self.withdrawn = Table(keyvalue, 26, int)
        """Locator to the position of its withdrawal."""
        self.chapters = Table(keyvalue, 27, ChapterPlace)
        # Consent
        self.requests = Table(keyvalue, 30, RequestRecord)
        self.requests_of = Table(keyvalue, 31, str)
        """(patient or delegatee, position) to request."""
        self.grants = Table(keyvalue, 32, GrantRecord)
        self.grants_of = Table(keyvalue, 33, str)
        """(patient or delegatee, position) to grant."""
        self.releases = Table(keyvalue, 34, ReleaseRecord)
        self.releases_of = Table(keyvalue, 35, str)
        """(patient, position) to release."""
        # Delegates
        self.epochs = Table(keyvalue, 40, Epoch)
        """By number."""
        self.candidates = Table(keyvalue, 41, Candidate)
        """By delegate id."""
        self.candidate_of = Table(keyvalue, 42, str)
        """Member to delegate id."""
        self.votes = Table(keyvalue, 43, DelegateVote)
        """By voter."""
        self.seed_shares = Table(keyvalue, 44, SeedShare)
        """(epoch, delegate)."""
        self.misconduct = Table(keyvalue, 45, Misconduct)
        """(accused, height, round): the heaviest fault proven there; (accused, height) for a seed withheld."""
        self.candidates_of = Table(keyvalue, 46, str)
        """(organisation, delegate) to delegate."""
        # The consortium
        self.children = Table(keyvalue, 50, ChildHead)
        """By child ledger: its newest anchored head."""
        self.index = Table(keyvalue, 51, IndexEntry)
        """By tag of a pseudonym."""
        self.asks = Table(keyvalue, 52, Ask)
        self.asks_of = Table(keyvalue, 53, str)
        """(tag, position) to ask."""
        self.child_heads = Table(keyvalue, 54, ChildHead)
        """(child ledger, height): every anchored head."""
        self.asks_by = Table(keyvalue, 55, str)
        """(doctor, position) to ask."""
        # Matching
        self.issuer_keys = Table(keyvalue, 60, IssuerKeyRecord)
        """(epoch of tags, issuer)."""
        self.issuer_of_key = Table(keyvalue, 61, str)
        """Issuer's key in hex to issuer, of every epoch."""
