"""The delegatee's side of re-encryption: ask the proxies all at once, check every fragment, open the chapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from clinic.errors import ProxiesInsufficient
from clinic.held_grants import HeldGrant
from clinic.keystore import MemberSecrets
from clinic.proxy import Ask, rekey_terms
from clinic.requests import member_of
from clinic.site import Site
from ledger.state import State
from scheme.chapter import Chapter, ChapterKey
from scheme.errors import ChartSealError
from scheme.keys import VerifyingKey
from scheme.umbral import CapsuleFrag, Opener, PublicKey, VerifiedCapsule, VerifiedCapsuleFrag

_Answer = list[VerifiedCapsuleFrag]
"""What one proxy answered: a fragment for each chapter."""


class ChapterOpener:
    """Opens chapters of one grant under one release; remembers what does not depend on the capsule."""

    def __init__(self, site: Site, state: State, delegatee: MemberSecrets, held: HeldGrant, release_id: str) -> None:
        self._site = site
        self._delegatee = delegatee
        self._held = held
        self._release_id = release_id
        self._patient_key = VerifyingKey(member_of(state, held.record.patient).keys.verifying)
        self._openers: dict[str, Opener] = {}

    def open(self, chapters: Sequence[Chapter]) -> Mapping[str, ChapterKey]:
        """Chapter id to key. The first ``threshold`` proxies whose fragments are sound and go together are enough.

        Raises ``ProxiesInsufficient`` with what each of the others answered, ``umbral.CapsuleInvalid``.
        """
        capsules = [chapter.capsule.verify(chapter.context.label) for chapter in chapters]
        asks = [Ask(chapter.context, chapter.capsule) for chapter in chapters]
        needed = self._held.record.threshold
        groups: list[list[_Answer]] = []
        refusals: list[str] = []
        proxies = [self._site.proxies[name] for name in self._held.record.proxies if name in self._site.proxies]
        pool = ThreadPoolExecutor(max(1, len(proxies)))
        try:
            answers: list[Future[list[bytes]]] = [
                pool.submit(proxy.reencrypt, self._release_id, asks) for proxy in proxies
            ]
            for answer in as_completed(answers):
                try:
                    joined = _join(groups, self._verified(chapters, capsules, answer.result()))
                except ChartSealError as error:
                    refusals.append(str(error))
                    continue
                if len(joined) == needed:
                    break
                if joined is not groups[0]:
                    refusals.append("a proxy's fragments do not go with another's: copied, or of another approval")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        sound = max(groups, key=len, default=[])
        if len(sound) < needed:
            raise ProxiesInsufficient(
                f"{len(sound)} of the {needed} proxies needed gave a sound answer: {'; '.join(sorted(set(refusals)))}"
            )
        keys = {}
        for place, (chapter, capsule) in enumerate(zip(chapters, capsules, strict=True)):
            context = chapter.context
            kem_key = self._opener(context.scope).open(capsule, context.label, [frags[place] for frags in sound])
            keys[context.chapter] = ChapterKey.from_kem(kem_key, context, chapter.capsule)
        return keys

    def _verified(
        self, chapters: Sequence[Chapter], capsules: Sequence[VerifiedCapsule], answer: Sequence[bytes]
    ) -> _Answer:
        if len(answer) != len(chapters):
            raise ProxiesInsufficient("a proxy answered with another number of fragments than it was asked for")
        return [
            self._opener(chapter.context.scope).verify(capsule, chapter.context.label, CapsuleFrag.from_bytes(data))
            for chapter, capsule, data in zip(chapters, capsules, answer, strict=True)
        ]

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
