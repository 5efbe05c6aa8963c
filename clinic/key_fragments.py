"""Key fragments on their way to a proxy: split by the patient, sealed to the proxy, verified before they are used."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from scheme import canonical, hpke
from scheme.errors import EncodingInvalid
from scheme.hpke import HpkePrivateKey, HpkePublicKey
from scheme.keys import VerifyingKey
from scheme.scopes import scope_id
from scheme.umbral import KeyFrag, PublicKey, RekeyTerms, VerifiedKeyFrag


@dataclass(frozen=True)
class Parties:
    """Whose fragments they are: grant, the patient's verifying key, the delegatee's receiving key."""

    grant: str
    patient: VerifyingKey
    receiving: PublicKey

    @property
    def _info(self) -> bytes:
        names = (self.grant, self.patient.key_id, self.receiving.key_id)
        return f"chartseal/1/key-fragments/{'/'.join(names)}".encode()


@dataclass(frozen=True)
class ScopeFragment:
    """A key fragment and the delegating key of its scope. Secret."""

    scope: str
    delegating_key: PublicKey
    fragment: VerifiedKeyFrag


def seal_fragments(
    fragments: Sequence[ScopeFragment], parties: Parties, *, until: int | None, proxy: HpkePublicKey
) -> bytes:
    """Fragments of one proxy, sealed to it by HPKE; suite, grant and both key ids are bound in ``info``."""
    body = {
        "until": until or 0,
        "receiving": bytes(parties.receiving).hex(),
        "fragments": [
            {
                "scope": item.scope,
                "key": bytes(item.delegating_key).hex(),
                "fragment": canonical.b64(item.fragment.to_secret_bytes()),
            }
            for item in fragments
        ],
    }
    return hpke.seal(proxy, parties._info, canonical.dumps(body))


def open_fragments(
    sealed: bytes, proxy: HpkePrivateKey, parties: Parties, until: int | None, scopes: Set[str]
) -> dict[str, VerifiedKeyFrag]:
    """Those of ``scopes`` that are in a deposit: the patient's, for this grant, delegatee, scope and end.

    The delegating key has to be the scope's: what a fragment of another key makes would fail for everybody, under the
    proxy's signature. Raises ``NotForThisKey``, ``EncodingInvalid``, and what ``KeyFrag.verify`` raises.
    """
    body = canonical.loads(hpke.open(proxy, parties._info, sealed), what="key fragments")
    found = {}
    try:
        for item in body["fragments"]:
            if item["scope"] in scopes:
                terms = rekey_terms(parties.grant, item["scope"], until)
                fragment = KeyFrag.from_secret_bytes(canonical.unb64(item["fragment"], what="a key fragment"))
                delegating_key = PublicKey(canonical.unhex(item["key"], what="a scope's key", size=33))
                if scope_id(delegating_key) != item["scope"]:
                    raise EncodingInvalid("a deposit of key fragments names another delegating key than its scope's")
                found[item["scope"]] = fragment.verify(parties.patient, delegating_key, parties.receiving, terms)
    except (KeyError, TypeError):
        raise EncodingInvalid("a deposit of key fragments lacks a field or has one of the wrong type") from None
    return found


def rekey_terms(grant_id: str, scope: str, until: int | None) -> RekeyTerms:
    """The terms that a patient signs into the fragments of one scope of a grant."""
    return RekeyTerms(bytes.fromhex(grant_id), bytes.fromhex(scope), until or 0)
