"""Re-encryption keys: one for each scope of a grant, split among the proxies, each share sealed to its proxy."""

from __future__ import annotations

from collections.abc import Mapping

from clinic.errors import SelectionInvalid
from clinic.keystore import MemberSecrets
from clinic.proxy import ScopeFragment, rekey_terms, seal_fragments
from clinic.requests import member_of
from clinic.site import Site
from ledger.records import Member
from ledger.state import State
from scheme import umbral
from scheme.hpke import HpkePublicKey
from scheme.umbral import PublicKey, SecretKey


def deposit_fragments(
    site: Site,
    state: State,
    patient: MemberSecrets,
    delegatee: Member,
    keys: Mapping[str, SecretKey],
    *,
    grant_id: str,
    part: str,
    until: int | None,
) -> None:
    """Split a re-encryption key for each scope and hand every proxy its fragments, sealed to it."""
    if delegatee.keys.receiving is None:
        raise SelectionInvalid("that member has no receiving key and cannot read through proxies")
    receiving = PublicKey(delegatee.keys.receiving)
    shares: dict[str, list[ScopeFragment]] = {proxy_id: [] for proxy_id in site.proxies}
    for scope, secret in keys.items():
        terms = rekey_terms(grant_id, scope, until)
        fragments = umbral.generate_rekey(secret, receiving, patient.signing, terms, site.threshold, len(shares))
        public = secret.public_key
        for proxy_id, fragment in zip(shares, fragments, strict=True):
            shares[proxy_id].append(ScopeFragment(scope, public, fragment))
    for proxy_id, proxy in site.proxies.items():
        sealed = seal_fragments(
            shares[proxy_id],
            grant_id=grant_id,
            patient=patient.signing.verifying_key,
            receiving=receiving,
            until=until or 0,
            proxy=HpkePublicKey(member_of(state, proxy_id).keys.hpke),
        )
        proxy.deposit(grant_id, part, sealed)
