"""A tag issuer as a service: a member of the ledger that evaluates blinded elements for patients who sign for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from clinic import durable
from clinic.certified import certified_member, current_member
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.match_errors import MatchRequestInvalid
from clinic.site import Site
from ledger.bodies import PublishIssuerKey, Role
from matching.epoch import epoch_bytes
from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH, Issuer, IssuerKey
from matching.quota import SqliteCounter
from matching.tags import Answer
from scheme.certificates import CertificateInvalid
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VerifyingKey

_SEED_SIZE = 32
_KEYS = "keys.json"
_COUNTS = "counts.sqlite"


@dataclass(frozen=True)
class IssuerRequest:
    """A patient's batch of blinded elements (32 bytes each) for one issuer and epoch, under her signature."""

    member: str
    issuer: str
    epoch: int
    elements: tuple[bytes, ...] = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def sign(cls, patient: MemberSecrets, issuer: str, epoch: int, elements: Sequence[bytes]) -> IssuerRequest:
        """The request of ``patient``, signed by her key on the ledger."""
        said = _said(patient.member_id, issuer, epoch, elements)
        return cls(patient.member_id, issuer, epoch, tuple(elements), patient.signing.sign(Tag.ISSUER_REQUEST, said))

    def verify(self, key: VerifyingKey) -> None:
        """Return if the patient whose ``key`` that is signed this. Raises ``MatchRequestInvalid``."""
        said = _said(self.member, self.issuer, self.epoch, self.elements)
        try:
            key.verify(Tag.ISSUER_REQUEST, said, self.signature)
        except SignatureInvalid:
            raise MatchRequestInvalid("a request to an issuer is not signed by the patient whom it names") from None


def _said(member: str, issuer: str, epoch: int, elements: Sequence[bytes]) -> bytes:
    return tagged_hash(Tag.ISSUER_REQUEST, member.encode(), issuer.encode(), epoch_bytes(epoch), *elements)


class IssuerService:
    """One issuer with its member keys, which keeps the seed of the epoch and its counts in ``folder``.

    It evaluates once ``begin`` was called. Several threads may use it.
    """

    def __init__(
        self,
        secrets: MemberSecrets,
        folder: Path,
        site: Site,
        *,
        max_elements_per_epoch: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH,
    ) -> None:
        self._secrets = secrets
        self._folder = folder
        self._site = site
        self.member_id = secrets.member_id
        with durable.full_disk_told():
            folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        self._counter = SqliteCounter(folder / _COUNTS)
        self._issuer = Issuer([], self._is_patient, self._counter, max_elements_per_epoch=max_elements_per_epoch)

    @staticmethod
    def keys(folder: Path) -> MemberSecrets:
        """The member keys that ``create`` made in ``folder``."""
        return MemberSecrets.from_secret_bytes(durable.read(folder / _KEYS))

    @staticmethod
    def create(folder: Path, member_id: str) -> MemberSecrets:
        """The member keys of an issuer in ``folder``, made when there are none."""
        path = folder / _KEYS
        if not path.exists():
            durable.write(path, MemberSecrets.generate(member_id, Role.ISSUER.value).to_secret_bytes())
        return IssuerService.keys(folder)

    def evaluate(self, request: IssuerRequest) -> Answer:
        """Evaluate a patient's batch. In order: 1. it is for this issuer; 2. she signed it; 3. as ``Issuer``.

        Raises ``MatchRequestInvalid``, and what ``Issuer.evaluate`` raises.
        """
        if request.issuer != self.member_id:  # 1
            raise MatchRequestInvalid("a request to an issuer is for another one; ask anew")
        if self._is_patient(request.member):  # 2; who is none is refused by the issuer, before anything else
            request.verify(VerifyingKey(certified_member(self._site.state(), request.member).keys.verifying))
        return self._issuer.evaluate(request.member, request.epoch, request.elements)  # 3

    def close(self) -> None:
        """Let go of the counts."""
        self._counter.close()

    def has_published(self, epoch: int) -> bool:
        """Whether the ledger has this issuer's key of ``epoch``."""
        return any(record.issuer == self.member_id for record in self._site.state().issuer_keys(epoch))

    def begin(self, epoch: int) -> None:
        """Serve ``epoch``: publish its key if the ledger has none yet, erase the seeds of earlier ones.

        What was interrupted is taken up. Raises the ledger's refusals, ``QuotaUnavailable``.
        """
        for path in self._folder.glob("seed-*"):
            if path.name != _seed_name(epoch):
                path.unlink()
        if epoch:
            self._issuer.retire(epoch - 1)
        path = self._folder / _seed_name(epoch)
        if not path.exists():
            durable.write(path, token_bytes(_SEED_SIZE))
        key = IssuerKey(durable.read(path), issuer=self.member_id, operator=self.member_id, epoch=epoch)
        self._issuer.add_key(key)
        if not self.has_published(epoch):
            self._site.submit(PublishIssuerKey(epoch, key.public.operator, key.public.key.data), self._secrets)

    def _is_patient(self, member_id: str) -> bool:
        try:
            return current_member(self._site.state(), member_id, now=self._site.clock()).role is Role.PATIENT
        except (NotPermitted, CertificateInvalid):
            return False


def _seed_name(epoch: int) -> str:
    return f"seed-{epoch}"
