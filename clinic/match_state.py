"""What one patient keeps for matching, in one sealed file: pseudonym, tags, pending pairs, sessions, texts.

Sealed under a key derived from her keystore and replaced at once and durably, so that the order of
``matching.session`` (write, hand over, write) is a sequence of ``save``. An older file must never be put back over a
newer one. Padded to steps of 16 KiB: its size does not count symptoms.
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
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.match_errors import MatchStateInvalid
from clinic.match_meeting import Meeting
from ledger.bodies import Role
from matching import kept
from matching.epoch import IssuerPublicKey
from matching.errors import MatchingError
from matching.oprf import OprfPublicKey
from matching.tags import TagSecret
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.keys import SigningKey

STEP_BYTES = 16 * 1024
_KIND = "chartseal/match-state"
_INFO = b"chartseal/1/match-state/"


@dataclass
class MatchState:
    """One patient's side of matching. ``epoch`` is that of pseudonym and tags; sessions of earlier ones go on."""

    epoch: int | None = None
    signing: SigningKey | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    sequence: int = 0
    """Of the newest request to the index."""
    opted_in: bool = False
    tags: dict[str, TagSecret] = field(default_factory=dict, repr=False)
    """By term, those that ``closure`` added among them."""
    symptoms: tuple[str, ...] = field(default=(), repr=False)
    closure: str = ""
    known: tuple[IssuerPublicKey, ...] = ()
    """Every issuer key ever seen."""
    meetings: dict[str, Meeting] = field(default_factory=dict, repr=False)
    """By match id in hex."""

    def begin_epoch(self, epoch: int) -> None:
        """Drop what belongs to an earlier epoch, except for sessions."""
        if self.epoch != epoch:
            self.epoch, self.signing, self.certificate = epoch, SigningKey.generate(), None
            self.leave()

    def leave(self) -> None:
        """Drop tags, symptoms and matches that are no session; the pseudonym stays, one an epoch."""
        self.opted_in, self.tags, self.symptoms, self.closure = False, {}, (), ""
        self.meetings = {match: meeting for match, meeting in self.meetings.items() if meeting.session is not None}

    def to_json(self, key: bytes) -> canonical.JsonObject:
        """All of it, for sealing. Secret."""
        return {
            "type": _KIND,
            "epoch": self.epoch,
            "signing": self.signing.to_secret_bytes().hex() if self.signing else None,
            "certificate": canonical.b64(self.certificate) if self.certificate else None,
            "sequence": self.sequence,
            "opted_in": self.opted_in,
            "tags": {term: canonical.b64(secret.to_secret_bytes()) for term, secret in self.tags.items()},
            "symptoms": list(self.symptoms),
            "closure": self.closure,
            "known": [[each.issuer, each.operator, each.epoch, each.key.data.hex()] for each in self.known],
            "meetings": {match: meeting.to_json(key) for match, meeting in self.meetings.items()},
        }

    @classmethod
    def from_json(cls, value: canonical.JsonObject, key: bytes) -> MatchState:
        """Inverse of ``to_json``. Raises ``MatchStateInvalid``."""
        try:
            signing, certificate = value["signing"], value["certificate"]
            return cls(
                value["epoch"],
                SigningKey.from_secret_bytes(bytes.fromhex(signing)) if signing else None,
                canonical.unb64(certificate, what="a certificate") if certificate else None,
                value["sequence"],
                value["opted_in"],
                {
                    term: TagSecret.from_secret_bytes(canonical.unb64(secret, what="a tag"))
                    for term, secret in value["tags"].items()
                },
                tuple(value["symptoms"]),
                value["closure"],
                tuple(
                    IssuerPublicKey(issuer, operator, epoch, OprfPublicKey(bytes.fromhex(public)))
                    for issuer, operator, epoch, public in value["known"]
                ),
                {match: Meeting.from_json(meeting, key) for match, meeting in value["meetings"].items()},
            )
        except (EncodingInvalid, MatchingError, KeyError, TypeError, ValueError, AttributeError):
            raise MatchStateInvalid(
                "what this patient keeps for matching lacks a part; it is of another version of this software"
            ) from None


class MatchBook:
    """A patient's state and the file it lives in; ``save`` after each change."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key
        self.state = MatchState()
        if path.exists():
            try:
                self.state = MatchState.from_json(kept.unseal(_KIND, durable.read(path), key), key)
            except MatchingError:
                raise MatchStateInvalid(
                    "what this patient keeps for matching is damaged, or was sealed by other keys of hers"
                ) from None

    def save(self) -> None:
        """Write all of it, durably."""
        value = self.state.to_json(self._key) | {"fill": ""}
        value["fill"] = "0" * (-len(canonical.dumps(value)) % STEP_BYTES)
        durable.write(self._path, kept.seal(_KIND, value, self._key))


@contextmanager
def open_book(folder: Path, patient: MemberSecrets) -> Iterator[MatchBook]:
    """The patient's book; another command of hers waits. Raises ``NotPermitted``, ``MatchStateInvalid``."""
    if patient.role != Role.PATIENT or patient.master is None:
        raise NotPermitted("only a patient takes part in matching")
    info = _INFO + bytes.fromhex(patient.member_id)
    key = HKDF(SHA256(), 32, salt=None, info=info).derive(patient.master.to_secret_bytes())
    with durable.full_disk_told():
        for each in (folder.parent, folder):
            each.mkdir(exist_ok=True, mode=durable.PRIVATE_FOLDER)
        lock = (folder / f"{patient.member_id}.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield MatchBook(folder / f"{patient.member_id}.sealed", key)
