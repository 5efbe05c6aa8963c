"""Known answers for the primitives of ``scheme``; every negative case has one fault and names its error's code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from scheme import chunked, hpke, keyfile, padding, recovery, wrap
from scheme.hashing import Tag, tagged_hash
from tests.vectors import reference
from tests.vectors.case import FOLDER, Case, Fault, entropy, flipped, hexed, with_faults


def pattern(size: int) -> bytes:
    """The plaintext of long cases: 0, 1, ..., 250, 0, 1, ..."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def chunked_cases() -> list[Case]:
    """Sealing with a fixed salt: plaintext ``pattern(size)``, and SHA-256 of what comes out; then short messages."""
    draw = entropy("chunked")
    inputs = {"key": draw(32), "context": b"chartseal vectors"}
    cases = []
    for size in (0, 1, 100, 16383, 16384, 16385, 40000):
        salt = draw(24)
        sealed = chunked.seal_bytes(**inputs, plaintext=pattern(size), salt=salt)
        found = {"salt": salt, "size": size, "sealed_sha256": hashlib.sha256(sealed).digest()}
        cases.append(hexed({"name": f"{size} bytes"} | inputs | found))
    plain, salt = b"Observation", draw(24)
    sealed = chunked.seal_bytes(**inputs, plaintext=plain, salt=salt)
    good = {"name": "a short message"} | inputs | {"sealed": sealed, "answer": plain}
    faults: list[Fault] = [
        ("another key", {"key": bytes(32)}, "not-for-this-key"),
        ("another context", {"context": b"another place"}, "not-for-this-key"),
        ("a short key", {"key": bytes(31)}, "encoding-invalid"),
        ("changed salt", {"sealed": flipped(sealed, 0)}, "not-for-this-key"),
        ("changed commitment", {"sealed": flipped(sealed, 24)}, "not-for-this-key"),
        ("changed ciphertext", {"sealed": flipped(sealed, 56)}, "damaged"),
        ("changed tag", {"sealed": flipped(sealed, -1)}, "damaged"),
        ("cut by a byte", {"sealed": sealed[:-1]}, "damaged"),
        ("no chunk", {"sealed": sealed[:56]}, "damaged"),
        ("half a header", {"sealed": sealed[:40]}, "damaged"),
        ("a byte too long", {"sealed": sealed + b"\0"}, "damaged"),
    ]
    return [*cases, hexed(good), *with_faults(good, faults)]


def padding_cases() -> list[Case]:
    """Padme sizes in bytes, at and around powers of two."""
    sizes = sorted({max(0, (1 << bits) + more) for bits in (0, 1, 3, 4, 8, 10, 16, 20, 32, 40) for more in (-1, 0, 1)})
    return [{"name": f"{size} bytes", "size": size, "padded": padding.padded_size(size)} for size in sizes]


