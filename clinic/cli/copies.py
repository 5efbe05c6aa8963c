"""What commands about a ledger share: which copy they read, and what it calls its delegates and members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from clinic.cli.session import Session
from clinic.errors import HomeInvalid, InputInvalid
from clinic.ledger_copies import opened_copy
from ledger.engine import Reader
from ledger.engines.stored import expected_genesis
from ledger.genesis import Genesis
from ledger.state import State
from scheme.hashing import DIGEST_SIZE

REPLICA = click.option(
    "--replica", metavar="FILE", help="Read this copy (or postgresql:// URL) instead of the home's; needs no home."
)


@contextmanager
def opened_reader(session: Session, replica: str | None) -> Iterator[Reader]:
    """The home's ledger, or the copy that ``--replica`` names."""
    if replica is not None:
        with opened_copy(replica) as copy:
            yield copy
        return
    engine = session.home.engine()
    try:
        yield engine
    finally:
        engine.close()


def has_home(session: Session) -> bool:
    """Whether ``--home`` is a home: then names are known."""
    try:
        session.home  # noqa: B018 (refuses what is not a home)
    except HomeInvalid:
        return False
    return True


def member_names(session: Session) -> Callable[[str], str]:
    """What the home calls members; without one, the beginning of the id."""
    return session.name if has_home(session) else lambda member_id: member_id[:12]


def delegate_names(session: Session, genesis: Genesis, state: State) -> dict[str, str]:
    """What everybody is called who ever stood: as the member behind it, founders by their place in the genesis."""
    name = member_names(session)
    members = {each.delegate: name(each.member) for each in state.candidates() if each.member is not None}
    founders = {each.delegate: f"founder {number}" for number, each in enumerate(genesis.founders, start=1)}
    return members | founders


def require_genesis(genesis: Genesis, expected: str) -> None:
    """Return if it is the ``expected`` one. Raises ``InputInvalid`` when that is no digest, ``GenesisInvalid``."""
    require_digest(expected)
    expected_genesis(genesis, expected)


def require_digest(text: str) -> str:
    """``text``, if it is a digest in lower-case hex. Raises ``InputInvalid``."""
    if len(text) != 2 * DIGEST_SIZE or set(text) - set("0123456789abcdef"):
        raise InputInvalid(f"a genesis digest has {2 * DIGEST_SIZE} hexadecimal digits, in lower case")
    return text
