"""Letters by way of the hospital's server; what was fetched once stays here, sealed, and is read without it."""

from __future__ import annotations

import re

from clinic.errors import LetterInvalid
from clinic.letters import FolderMailbox
from network import wire
from network.client.transport import Transport
from network.errors import TRANSIENT, AnswerInvalid, LetterUnknown


class RemoteMailbox:
    """``Mailbox`` at a server, with ``kept`` for what came from it: letters never change."""

    def __init__(self, transport: Transport, kept: FolderMailbox) -> None:
        self._transport = transport
        self._kept = kept

    def deliver(self, letter_id: str, reader: str, sealed: bytes) -> None:
        """See ``Mailbox``. Raises ``LetterExists`` when another letter has that id."""
        self._transport.request("PUT", _path(reader, letter_id), body=sealed)

    def fetch(self, letter_id: str, reader: str) -> bytes:
        """See ``Mailbox``."""
        try:
            return self._kept.fetch(letter_id, reader)
        except LetterInvalid:
            pass
        try:
            sealed = self._transport.request("GET", _path(reader, letter_id), max_bytes=wire.MAX_LETTER_BYTES)
        except LetterUnknown as error:
            raise LetterInvalid(str(error)) from None
        self._kept.deliver(letter_id, reader, sealed)
        return sealed

    def list(self, reader: str, prefix: str) -> list[str]:
        """See ``Mailbox``; without the server, those that are here."""
        kept = self._kept.list(reader, prefix)
        try:
            answer = self._transport.get_json(wire.LETTERS.format(reader=reader), params={"prefix": prefix})
        except TRANSIENT:
            return kept
        found = answer.get("letters")
        if not isinstance(found, list) or not all(_is_letter(each, prefix) for each in found):
            raise AnswerInvalid("the server's list of letters is none; nothing of it was used")
        return sorted({*kept, *found})

    def reject(self, letter_id: str, reader: str) -> None:
        """See ``Mailbox``: a server that lied once does not keep the true letter from being read."""
        self._kept.forget(_checked(letter_id), reader)


def _path(reader: str, letter_id: str) -> str:
    return wire.LETTER.format(reader=reader, letter=_checked(letter_id))


def _is_letter(value: object, prefix: str) -> bool:
    return isinstance(value, str) and value.startswith(prefix) and bool(re.fullmatch(wire.LETTER_PATTERN, value))


def _checked(letter_id: str) -> str:
    if not re.fullmatch(wire.LETTER_PATTERN, letter_id):
        raise LetterInvalid("that is no id of a letter")
    return letter_id
