"""The tables behind the state: plain dictionaries that only the rules' changes write to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum

from ledger.genesis import Genesis
from ledger.records import AnchoredBlock, Chain, Chapter, GrantRecord, KeyCard, Member, ReleaseRecord, RequestRecord
from scheme import canonical


@dataclass
class Tables:
    """Everything that the entries so far add up to; keys are ids unless said otherwise."""

    genesis: Genesis
    members: dict[str, Member] = field(default_factory=dict)
    verifying_keys: dict[str, str] = field(default_factory=dict)
    """Verifying key in hex to member."""
    key_cards: dict[str, KeyCard] = field(default_factory=dict)
    """By patient."""
    scope_owners: dict[str, str] = field(default_factory=dict)
    """Scope to patient: current, retired and one-off scopes."""
    one_off_scopes: set[str] = field(default_factory=set)
    chains: dict[str, Chain] = field(default_factory=dict)
    chains_of: dict[str, dict[str, str]] = field(default_factory=dict)
    """Patient to hospital to chain."""
    chain_blocks: dict[str, list[str]] = field(default_factory=dict)
    """Chain to locators, in order of index."""
    blocks: dict[str, AnchoredBlock] = field(default_factory=dict)
    """By locator."""
    chapters: dict[str, Chapter] = field(default_factory=dict)
    requests: dict[str, RequestRecord] = field(default_factory=dict)
    grants: dict[str, GrantRecord] = field(default_factory=dict)
    releases: dict[str, ReleaseRecord] = field(default_factory=dict)
    requests_of: dict[str, list[str]] = field(default_factory=dict)
    """Patient or delegatee to requests, in order."""
    grants_of: dict[str, list[str]] = field(default_factory=dict)
    """Patient or delegatee to grants, in order."""
    releases_of: dict[str, list[str]] = field(default_factory=dict)
    """Patient to releases, in order."""
    positions_of: dict[str, list[int]] = field(default_factory=dict)
    """Patient to the positions of the entries about her."""

    def rows(self) -> Iterator[bytes]:
        """Each row of each table in one canonical order and encoding, for the state's digest."""
        for table in fields(self):
            if table.name == "genesis":
                continue
            rows = getattr(self, table.name)
            for key in sorted(rows):
                value = _plain(rows[key]) if isinstance(rows, dict) else None
                yield canonical.dumps({"table": table.name, "key": key, "value": value})


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, Enum) else value
