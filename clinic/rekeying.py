"""Re-encryption keys: one for each scope of a grant, split among the proxies, each share sealed to its proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clinic.errors import DiskFull, ProxiesInsufficient, SelectionInvalid
from clinic.fan_out import answers
from clinic.key_fragments import Parties, ScopeFragment, rekey_terms, seal_fragments
from clinic.keystore import MemberSecrets
from clinic.requests import member_of
from clinic.site import Site
from ledger.records import Member
from ledger.state import State
from scheme import umbral
from scheme.errors import ChartSealError
from scheme.hpke import HpkePublicKey
from scheme.umbral import PublicKey, SecretKey


@dataclass(frozen=True)
class Sharing:
    """Among whom the keys of a grant are split, and how many of them open it."""

    proxies: Sequence[str]
    threshold: int


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
    sharing: Sharing,
) -> tuple[str, ...]:
    """Split a re-encryption key for each scope and hand every proxy its fragments, sealed to it, all at once.

    Returns the proxies that took theirs, at least the threshold. Raises ``ProxiesInsufficient`` when fewer did, and
    ``DiskFull`` when that is why.
    """
    if delegatee.keys.receiving is None:
        raise SelectionInvalid("that member has no receiving key and cannot read through proxies")
    parties = Parties(grant_id, patient.signing.verifying_key, PublicKey(delegatee.keys.receiving))
    shares: dict[str, list[ScopeFragment]] = {proxy_id: [] for proxy_id in sharing.proxies}
    for scope, secret in keys.items():
        terms = rekey_terms(grant_id, scope, until)
        fragments = umbral.generate_rekey(
            secret, parties.receiving, patient.signing, terms, sharing.threshold, len(shares)
        )
        public = secret.public_key
        for proxy_id, fragment in zip(shares, fragments, strict=True):
            shares[proxy_id].append(ScopeFragment(scope, public, fragment))

    def deposit(proxy_id: str) -> Callable[[], None]:
        key = HpkePublicKey(member_of(state, proxy_id).keys.hpke)
        sealed = seal_fragments(shares[proxy_id], parties, until=until, proxy=key)
        return lambda: site.proxies[proxy_id].deposit(grant_id, part, sealed)

    refusals = {
        proxy_id: answer
        for proxy_id, answer in answers({name: deposit(name) for name in shares if name in site.proxies})
        if isinstance(answer, ChartSealError)
    }
    took = tuple(name for name in shares if name in site.proxies and name not in refusals)
    if len(took) < sharing.threshold:
        for refusal in refusals.values():
            if isinstance(refusal, DiskFull):  # of a proxy in this home
                raise refusal
        raise ProxiesInsufficient(
            f"{len(took)} of the {sharing.threshold} proxies needed took their key fragments: "
            f"{'; '.join(sorted({str(refusal) for refusal in refusals.values()}))}"
        )
    return took
