"""Certificates: whose, by whom, until when; any change of one byte is refused."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.x509.oid import NameOID

from scheme import certificates
from scheme.certificates import CertificateInvalid
from tests.scheme.scene import AUTHOR, AUTHOR_ID, HOSPITAL, HOSPITAL_ID, STRANGER

NOW = 1_700_000_000
DAY = 86_400
AUTHORITY, AUTHORITY_ID = HOSPITAL, HOSPITAL_ID


def issued(days: int = 10) -> bytes:
    return certificates.issue(
        AUTHORITY,
        AUTHORITY_ID,
        member_id=AUTHOR_ID,
        role="doctor",
        key=AUTHOR.verifying_key,
        now=NOW,
        days=days,
    )


def built(public_key: object, *names: tuple[x509.ObjectIdentifier, str]) -> bytes:
    """A certificate that the authority signed, of another kind than ``issue`` makes."""
    start = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in names])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public_key)  # type: ignore[arg-type]
    builder = builder.serial_number(7).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    return builder.sign(AUTHORITY.private_key(), None).public_bytes(certificates.Encoding.DER)


def test_a_certificate_says_who_in_which_role_with_which_key_until_when() -> None:
    data = issued()
    found = certificates.verify(data, AUTHORITY.verifying_key, now=NOW)
    assert (found.member_id, found.role, found.verifying_key) == (AUTHOR_ID, "doctor", AUTHOR.verifying_key)
    assert found.not_after == NOW + 10 * DAY
    assert found.serial == x509.load_der_x509_certificate(data).serial_number


@pytest.mark.parametrize("now", [NOW - 300, NOW, NOW + 10 * DAY])
def test_it_is_valid_in_its_time(now: int) -> None:
    assert certificates.verify(issued(), AUTHORITY.verifying_key, now=now).member_id == AUTHOR_ID


@pytest.mark.parametrize("now", [NOW - 301, NOW + 10 * DAY + 1, 0, NOW + 3000 * DAY])
def test_it_is_refused_outside_its_time(now: int) -> None:
    with pytest.raises(CertificateInvalid, match="time"):
        certificates.verify(issued(), AUTHORITY.verifying_key, now=now)


@pytest.mark.parametrize("authority", [STRANGER, AUTHOR])
def test_another_authority_is_refused(authority: certificates.SigningKey) -> None:
    with pytest.raises(CertificateInvalid):
        certificates.verify(issued(), authority.verifying_key, now=NOW)


def test_the_root_is_signed_by_itself_and_may_sign() -> None:
    der = certificates.issue(
        AUTHORITY,
        AUTHORITY_ID,
        member_id=AUTHORITY_ID,
        role="authority",
        key=AUTHORITY.verifying_key,
        now=NOW,
        days=1,
    )
    assert certificates.verify(der, AUTHORITY.verifying_key, now=NOW).role == "authority"
    for data, may_sign in ((der, True), (issued(), False)):
        extensions = x509.load_der_x509_certificate(data).extensions
        assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is may_sign
        assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is may_sign


def test_no_name_of_a_person_is_in_it() -> None:
    certificate = x509.load_der_x509_certificate(issued())
    assert [attribute.value for attribute in certificate.subject] == ["doctor", AUTHOR_ID]
    assert [attribute.value for attribute in certificate.issuer] == ["authority", AUTHORITY_ID]


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("bit", [1, 0x80, 0xFF])
def test_one_changed_byte_anywhere_is_refused(bit: int) -> None:
    der = bytearray(next(der for der in iter(issued, b"") if not der[-1] & 1))
    for position in range(len(der)):
        der[position] ^= bit
        with pytest.raises(CertificateInvalid):
            certificates.verify(bytes(der), AUTHORITY.verifying_key, now=NOW)
        der[position] ^= bit


@pytest.mark.parametrize("data", [b"", b"certificate", b"\x30\x00", issued()[:-1], issued() + b"\0"])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        certificates.verify(data, AUTHORITY.verifying_key, now=NOW)


@pytest.mark.parametrize(
    "public_key",
    [ec.generate_private_key(ec.SECP256R1()).public_key(), x25519.X25519PrivateKey.generate().public_key()],
)
def test_another_kind_of_key_is_refused(public_key: object) -> None:
    names = (NameOID.ORGANIZATIONAL_UNIT_NAME, "doctor"), (NameOID.COMMON_NAME, AUTHOR_ID)
    with pytest.raises(CertificateInvalid, match="kind"):
        certificates.verify(built(public_key, *names), AUTHORITY.verifying_key, now=NOW)


@pytest.mark.parametrize("names", [(), ((NameOID.COMMON_NAME, AUTHOR_ID),), ((NameOID.COMMON_NAME, "x"),) * 3])
def test_another_shape_of_subject_is_refused(names: tuple[tuple[x509.ObjectIdentifier, str], ...]) -> None:
    with pytest.raises(CertificateInvalid):
        certificates.verify(built(AUTHOR.private_key().public_key(), *names), AUTHORITY.verifying_key, now=NOW)


def test_another_signature_algorithm_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHOR_ID)])
    start = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7)
    builder = builder.public_key(AUTHOR.private_key().public_key())
    builder = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    der = builder.sign(other, hashes.SHA256()).public_bytes(certificates.Encoding.DER)
    with pytest.raises(CertificateInvalid):
        certificates.verify(der, AUTHORITY.verifying_key, now=NOW)
