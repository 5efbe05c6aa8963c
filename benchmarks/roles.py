"""Who did how much: CPU seconds and bytes by phase and role, measured where one role hands something to another.

A use case runs as its *actor*. What it asks of a collaborator (store, ledger, mailbox, proxy, ...) goes through a
wrapper, which charges the CPU time of the call to the role that answers, and counts the bytes of question and answer
for both. Everything else that the process does meanwhile, in whichever thread, is the actor's.

Bytes are those of what is handed over: blocks, letters, transactions, proofs, fragments and requests in their own
encoding, text as UTF-8, a number as eight bytes; without the framing of a network's protocol.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO, TypeVar, cast

from clinic.hospital import Linked
from clinic.keystore import MemberSecrets
from clinic.site import Site
from cloud.store import Receipt, Store
from cloud.streams import size_of, tally
from cloud.wrapper import StoreWrapper
from scheme.hashing import Tag
from scheme.keys import SigningKey

SENT, RECEIVED = DIRECTIONS = "sent", "received"
REENCRYPTION = "re-encryption"
"""The phase that the proxies' answers are, within the reading of whoever asks them."""
NUMBER_BYTES = 8

_Collaborator = TypeVar("_Collaborator")


@dataclass
class _Call:
    """A call that a role is answering; ``inside`` are the CPU seconds of what it asked of others in turn."""

    phase: str
    role: str
    inside: float = 0.0


