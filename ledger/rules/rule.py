"""What a rule is: it checks a body against the tables, refuses, or returns the change that admits it.

All checks come before the change, so a refusal leaves the tables as they were, and a change never fails half-way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ledger.errors import UnknownType
from ledger.refusals import WrongSigner
from ledger.registry import Body
from ledger.tables import Tables


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction would stand, and who signed it: an active member, or the authority."""

    position: int
    time: int
    signer: str


Change = Callable[[], None]
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
    """The change that admits ``body``. Raises a ``Refused``; the tables stay as they are until the change is called."""
    rule = _RULES.get(type(body))
    if rule is None:
        raise UnknownType("this version has no rule for the transaction's type; upgrade to read this ledger")
    return rule(tables, body, place)


def signed_by(place: Place, member: str, what: str) -> None:
    """Refuse unless ``member`` is the signer. Raises ``WrongSigner``."""
    if place.signer != member:
        raise WrongSigner(f"this transaction must be signed by {what}")
