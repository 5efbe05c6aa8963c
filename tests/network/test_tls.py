"""A server's identity: pinned by its own authority, renewed under it, and good for one host."""

import datetime
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from clinic.keystore import MemberSecrets
from network import tls
from network.endpoint import EndpointCard
from network.errors import EndpointInvalid, IdentityInvalid
from network.tls import ServerIdentity

NOW = int(datetime.datetime.now(datetime.UTC).timestamp())
DAY = 86_400


def identity(folder: Path, host: str = "127.0.0.1", now: int = NOW) -> ServerIdentity:
    return ServerIdentity.load_or_create(folder, host, clock=lambda: now)


def certificate(of: ServerIdentity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(of.certificate_path.read_bytes())


def greeted(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> str | None:
    """The TLS version that the two agree on."""
    here, there = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as wrapped:
                wrapped.recv(1)
        except OSError:
            there.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=host) as wrapped:
            return wrapped.version()
    finally:
        here.close()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_client_that_pinned_the_authority_connects_by_tls_1_3(tmp_path: Path, host: str) -> None:
    served = identity(tmp_path, host)
    assert greeted(served.server_context(), tls.ssl_context(served.ca_pem), host) == "TLSv1.3"


def test_another_authority_is_refused(tmp_path: Path) -> None:
    served, other = identity(tmp_path / "a"), identity(tmp_path / "b")
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(served.server_context(), tls.ssl_context(other.ca_pem), "127.0.0.1")


def test_another_host_is_refused(tmp_path: Path) -> None:
    served = identity(tmp_path, "clinic.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(served.server_context(), tls.ssl_context(served.ca_pem), "evil.example")


def test_nothing_older_than_tls_1_3_is_spoken(tmp_path: Path) -> None:
    served = identity(tmp_path)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cadata=served.ca_pem)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        greeted(served.server_context(), old, "127.0.0.1")


def test_the_identity_stays_and_its_keys_are_private(tmp_path: Path) -> None:
    served = identity(tmp_path)
    served.server_context()
    before = certificate(served)
    again = identity(tmp_path)
    again.server_context()
    assert certificate(again) == before
    assert again.ca_sha256 == served.ca_sha256
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}


def test_a_certificate_is_renewed_a_month_before_its_end_under_the_same_authority(tmp_path: Path) -> None:
    served = identity(tmp_path)
    served.renew()
    before = certificate(served)
    assert not ServerIdentity(tmp_path, "127.0.0.1", lambda: NOW + 59 * DAY).renew()
    assert ServerIdentity(tmp_path, "127.0.0.1", lambda: NOW + 61 * DAY).renew()
    after = certificate(served)
    assert after.not_valid_after_utc > before.not_valid_after_utc
    after.verify_directly_issued_by(x509.load_pem_x509_certificate(served.ca_pem.encode()))


def test_a_renewed_certificate_is_shown_by_the_running_server(tmp_path: Path) -> None:
    served = identity(tmp_path, "old.example")
    context = served.server_context()
    renewed = identity(tmp_path, "new.example")
    assert renewed.renew()
    renewed.reload(context)
    assert greeted(context, tls.ssl_context(served.ca_pem), "new.example") == "TLSv1.3"


def test_a_renewal_that_cannot_be_shown_leaves_the_certificate_that_was(tmp_path: Path) -> None:
    served = identity(tmp_path / "a")
    context = served.server_context()
    identity(tmp_path / "b").server_context()
    (tmp_path / "b/server.pem").replace(tmp_path / "a/server.pem")
    with pytest.raises(ssl.SSLError):
        served.reload(context)
    assert greeted(context, tls.ssl_context(served.ca_pem), "127.0.0.1") == "TLSv1.3"


def test_who_only_asks_for_the_authority_renews_nothing(tmp_path: Path) -> None:
    served = identity(tmp_path)
    served.server_context()
    before = certificate(served)
    assert identity(tmp_path, "other.example", NOW + 61 * DAY).ca_sha256 == served.ca_sha256
    assert certificate(served) == before


def test_an_authority_that_was_pinned_is_never_replaced(tmp_path: Path) -> None:
    served = identity(tmp_path)
    served.server_context()
    before = served.ca_pem
    for lost in ("ca.key", "ca.pem"):
        kept = (tmp_path / lost).read_bytes()
        (tmp_path / lost).unlink()
        with pytest.raises(IdentityInvalid, match=f"{lost} is missing"):
            identity(tmp_path)
        assert not (tmp_path / lost).exists()
        (tmp_path / lost).write_bytes(kept)
    assert identity(tmp_path).ca_pem == before


def test_an_authority_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    identity(tmp_path)
    (tmp_path / "ca.pem").unlink()  # the last of what is made, before anybody could pin it
    served = identity(tmp_path)
    assert greeted(served.server_context(), tls.ssl_context(served.ca_pem), "127.0.0.1") == "TLSv1.3"


def authority(name: str) -> str:
    """A CA certificate, PEM, whose length in bytes follows that of ``name``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, made, made + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


GENUINE = [authority("x" * length) for length in (3, 4, 5, 6, 20, 21, 22)]
OTHER = authority("somebody in between")


def test_one_authority_has_the_fingerprint_of_its_certificate() -> None:
    for genuine in GENUINE:
        der = x509.load_pem_x509_certificate(genuine.encode()).public_bytes(Encoding.DER)
        assert tls.fingerprint(genuine) == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        lambda genuine: genuine + OTHER,
        lambda genuine: OTHER + genuine,
        lambda genuine: genuine + genuine,
        # One PEM block of both: what stops reading at the padding sees the first alone.
        lambda genuine: genuine.partition("-----END")[0] + OTHER.partition("-----\n")[2],
        lambda genuine: genuine.replace("\n", "\r\n"),
        lambda genuine: genuine + "\n",
        lambda genuine: " " + genuine,
        lambda genuine: "made by hand\n" + genuine,
        lambda genuine: genuine.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        lambda genuine: genuine + "\u00e9",
        lambda _genuine: "",
    ],
)
def test_nothing_but_one_authority_is_trusted(changed: Callable[[str], str]) -> None:
    member = MemberSecrets.generate("11" * 16, "proxy")
    for genuine in GENUINE:
        text = changed(genuine)
        with pytest.raises(IdentityInvalid):
            tls.fingerprint(text)
        with pytest.raises(IdentityInvalid):
            tls.ssl_context(text)
        card = EndpointCard.sign(member, "https://proxy.test", text, issued=NOW)
        with pytest.raises(EndpointInvalid):
            EndpointCard.from_bytes(bytes(card))


def test_damage_is_told(tmp_path: Path) -> None:
    identity(tmp_path)
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(IdentityInvalid, match="damaged"):
        identity(tmp_path).server_context()
    with pytest.raises(IdentityInvalid):
        tls.fingerprint("no certificate")
    with pytest.raises(IdentityInvalid):
        tls.ssl_context("no certificate")


def test_keys_of_two_authorities_mixed_up_are_told(tmp_path: Path) -> None:
    identity(tmp_path / "a")
    identity(tmp_path / "b")
    (tmp_path / "b/ca.key").replace(tmp_path / "a/ca.key")
    with pytest.raises(IdentityInvalid, match="do not fit"):
        identity(tmp_path / "a").server_context()
