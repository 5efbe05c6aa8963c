"""Secrets under a password, in one file: Argon2id (RFC 9106) makes the key, ``scheme.chunked`` seals.

Its bytes, numbers big-endian: ``"ChartSeal keyfile" 0x01 || memory in KiB (4) || iterations (4) || lanes (4) ||
salt (16) || sealed || digest (32)``. The sealed part's context is all before it followed by the caller's, and its key
commitment tells a wrong password from a right one. The digest covers everything before it and needs no password, so
damage is found before the password is tried. It is against accidents; against an attacker there is the seal.
"""

from __future__ import annotations

import os
import struct
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from scheme import chunked
from scheme.errors import Damaged, EncodingInvalid, NotForThisKey, SchemeError
from scheme.hashing import DIGEST_SIZE, Tag, tagged_hash

MAX_KEYFILE_BYTES = 16 * 1024 * 1024
SALT_SIZE = 16

_MAGIC = b"ChartSeal keyfile\x01"
_PARAMETERS = struct.Struct(">III")
_HEADER_SIZE = len(_MAGIC) + _PARAMETERS.size + SALT_SIZE


class WrongPassword(SchemeError):
    """The password does not open the file, which is otherwise sound."""

    code = "wrong-password"


class KeyfileWeak(SchemeError):
    """A file whose password was stretched too little, or with costs that nobody should pay on opening."""

    code = "keyfile-weak"


@dataclass(frozen=True)
class Argon2Profile:
    """Costs of Argon2id: ``memory_kib`` in KiB, ``iterations`` passes over it, in ``lanes`` threads."""

    memory_kib: int
    iterations: int
    lanes: int


INTERACTIVE = Argon2Profile(memory_kib=64 * 1024, iterations=3, lanes=4)
"""RFC 9106, section 4, second recommended option: 64 MiB, about a tenth of a second."""

TEST = Argon2Profile(memory_kib=64, iterations=1, lanes=1)
"""No protection: for tests. ``open_keyfile`` refuses it unless asked."""

_MAXIMUM = Argon2Profile(memory_kib=1024 * 1024, iterations=16, lanes=16)


def seal_keyfile(
    password: str | bytes,
    payload: bytes,
    *,
    profile: Argon2Profile,
    context: bytes,
    salts: tuple[bytes, bytes] | None = None,
) -> bytes:
    """``payload`` (secret) sealed under ``password``, to be opened in the same ``context`` only.

    ``salts`` (16 and 24 bytes, for the password and for the seal) are drawn at random but in test vectors. Raises
    ``EncodingInvalid`` on an empty password, one that is not UTF-8, or a payload over 16 MiB.
    """
    password_salt, seal_salt = salts or (os.urandom(SALT_SIZE), os.urandom(chunked.SALT_SIZE))
    parameters = _PARAMETERS.pack(profile.memory_kib, profile.iterations, profile.lanes)
    header = _MAGIC + parameters + password_salt
    if len(payload) > MAX_KEYFILE_BYTES // 2:
        raise EncodingInvalid(f"a key file holds at most {MAX_KEYFILE_BYTES // 2} bytes")
    key = _stretch(password, password_salt, profile)
    data = header + chunked.seal_bytes(key, header + context, payload, salt=seal_salt)
    return data + tagged_hash(Tag.KEYFILE, data)


def open_keyfile(password: str | bytes, data: bytes, context: bytes, *, allow_test_profile: bool = False) -> bytes:
    """The payload of ``seal_keyfile`` (secret).

    Checks, in order: size and digest (``Damaged``), the costs (``KeyfileWeak``), the password (``WrongPassword``). A
    file that is whole but of another ``context`` (another member's) raises ``WrongPassword`` too: both look alike.
    """
    if not _HEADER_SIZE + DIGEST_SIZE <= len(data) <= MAX_KEYFILE_BYTES or not data.startswith(_MAGIC):
        raise Damaged("this is not a ChartSeal key file, or it was cut; restore it from a backup")
    body = data[:-DIGEST_SIZE]
    if tagged_hash(Tag.KEYFILE, body) != data[-DIGEST_SIZE:]:
        raise Damaged("the key file was damaged; restore it from a backup or by recovery shares")
    header = data[:_HEADER_SIZE]
    profile = Argon2Profile(*_PARAMETERS.unpack_from(data, len(_MAGIC)))
    _check(profile, allow_test_profile=allow_test_profile)
    key = _stretch(password, header[-SALT_SIZE:], profile)
    try:
        return chunked.open_bytes(key, header + context, body[_HEADER_SIZE:])
    except NotForThisKey:
        raise WrongPassword("the password is wrong, or the file is another member's; try again") from None


def _check(profile: Argon2Profile, *, allow_test_profile: bool) -> None:
    if allow_test_profile and profile == TEST:
        return
    low, high = INTERACTIVE, _MAXIMUM
    if not (
        low.memory_kib <= profile.memory_kib <= high.memory_kib
        and low.iterations <= profile.iterations <= high.iterations
        and 1 <= profile.lanes <= high.lanes
    ):
        raise KeyfileWeak("the key file's password costs are out of bounds; seal it again with this version")


def _stretch(password: str | bytes, salt: bytes, profile: Argon2Profile) -> bytes:
    kdf = Argon2id(
        salt=salt,
        length=chunked.KEY_SIZE,
        iterations=profile.iterations,
        lanes=profile.lanes,
        memory_cost=profile.memory_kib,
    )
    return kdf.derive(_normal(password))


def _normal(password: str | bytes) -> bytes:
    """UTF-8 of the password's NFC form, so that one password typed on two systems is one."""
    try:
        text = password.decode() if isinstance(password, bytes) else password
        data = unicodedata.normalize("NFC", text).encode()
    except UnicodeError:
        raise EncodingInvalid("the password is not UTF-8 text; choose another") from None
    if not data:
        raise EncodingInvalid("the password is empty; choose one")
    return data
