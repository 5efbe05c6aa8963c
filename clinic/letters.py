"""Letters: the personal part of a request, refusal or grant, signed by its sender and sealed to its reader.

The ledger holds only a salted digest of the letter; a mailbox carries it, and needs no trust.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clinic import durable
from clinic.errors import LetterInvalid
from scheme import canonical, hpke
from scheme.errors import ChartSealError
from scheme.hashing import SALT_SIZE, Tag, commit
from scheme.hpke import HpkePrivateKey, HpkePublicKey
from scheme.keys import SigningKey, VerifyingKey


class Mailbox(Protocol):
    """Carries sealed letters. ``letter_id`` is the request or grant id, ``reader`` a member id."""

    def deliver(self, letter_id: str, reader: str, sealed: bytes) -> None:
        """Keep a letter for ``reader``, durably."""
        ...

    def fetch(self, letter_id: str, reader: str) -> bytes:
        """The letter. Raises ``LetterInvalid`` when there is none."""
        ...

    def list(self, reader: str, prefix: str) -> list[str]:
        """Ids of the reader's letters that begin with ``prefix``, sorted."""
        ...

    def reject(self, letter_id: str, reader: str) -> None:
        """What ``fetch`` gave is not the letter: a mailbox that keeps copies asks for it anew the next time."""
        ...


class FolderMailbox:
    """Letters as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, letter_id: str, reader: str, sealed: bytes) -> None:
        """See ``Mailbox``."""
        durable.write(self._folder / reader / letter_id, sealed)

    def fetch(self, letter_id: str, reader: str) -> bytes:
        """See ``Mailbox``."""
        path = self._folder / reader / letter_id
        if not path.is_file():
            raise LetterInvalid("a letter is missing from the mailbox; ask its sender to send it again")
        return durable.read(path)

    def list(self, reader: str, prefix: str) -> list[str]:
        """See ``Mailbox``."""
        return sorted(path.name for path in (self._folder / reader).glob(f"{prefix}*"))

    def reject(self, letter_id: str, reader: str) -> None:
        """See ``Mailbox``: what is here is no copy, and stays."""

    def forget(self, letter_id: str, reader: str) -> None:
        """Delete a letter."""
        (self._folder / reader / letter_id).unlink(missing_ok=True)


@dataclass(frozen=True)
class Letter:
    """A letter in clear: its body (our own JSON), and the digest that the ledger holds of it."""

    body: dict[str, Any]
    data: bytes
    digest: str


def write(kind: str, letter_id: str, body: dict[str, Any], sender: SigningKey) -> Letter:
    """A signed letter; its salted digest (32 bytes in hex) goes on the ledger before the letter is delivered."""
    salt = secrets.token_bytes(SALT_SIZE)
    value: dict[str, Any] = {"type": f"chartseal/{kind}", "id": letter_id, "salt": salt.hex(), "body": body}
    value["signature"] = canonical.b64(sender.sign(Tag.LETTER, canonical.dumps(value)))
    data = canonical.dumps(value)
    return Letter(body, data, commit(salt, data).hex())


def post(mailbox: Mailbox, letter: Letter, letter_id: str, readers: dict[str, HpkePublicKey]) -> None:
    """Seal the letter to each reader (the sender may be one) and hand it to the mailbox."""
    for reader, key in readers.items():
        mailbox.deliver(letter_id, reader, hpke.seal(key, _info(letter_id, reader), letter.data))


def receive(
    mailbox: Mailbox,
    kind: str,
    letter_id: str,
    reader: str,
    key: HpkePrivateKey,
    sender: VerifyingKey,
    digest: str | None,
) -> Letter:
    """Open a letter. In order: 1. it is sealed to this reader; 2. its digest is the ledger's (when there is one);
    3. its kind and id; 4. the sender's signature. Raises ``LetterInvalid``, ``NotForThisKey``, ``SignatureInvalid``.
    """
    sealed = mailbox.fetch(letter_id, reader)
    try:
        return _opened(sealed, kind, letter_id, reader, key, sender, digest)
    except ChartSealError:
        mailbox.reject(letter_id, reader)
        raise


def _opened(
    sealed: bytes,
    kind: str,
    letter_id: str,
    reader: str,
    key: HpkePrivateKey,
    sender: VerifyingKey,
    digest: str | None,
) -> Letter:
    data = hpke.open(key, _info(letter_id, reader), sealed)  # 1
    value = canonical.loads(data, what="the letter")
    salt = canonical.unhex(value.get("salt"), what="the letter's salt", size=SALT_SIZE)
    found = commit(salt, data).hex()
    if digest is not None and found != digest:  # 2
        raise LetterInvalid("the letter is not the one whose digest is on the ledger; do not act on it")
    if value.get("type") != f"chartseal/{kind}" or value.get("id") != letter_id:  # 3
        raise LetterInvalid("the letter is about something else than what it was filed under")
    signature = canonical.unb64(value.pop("signature", None), what="the letter's signature")
    sender.verify(Tag.LETTER, canonical.dumps(value), signature)  # 4
    body = value.get("body")
    if not isinstance(body, dict):
        raise LetterInvalid("the letter has no body")
    return Letter(body, data, found)


def _info(letter_id: str, reader: str) -> bytes:
    return f"chartseal/1/letter/{letter_id}/{reader}".encode()
