"""What a rule is: it checks a body against the tables, refuses, or returns the writes that admit it.

A rule only reads: a refusal leaves the tables as they were, and the state carries out all the writes or none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ledger.errors import UnknownType
from ledger.keyvalue import Write
from ledger.refusals import WrongSigner
from ledger.registry import Body
from ledger.tables import Tables


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction would stand, and who signed it: an active member, the authority, or a founding delegate.

    ``height`` is that of the ledger block it would be in, ``epoch`` that block's.
    """

    position: int
    time: int
    signer: str
    height: int
    epoch: int


Change = list[Write]
AnyBody = TypeVar("AnyBody", bound=Body)
Rule = Callable[[Tables, AnyBody, Place], Change]

_RULES: dict[type[Body], Callable[[Tables, Body, Place], Change]] = {}


def rule_for(body: type[AnyBody]) -> Callable[[Rule[AnyBody]], Rule[AnyBody]]:
    """Enter the rule of one kind of body."""

    def enter(rule: Rule[AnyBody]) -> Rule[AnyBody]:
        _RULES[body] = rule  # type: ignore[assignment]  # looked up by the body's own type
        return rule

    return enter


def judge(tables: Tables, body: Body, place: Place) -> Change:
    """The writes that admit ``body``. Raises a ``Refused``."""
    rule = _RULES.get(type(body))
    if rule is None:
        raise UnknownType("this version has no rule for the transaction's type; upgrade to read this ledger")
    return rule(tables, body, place)


def signed_by(place: Place, member: str, what: str) -> None:
    """Refuse unless ``member`` is the signer. Raises ``WrongSigner``."""
    if place.signer != member:
        raise WrongSigner(f"this transaction must be signed by {what}")
