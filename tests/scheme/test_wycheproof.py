"""The libraries under ``scheme`` against Wycheproof, and ``scheme.chunked`` against all vectors of its construction."""

import hashlib
import io
import json
import zlib
from functools import cache
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_private_key

from scheme import chunked, wrap
from scheme.errors import Damaged, EncodingInvalid, NotForThisKey, SchemeError
from tests import needs


def vectors(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    path = needs.data("crypto_vectors") / "wycheproof" / f"{name}_test.json"
    content = json.loads(path.read_text())
    found = [(group, test) for group in content["testGroups"] for test in group["tests"]]
    assert len(found) == content["numberOfTests"]
    return found


def b(value: str) -> bytes:
    return bytes.fromhex(value)


def test_aes_gcm() -> None:
    checked = 0
    for group, test in vectors("aes_gcm"):
        if group["tagSize"] != 128:
            continue
        sealed = b(test["ct"]) + b(test["tag"])
        key, nonce, aad = b(test["key"]), b(test["iv"]), b(test["aad"])
        if test["result"] == "valid" and 8 <= len(nonce) <= 128:
            assert AESGCM(key).decrypt(nonce, sealed, aad) == b(test["msg"])
            assert AESGCM(key).encrypt(nonce, b(test["msg"]), aad) == sealed
            checked += 1
        else:
            with pytest.raises((InvalidTag, ValueError)):
                AESGCM(key).decrypt(nonce, sealed, aad)
    assert checked > 100


@pytest.mark.parametrize(("name", "algorithm"), [("hkdf_sha256", SHA256()), ("hkdf_sha512", SHA512())])
def test_hkdf(name: str, algorithm: HashAlgorithm) -> None:
    for _, test in vectors(name):
        if test["result"] == "valid":
            hkdf = HKDF(algorithm, test["size"], b(test["salt"]), b(test["info"]))
            assert hkdf.derive(b(test["ikm"])) == b(test["okm"])
        else:
            with pytest.raises(ValueError):
                HKDF(algorithm, test["size"], b(test["salt"]), b(test["info"]))


def test_ed25519() -> None:
    results = set()
    for group, test in vectors("ed25519"):
        key = Ed25519PublicKey.from_public_bytes(b(group["publicKey"]["pk"]))
        try:
            key.verify(b(test["sig"]), b(test["msg"]))
            result = "valid"
        except InvalidSignature:
            result = "invalid"
        assert result == test["result"], test["tcId"]
        results.add(result)
    assert results == {"valid", "invalid"}


@cache
def _rsa_key(pkcs8: str) -> rsa.RSAPrivateKey:
    key = load_der_private_key(b(pkcs8), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("rsa_oaep_2048_sha256_mgf1sha256", SHA256()),
        ("rsa_oaep_3072_sha256_mgf1sha256", SHA256()),
        ("rsa_oaep_4096_sha512_mgf1sha512", SHA512()),
    ],
)
def test_rsa_oaep(name: str, algorithm: HashAlgorithm) -> None:
    through_wrap = 0
    for group, test in vectors(name):
        key = _rsa_key(group["privateKeyPkcs8"])
        label, message, wrapped = b(test["label"]), b(test["msg"]), b(test["ct"])
        padding = OAEP(MGF1(algorithm), algorithm, label)
        if test["result"] == "invalid":
            with pytest.raises(ValueError):
                key.decrypt(wrapped, padding)
        else:
            assert key.decrypt(wrapped, padding) == message, test["tcId"]
        if name.startswith("rsa_oaep_3072") and len(label) == 32:
            owner = wrap.WrappingKey(key)
            if test["result"] == "valid" and len(message) == 32:
                assert wrap.unwrap(owner, wrapped, label) == message
            else:
                with pytest.raises(NotForThisKey):
                    wrap.unwrap(owner, wrapped, label)
            through_wrap += 1
    assert through_wrap or not name.startswith("rsa_oaep_3072")


def _open_all_ways(key: bytes, context: bytes, sealed: bytes) -> tuple[list[bytes], list[type[SchemeError]]]:
    sink = io.BytesIO()
    found: list[bytes] = []
    failed: list[type[SchemeError]] = []

    def stream() -> bytes:
        chunked.open_stream(key, context, io.BytesIO(sealed), sink)
        return sink.getvalue()

    for way in (lambda: chunked.open_bytes(key, context, sealed), stream):
        try:
            found.append(way())
        except SchemeError as error:
            failed.append(type(error))
    found.append(sink.getvalue())
    return found, failed


def test_chunked_encryption() -> None:
    for _, test in vectors("c2sp_chunked_encryption_aes_256_gcm"):
        key, context, sealed = b(test["key"]), b(test["ctx"]), zlib.decompress(b(test["ct"]))
        found, failed = _open_all_ways(key, context, sealed)
        flags = set(test["flags"])
        if test["result"] == "valid":
            assert not failed
            for plain in found:
                assert len(plain) == test["msgLength"]
                assert hashlib.sha512(plain).hexdigest() == test["msgSha512"]
            assert chunked.seal_bytes(key, context, found[0], salt=sealed[:24]) == sealed
            continue
        assert len(failed) == 2, test["comment"]
        streamed = found[-1]
        if flags & {"WrongKey", "WrongContext"} or flags == {"ModifiedCiphertext", "HeaderFailure"}:
            assert set(failed) == {NotForThisKey}
        elif "InvalidKeySize" in flags:
            assert set(failed) == {EncodingInvalid}
        else:
            assert set(failed) == {Damaged}, test["comment"]
        # What a stream may have passed on is at most the valid prefix.
        assert len(streamed) <= test.get("msgLength", 0)
        if streamed and len(streamed) == test["msgLength"]:
            assert hashlib.sha512(streamed).hexdigest() == test["msgSha512"]


def test_chunked_encryption_from_the_middle() -> None:
    for _, test in vectors("c2sp_chunked_encryption_aes_256_gcm"):
        key, context, sealed = b(test["key"]), b(test["ctx"]), zlib.decompress(b(test["ct"]))

        def read_at(offset: int, length: int, sealed: bytes = sealed) -> bytes:
            return sealed[offset : offset + length]

        try:
            middle = chunked.RandomAccess(key, context, read_at, len(sealed))
        except SchemeError:
            assert test["result"] == "invalid"
            assert "ValidFinalChunk" not in test["flags"], test["comment"]
            continue
        if test["result"] == "valid":
            assert middle.plaintext_size == test["msgLength"]
            assert hashlib.sha512(middle.read(0, test["msgLength"])).hexdigest() == test["msgSha512"]
        else:
            assert "ValidFinalChunk" in test["flags"], test["comment"]
            with pytest.raises(Damaged):
                middle.read(0, middle.plaintext_size)
