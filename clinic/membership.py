"""The certification centre at work: suspend, reinstate, renew, remove, and who is certified with which keys."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from clinic import letters
from clinic.certified import certificate_of, certified_member
from clinic.enrolment import CERTIFICATE_DAYS, certificate_for
from clinic.errors import InputInvalid, LetterInvalid, NotPermitted
from clinic.keystore import MemberSecrets
from clinic.requests import new_id, reader_keys
from clinic.site import Site
from ledger.bodies import Reinstate, Remove, Renew, Suspend
from ledger.records import Member
from scheme.hpke import HpkePublicKey
from scheme.keys import VerifyingKey
from scheme.umbral import PublicKey
from scheme.wrap import WrappingPublicKey

MAX_CERTIFICATE_DAYS = 3650


@dataclass(frozen=True)
class Standing:
    """A member as anybody may look it up; ``fingerprints`` has the key's purpose and 16 bytes of its hash in hex.

    ``serial`` is the certificate's, in hex; ``status`` is active, suspended, removed or certificate ended.
    """

    member: Member
    fingerprints: Mapping[str, str]
    serial: str
    status: str


def status_of(member: Member, now: int) -> str:
    """What a member's signature is worth at ``now`` (unix seconds), in a word or two."""
    if member.removed_at is not None:
        return "removed"
    if member.suspended:
        return "suspended"
    return "active" if now <= member.not_after else "certificate ended"


def look_up(site: Site, member_id: str) -> Standing:
    """Public-key look-up, removed members too. Raises ``NotPermitted`` for no member, ``CertificateInvalid``."""
    member = certified_member(site.state(), member_id)
    certificate = certificate_of(member, site.engine.genesis.verifying)
    keys = member.keys
    fingerprints = {"signing": VerifyingKey(keys.verifying).key_id, "letters": HpkePublicKey(keys.hpke).key_id}
    if keys.receiving is not None:
        fingerprints["reading"] = PublicKey(keys.receiving).key_id
    if keys.wrapping is not None:
        fingerprints["records"] = WrappingPublicKey(keys.wrapping).key_id
    return Standing(member, fingerprints, f"{certificate.serial:x}", status_of(member, site.clock()))


def suspend(site: Site, authority: MemberSecrets, member_id: str, *, reason: str = "") -> None:
    """From now on the member's signatures do not count; the reason goes to the member alone.

    Raises ``NotPermitted`` for no member, the ledger's refusals.
    """
    state = site.state()
    certified_member(state, member_id)
    letter_id = f"{_suspensions(member_id)}{new_id()}"
    letter = letters.write("suspension", letter_id, {"reason": reason}, authority.signing)
    letters.post(site.mailbox, letter, letter_id, reader_keys(state, (member_id,)))
    site.submit(Suspend(member_id, letter.digest), authority)


def suspension_reason(site: Site, member: MemberSecrets) -> str:
    """Why the member was suspended the last time. Raises ``LetterInvalid`` when its letter is not there."""
    record = certified_member(site.state(), member.member_id)
    if not record.suspensions:
        raise NotPermitted("the member was never suspended")
    body = next(site.engine.entries(record.suspensions[-1].since)).transaction.body
    sender = VerifyingKey(site.engine.genesis.verifying)
    for letter_id in site.mailbox.list(member.member_id, _suspensions(member.member_id)):
        with contextlib.suppress(LetterInvalid):  # of another suspension
            digest = body.reason_digest if isinstance(body, Suspend) else None
            letter = letters.receive(
                site.mailbox, "suspension", letter_id, member.member_id, member.hpke, sender, digest
            )
            return str(letter.body.get("reason", ""))
    raise LetterInvalid("the letter with the reason is missing from the mailbox; ask the authority")


def reinstate(site: Site, authority: MemberSecrets, member_id: str) -> None:
    """End a suspension. Raises ``NotPermitted`` for no member, the ledger's refusals."""
    certified_member(site.state(), member_id)
    site.submit(Reinstate(member_id), authority)


def renew(site: Site, authority: MemberSecrets, member_id: str, *, days: int = CERTIFICATE_DAYS) -> Member:
    """A new certificate over the same keys, for ``days`` from now; returns the member with it.

    Raises ``InputInvalid``, ``NotPermitted`` for no member, the ledger's refusals.
    """
    if not 1 <= days <= MAX_CERTIFICATE_DAYS:
        raise InputInvalid(f"a certificate is for 1 to {MAX_CERTIFICATE_DAYS} days")
    member = certified_member(site.state(), member_id)
    certificate = certificate_for(authority, member_id, member.role, member.keys, now=site.clock(), days=days)
    site.submit(Renew(member_id, certificate), authority)
    return certified_member(site.state(), member_id)


def remove(site: Site, signer: MemberSecrets, member_id: str) -> bool:
    """Remove a member, as the authority or as its hospital; ``False`` if only this hospital's relation ended.

    Raises ``NotPermitted`` for no member, the ledger's refusals.
    """
    certified_member(site.state(), member_id)
    site.submit(Remove(member_id), signer)
    return certified_member(site.state(), member_id).removed_at is not None


def _suspensions(member_id: str) -> str:
    return f"{member_id}.suspension."
