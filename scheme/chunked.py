"""Bulk encryption: C2SP chunked-encryption with AES-256-GCM and SHA-512, called Cobblestone-256.

Source: https://c2sp.org/chunked-encryption. A sealed message is ``salt (24) || commitment (32) || chunks``; each chunk
is 16 KiB of plaintext and a 16-byte tag, and the last is always shorter than that, so the end is authenticated. Key,
base nonce and commitment come from HKDF-Expand over the salt and the caller's context: what was sealed in one context
does not open in another. Reordered, repeated, cut or extended ciphertext never opens.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from scheme.errors import Damaged, EncodingInvalid, NotForThisKey
from scheme.stream import Buffer, Reader, Writer, read_full

KEY_SIZE = 32
SALT_SIZE = 24
COMMITMENT_SIZE = 32
HEADER_SIZE = SALT_SIZE + COMMITMENT_SIZE
TAG_SIZE = 16
CHUNK_SIZE = 16 * 1024
SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE
MAX_CHUNKS = 2**38
CHUNKS_AT_ONCE = 64

_INFO_PREFIX = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_NONCE_SIZE = 12
_HASH = SHA512()


def sealed_size(plaintext_size: int) -> int:
    """Size in bytes of ``plaintext_size`` bytes once sealed: 56 more, and 16 for each chunk."""
    return HEADER_SIZE + plaintext_size + TAG_SIZE * (plaintext_size // CHUNK_SIZE + 1)


def plaintext_size(sealed: int) -> int:
    """Size in bytes of the plaintext in ``sealed`` bytes. Raises ``Damaged`` when no message has that size."""
    full, last = divmod(sealed - HEADER_SIZE, SEALED_CHUNK_SIZE)
    if sealed < HEADER_SIZE or last < TAG_SIZE:
        raise Damaged("the sealed data was cut or extended; fetch it again")
    return full * CHUNK_SIZE + last - TAG_SIZE


class _Cipher:
    """Key, base nonce and commitment of one message."""

    __slots__ = ("_base", "aead", "commitment")

    def __init__(self, key: bytes, salt: bytes, context: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise EncodingInvalid(f"a bulk key has {KEY_SIZE} bytes")
        size = KEY_SIZE + _NONCE_SIZE + COMMITMENT_SIZE
        okm = HKDFExpand(_HASH, size, _INFO_PREFIX + salt + context).derive(key)
        self.aead = AESGCM(okm[:KEY_SIZE])
        self._base = int.from_bytes(okm[KEY_SIZE : KEY_SIZE + _NONCE_SIZE], "big")
        self.commitment = okm[KEY_SIZE + _NONCE_SIZE :]

    @classmethod
    def of(cls, key: bytes, context: bytes, header: Buffer) -> _Cipher:
        """The cipher for a sealed message that starts with ``header``, its commitment checked."""
        if len(header) < HEADER_SIZE:
            raise Damaged("the sealed data is shorter than its header; fetch it again")
        cipher = cls(key, bytes(header[:SALT_SIZE]), context)
        if not hmac.compare_digest(cipher.commitment, header[SALT_SIZE:HEADER_SIZE]):
            raise NotForThisKey("this was sealed under another key or for another place; ask for access to it")
        return cipher

    def nonce(self, index: int) -> bytes:
        return (self._base ^ index).to_bytes(_NONCE_SIZE, "big")

    def seal_chunks(self, first: int, plain: memoryview, out: memoryview) -> None:
        """Seal whole chunks of ``plain``, numbered from ``first``, into ``out``."""
        if first + len(plain) // CHUNK_SIZE >= MAX_CHUNKS:
            raise EncodingInvalid("a sealed message has fewer than 4 PiB; split the file")
        encrypt_into, base, at = self.aead.encrypt_into, self._base, 0
        for index, start in enumerate(range(0, len(plain), CHUNK_SIZE), first):
            nonce = (base ^ index).to_bytes(_NONCE_SIZE, "big")
            encrypt_into(nonce, plain[start : start + CHUNK_SIZE], None, out[at : at + SEALED_CHUNK_SIZE])
            at += SEALED_CHUNK_SIZE

    def open_chunks(self, first: int, sealed: memoryview, out: memoryview) -> int:
        """Open the chunks of ``sealed``, the last of which may be short, into ``out``; return the plaintext's size."""
        decrypt_into, base, at = self.aead.decrypt_into, self._base, 0
        try:
            for index, start in enumerate(range(0, len(sealed), SEALED_CHUNK_SIZE), first):
                chunk = sealed[start : start + SEALED_CHUNK_SIZE]
                nonce = (base ^ index).to_bytes(_NONCE_SIZE, "big")
                at += decrypt_into(nonce, chunk, None, out[at : at + len(chunk) - TAG_SIZE])
        except InvalidTag:
            raise _damaged() from None
        return at


