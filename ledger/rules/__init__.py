"""The rules, one for each body; importing this package enters them all."""

from ledger.rules import anchoring, consent, consortium, delegates, evidence, family, keycards, matching, membership
from ledger.rules.rule import Change, Place, judge

__all__ = [
    "Change",
    "Place",
    "anchoring",
    "consent",
    "consortium",
    "delegates",
    "evidence",
    "family",
    "judge",
    "keycards",
    "matching",
    "membership",
]
