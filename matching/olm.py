"""Olm by vodozemac 0.10, typed: X3DH with one one-time key, then the double ratchet.

Sources: the Olm specification (gitlab.matrix.org/matrix-org/olm/blob/master/docs/olm.md); Perrin, Marlinspike, "The
Double Ratchet Algorithm", 2016. What its limits mean here: messages carry a MAC of 8 bytes (Olm version 1, all that the
binding offers); a chain keeps the keys of 40 skipped messages, and bridges a gap of 2,000; a key of small order is
refused. A message that does not open leaves the state as it was.
"""

from __future__ import annotations

import base64

import vodozemac

from matching.errors import AnswerInvalid, MessageUnreadable, SessionStateInvalid

OLM_KEY_SIZE = 32
STATE_KEY_SIZE = 32
SESSION_ID_SIZE = 32
_PRE_KEY, _NORMAL = 0, 1
_UNREADABLE = "a message does not open: it is not by the other side, was changed, or came too late; drop it"


class OlmAccount:
    """The Olm keys of one patient for one match: an identity key and one one-time key, fresh for each match."""

    def __init__(self, account: vodozemac.Account) -> None:
        self._account = account

    @classmethod
    def generate(cls) -> OlmAccount:
        """Fresh keys; ``one_time_key`` is to be asked for once, before the account is kept."""
        return cls(vodozemac.Account())

    @property
    def identity_key(self) -> bytes:
        """The public X25519 identity key, 32 bytes."""
        return bytes(self._account.curve25519_key.to_bytes())

    def one_time_key(self) -> bytes:
        """A new public X25519 one-time key, 32 bytes; its private half opens one session and is then gone."""
        self._account.generate_one_time_keys(1)
        (key,) = self._account.one_time_keys.values()
        self._account.mark_keys_as_published()
        return bytes(key.to_bytes())

    def outbound(self, identity_key: bytes, one_time_key: bytes) -> OlmSession:
        """A session to the owner of these keys, 32 bytes each. Raises ``AnswerInvalid`` on keys that are none."""
        try:
            theirs = vodozemac.Curve25519PublicKey.from_bytes(identity_key)
            once = vodozemac.Curve25519PublicKey.from_bytes(one_time_key)
            return OlmSession(self._account.create_outbound_session(theirs, once))
        except (vodozemac.KeyException, vodozemac.SessionCreationException):
            raise AnswerInvalid("the other's session keys are not usable; decline this match") from None

    def inbound(self, identity_key: bytes, message: bytes) -> tuple[OlmSession, bytes]:
        """The session that a first message by the owner of ``identity_key`` opens, and its plaintext.

        Uses the one-time key up. Raises ``MessageUnreadable``; then it is not used up.
        """
        try:
            theirs = vodozemac.Curve25519PublicKey.from_bytes(identity_key)
            first = _message(message).to_pre_key()
            if first is None:
                raise MessageUnreadable(_UNREADABLE)
            session, plaintext = self._account.create_inbound_session(theirs, first)
        except (vodozemac.KeyException, vodozemac.DecodeException, vodozemac.SessionCreationException):
            raise MessageUnreadable(_UNREADABLE) from None
        return OlmSession(session), bytes(plaintext)

    def to_secret_text(self, key: bytes) -> str:
        """vodozemac's pickle, encrypted under ``key`` (32 bytes)."""
        return self._account.pickle(key)

    @classmethod
    def from_secret_text(cls, text: str, key: bytes) -> OlmAccount:
        """Inverse of ``to_secret_text``. Raises ``SessionStateInvalid``."""
        try:
            return cls(vodozemac.Account.from_pickle(text, key))
        except vodozemac.PickleException:
            raise _state_invalid() from None

    def __repr__(self) -> str:
        return f"OlmAccount({self.identity_key.hex()[:16]})"


class OlmSession:
    """One Olm session: a double ratchet. It changes with each message, so it is kept after each."""

    def __init__(self, session: vodozemac.Session) -> None:
        self._session = session

    @property
    def session_id(self) -> bytes:
        """32 bytes, the same on both sides: SHA-256 of the three keys that the X3DH exchange began with."""
        text = self._session.session_id
        return base64.b64decode(text + "=" * (-len(text) % 4))

    def encrypt(self, plaintext: bytes) -> bytes:
        """A message for the other side: one byte for its kind (0: with the keys of the X3DH exchange), then Olm's."""
        kind, ciphertext = self._session.encrypt(plaintext).to_parts()
        return bytes([kind]) + bytes(ciphertext)

    def decrypt(self, message: bytes) -> bytes:
        """The plaintext of a message by the other side, once. Raises ``MessageUnreadable``."""
        try:
            return bytes(self._session.decrypt(_message(message)))
        except (vodozemac.OlmDecryptionException, vodozemac.DecodeException):
            raise MessageUnreadable(_UNREADABLE) from None

    def to_secret_text(self, key: bytes) -> str:
        """vodozemac's pickle, encrypted under ``key`` (32 bytes)."""
        return self._session.pickle(key)

    @classmethod
    def from_secret_text(cls, text: str, key: bytes) -> OlmSession:
        """Inverse of ``to_secret_text``. Raises ``SessionStateInvalid``."""
        try:
            return cls(vodozemac.Session.from_pickle(text, key))
        except vodozemac.PickleException:
            raise _state_invalid() from None

    def __repr__(self) -> str:
        return f"OlmSession({self.session_id.hex()[:16]})"


def _message(message: bytes) -> vodozemac.AnyOlmMessage:
    # ``from_parts`` takes other kinds than these two for a number that overflows.
    if not message or message[0] not in (_PRE_KEY, _NORMAL):
        raise MessageUnreadable(_UNREADABLE)
    return vodozemac.AnyOlmMessage.from_parts(message[0], message[1:])


def _state_invalid() -> SessionStateInvalid:
    return SessionStateInvalid("the kept session does not open with this key; restore it, or decline and match anew")
