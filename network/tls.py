"""TLS of our own servers: each has its own small certificate authority (CA), which clients pin by its SHA-256.

The CA's key (P-256, ten years) signs nothing but this server's certificates (90 days, for the host of its public URL),
so a client that pinned it follows every renewal. What is pinned is one certificate, in the one text that RFC 7468
section 3 has a generator write for it, never a list. TLS 1.3 (RFC 8446) only.
"""

from __future__ import annotations

import datetime
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
        """The identity in ``folder``, whose CA is made at the first call; ``host`` is a name or address without port.

        The certificate is left to ``server_context``, for only the server shows it. Raises ``IdentityInvalid``, also
        when a CA that was pinned lacks its key or certificate; ``HomeInvalid``, ``DiskFull``.
        """
        identity = cls(folder, host, clock)
        if identity._ca_path.exists():
            identity._require(identity._ca_key_path)
        elif identity.certificate_path.exists():
            identity._require(identity._ca_path)
        else:
            identity._create_ca()
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
        """The CA's certificate, for clients. Raises ``IdentityInvalid``."""
        pem = durable.read(self._ca_path).decode("ascii", "replace")
        _authority(pem)
        return pem

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
        """For a server, after ``renew``; ``reload`` gives the same context a renewed certificate."""
        self.renew()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.reload(context)
        return context

    def reload(self, context: ssl.SSLContext) -> None:
        """Show the certificate that lies in the folder now to whoever connects from now on.

        Raises ``OSError`` (``ssl.SSLError`` is one); then ``context`` shows what it did before.
        """
        # A context that fails half-way is left with a certificate and no key: another one tries first.
        for each in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            each.load_cert_chain(self.certificate_path, self.key_path)

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
        # The certificate last: whoever finds it finds its key too, and nobody pinned what was not there.
        durable.write(self._ca_key_path, _private(key))
        durable.write(self._ca_path, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def _require(self, path: Path) -> None:
        if not path.exists():
            raise IdentityInvalid(
                f"{path.name} is missing in {self.folder.name}, and members pinned what it belongs to; restore ca.key "
                "and ca.pem from a backup"
            )

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
    """SHA-256 of a CA's certificate (DER) in hex. Raises ``IdentityInvalid``, as ``ssl_context``."""
    return _authority(ca_pem).fingerprint(hashes.SHA256()).hex()


def ssl_context(ca_pem: str) -> ssl.SSLContext:
    """For a client that trusts this CA and no other: TLS 1.3 only, and the host's name is verified.

    Raises ``IdentityInvalid`` when ``ca_pem`` is not one certificate, in the one PEM text that it has.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=_authority(ca_pem).public_bytes(Encoding.DER))
    except ssl.SSLError:
        raise IdentityInvalid("the pinned certificate authority is of no use to TLS; have it made anew") from None
    return context


def _authority(ca_pem: str) -> x509.Certificate:
    """The certificate that ``ca_pem`` is: a text with anything more has the pin of the one and trusts the other."""
    try:
        (certificate,) = x509.load_pem_x509_certificates(ca_pem.encode("ascii"))
        if certificate.public_bytes(Encoding.PEM).decode() != ca_pem:
            raise ValueError
    except ValueError:
        raise IdentityInvalid(
            "a certificate authority is one certificate in PEM and nothing else; take it whole from its server, or "
            "from a backup"
        ) from None
    return certificate


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
