"""A proxy: keeps key fragments sealed to it, and re-encrypts capsules for releases that stand on the ledger.

It sees capsules; never a chapter key, never a record. What it enforces and keys cannot: the grant's end, and that no
chapter is opened without a release.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from clinic import durable
from clinic.certified import certified_member, current_member
from clinic.clock import Clock
from clinic.errors import NotPermitted, ProxyRefused
from clinic.key_fragments import Parties, open_fragments
from clinic.keystore import MemberSecrets
from clinic.proxy_answer import Ask, ProxyAnswer
from ledger.bodies import Release
from ledger.engine import Reader
from ledger.errors import LedgerError
from ledger.finality import LightClient
from ledger.records import GrantRecord, ReleaseRecord
from ledger.state import State
from scheme.certificates import CertificateInvalid
from scheme.errors import SchemeError
from scheme.keys import VerifyingKey
from scheme.umbral import PublicKey, VerifiedKeyFrag, reencrypt

MAX_STALENESS_S = 60
_PART = re.compile(r"[0-9a-f]{32}(\.[0-9]{1,9})?")


class ProxyClient(Protocol):
    """What patients and delegatees can ask of a proxy, wherever it runs."""

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        """Take fragments sealed to the proxy. ``part``: the grant id, or that, a dot and an extension's number."""
        ...

    def forget(self, grant_id: str) -> None:
        """Delete the fragments of a grant that is no longer active."""
        ...

    def reencrypt(self, release_id: str, asks: Sequence[Ask]) -> ProxyAnswer:
        """A capsule fragment (293 bytes) for each ask, in order, signed. Raises ``ProxyRefused``."""
        ...


class ProxyService:
    """A proxy with its keys, its folder of sealed fragments and its own view of the ledger."""

    def __init__(
        self, keys: MemberSecrets, folder: Path, engine: Reader, clock: Clock, *, max_staleness_s: int = MAX_STALENESS_S
    ) -> None:
        self._keys = keys
        self._folder = folder
        self._engine = engine
        self._clock = clock
        self._max_staleness_s = max_staleness_s
        self._client = LightClient(engine.genesis)

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        """See ``ProxyClient``. The fragments stay sealed on disk and are verified when they are used."""
        durable.write(self._grant_folder(grant_id) / _checked(part), sealed)

    def forget(self, grant_id: str) -> None:
        """See ``ProxyClient``. Refused while the grant is active or on offer: only its parties can take it away."""
        record = self._state().grant(grant_id)
        if record is not None and record.stands(self._clock()):
            raise ProxyRefused("the grant is active; revoke it first")
        shutil.rmtree(self._grant_folder(grant_id), ignore_errors=True)

    def reencrypt(self, release_id: str, asks: Sequence[Ask]) -> ProxyAnswer:
        """See ``ProxyClient``.

        Checks, in order: 1. its view of the ledger is fresh; 2. the release stands on the ledger: its inclusion proof
        leads to a header that a quorum of delegates signed; 3. its grant is active now and names this proxy; 4. each
        chapter is in the release and in a granted scope; 5. the delegatee is certified and active now, the key fragment
        the patient's, for this grant, scope and end; 6. the capsule's proof holds for its context.
        """
        state = self._state()  # 1
        release = state.release(release_id)
        if release is None:
            raise ProxyRefused("the release is not on this proxy's ledger; submit it first")
        self._require_final(release)  # 2
        grant = state.grant(release.grant)
        if grant is None or not state.grant_active(grant.grant, time=self._clock()):  # 3
            self._discard(release.grant)
            raise ProxyRefused("the grant has ended or was revoked; ask the patient again")
        if self._keys.member_id not in grant.proxies:
            raise ProxyRefused("this proxy holds no fragment of the grant")
        for ask in asks:
            _check_ask(state, grant, release, ask)  # 4
        fragments = self._fragments(state, grant, {ask.context.scope for ask in asks})  # 5
        try:
            done = [bytes(reencrypt(ask.capsule, ask.context.label, fragments[ask.context.scope])) for ask in asks]  # 6
        except SchemeError as error:
            raise ProxyRefused(f"a capsule does not belong where it stands ({error})") from None
        return ProxyAnswer.sign(self._keys, release_id, asks, done)

    def _state(self) -> State:
        view = self._engine.view()
        if self._clock() - view.as_of > self._max_staleness_s:
            raise ProxyRefused(
                f"this proxy's view of the ledger is older than {self._max_staleness_s} s; try again when it caught up"
            )
        return view.state

    def _require_final(self, release: ReleaseRecord) -> None:
        try:
            (entry,) = self._engine.prove([release.position]).verify(self._client)
        except LedgerError as error:
            raise ProxyRefused(f"the ledger does not prove the release ({error.code}); verify the ledger") from None
        body = entry.transaction.body
        if not isinstance(body, Release) or (body.release, body.grant, body.chapters) != (
            release.release, release.grant, release.chapters,
        ):  # fmt: skip
            raise ProxyRefused("the ledger proves another release than the one in its state; verify the ledger")

    def _fragments(self, state: State, grant: GrantRecord, scopes: set[str]) -> dict[str, VerifiedKeyFrag]:
        try:
            patient = certified_member(state, grant.patient)
            delegatee = current_member(state, grant.delegatee, now=self._clock())
        except (NotPermitted, CertificateInvalid) as error:
            raise ProxyRefused(f"a party of the grant is not to be served: {error}") from None
        if delegatee.keys.receiving is None:
            raise ProxyRefused("the delegatee has no receiving key on this proxy's ledger")
        parties = Parties(grant.grant, VerifyingKey(patient.keys.verifying), PublicKey(delegatee.keys.receiving))
        found: dict[str, VerifiedKeyFrag] = {}
        for path in sorted(self._grant_folder(grant.grant).glob("*")):
            with contextlib.suppress(SchemeError):  # a deposit that is not the patient's must not keep hers from use
                missing = scopes - found.keys()
                found |= open_fragments(durable.read(path), self._keys.hpke, parties, grant.until, missing)
        if missing := scopes - found.keys():
            raise ProxyRefused(f"this proxy holds no sound key fragment for {len(missing)} of the granted scopes")
        return found

    def _discard(self, grant_id: str) -> None:
        shutil.rmtree(self._grant_folder(grant_id), ignore_errors=True)

    def _grant_folder(self, grant_id: str) -> Path:
        return self._folder / _checked(grant_id)


def _check_ask(state: State, grant: GrantRecord, release: ReleaseRecord, ask: Ask) -> None:
    context = ask.context
    chapter = state.chapter(context.chapter)
    if chapter is None or context.chapter not in release.chapters:
        raise ProxyRefused("a chapter is not in the release; name it there first")
    granted = (grant.one_off is not None and grant.one_off.chapter == context.chapter) or chapter.scope in grant.scopes
    if not granted or chapter.scope != context.scope or chapter.patient != grant.patient:
        raise ProxyRefused("a chapter is not in a scope of the grant")


def _checked(name: str) -> str:
    if not _PART.fullmatch(name):
        raise ProxyRefused("a grant id has 32 hexadecimal digits")
    return name