def _damaged() -> Damaged:
    return Damaged("the sealed data was changed, cut or reordered; fetch it again or from another mirror")


def seal_bytes(key: bytes, context: bytes, plaintext: Buffer, *, salt: bytes | None = None) -> bytes:
    """Seal a whole message under the 32-byte ``key``; ``context`` is any bytes. ``salt`` as in ``Sealer``."""
    salt = _salt(salt)
    cipher = _Cipher(key, salt, context)
    if len(plaintext) < CHUNK_SIZE:
        return salt + cipher.commitment + cipher.aead.encrypt(cipher.nonce(0), plaintext, None)
    plain = memoryview(plaintext).cast("B")
    whole = len(plain) // CHUNK_SIZE
    last = HEADER_SIZE + whole * SEALED_CHUNK_SIZE
    out = bytearray(sealed_size(len(plain)))
    out[:HEADER_SIZE] = salt + cipher.commitment
    view = memoryview(out)
    cipher.seal_chunks(0, plain[: whole * CHUNK_SIZE], view[HEADER_SIZE:last])
    cipher.aead.encrypt_into(cipher.nonce(whole), plain[whole * CHUNK_SIZE :], None, view[last:])
    return bytes(out)


def open_bytes(key: bytes, context: bytes, sealed: Buffer) -> bytes:
    """The plaintext of a whole sealed message. Raises ``NotForThisKey``, ``Damaged``."""
    cipher = _Cipher.of(key, context, sealed)
    size = plaintext_size(len(sealed))
    if size < CHUNK_SIZE:
        try:
            return cipher.aead.decrypt(cipher.nonce(0), sealed[HEADER_SIZE:], None)
        except InvalidTag:
            raise _damaged() from None
    out = bytearray(size)
    cipher.open_chunks(0, memoryview(sealed).cast("B")[HEADER_SIZE:], memoryview(out))
    return bytes(out)


def _salt(salt: bytes | None) -> bytes:
    if salt is None:
        return os.urandom(SALT_SIZE)
    if len(salt) != SALT_SIZE:
        raise EncodingInvalid(f"a salt has {SALT_SIZE} bytes")
    return salt


class Sealer:
    """Seals what is written to it and writes that to ``sink``; memory stays at about 1 MiB.

    ``salt`` (24 bytes) is drawn at random unless test vectors hand one in; it must never repeat under one key.
    """

    def __init__(self, key: bytes, context: bytes, sink: Writer, *, salt: bytes | None = None) -> None:
        salt = _salt(salt)
        self._cipher = _Cipher(key, salt, context)
        self._sink = sink
        self._chunks = 0
        self._pending = bytearray()
        self._out = memoryview(bytearray())
        sink.write(salt + self._cipher.commitment)

    def write(self, data: Buffer) -> None:
        """Seal ``data``; whole chunks go to the sink at once, the rest waits. Large writes are the fastest."""
        view = memoryview(data).cast("B")
        if self._pending:
            missing = CHUNK_SIZE - len(self._pending)
            self._pending += view[:missing]
            view = view[missing:]
            if len(self._pending) < CHUNK_SIZE:
                return
            self._seal(memoryview(bytes(self._pending)))
            self._pending.clear()
        step = CHUNKS_AT_ONCE * CHUNK_SIZE
        whole = len(view) - len(view) % CHUNK_SIZE
        for start in range(0, whole, step):
            self._seal(view[start : min(start + step, whole)])
        self._pending += view[whole:]

    def _seal(self, plain: memoryview) -> None:
        chunks = len(plain) // CHUNK_SIZE
        size = chunks * SEALED_CHUNK_SIZE
        if len(self._out) < size:
            self._out = memoryview(bytearray(size))
        self._cipher.seal_chunks(self._chunks, plain, self._out[:size])
        self._chunks += chunks
        self._sink.write(self._out[:size])

    def finish(self) -> int:
        """Write the last, short chunk; return the size in bytes of the whole sealed message."""
        pending = bytes(self._pending)
        self._sink.write(self._cipher.aead.encrypt(self._cipher.nonce(self._chunks), pending, None))
        return sealed_size(self._chunks * CHUNK_SIZE + len(pending))


