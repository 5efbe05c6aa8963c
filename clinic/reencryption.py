"""The delegatee's side of re-encryption: ask the proxies all at once, check every fragment, open the chapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from clinic.errors import ProxiesInsufficient
from clinic.fan_out import answers
from clinic.held_grants import HeldGrant
from clinic.key_fragments import rekey_terms
from clinic.keystore import MemberSecrets
from clinic.proxy_answer import Ask, ProxyAnswer
from clinic.proxy_fault import ProxyFault
from clinic.requests import member_of
from clinic.site import Site
from ledger.state import State
from scheme.chapter import Chapter, ChapterKey
from scheme.errors import ChartSealError, SchemeError
from scheme.keys import VerifyingKey
from scheme.umbral import CapsuleFrag, Opener, PublicKey, VerifiedCapsule, VerifiedCapsuleFrag

_Answer = list[VerifiedCapsuleFrag]
"""What one proxy answered: a fragment for each chapter."""


class ChapterOpener:
    """Opens chapters of one grant under one release; remembers what does not depend on the capsule."""

    def __init__(self, site: Site, state: State, delegatee: MemberSecrets, held: HeldGrant, release_id: str) -> None:
        self._site = site
        self._state = state
        self._delegatee = delegatee
        self._held = held
        self._release_id = release_id
        self._patient_key = VerifyingKey(member_of(state, held.record.patient).keys.verifying)
        self._openers: dict[str, Opener] = {}
        # Looked up here, while the view of the ledger is new: a long history makes nobody wait once more.
        proxies = site.proxies
        self._proxies = {name: proxies[name] for name in held.record.proxies if name in proxies}

    def open(self, chapters: Sequence[Chapter]) -> Mapping[str, ChapterKey]:
        """Chapter id to key. The first ``threshold`` proxies whose fragments are sound and go together are enough.

        A proxy that signed a wrong fragment is reported. Raises ``ProxiesInsufficient`` with what each of the others
        answered, ``umbral.CapsuleInvalid``.
        """
        capsules = [chapter.capsule.verify(chapter.context.label) for chapter in chapters]
        asks = [Ask(chapter.context, chapter.capsule) for chapter in chapters]
        needed = self._held.record.threshold
        groups: list[list[_Answer]] = []
        refusals: list[str] = []
        for name in self._held.record.proxies:
            if name not in self._proxies:
                refusals.append(f"proxy {name[:8]}: it is not known here where it is")
        calls = {name: partial(proxy.reencrypt, self._release_id, asks) for name, proxy in self._proxies.items()}
        for name, answer in answers(calls):
            try:
                if isinstance(answer, ChartSealError):
                    raise answer
                joined = _join(groups, self._verified(name, asks, capsules, answer))
            except ChartSealError as error:
                refusals.append(f"proxy {name[:8]}: {error}")
                continue
            if len(joined) == needed:
                break
            if joined is not groups[0]:
                refusals.append(
                    f"proxy {name[:8]}: its fragments do not go with another's: copied, or of another approval"
                )
        sound = max(groups, key=len, default=[])
        if len(sound) < needed:
            raise ProxiesInsufficient(
                f"{len(sound)} of the {needed} proxies needed gave a sound answer: {'; '.join(sorted(refusals))}"
            )
        keys = {}
        for place, (chapter, capsule) in enumerate(zip(chapters, capsules, strict=True)):
            context = chapter.context
            kem_key = self._opener(context.scope).open(capsule, context.label, [frags[place] for frags in sound])
            keys[context.chapter] = ChapterKey.from_kem(kem_key, context, chapter.capsule)
        return keys

    def _verified(
        self, proxy_id: str, asks: Sequence[Ask], capsules: Sequence[VerifiedCapsule], answer: ProxyAnswer
    ) -> _Answer:
        statement = answer.verify(proxy_id, self._proxy_key(proxy_id), self._release_id, asks)
        if len(answer.fragments) != len(asks):
            raise ProxiesInsufficient("a proxy answered with another number of fragments than it was asked for")
        found = []
        for ask, capsule, data in zip(asks, capsules, answer.fragments, strict=True):
            context = ask.context
            try:
                frag = CapsuleFrag.from_bytes(data)
                found.append(self._opener(context.scope).verify(capsule, context.label, frag))
            except SchemeError:
                ledger, key = self._site.engine.genesis.digest, self._delegating_key(context.scope)
                self._site.report(ProxyFault(ledger, statement, answer.signature, ask, data, key))
                raise
        return found

    def _proxy_key(self, proxy_id: str) -> VerifyingKey:
        return VerifyingKey(member_of(self._state, proxy_id).keys.verifying)

    def _opener(self, scope: str) -> Opener:
        if scope not in self._openers:
            record = self._held.record
            self._openers[scope] = Opener(
                self._delegatee.receiving,
                self._delegating_key(scope),
                self._patient_key,
                rekey_terms(record.grant, scope, record.until),
            )
        return self._openers[scope]

    def _delegating_key(self, scope: str) -> PublicKey:
        selection = self._held.selection
        if selection is not None and selection.context.scope == scope:
            return selection.delegating_key
        return self._held.delegating_keys[scope]


def _join(groups: list[list[_Answer]], answer: _Answer) -> list[_Answer]:
    """Add ``answer`` to the first group that it opens with, or to one of its own; returns the group."""
    for group in groups:
        if all(_go_together(ours, other) for member in group for ours, other in zip(answer, member, strict=True)):
            group.append(answer)
            return group
    groups.append([answer])
    return groups[-1]


def _go_together(one: VerifiedCapsuleFrag, other: VerifiedCapsuleFrag) -> bool:
    """Whether two fragments of a chapter are different shares of one re-encryption key."""
    ours, theirs = one.frag.origin, other.frag.origin
    return ours.precursor_bytes == theirs.precursor_bytes and ours.id != theirs.id
