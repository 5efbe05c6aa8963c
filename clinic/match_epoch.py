"""Epochs of matching: which one it is, both issuers' keys in it as the ledger has them, whose pseudonym is certified.

An epoch of tags has ``EPOCH_DAYS`` days, counted from 1970, and is none of the ledger's epochs. In each of them
patients opt in anew, under new pseudonyms and tags that have nothing in common with earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from clinic.clock import Clock
from ledger.records import IssuerKeyRecord
from ledger.state import State
from matching.epoch import EpochKeys, IssuerPublicKey, KnownKeys
from matching.errors import OtherEpoch
from matching.offer import KeyCheck
from matching.oprf import OprfPublicKey
from scheme import certificates
from scheme.certificates import CertificateInvalid
from scheme.keys import VerifyingKey

EPOCH_DAYS = 90
_DAY_S = 86_400


def epoch_at(moment: int) -> int:
    """The epoch at ``moment`` (unix seconds)."""
    return moment // (EPOCH_DAYS * _DAY_S)


def days_left(moment: int) -> int:
    """Whole days until the epoch is over, rounded up; at least 1."""
    return -(-((epoch_at(moment) + 1) * EPOCH_DAYS * _DAY_S - moment) // _DAY_S)


def pseudonym_role(epoch: int) -> str:
    """The role in the certificate of a pseudonym of that epoch."""
    return f"pseudonym-{epoch}"


def pseudonym_check(authority: VerifyingKey, clock: Clock) -> KeyCheck:
    """The check of a pseudonym's certificate by ``authority``; it raises ``CertificateInvalid``.

    In order: 1. the authority issued it, and it is valid now; 2. for that epoch; 3. under the id of its own key.
    """

    def certified(der: bytes, epoch: int) -> VerifyingKey:
        found = certificates.verify(der, authority, now=clock())  # 1
        if found.role != pseudonym_role(epoch):  # 2
            raise CertificateInvalid("the certificate is no pseudonym's of this epoch; opt in anew")
        if found.member_id != found.verifying_key.key_id:  # 3
            raise CertificateInvalid("the certificate names another key than a pseudonym's own")
        return found.verifying_key

    return certified


def published(record: IssuerKeyRecord) -> IssuerPublicKey:
    """An issuer's key as matching knows it. Raises ``ElementInvalid`` when it is no element of the group."""
    return IssuerPublicKey(record.issuer, record.operator, record.epoch, OprfPublicKey(record.key))


def keys_on_ledger(
    state: State, epoch: int, known: Iterable[IssuerPublicKey], trusted: Callable[[str], bool]
) -> tuple[EpochKeys, KnownKeys]:
    """Both issuers' keys in ``epoch``, and all that were ever seen with them.

    ``trusted`` says which issuers are asked. Raises ``OtherEpoch`` unless two of them have keys, ``IssuerKeyChanged``
    when one of them differs from what was ``known``, ``IssuersNotIndependent``.
    """
    seen = KnownKeys(known)
    found = [record for record in state.issuer_keys(epoch) if trusted(record.issuer)]
    for record in found:
        seen.learn(published(record))
    if len(found) != 2:
        raise OtherEpoch(f"the ledger has not the keys of both issuers for epoch {epoch}; ask their operators")
    return seen.pair(epoch, *(record.issuer for record in found)), seen
