"""Evidence that a proxy answered with a wrong fragment: who holds the ledger checks it, without anybody's secret.

It shows that the proxy signed the answer and that the fragment's proof fails for the keys on the ledger. An answer
that did not come, or that bears no signature of the proxy, proves nothing and makes no evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clinic import durable
from clinic.certified import certified_member
from clinic.errors import FaultInvalid, FaultUnfounded
from clinic.key_fragments import rekey_terms
from clinic.proxy_answer import Ask, Statement, fragment_digest
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.state import State
from scheme import canonical
from scheme.errors import SchemeError
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SIGNATURE_SIZE, VerifyingKey
from scheme.scopes import scope_id
from scheme.umbral import CapsuleFrag, PublicKey

PUBLIC_KEY_SIZE = 33
_MAX_ASKS = 4096
_FIELDS = frozenset({"type", "ledger", "statement", "signature", "ask", "fragment", "key"})
_STATEMENT = frozenset({"type", "proxy", "release", "asks", "fragments"})


@dataclass(frozen=True)
class ProxyFault:
    """A signed answer, the one fragment of it that is wrong, the ask it answers, and the scope's delegating key."""

    ledger: str
    statement: Statement
    signature: bytes
    ask: Ask
    fragment: bytes
    delegating_key: PublicKey

    def check(self, state: State) -> str:
        """One sentence on what the proxy did, if this shows it on the ledger of ``state``. Raises ``FaultUnfounded``.

        In order: 1. this ledger; 2. release and grant are on it, and the grant names the proxy; 3. the proxy's
        signature, by its certified key; 4. the capsule holds for its context, so that an honest proxy would not have
        failed; 5. ask and fragment are of the answer; 6. the delegating key is that of the chapter's scope; 7. the
        fragment does not verify.
        """
        statement = self.statement
        if self.ledger != state.genesis.digest:  # 1
            raise FaultUnfounded("the evidence is of another ledger; check it where that ledger is")
        release = state.release(statement.release)
        grant = state.grant(release.grant) if release is not None else None
        if grant is None or statement.proxy not in grant.proxies:  # 2
            raise FaultUnfounded("the ledger has no such release, or its grant does not name this proxy")
        try:
            proxy, patient = certified_member(state, statement.proxy), certified_member(state, grant.patient)
            delegatee = certified_member(state, grant.delegatee)
            statement.verify(VerifyingKey(proxy.keys.verifying), self.signature)  # 3
            capsule = self.ask.capsule.verify(self.ask.context.label)  # 4
        except SchemeError as error:
            raise FaultUnfounded(f"the evidence does not hold ({error.code}): it shows nothing of that proxy") from None
        answered = zip(statement.asks, statement.fragments, strict=False)
        if (self.ask.digest, fragment_digest(self.fragment)) not in answered:  # 5
            raise FaultUnfounded("the fragment is not what that proxy answered to this ask")
        if scope_id(self.delegating_key) != self.ask.context.scope or delegatee.keys.receiving is None:  # 6
            raise FaultUnfounded("the delegating key is not that of the chapter's scope")
        try:  # 7
            CapsuleFrag.from_bytes(self.fragment).verify(
                capsule,
                self.ask.context.label,
                VerifyingKey(patient.keys.verifying),
                self.delegating_key,
                PublicKey(delegatee.keys.receiving),
                rekey_terms(grant.grant, self.ask.context.scope, grant.until),
            )
        except SchemeError as error:
            return f"proxy {statement.proxy} signed a fragment that does not verify ({error.code})"
        raise FaultUnfounded("the fragment is sound: that proxy did nothing wrong here")

    @property
    def digest(self) -> str:
        """Names the evidence: 32 bytes in hex."""
        return tagged_hash(Tag.PROXY_FAULT, bytes(self)).hex()

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": "chartseal/proxy-fault",
                "ledger": self.ledger,
                "statement": self.statement.to_json(),
                "signature": canonical.b64(self.signature),
                "ask": self.ask.to_json(),
                "fragment": canonical.b64(self.fragment),
                "key": bytes(self.delegating_key).hex(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> ProxyFault:
        """Strict inverse of ``bytes``. Raises ``FaultInvalid``."""
        try:
            fields = Fields(canonical.loads(data, what="the evidence"), _FIELDS, what="evidence")
            fault = cls(
                fields.digest("ledger"),
                _statement(fields.raw("statement")),
                canonical.unb64(fields.raw("signature"), what="the signature", size=SIGNATURE_SIZE),
                Ask.from_json(fields.raw("ask")),
                canonical.unb64(fields.raw("fragment"), what="the fragment"),
                PublicKey(fields.key("key", PUBLIC_KEY_SIZE)),
            )
            if bytes(fault) != data:
                raise FieldInvalid("it is not in canonical form")
        except (SchemeError, FieldInvalid) as error:
            raise FaultInvalid(
                f"this is no evidence against a proxy ({error}); hand in the file as it was made"
            ) from None
        return fault


Report = Callable[[ProxyFault], None]
"""Told of every fault that a delegatee's reading brings to light."""


def unreported(_fault: ProxyFault) -> None:
    """A ``Report`` that keeps nothing."""


class FaultFolder:
    """Evidence as files in a folder: a ``Report`` for homes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, fault: ProxyFault) -> None:
        """Keep ``fault`` durably; the same again changes nothing."""
        path = self._folder / f"{fault.digest}.json"
        if not path.exists():
            durable.write(path, bytes(fault))

    def files(self) -> list[Path]:
        """All that is kept, oldest first."""
        return sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)


def _statement(value: object) -> Statement:
    fields = Fields(value, _STATEMENT, what="statement")
    asks, fragments = (
        tuple(map(_digest, fields.array(name, minimum=1, maximum=_MAX_ASKS))) for name in ("asks", "fragments")
    )
    return Statement(fields.identifier("proxy"), fields.identifier("release"), asks, fragments)


def _digest(value: object) -> str:
    return canonical.unhex(value, what="a digest", size=32).hex()
