"""TLS of our own servers: each has its own small certificate authority (CA), which clients pin by its SHA-256.

The CA's key (P-256, ten years) signs nothing but this server's certificates (90 days, for the host of its public URL),
so a client that pinned it follows every renewal. TLS 1.3 (RFC 8446) only.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clinic import durable
from clinic.clock import Clock, system_clock
from network.errors import IdentityInvalid

CA_DAYS = 3650
LEAF_DAYS = 90
RENEW_DAYS = 30
"""A certificate with fewer days left is replaced."""
_BEFORE = datetime.timedelta(days=1)
"""Certificates count from a day ago, for clients whose clock is behind."""


@dataclass(frozen=True)
class ServerIdentity:
    """A server's CA and its certificate for ``host``, as PEM files in ``folder`` (keys with mode 0600)."""

    folder: Path
    host: str
    clock: Clock = system_clock

    @classmethod
    def load_or_create(cls, folder: Path, host: str, *, clock: Clock = system_clock) -> ServerIdentity:
        """The identity in ``folder``, made at the first call; ``host`` is a name or address without port.

        Raises ``IdentityInvalid``, ``HomeInvalid``, ``DiskFull``.
        """
        identity = cls(folder, host, clock)
        if not identity._ca_key_path.exists():
            identity._create_ca()
        identity.renew()
        return identity

    @property
    def certificate_path(self) -> Path:
        """The certificate that the server shows, PEM."""
        return self.folder / "server.pem"

    @property
    def key_path(self) -> Path:
        """Its key, PEM."""
        return self.folder / "server.key"

    @property
    def ca_pem(self) -> str:
        """The CA's certificate, for clients."""
        return durable.read(self._ca_path).decode()

    @property
    def ca_sha256(self) -> str:
        """What invitations pin: SHA-256 of the CA's certificate (DER), in hex."""
        return fingerprint(self.ca_pem)

    def renew(self) -> bool:
        """Make a new certificate if there is none for this host, or it ends within ``RENEW_DAYS``; whether it did."""
        if self._is_current():
            return False
        ca_key, ca = self._load_ca()
        key = ec.generate_private_key(ec.SECP256R1())
        alternative: x509.GeneralName
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(self.host))
        except ValueError:
            alternative = x509.DNSName(self.host)
        builder = (
            self._builder("ChartSeal server", LEAF_DAYS, key.public_key(), ca.subject)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(of_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        durable.write(self.key_path, _private(key))
        durable.write(self.certificate_path, builder.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return True

    def server_context(self) -> ssl.SSLContext:
        """For a server; ``reload`` gives the same context a renewed certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.reload(context)
        return context

    def reload(self, context: ssl.SSLContext) -> None:
        """Show the certificate that lies in the folder now to whoever connects from now on."""
        context.load_cert_chain(self.certificate_path, self.key_path)

    @property
    def _ca_path(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def _ca_key_path(self) -> Path:
        return self.folder / "ca.key"

    def _create_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("ChartSeal CA")
        builder = (
            self._builder("ChartSeal CA", CA_DAYS, key.public_key(), name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(of_ca=True), critical=True)
        )
        # The key last: whoever finds it finds its certificate too.
        durable.write(self._ca_path, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        durable.write(self._ca_key_path, _private(key))

    def _builder(
        self, name: str, days: int, key: ec.EllipticCurvePublicKey, issuer: x509.Name
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.fromtimestamp(self.clock(), datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEFORE)
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _load_ca(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        try:
            key = load_pem_private_key(durable.read(self._ca_key_path), None)
            certificate = x509.load_pem_x509_certificate(durable.read(self._ca_path))
        except ValueError:
            raise IdentityInvalid(f"a file in {self.folder.name} is damaged; restore it from a backup") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise IdentityInvalid(f"ca.key and ca.pem in {self.folder.name} do not fit; restore both from a backup")
        return key, certificate

    def _is_current(self) -> bool:
        if not self.certificate_path.exists() or not self.key_path.exists():
            return False
        try:
            certificate = x509.load_pem_x509_certificate(durable.read(self.certificate_path))
            key = load_pem_private_key(durable.read(self.key_path), None)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound):
            return False
        hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
        left = certificate.not_valid_after_utc - datetime.datetime.fromtimestamp(self.clock(), datetime.UTC)
        fits = hosts == [_plain(self.host)] and key.public_key() == certificate.public_key()
        return fits and left > datetime.timedelta(days=RENEW_DAYS)


def fingerprint(ca_pem: str) -> str:
    """SHA-256 of a certificate (DER) in hex. Raises ``IdentityInvalid``."""
    try:
        der = ssl.PEM_cert_to_DER_cert(ca_pem.strip() + "\n")
        x509.load_der_x509_certificate(der)
    except ValueError:
        raise IdentityInvalid("the server's certificate authority is no certificate in PEM") from None
    return hashlib.sha256(der).hexdigest()


def ssl_context(ca_pem: str) -> ssl.SSLContext:
    """For a client that trusts this CA and no other: TLS 1.3 only, and the host's name is verified.

    Raises ``IdentityInvalid``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError):
        raise IdentityInvalid("the pinned certificate authority is damaged; restore ca.pem from a backup") from None
    return context


def _plain(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, of_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=of_ca,
        crl_sign=of_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
