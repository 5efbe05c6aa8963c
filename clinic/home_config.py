"""What a home's config.json says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clinic.errors import HomeInvalid
from clinic.proxy import MAX_STALENESS_S

HOSPITAL_CONFIG = "chartseal/config"
"""Type of a hospital's config.json."""
EMBEDDED = "embedded"
"""The ledger, or the match index, is a file in the home."""


@dataclass(frozen=True)
class Config:
    """What ``init`` decided: stores, pinned SFTP host keys, ledger, proxies (member ids), threshold, match index."""

    stores: tuple[str, ...]
    host_keys: tuple[str, ...]
    ledger: str
    genesis: str
    authority: str
    proxies: tuple[str, ...]
    threshold: int
    max_staleness_s: int = MAX_STALENESS_S
    match_index: str = EMBEDDED

    def to_json(self) -> dict[str, Any]:
        """As config.json holds it."""
        return {
            "type": HOSPITAL_CONFIG,
            "stores": list(self.stores),
            "host_keys": list(self.host_keys),
            "ledger": self.ledger,
            "genesis": self.genesis,
            "authority": self.authority,
            "proxies": list(self.proxies),
            "threshold": self.threshold,
            "max_staleness_s": self.max_staleness_s,
            "match_index": self.match_index,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Config:
        """Inverse of ``to_json``; homes of before there was a choice have their match index in them.

        Raises ``HomeInvalid``.
        """
        match_index = value.get("match_index", EMBEDDED)
        lists = [value.get(name) for name in ("stores", "host_keys", "proxies")]
        sound = (
            all(isinstance(items, list) and all(isinstance(item, str) for item in items) for items in lists)
            and all(isinstance(value.get(name), str) for name in ("ledger", "genesis", "authority"))
            and all(type(value.get(name)) is int for name in ("threshold", "max_staleness_s"))
            and isinstance(match_index, str)
        )
        if not sound:
            raise HomeInvalid("config.json lacks a setting or has one of the wrong type; restore it from a backup")
        return cls(
            tuple(value["stores"]),
            tuple(value["host_keys"]),
            value["ledger"],
            value["genesis"],
            value["authority"],
            tuple(value["proxies"]),
            value["threshold"],
            value["max_staleness_s"],
            match_index,
        )
