"""Re-encryption keys: one for each scope of a grant, split among the proxies, each share sealed to its proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from clinic.certified import current_member
from clinic.errors import NotPermitted, ProxiesInsufficient, ProxyRefused, SelectionInvalid
from clinic.fan_out import answers
from clinic.key_fragments import Parties, ScopeFragment, rekey_terms, seal_fragments
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.records import Member
from ledger.state import State
from scheme import umbral
from scheme.certificates import CertificateInvalid
from scheme.errors import ChartSealError
from scheme.hpke import HpkePublicKey
from scheme.umbral import PublicKey, SecretKey


@dataclass(frozen=True)
class Sharing:
    """Among whom the keys of a grant are split, and how many of them open it."""

    proxies: Sequence[str]
    threshold: int


@dataclass(frozen=True)
class Deposited:
    """The proxies that took their fragments, and why each of the others of ``sharing`` did not."""

    sharing: Sharing
    took: tuple[str, ...]
    refusals: Mapping[str, ChartSealError]

    def require_enough(self) -> None:
        """Return if a threshold took theirs. Raises ``ProxiesInsufficient``, which says of each proxy why not."""
        if len(self.took) >= self.sharing.threshold:
            return
        why = "; ".join(sorted(f"proxy {name[:8]}: {refusal}" for name, refusal in self.refusals.items()))
        raise ProxiesInsufficient(
            f"{len(self.took)} of the {self.sharing.threshold} proxies needed took their key fragments: "
            f"{why or f'no more than {len(self.sharing.proxies)} are known here; see `chartseal proxy list`'}"
        )


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
) -> Deposited:
    """Split a re-encryption key for each scope and hand every proxy its fragments, sealed to it, all at once.

    Only proxies in office get some, and nobody does when fewer than the threshold could. Raises ``SelectionInvalid``.
    """
    if delegatee.keys.receiving is None:
        raise SelectionInvalid("that member has no receiving key and cannot read through proxies")
    parties = Parties(grant_id, patient.signing.verifying_key, PublicKey(delegatee.keys.receiving))
    proxies, refusals = _in_reach(site, state, sharing)
    if len(proxies) < sharing.threshold:
        return Deposited(sharing, (), refusals)
    shares: dict[str, list[ScopeFragment]] = {proxy_id: [] for proxy_id in proxies}
    for scope, secret in keys.items():
        terms = rekey_terms(grant_id, scope, until)
        fragments = umbral.generate_rekey(
            secret, parties.receiving, patient.signing, terms, sharing.threshold, len(shares)
        )
        public = secret.public_key
        for proxy_id, fragment in zip(shares, fragments, strict=True):
            shares[proxy_id].append(ScopeFragment(scope, public, fragment))

    def deposit(proxy_id: str) -> Callable[[], None]:
        sealed = seal_fragments(shares[proxy_id], parties, until=until, proxy=proxies[proxy_id])
        return lambda: site.proxies[proxy_id].deposit(grant_id, part, sealed)

    for proxy_id, answer in answers({name: deposit(name) for name in shares}):
        if isinstance(answer, ChartSealError):
            refusals[proxy_id] = answer
    return Deposited(sharing, tuple(name for name in shares if name not in refusals), refusals)


def forget_fragments(site: Site, grant_id: str, proxies: Iterable[str]) -> None:
    """Have those of ``proxies`` that can be reached delete the fragments of a grant that is over, or never began.

    One that is out of reach sees on the ledger that it is over, before it would use them; what no grant followed, or
    one that does not name it, it deletes by itself.
    """
    held = [name for name in proxies if name in site.proxies]
    for _ in answers({name: partial(site.proxies[name].forget, grant_id) for name in held}):
        pass


def _in_reach(site: Site, state: State, sharing: Sharing) -> tuple[dict[str, HpkePublicKey], dict[str, ChartSealError]]:
    """The keys of the proxies that are in office and known here, and why each of the others is left out."""
    keys: dict[str, HpkePublicKey] = {}
    refusals: dict[str, ChartSealError] = {}
    now = site.clock()
    for name in sharing.proxies:
        try:
            proxy = current_member(state, name, now=now)
            if name not in site.proxies:
                raise ProxyRefused("it is not known here where it is")
            keys[name] = HpkePublicKey(proxy.keys.hpke)
        except (NotPermitted, CertificateInvalid, ProxyRefused) as error:
            refusals[name] = error
    return keys, refusals
