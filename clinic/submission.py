"""Signing a body of the ledger as somebody, and having it ordered."""

from __future__ import annotations

from clinic.keystore import MemberSecrets
from ledger.engine import Engine, Receipt
from ledger.registry import Body
from ledger.transactions import sign


def submit(engine: Engine, body: Body, actor: MemberSecrets, *, time: int) -> Receipt:
    """Sign ``body`` as ``actor`` at ``time`` (unix seconds); final on return. Raises the ledger's refusals."""
    return engine.submit(
        sign(body, signer_id=actor.member_id, key=actor.signing, ledger=engine.genesis.digest, time=time)
    )