class Account:
    """Sums by phase: seconds until it is done, and of each role CPU seconds and bytes.

    Threads may share it; phases follow each other in the thread that calls ``during`` and ``turn``.
    """

    def __init__(self) -> None:
        self.computed: dict[tuple[str, str], float] = defaultdict(float)
        """CPU seconds by phase and role."""
        self.wall_seconds: dict[str, float] = defaultdict(float)
        self.bytes: dict[tuple[str, str, str], int] = defaultdict(int)
        """By phase, role, and ``SENT`` or ``RECEIVED``."""
        self._lock = threading.Condition()
        self._local = threading.local()
        self._phase = self._actor = ""
        self._others = 0.0
        self._answering = 0
        self._since = time.perf_counter(), time.process_time()

    @contextlib.contextmanager
    def during(self, phase: str, actor: str) -> Iterator[None]:
        """Count the body as ``phase`` of ``actor``; outside of such bodies nothing is counted."""
        self.turn(phase, actor)
        try:
            yield
        finally:
            self.turn("", "")

    def turn(self, phase: str, actor: str) -> None:
        """What was done until now is settled; what comes is ``phase`` of ``actor``.

        Waits for calls that are still answered, as by a proxy whose fragments are not needed any more: their work
        counts, their time does not.
        """
        done = time.perf_counter()
        with self._lock:
            self._lock.wait_for(lambda: not self._answering)
            cpu = time.process_time()
            if self._phase:
                self.wall_seconds[self._phase] += done - self._since[0]
                self.computed[self._phase, self._actor] += cpu - self._since[1] - self._others
            self._phase, self._actor, self._others = phase, actor, 0.0
            self._since = time.perf_counter(), cpu

    @contextlib.contextmanager
    def working(self, role: str, phase: str | None = None) -> Iterator[None]:
        """Charge this thread's CPU time to ``role``, in ``phase`` if it is another than the current one."""
        calls = self._calls()
        call = _Call(phase or self._current_phase(), role)
        calls.append(call)
        with self._lock:
            self._answering += 1
        started = time.thread_time()
        try:
            yield
        finally:
            took = time.thread_time() - started
            calls.pop()
            with self._lock:
                if self._phase:
                    self.computed[call.phase, role] += took - call.inside
                if calls:
                    calls[-1].inside += took
                else:
                    self._others += took
                self._answering -= 1
                self._lock.notify_all()

    def passed(self, sender: str, receiver: str, size: int) -> None:
        """``size`` bytes went from one role to another."""
        phase = self._current_phase()
        if phase and size:
            with self._lock:
                self.bytes[phase, sender, SENT] += size
                self.bytes[phase, receiver, RECEIVED] += size

    @property
    def caller(self) -> str:
        """The role that is working in this thread."""
        calls = self._calls()
        return calls[-1].role if calls else self._actor

    def _calls(self) -> list[_Call]:
        if not hasattr(self._local, "calls"):
            self._local.calls = []
        calls: list[_Call] = self._local.calls
        return calls

    def _current_phase(self) -> str:
        calls = self._calls()
        return calls[-1].phase if calls else self._phase

    # Who is asked what

    def remote(
        self,
        role: str,
        collaborator: _Collaborator,
        methods: Collection[str] | None = None,
        *,
        phases: Mapping[str, str] | None = None,
    ) -> _Collaborator:
        """``collaborator`` as run by ``role``: its ``methods`` (all, if not named) are calls to another machine.

        ``phases`` names methods that are a phase of their own.
        """
        return cast(_Collaborator, _Remote(self, role, collaborator, methods, phases or {}))

    @contextlib.contextmanager
    def followed_by(self, owner: type, name: str, phase: str, actor: str) -> Iterator[None]:
        """Meanwhile the method ``name`` of ``owner`` ends a phase: what comes after it is ``phase`` of ``actor``."""
        method = getattr(owner, name)

        def then(*given: Any, **named: Any) -> Any:
            answer = method(*given, **named)
            self.turn(phase, actor)
            return answer

        setattr(owner, name, then)
        try:
            yield
        finally:
            setattr(owner, name, method)

    def call(self, role: str, phase: str | None, function: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Have ``role`` do it: time and bytes of the question and the answer are counted."""
        caller = self.caller
        with self.working(role, phase):
            self.passed(caller, role, handed_over((*given, *named.values())))
            answer = function(*given, **named)
            self.passed(role, caller, handed_over(answer))
        return answer

    def secrets(self, role: str, member: MemberSecrets) -> MemberSecrets:
        """The same member; what it signs counts as ``role``'s work, whoever holds the key at that moment."""
        return replace(member, signing=_CountedKey(self, role, member.signing))


class _Remote:
    """Stands before a collaborator and passes every call on."""

    def __init__(
        self, account: Account, role: str, inner: object, methods: Collection[str] | None, phases: Mapping[str, str]
    ) -> None:
        self._account, self._role, self._inner = account, role, inner
        self._methods, self._phases = methods, phases

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or (self._methods is not None and name not in self._methods):
            return found
        return partial(self._account.call, self._role, self._phases.get(name), found)


class _CountedKey(SigningKey):
    """A signing key whose signatures are the work of its role."""

    def __init__(self, account: Account, role: str, key: SigningKey) -> None:
        super().__init__(key.private_key())
        self._account, self._role = account, role

    def sign(self, tag: Tag, message: bytes) -> bytes:
        """See ``SigningKey.sign``."""
        with self._account.working(self._role):
            return super().sign(tag, message)


class CountedStore(StoreWrapper):
    """A store that ``role`` runs: CPU time of its calls, and blocks with their names as bytes each way."""

    def __init__(self, inner: Store, account: Account, role: str) -> None:
        super().__init__(inner)
        self._account, self._role = account, role

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        size, caller = size_of(source), self._account.caller
        with self._account.working(self._role):
            receipt = super().put(locator, source)
            self._account.passed(caller, self._role, len(locator) + size)
        return receipt

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        caller = self._account.caller
        with self._account.working(self._role):
            self._account.passed(caller, self._role, len(locator))
            counted = tally(sink, lambda data: self._account.passed(self._role, caller, len(data)))
            return super().get(locator, counted)


def counted(site: Site, account: Account) -> Site:
    """The same site with who runs what: the hospital keeps letters and key cards, delegates order and prove."""
    return replace(
        site,
        store=CountedStore(site.store, account, "cloud"),
        engine=account.remote("delegate", site.engine, {"submit", "submit_many", "prove"}),
        mailbox=account.remote("hospital", site.mailbox),
        cards=account.remote("hospital", site.cards),
        proxies={
            name: account.remote("proxy", proxy, phases={"reencrypt": REENCRYPTION})
            for name, proxy in site.proxies.items()
        },
        hospitals={name: account.remote("hospital", hospital) for name, hospital in site.hospitals.items()},
    )


def handed_over(value: object) -> int:
    """Bytes of what one role hands to another. Raises ``TypeError`` for what has no size.

    A ``Site`` and secrets in a call are the answering role's own and count nothing.
    """
    match value:
        case None | Site() | MemberSecrets():
            size = 0
        case bytes():
            size = len(value)
        case str():
            size = len(value.encode())
        case int() | float():
            size = NUMBER_BYTES
        case Linked():  # whoever asked has the headers, and is told their place and the signatures
            size = _all_of((value.previous_head, value.first_index, value.signatures))
        case Mapping():
            size = _all_of(each for pair in value.items() for each in pair)
        case tuple() | list() | set() | frozenset():
            size = _all_of(value)
        case _:
            size = _of_object(value)
    return size


def _of_object(value: object) -> int:
    if hasattr(type(value), "__bytes__"):
        return len(bytes(cast(Any, value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _all_of(getattr(value, each.name) for each in dataclasses.fields(value))
    raise TypeError(f"{type(value).__name__} has no size")


def _all_of(values: Iterable[object]) -> int:
    return sum(handed_over(each) for each in values)
