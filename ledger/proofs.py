"""Offline proofs: entries under a final header, with the handovers that lead to it.

Order of a check: 1. the handovers lead from the founders to the set that signs the final header, 2. that header has a
quorum certificate of that set (both by ``LightClient``, which says what this shows), 3. each entry's inclusion path
leads to the header's root. A proof does not show that the entries follow the rules or that their signatures hold
(replaying the ledger does), nor that no other entry concerns the same matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar

from ledger.entry import Entry, entry_digest
from ledger.errors import FieldInvalid, ProofInvalid
from ledger.fields import Fields
from ledger.finality import FinalHeader, Handover, LightClient, nested_bytes
from ledger.header import LedgerHeader
from ledger.merkle import HASH_SIZE, MAX_PATH_NODES, Path, leaf_hash, verify_inclusion
from ledger.transactions import SignedTransaction
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.errors import EncodingInvalid

__all__ = ["EntryProof", "FinalHeader", "Handover", "LedgerProof", "LightClient"]

MAX_HANDOVERS = 1_000_000
"""Most handovers of one proof; those that change nothing can be left out."""
MAX_PROVED_ENTRIES = 1_000_000
"""Most entries of one proof."""

Proof = TypeVar("Proof")


@dataclass(frozen=True)
class EntryProof:
    """An entry in its parts, and the inclusion path (at most 64 hashes of 32 bytes) to a header's ``entries_root``."""

    position: int
    time: int
    previous: str
    transaction: bytes = field(repr=False)
    path: Path = field(repr=False)

    @classmethod
    def of(cls, entry: Entry, path: Path) -> Self:
        """The proof that consists of ``entry`` and its ``path``."""
        return cls(entry.position, entry.time, entry.previous, bytes(entry.transaction), path)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``; the transaction is not read yet. Raises ``FieldInvalid``."""
        names = frozenset({"position", "time", "previous", "transaction", "path"})
        fields = Fields(value, names, what="proved entry")
        return cls(
            position=fields.integer("position"),
            time=fields.integer("time"),
            previous=fields.digest("previous"),
            transaction=nested_bytes(fields, "transaction"),
            path=_path(fields, "path"),
        )

    def to_json(self) -> JsonObject:
        """As it stands in a proof; the transaction as JSON."""
        return {
            "position": self.position,
            "time": self.time,
            "previous": self.previous,
            "transaction": canonical.loads(self.transaction, what="the transaction"),
            "path": [node.hex() for node in self.path],
        }

    def verify(self, header: LedgerHeader) -> Entry:
        """The entry, when it stands at its position under ``header``, which must be verified itself.

        Raises ``ProofInvalid``; as ``SignedTransaction.from_bytes`` on a transaction that this version cannot read.
        """
        digest = entry_digest(self.position, self.time, self.previous, self.transaction)
        verify_inclusion(
            leaf_hash(bytes.fromhex(digest)),
            self.position,
            header.size,
            self.path,
            bytes.fromhex(header.entries_root),
        )
        return Entry(self.position, self.time, self.previous, SignedTransaction.from_bytes(self.transaction))


@dataclass(frozen=True)
class LedgerProof:
    """``entries``, in order of position, under one ``final`` header, with the ``handovers`` that lead to it."""

    handovers: tuple[Handover, ...]
    final: FinalHeader
    entries: tuple[EntryProof, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Strict inverse of ``bytes``. Raises ``ProofInvalid``, ``HeaderInvalid``, ``CertificateInvalid``."""
        return _read(cls.from_json, lambda: canonical.loads(data, what="the proof"))

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``ProofInvalid``, ``HeaderInvalid``, ``CertificateInvalid``."""
        return _read(cls._from_json, lambda: value)

    @classmethod
    def _from_json(cls, value: object) -> Self:
        fields = Fields(value, frozenset({"handovers", "final", "entries"}), what="proof")
        handovers = fields.array("handovers", minimum=0, maximum=MAX_HANDOVERS)
        entries = fields.array("entries", minimum=0, maximum=MAX_PROVED_ENTRIES)
        return cls(
            handovers=tuple(Handover.from_json(handover) for handover in handovers),
            final=FinalHeader.from_json(fields.raw("final")),
            entries=tuple(EntryProof.from_json(entry) for entry in entries),
        )

    def to_json(self) -> JsonObject:
        """The proof as it stands in an audit file."""
        return {
            "handovers": [handover.to_json() for handover in self.handovers],
            "final": self.final.to_json(),
            "entries": [entry.to_json() for entry in self.entries],
        }

    def __bytes__(self) -> bytes:
        return canonical.dumps(self.to_json())

    def verify(self, client: LightClient) -> tuple[Entry, ...]:
        """The entries, after ``client`` accepted the header that they stand under.

        Raises as ``LightClient.accept`` and ``EntryProof.verify``.
        """
        positions = [entry.position for entry in self.entries]
        if any(before >= after for before, after in itertools.pairwise(positions)):
            raise ProofInvalid("the entries of the proof must stand in order of position, none twice; get a new one")
        header = client.accept(self.handovers, self.final)
        return tuple(entry.verify(header) for entry in self.entries)


def _path(fields: Fields, name: str) -> Path:
    nodes = fields.array(name, minimum=0, maximum=MAX_PATH_NODES)
    return tuple(Fields({"node": node}, frozenset({"node"}), what=name).key("node", HASH_SIZE) for node in nodes)


def _read(from_json: Callable[[object], Proof], value: Callable[[], object]) -> Proof:
    try:
        return from_json(value())
    except (EncodingInvalid, FieldInvalid) as error:
        raise ProofInvalid(f"this is no proof: {error}") from None
