"""A second reader of blocks, written from ``docs/formats.md`` alone: shares no code with ``scheme``.

Standard library and pycryptodome only; the arithmetic of secp256k1 is the tests' own. Section numbers are the
document's. It reads, and checks what a reader must check; it is slow and not constant in time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import eddsa

from tests.scheme import secp256k1_reference as curve

Json = dict[str, Any]


class Refused(Exception):
    """The bytes are not what the document says."""


def need(condition: object, what: str) -> None:
    if not condition:
        raise Refused(what)


def canonical(value: Json) -> bytes:
    """Section 2, for ASCII keys and text without lone surrogates."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def parsed(data: bytes) -> Json:
    value = json.loads(data)
    need(isinstance(value, dict) and canonical(value) == data, "not canonical")
    return dict(value)


def tagged(tag: str, *parts: bytes) -> bytes:
    """Section 3."""
    prefix = hashlib.sha256(b"chartseal/1/" + tag.encode()).digest()
    return hashlib.sha256(prefix * 2 + b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def key_id(public: bytes) -> str:
    """Section 4."""
    return tagged("key-id", public)[:16].hex()


def signed(public: bytes, tag: str, value: Json) -> None:
    """Section 4: the signature in ``value`` is over the canonical bytes of the rest of it."""
    rest = {name: item for name, item in value.items() if name != "signature"}
    message = b"chartseal/1/" + tag.encode() + b"\0" + canonical(rest)
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(message, base64.b64decode(value["signature"]))
    except ValueError:
        raise Refused("signature") from None


def hkdf_expand(key: bytes, info: bytes, size: int, digest: str) -> bytes:
    """RFC 5869, section 2.3."""
    out = block = b""
    while len(out) < size:
        block = hmac.digest(key, block + info + bytes((len(out) // hashlib.new(digest).digest_size + 1,)), digest)
        out += block
    return out[:size]


def hkdf(key: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256 and no salt."""
    return hkdf_expand(hmac.digest(bytes(32), key, "sha256"), info, size, "sha256")


def open_chunks(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """Section 5."""
    salt, commitment, chunks = sealed[:24], sealed[24:56], sealed[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    material = hkdf_expand(key, info, 76, "sha512")
    need(material[44:] == commitment, "commitment")
    base = int.from_bytes(material[32:44], "big")
    plain = b""
    index = 0
    while True:
        chunk = chunks[index * 16400 : (index + 1) * 16400]
        need(len(chunk) >= 16, "cut")
        cipher = AES.new(material[:32], AES.MODE_GCM, nonce=(base ^ index).to_bytes(12, "big"))
        try:
            plain += cipher.decrypt_and_verify(chunk[:-16], chunk[-16:])
        except ValueError:
            raise Refused("chunk") from None
        index += 1
        if len(chunk) < 16400:
            return plain


def padme(size: int) -> int:
    """Section 6."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    zero_bits = exponent - exponent.bit_length()
    step = 1 << max(zero_bits, 0)
    return -(-size // step) * step


def unpadded(padded: bytes, size: int) -> bytes:
    need(len(padded) == padme(size) and not any(padded[size:]), "padding")
    return padded[:size]


def label(header: Json) -> bytes:
    """Section 13: the capsule's label."""
    return canonical({name: header[name] for name in ("suite", "chain", "scope", "hospital", "chapter")})


def chapter_key_of_kem(kem_key: bytes, header: Json) -> bytes:
    """Section 13."""
    digest = tagged("capsule", label(header), base64.b64decode(header["capsule"]))
    return hkdf(kem_key, b"chartseal/1/chapter-key" + digest, 32)


def chapter_key_by_scope(secret: bytes, header: Json) -> bytes:
    """Sections 8 and 13: the patient's way by the scope's secret key."""
    capsule = base64.b64decode(header["capsule"])
    need(len(capsule) == 98, "capsule")
    e, v, s = curve.decode(capsule[:33]), curve.decode(capsule[33:66]), int.from_bytes(capsule[66:], "big")
    challenge = tagged("umbral-capsule", capsule[:33], capsule[33:66], label(header))
    h = int.from_bytes(challenge, "big") % (curve.N - 1) + 1
    need(curve.multiply(s, curve.G) == curve.add(v, curve.multiply(h, e)), "capsule")
    shared = hashlib.sha256(curve.encode(curve.multiply(int.from_bytes(secret, "big"), curve.add(e, v)))).digest()
    return chapter_key_of_kem(tagged("umbral-kem", shared, capsule, label(header)), header)


def scalar(tag: str, *parts: bytes) -> int:
    """Section 8: H."""
    return int.from_bytes(tagged(tag, *parts), "big") % (curve.N - 1) + 1


def diffie_hellman(secret: int, point: curve.Affine) -> bytes:
    """Section 8: DH."""
    return hashlib.sha256(curve.encode(curve.multiply(secret, point))).digest()


def kem_key_by_fragments(
    secret: bytes, delegating: bytes, capsule: bytes, label: bytes, patient: bytes, terms: bytes, frags: list[bytes]
) -> bytes:
    """Section 8: a delegatee checks capsule fragments, of which there are as many as the threshold, and opens."""
    b, a_point = int.from_bytes(secret, "big"), curve.decode(delegating)
    receiving = curve.encode(curve.multiply(b, curve.G))
    u_point = curve.decode(bytes.fromhex("02680dbb6c558f9ef629cec1949460936147414a1f75b29a92f6c4e5d832a5cdf8"))
    e, v, s = curve.decode(capsule[:33]), curve.decode(capsule[33:66]), int.from_bytes(capsule[66:], "big")
    h = scalar("umbral-capsule", capsule[:33], capsule[33:66], label)
    need(curve.multiply(s, curve.G) == curve.add(v, curve.multiply(h, e)), "capsule")
    points = []
    for frag in frags:
        head, c, z = frag[:229], int.from_bytes(frag[229:261], "big"), int.from_bytes(frag[261:293], "big")
        need(len(frag) == 293 and frag[16] == len(frags), "fragments")
        need((frag[16], frag[33:66]) == (frags[0][16], frags[0][33:66]), "mixed")
        need(frag[17:33] == tagged("key-fragment", delegating, receiving, terms)[:16], "binding")
        message = b"chartseal/1/key-fragment\0" + frag[:99] + delegating + receiving + terms
        eddsa.new(eddsa.import_public_key(patient), "rfc8032").verify(message, frag[99:163])
        e1, v1, u1 = curve.decode(frag[163:196]), curve.decode(frag[196:229]), curve.decode(frag[66:99])
        again = [
            curve.encode(curve.add(curve.multiply(z, base), curve.multiply(curve.N - c, result)))
            for base, result in ((e, e1), (v, v1), (u_point, u1))
        ]
        need(c == scalar("umbral-proof", capsule, label, head, *again), "proof")
        points.append((e1, v1))
    shared = diffie_hellman(b, a_point)
    xs = [scalar("umbral-share-index", frag[:16], delegating, receiving, shared) for frag in frags]
    need(len(set(xs)) == len(xs), "twice")
    e_sum: curve.Affine = None
    v_sum: curve.Affine = None
    for i, (e1, v1) in enumerate(points):
        weight = 1
        for j, x in enumerate(xs):
            if j != i:
                weight = weight * x * pow(x - xs[i], -1, curve.N) % curve.N
        e_sum, v_sum = curve.add(e_sum, curve.multiply(weight, e1)), curve.add(v_sum, curve.multiply(weight, v1))
    precursor = frags[0][33:66]
    d = scalar("umbral-shared", precursor, receiving, diffie_hellman(b, curve.decode(precursor)))
    left = curve.multiply(d, curve.add(curve.multiply(h, e_sum), v_sum))
    need(left == curve.multiply(s, a_point), "inconsistent")
    return tagged("umbral-kem", diffie_hellman(d, curve.add(e_sum, v_sum)), capsule, label)


def chapter_key_by_wrap(private_der: bytes, header: Json) -> bytes:
    """Sections 9 and 13: the patient's way by her RSA key."""
    parts = base64.b64decode(header["capsule"]), header["chain"].encode(), header["scope"].encode()
    oaep = PKCS1_OAEP.new(RSA.import_key(private_der), SHA256, label=tagged("capsule", *parts))
    return oaep.decrypt(base64.b64decode(header["wrap"]))


def scope_secret(master: bytes, category: str, first: int, last: int, revision: int) -> bytes:
    """Section 12."""
    material = hkdf(master, f"chartseal-1|scope|{category}|{first}|{last}|{revision}".encode(), 48)
    return (int.from_bytes(material, "big") % (curve.N - 1) + 1).to_bytes(32, "big")


def scope_public(secret: bytes) -> bytes:
    return curve.encode(curve.multiply(int.from_bytes(secret, "big"), curve.G))


def frame(members: list[tuple[str, bytes]]) -> bytes:
    """Section 16: the whole zip, written again field by field."""
    out, directory = b"", b""
    for name, data in members:
        offset, crc = len(out), zlib.crc32(data)
        out += struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 45, 0x0808, 0, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), 20)
        out += name.encode() + struct.pack("<HHQQ", 1, 16, 0, 0)
        out += data + struct.pack("<4sLQQ", b"PK\x07\x08", crc, len(data), len(data))
        directory += struct.pack("<4sHHHHHHL", b"PK\x01\x02", 0x032D, 45, 0x0808, 0, 0, 33, crc)
        directory += struct.pack("<LLHHHHHLL", 2**32 - 1, 2**32 - 1, len(name), 28, 0, 0, 0, 0x81800000, 2**32 - 1)
        directory += name.encode() + struct.pack("<HHQQQ", 1, 24, len(data), len(data), offset)
    count = len(members)
    end = struct.pack("<4sQHHLLQQ", b"PK\x06\x06", 44, 0x032D, 45, 0, 0, count, count)
    end += struct.pack("<QQ", len(directory), len(out))
    end += struct.pack("<4sLQL", b"PK\x06\x07", 0, len(out) + len(directory), 1)
    end += struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, 2**32 - 1, 2**32 - 1, 0)
    return out + directory + end


@dataclass(frozen=True)
class Opened:
    """A block in clear: header, manifest, and the bytes of each record."""

    header: Json
    manifest: Json
    records: list[bytes]


def header_of(data: bytes) -> Json:
    """The header of a block, without any check."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return parsed(archive.read("header.json"))


def read_block(data: bytes, chapter_key: bytes, hospital: bytes, author: bytes) -> Opened:
    """Sections 13 to 16: everything that a reader with the chapter key checks."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        files = [(name, archive.read(name)) for name in names]
    expected = [*(f"records-{number}.sealed" for number in range(1, len(names) - 1)), "manifest.sealed", "header.json"]
    need(names == expected and frame(files) == data, "frame")
    header = parsed(files[-1][1])
    need(header["type"] == "chartseal/block-header" and header["suite"] == "chartseal-1", "header")
    need(header["hospital"] == key_id(hospital), "hospital")
    signed(hospital, "block-header", header)
    sealed = [files[-2][1], *(content for _, content in files[:-2])]
    listed = [{"sha256": hashlib.sha256(member).hexdigest(), "size": len(member)} for member in sealed]
    need(header["members"] == listed, "members")

    nonce, capsule = bytes.fromhex(header["nonce"]), base64.b64decode(header["capsule"])
    block_key = hkdf_expand(chapter_key, b"chartseal/1/block\0" + nonce, 32, "sha256")

    def opened(index: int) -> bytes:
        place = index.to_bytes(8, "big")
        key = hkdf_expand(block_key, b"chartseal/1/member\0" + place, 32, "sha256")
        context = tagged("member", label(header), capsule, nonce, place, len(sealed).to_bytes(8, "big"))
        return open_chunks(key, context, sealed[index])

    framed = opened(0)
    size = int.from_bytes(framed[:8], "big")
    manifest = parsed(zlib.decompress(unpadded(framed, 8 + size)[8:]))
    need(manifest["type"] == "chartseal/manifest" and manifest["suite"] == "chartseal-1", "manifest")
    need((manifest["scope"], manifest["nonce"]) == (header["scope"], header["nonce"]), "manifest's place")
    need(manifest["capsule"] == tagged("capsule", capsule).hex(), "manifest's capsule")
    packed = [{"sha256": payload["sha256"], "size": payload["size"]} for payload in manifest["payloads"]]
    need(packed == listed[1:], "manifest's members")
    signed(author, "manifest", manifest)

    plains = []
    for index, payload in enumerate(manifest["payloads"], start=1):
        plain = unpadded(opened(index), payload["packed_size"])
        if payload["compressed"]:
            plain = zlib.decompress(plain)
        need(len(plain) == payload["plain_size"], "size")
        plains.append(plain)
    records = []
    for record in manifest["records"]:
        end = record["offset"] + record["size"]
        need(end <= len(plains[record["member"] - 1]), "record")
        records.append(plains[record["member"] - 1][record["offset"] : end])
    return Opened(header, manifest, records)
