"""Grants as their parties know them: the ledger's record, opened letters, what they cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from clinic import letters
from clinic.keystore import MemberSecrets
from clinic.requests import Access, member_of
from clinic.selection import Selection
from clinic.site import Site
from ledger.records import AnchoredBlock, GrantRecord
from scheme import canonical
from scheme.keys import VerifyingKey
from scheme.scopes import Years, scope_id
from scheme.umbral import PublicKey


@dataclass(frozen=True)
class HeldGrant:
    """A grant as its delegatee (or the patient) knows it: the ledger's record, its meaning, and the delegating keys."""

    record: GrantRecord
    access: Access
    delegating_keys: Mapping[str, PublicKey]
    meanings: Mapping[str, str]
    selection: Selection | None

    def covers(self, block: AnchoredBlock) -> bool:
        """Whether the grant leads to the key of ``block``."""
        if self.selection is not None:
            return block.locator in self.selection.blocks
        return block.scope in self.delegating_keys


def read_grant(site: Site, actor: MemberSecrets, record: GrantRecord) -> HeldGrant:
    """Open a grant's letter and the letters that extended it. Raises ``LetterInvalid``, ``SignatureInvalid``.

    A scope of an extension counts only if the ledger names it and its id is the hash of the key in the letter.
    """
    patient_key = VerifyingKey(member_of(site.state(), record.patient).keys.verifying)
    letter = letters.receive(
        site.mailbox, "grant", record.grant, actor.member_id, actor.hpke, patient_key, record.body_digest
    )
    lines = list(letter.body["scopes"])
    for letter_id in site.mailbox.list(actor.member_id, f"{record.grant}."):
        extension = letters.receive(
            site.mailbox, "extension", letter_id, actor.member_id, actor.hpke, patient_key, None
        )
        lines += extension.body["scopes"]
    keys: dict[str, PublicKey] = {}
    meanings: dict[str, str] = {}
    for line in lines:
        public = PublicKey(canonical.unhex(line["key"], what="a scope's key", size=33))
        if line["id"] in record.scopes and scope_id(public) == line["id"]:
            keys[line["id"]] = public
            meanings[line["id"]] = f"{line['category']} {Years(line['first_year'], line['last_year'])}"
    selection = letter.body["selection"]
    held = HeldGrant(record, Access.from_json(letter.body), keys, meanings, None)
    return replace(held, selection=Selection.from_json(selection)) if selection else held


def grants_of(site: Site, actor: MemberSecrets) -> list[HeldGrant]:
    """All grants by or to the actor, oldest first, ended ones too."""
    state = site.state()
    records = [*state.grants(patient=actor.member_id), *state.grants(delegatee=actor.member_id)]
    return [read_grant(site, actor, record) for record in records]
