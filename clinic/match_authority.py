"""The authority certifies one pseudonym key a patient and epoch, and keeps a register so that nobody gets a second one.

It alone can say which patient a pseudonym is: that is what reports go by, and what an index never learns. The register
is sealed under a key derived from the authority's, so it takes its password to read.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clinic import durable
from clinic.certified import current_member
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.match_epoch import EPOCH_DAYS, epoch_at, pseudonym_role
from clinic.match_errors import MatchRequestInvalid, PseudonymIssued
from clinic.site import Site
from ledger.bodies import Role
from matching import kept
from matching.epoch import epoch_bytes
from matching.errors import OtherEpoch
from scheme import certificates
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VerifyingKey

_KIND = "chartseal/pseudonym-register"
_INFO = b"chartseal/1/pseudonym-register"


@dataclass(frozen=True)
class PseudonymRequest:
    """A patient asks for a certificate over her pseudonym ``key`` (32 bytes) of an epoch, under her member key."""

    member: str
    epoch: int
    key: VerifyingKey
    signature: bytes = field(repr=False)

    @classmethod
    def sign(cls, patient: MemberSecrets, epoch: int, key: VerifyingKey) -> PseudonymRequest:
        """The request of ``patient``."""
        signature = patient.signing.sign(Tag.PSEUDONYM_REQUEST, _said(patient.member_id, epoch, key))
        return cls(patient.member_id, epoch, key, signature)

    def verify(self, member_key: VerifyingKey) -> None:
        """Return if the patient whose key on the ledger that is signed this. Raises ``MatchRequestInvalid``."""
        try:
            member_key.verify(Tag.PSEUDONYM_REQUEST, _said(self.member, self.epoch, self.key), self.signature)
        except SignatureInvalid:
            raise MatchRequestInvalid("a request for a pseudonym is not signed by the patient it names") from None


def _said(member: str, epoch: int, key: VerifyingKey) -> bytes:
    return tagged_hash(Tag.PSEUDONYM_REQUEST, member.encode(), epoch_bytes(epoch), bytes(key))


class PseudonymRegister:
    """The authority's register in one sealed file: pseudonyms by epoch and member, since sessions outlive epochs."""

    def __init__(self, path: Path, authority: MemberSecrets, site: Site) -> None:
        self._path = path
        self._authority = authority
        self._site = site
        self._key = HKDF(SHA256(), 32, salt=None, info=_INFO).derive(authority.signing.to_secret_bytes())

    def certify(self, request: PseudonymRequest) -> bytes:
        """A certificate (DER) over the pseudonym key, valid for an epoch's length. The same key gets another one.

        In order: 1. the current epoch; 2. an active patient; 3. who signed; 4. no other pseudonym of hers in this
        epoch; 5. registered durably; 6. signed. Raises ``OtherEpoch``, ``NotPermitted``, ``CertificateInvalid``,
        ``MatchRequestInvalid``, ``PseudonymIssued``.
        """
        now = self._site.clock()
        if request.epoch != epoch_at(now):  # 1
            raise OtherEpoch("a pseudonym is certified for the current epoch only; check the clock, and ask anew")
        member = current_member(self._site.state(), request.member, now=now)  # 2
        if member.role is not Role.PATIENT:
            raise NotPermitted("only a patient has a pseudonym")
        request.verify(VerifyingKey(member.keys.verifying))  # 3
        with self._locked():
            epochs = self._read()
            pseudonyms = epochs.setdefault(str(request.epoch), {})
            if pseudonyms.setdefault(request.member, bytes(request.key).hex()) != bytes(request.key).hex():  # 4
                raise PseudonymIssued(
                    "this patient has another pseudonym in this epoch; restore what she kept, or wait for the next"
                )
            value = {"type": _KIND, "epochs": epochs}
            durable.write(self._path, kept.seal(_KIND, value, self._key))  # 5
        return certificates.issue(  # 6
            self._authority.signing,
            self._authority.member_id,
            member_id=request.key.key_id,
            role=pseudonym_role(request.epoch),
            key=request.key,
            now=now,
            days=EPOCH_DAYS,
        )

    def member_of(self, epoch: int, key: VerifyingKey) -> str | None:
        """Whose pseudonym that is, for acting on a report; ``None`` when it was never certified in ``epoch``."""
        found = self._read().get(str(epoch), {})
        return next((member for member, pseudonym in found.items() if pseudonym == bytes(key).hex()), None)

    def _read(self) -> dict[str, dict[str, str]]:
        """Epoch to member to key in hex. Raises ``SessionStateInvalid`` when it was not sealed by this authority."""
        if not self._path.exists():
            return {}
        epochs: dict[str, dict[str, str]] = kept.unseal(_KIND, durable.read(self._path), self._key)["epochs"]
        return epochs

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with durable.full_disk_told():
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
            lock = self._path.with_suffix(".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
