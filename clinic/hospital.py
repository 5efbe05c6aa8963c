"""What authors ask of the hospital in whose chain they write: its signature on headers, and their anchoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from clinic.clock import Clock
from clinic.errors import LinkInvalid, NotPermitted, SealRefused
from clinic.keystore import MemberSecrets
from clinic.submission import submit
from ledger.bodies import AnchorBlocks
from ledger.bodies.anchoring import MAX_ANCHORED_BLOCKS
from ledger.engine import Engine, Receipt
from ledger.state import State
from scheme import chain
from scheme.errors import SchemeError
from scheme.header import BlockHeader, VerifiedHeader
from scheme.keys import VerifyingKey

MAX_LINKED_MEMBERS = 1 << 17
"""Most members of all headers of one ``link`` together: about 12 MB of headers, besides 1.2 kB for each block."""


@dataclass(frozen=True)
class Linked:
    """Signed headers in a row behind ``previous_head``, ``None`` where they begin the chain."""

    previous_head: str | None
    first_index: int
    headers: Sequence[VerifiedHeader]

    @property
    def signatures(self) -> list[bytes]:
        """The hospital's signature (64 bytes) on each header: with the place, all that the author does not have."""
        return [verified.header.signature for verified in self.headers]

    @classmethod
    def verify(
        cls,
        drafts: Sequence[BlockHeader],
        hospital: VerifyingKey,
        previous_head: str | None,
        first_index: int,
        signatures: Sequence[bytes],
    ) -> Linked:
        """Put ``drafts`` where a hospital elsewhere says, and check its signatures by the key it has on the ledger.

        Raises ``LinkInvalid``.
        """
        if len(signatures) != len(drafts):
            raise LinkInvalid("the hospital did not sign every header once; the records stay in the outbox")
        given = iter(signatures)

        def check(header: BlockHeader) -> VerifiedHeader:
            return replace(header, signature=next(given)).verify(hospital)

        try:
            return _in_a_row(drafts, previous_head, first_index, check)
        except SchemeError:
            raise LinkInvalid(
                "the hospital's signature on a header is wrong; the records stay in the outbox, tell the hospital"
            ) from None


class HospitalClient(Protocol):
    """A hospital as an author sees it, wherever it runs."""

    def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
        """Sign ``headers`` for the places behind the newest block of the patient's chain with the hospital.

        At most 4,096, of ``MAX_LINKED_MEMBERS`` members together. Index and previous of ``headers`` do not matter.
        Nothing is reserved: who anchors first has the place. Raises a ``Refused`` when the author may not write there,
        ``SealRefused`` on headers of another chain or another key, ``LinkInvalid``, ``HospitalUnreachable``.
        """

    def anchor(self, body: AnchorBlocks) -> Receipt:
        """Have the hospital submit ``body``; final on return, and from then on in the caller's own view of the ledger.

        Raises the ledger's refusals, ``HospitalUnreachable`` (it may have been submitted nevertheless).
        """


def place_of(state: State, patient_id: str, hospital_id: str) -> tuple[str, str | None, int]:
    """Id, head and next index of the patient's chain at the hospital."""
    chain_id = chain.chain_id(patient_id, hospital_id)
    head = state.chain_head(chain_id)
    return chain_id, head.locator if head else None, head.index + 1 if head else 0


@dataclass(frozen=True)
class HospitalService:
    """The hospital itself: it holds ``keys``."""

    keys: MemberSecrets
    engine: Engine
    clock: Clock

    def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
        """See ``HospitalClient``."""
        if not 1 <= len(headers) <= MAX_ANCHORED_BLOCKS:
            raise SealRefused(f"a hospital links 1 to {MAX_ANCHORED_BLOCKS} blocks at once; seal fewer")
        if sum(len(header.members) for header in headers) > MAX_LINKED_MEMBERS:
            raise SealRefused(f"a hospital links at most {MAX_LINKED_MEMBERS} members at once; seal fewer records")
        state = self._permitted(author_id, patient_id)
        chain_id, previous_head, first_index = place_of(state, patient_id, self.keys.member_id)
        own = (chain_id, self.keys.signing.verifying_key.key_id)
        if any((header.chapter.context.chain, header.chapter.context.hospital) != own for header in headers):
            raise SealRefused("a block was sealed for another chain or hospital key; seal the records again")

        def sign(header: BlockHeader) -> VerifiedHeader:
            signed = header.sign(self.keys.signing)
            return VerifiedHeader(signed, signed.locator)

        return _in_a_row(headers, previous_head, first_index, sign)

    def anchor(self, body: AnchorBlocks) -> Receipt:
        """See ``HospitalClient``."""
        if body.hospital != self.keys.member_id:
            raise NotPermitted("these blocks are another hospital's to anchor")
        self._permitted(body.author, body.patient)
        return submit(self.engine, body, self.keys, time=self.clock())

    def _permitted(self, author_id: str, patient_id: str) -> State:
        state = self.engine.view().state
        state.check_author(author_id, patient_id, self.keys.member_id, time=self.clock())
        return state


class OwnHospitals(Mapping[str, HospitalClient]):
    """The hospitals whose ``keys`` a home holds, read when first needed: one just enrolled is among them."""

    def __init__(self, keys: Callable[[], Mapping[str, MemberSecrets]], engine: Engine, clock: Clock) -> None:
        self._keys = keys
        self._engine = engine
        self._clock = clock
        self._services: dict[str, HospitalService] = {}

    def __getitem__(self, member_id: str) -> HospitalClient:
        if member_id not in self._services:
            self._services[member_id] = HospitalService(self._keys()[member_id], self._engine, self._clock)
        return self._services[member_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())


def _in_a_row(
    drafts: Sequence[BlockHeader],
    previous_head: str | None,
    first_index: int,
    sign: Callable[[BlockHeader], VerifiedHeader],
) -> Linked:
    """Each header names the one before it, so each is signed before the next is placed."""
    headers: list[VerifiedHeader] = []
    previous = previous_head or chain.genesis(drafts[0].chapter.context.chain)
    for index, draft in enumerate(drafts, first_index):
        headers.append(sign(draft.placed(index, previous)))
        previous = headers[-1].locator
    return Linked(previous_head, first_index, headers)