def wrap_cases() -> list[Case]:
    """RSA-OAEP unwrapping; the key itself is kept from the committed file, its ciphertexts are made again."""
    secret = bytes.fromhex(json.loads((FOLDER / "wrap.json").read_text())[0]["secret"])
    draw = entropy("wrap")
    public = bytes(wrap.WrappingKey.from_secret_bytes(secret).public_key)
    key, label = draw(32), draw(32)
    wrapped = reference.oaep_encrypt(public, key, label, draw(32))
    short = reference.oaep_encrypt(public, key[:31], label, draw(32))
    good = {"name": "a wrapped key", "secret": secret, "label": label, "wrapped": wrapped, "answer": key}
    faults: list[Fault] = [
        ("another label", {"label": bytes(32)}, "not-for-this-key"),
        ("a short label", {"label": bytes(31)}, "encoding-invalid"),
        ("changed ciphertext", {"wrapped": flipped(wrapped, 100)}, "not-for-this-key"),
        ("cut by a byte", {"wrapped": wrapped[:-1]}, "not-for-this-key"),
        ("a key of 31 bytes inside", {"wrapped": short}, "not-for-this-key"),
        ("not a private key", {"secret": secret[:-1]}, "encoding-invalid"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def hpke_cases() -> list[Case]:
    """HPKE opening."""
    draw = entropy("hpke")
    secret, ephemeral, info, plain = draw(32), draw(32), b"grant and key ids", b"a key fragment"
    public = bytes(hpke.HpkePrivateKey.from_secret_bytes(secret).public_key)
    sealed = reference.hpke_seal(public, info, plain, ephemeral)
    good = {"name": "a sealed secret", "secret": secret, "info": info, "sealed": sealed, "answer": plain}
    faults: list[Fault] = [
        ("another key", {"secret": draw(32)}, "not-for-this-key"),
        ("another info", {"info": b"another grant"}, "not-for-this-key"),
        ("changed encapsulated key", {"sealed": flipped(sealed, 0)}, "not-for-this-key"),
        ("encapsulated key of low order", {"sealed": bytes(32) + sealed[32:]}, "not-for-this-key"),
        ("changed ciphertext", {"sealed": flipped(sealed, 32)}, "not-for-this-key"),
        ("cut by a byte", {"sealed": sealed[:-1]}, "not-for-this-key"),
        ("a short key", {"secret": secret[:31]}, "encoding-invalid"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def keyfile_cases() -> list[Case]:
    """Key files under the test profile, and one under the profile that is used."""
    draw = entropy("keyfile")
    password, context = "corr\u00e9ct horse", b"member 7"
    cases: list[Case] = []
    for name, profile in (("interactive profile", keyfile.INTERACTIVE), ("test profile", keyfile.TEST)):
        salts = draw(16), draw(24)
        sealed = keyfile.seal_keyfile(password, b"secrets", profile=profile, context=context, salts=salts)
        good = {"name": name, "password": password, "context": context, "sealed": sealed, "answer": b"secrets"}
        cases.append(hexed(good))

    def redone(position: int) -> bytes:
        body = flipped(sealed[:-32], position)
        return body + tagged_hash(Tag.KEYFILE, body)

    faults: list[Fault] = [
        ("another password", {"password": "correct horse"}, "wrong-password"),
        ("an empty password", {"password": ""}, "encoding-invalid"),
        ("another context", {"context": b"member 8"}, "wrong-password"),
        ("changed password salt", {"sealed": flipped(sealed, 30)}, "damaged"),
        ("changed ciphertext, digest made again", {"sealed": redone(-1)}, "damaged"),
        ("changed password salt, digest made again", {"sealed": redone(30)}, "wrong-password"),
        ("changed costs, digest made again", {"sealed": redone(18)}, "keyfile-weak"),
        ("changed digest", {"sealed": flipped(sealed, -1)}, "damaged"),
        ("cut by a byte", {"sealed": sealed[:-1]}, "damaged"),
        ("another magic", {"sealed": flipped(sealed, 17)}, "damaged"),
    ]
    cases.append(cases[1] | {"name": "the same password, decomposed", "password": "corre\u0301ct horse"})
    return [*cases, *with_faults(good, faults)]


def recovery_cases() -> list[Case]:
    """Combining shares made by an independent polynomial over GF(2**128)."""
    draw = entropy("recovery")

    def made(key: bytes, threshold: int, shares: int) -> list[recovery.Share]:
        set_id = tagged_hash(Tag.RECOVERY_SHARE, b"set", key)[:16]
        coefficients = [*(draw(16) for _ in range(threshold - 1)), key]
        values = [reference.shamir_share(coefficients, index) for index in range(1, shares + 1)]
        return [recovery.Share(threshold, shares, i, set_id, value) for i, value in enumerate(values, start=1)]

    def texts(*chosen: recovery.Share) -> list[str]:
        return [share.to_secret_text() for share in chosen]

    key, other = draw(16), draw(16)
    first, second, third = made(key, 2, 3)
    stranger = made(other, 2, 3)[1]
    good = {"name": "first and second", "shares": texts(first, second), "answer": key}
    more = [good | {"name": "third and first", "shares": texts(third, first)}]
    more.append({"name": "three of five", "shares": texts(*made(other, 3, 5)[2:]), "answer": other})
    more.append({"name": "one of one", "shares": texts(*made(other, 1, 1)), "answer": other})
    mistyped = texts(second)[0].replace(texts(second)[0][20], "A" if texts(second)[0][20] != "A" else "B", 1)
    faults: list[Fault] = [
        ("one share", {"shares": texts(first)}, "shares-too-few"),
        ("no share", {"shares": []}, "shares-too-few"),
        ("a share twice", {"shares": texts(first, first)}, "share-duplicate"),
        ("shares of two splits", {"shares": texts(first, stranger)}, "shares-mixed"),
        ("a forged share", {"shares": texts(first, replace(second, value=bytes(16)))}, "share-invalid"),
        ("a mistyped share", {"shares": [*texts(first), mistyped]}, "share-invalid"),
        ("a cut share", {"shares": [*texts(first), texts(second)[0][:-1]]}, "share-invalid"),
    ]
    return [hexed(good), *map(hexed, more), *with_faults(good, faults)]
