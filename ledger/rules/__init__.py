"""The rules, one for each body; importing this package enters them all."""

from ledger.rules import anchoring, consent, keycards, membership
from ledger.rules.rule import Change, Place, judge

__all__ = ["Change", "Place", "anchoring", "consent", "judge", "keycards", "membership"]