def seal(key: bytes, context: bytes, source: Reader, sink: Writer, *, salt: bytes | None = None) -> int:
    """Seal ``source`` to its end into ``sink``; return the sealed size in bytes. ``salt`` as in ``Sealer``."""
    sealer = Sealer(key, context, sink, salt=salt)
    while data := source.read(CHUNKS_AT_ONCE * CHUNK_SIZE):
        sealer.write(data)
    return sealer.finish()


def open_stream(key: bytes, context: bytes, source: Reader, sink: Writer, *, size: int | None = None) -> int:
    """Open the sealed message in ``source`` into ``sink``; return the plaintext's size in bytes.

    ``size`` is that of the sealed message when ``source`` goes on after it; without it ``source`` is read to its end.
    Only authenticated bytes reach the sink, in order; when an error follows, what came before it is genuine but not the
    whole message. Raises ``NotForThisKey``, ``Damaged``.
    """
    left = sealed_size(MAX_CHUNKS * CHUNK_SIZE) if size is None else size
    header = read_full(source, min(left, HEADER_SIZE))
    cipher = _Cipher.of(key, context, header)
    left -= HEADER_SIZE
    out = memoryview(bytearray())
    index = total = 0
    while True:
        data = read_full(source, min(left, CHUNKS_AT_ONCE * SEALED_CHUNK_SIZE))
        left -= len(data)
        if len(out) < len(data):
            out = memoryview(bytearray(len(data)))
        plain = cipher.open_chunks(index, memoryview(data), out)
        total += plain
        if plain:
            sink.write(out[:plain])
        if len(data) % SEALED_CHUNK_SIZE:
            break
        if not data:
            raise Damaged("the sealed data ends too early; fetch it again")
        index += len(data) // SEALED_CHUNK_SIZE
    if size is not None and left:
        raise Damaged("the sealed data ends too early; fetch it again")
    return total


class RandomAccess:
    """Reads from the middle of a sealed message without opening the rest.

    ``read_at(offset, length)`` gives sealed bytes; ``sealed`` is the message's size in bytes. The commitment and, by
    opening the last chunk, the size are checked first. Raises ``NotForThisKey``, ``Damaged``.
    """

    def __init__(self, key: bytes, context: bytes, read_at: Callable[[int, int], bytes], sealed: int) -> None:
        self._read_at = read_at
        self._sealed = sealed
        self._cipher = _Cipher.of(key, context, read_at(0, min(HEADER_SIZE, sealed)))
        self.plaintext_size = plaintext_size(sealed)
        self._chunks(self.plaintext_size // CHUNK_SIZE, self.plaintext_size // CHUNK_SIZE + 1)

    def _chunks(self, first: int, stop: int) -> bytearray:
        start = HEADER_SIZE + first * SEALED_CHUNK_SIZE
        end = min(HEADER_SIZE + stop * SEALED_CHUNK_SIZE, self._sealed)
        data = self._read_at(start, end - start)
        if len(data) != end - start:
            raise Damaged("the sealed data ends too early; fetch it again")
        out = bytearray(len(data) - TAG_SIZE * (stop - first))
        self._cipher.open_chunks(first, memoryview(data), memoryview(out))
        return out

    def read(self, offset: int, length: int) -> bytes:
        """Plaintext bytes ``offset`` to ``offset + length``, fewer at the end. Raises ``Damaged``."""
        if offset < 0 or length < 0:
            raise EncodingInvalid("an offset and a length are not negative")
        end = min(offset + length, self.plaintext_size)
        if offset >= end:
            return b""
        first = offset // CHUNK_SIZE
        plain = self._chunks(first, (end - 1) // CHUNK_SIZE + 1)
        skip = first * CHUNK_SIZE
        return bytes(plain[offset - skip : end - skip])
