"""A mailbox of the relay: a secret that reads it, and the handle made of it, at which anybody may leave a message."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from scheme.hashing import Tag, tagged_hash

HANDLE_SIZE = 16
MAILBOX_SECRET_SIZE = 32


@dataclass(frozen=True, repr=False)
class MailboxSecret:
    """32 bytes, one mailbox a match. The relay sees it when its owner reads; from the handle nobody can make it."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != MAILBOX_SECRET_SIZE:
            raise ValueError(f"a mailbox secret has {MAILBOX_SECRET_SIZE} bytes")

    @classmethod
    def generate(cls) -> MailboxSecret:
        """A fresh one."""
        return cls(secrets.token_bytes(MAILBOX_SECRET_SIZE))

    @property
    def handle(self) -> bytes:
        """The public handle, 16 bytes."""
        return tagged_hash(Tag.RELAY_HANDLE, self.data)[:HANDLE_SIZE]

    def to_secret_bytes(self) -> bytes:
        """The 32 bytes. Secret."""
        return self.data

    def __repr__(self) -> str:
        return f"MailboxSecret({self.handle.hex()})"
