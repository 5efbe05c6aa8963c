"""X.509 certificates (RFC 5280) of the authority over members' Ed25519 keys, under opaque ids, never names."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from scheme.errors import SchemeError
from scheme.keys import SigningKey, VerifyingKey

MEMBER_ID_SIZE = 16
_BY_ED25519 = bytes.fromhex("300506032b6570034100")
"""What stands between the signed part and the signature: the algorithm (RFC 8410) and a bit string of whole bytes."""


class CertificateInvalid(SchemeError):
    """A certificate that the pinned authority did not issue to this member and key, or not for this time."""

    code = "certificate-invalid"


@dataclass(frozen=True)
class VerifiedCertificate:
    """A certificate checked against the authority's key: who, in which role, with which key, how long."""

    member_id: str
    role: str
    verifying_key: VerifyingKey
    not_after: int
    """Unix seconds."""
    serial: int
    """As the authority numbered it."""


def _name(member_id: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, member_id),
        ]
    )


def issue(
    authority: SigningKey, authority_id: str, *, member_id: str, role: str, key: VerifyingKey, now: int, days: int
) -> bytes:
    """A DER certificate for ``key``, by the authority; for the authority itself, its self-signed root."""
    start = datetime.datetime.fromtimestamp(now, datetime.UTC)
    root = key == authority.verifying_key
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=root,
        crl_sign=root,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_name(member_id, role))
        .issuer_name(_name(authority_id, "authority"))
        .public_key(Ed25519PublicKey.from_public_bytes(bytes(key)))
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - datetime.timedelta(minutes=5))
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=root, path_length=0 if root else None), critical=True)
        .add_extension(usage, critical=True)
        .sign(authority.private_key(), None)
        .public_bytes(Encoding.DER)
    )


def verify(der: bytes, authority: VerifyingKey, *, now: int) -> VerifiedCertificate:
    """Check a member's certificate against the pinned authority key.

    In order: 1. it parses; 2. the authority's signature; 3. the validity period at ``now`` (unix seconds); 4. its
    subject and key are of the kinds ChartSeal issues. Raises ``CertificateInvalid``.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)  # 1
        Ed25519PublicKey.from_public_bytes(bytes(authority)).verify(  # 2
            certificate.signature, certificate.tbs_certificate_bytes
        )
        if not der.endswith(certificate.tbs_certificate_bytes + _BY_ED25519 + certificate.signature):
            raise ValueError("another form of the same certificate")
        public_key = certificate.public_key()
        role, member_id = (str(attribute.value) for attribute in certificate.subject)
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CertificateInvalid("the certificate is not one that this ledger's authority issued") from None
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:  # 3
        raise CertificateInvalid("the certificate is not valid at this time; have the authority renew it")
    if not isinstance(public_key, Ed25519PublicKey):  # 4
        raise CertificateInvalid("the certificate is for another kind of key than Ed25519")
    return VerifiedCertificate(
        member_id,
        role,
        VerifyingKey(public_key.public_bytes_raw()),
        int(certificate.not_valid_after_utc.timestamp()),
        certificate.serial_number,
    )
