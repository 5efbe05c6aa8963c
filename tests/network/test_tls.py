"""A server's identity: pinned by its own authority, renewed under it, and good for one host."""

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from network import tls
from network.errors import IdentityInvalid
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
    before = certificate(served)
    again = identity(tmp_path)
    assert certificate(again) == before
    assert again.ca_sha256 == served.ca_sha256
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}


def test_a_certificate_is_renewed_a_month_before_its_end_under_the_same_authority(tmp_path: Path) -> None:
    served = identity(tmp_path)
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
    renewed.reload(context)
    assert greeted(context, tls.ssl_context(served.ca_pem), "new.example") == "TLSv1.3"


def test_damage_is_told(tmp_path: Path) -> None:
    identity(tmp_path)
    (tmp_path / "server.pem").unlink()
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(IdentityInvalid, match="damaged"):
        identity(tmp_path)
    with pytest.raises(IdentityInvalid):
        tls.fingerprint("no certificate")
    with pytest.raises(IdentityInvalid):
        tls.ssl_context("no certificate")


def test_keys_of_two_authorities_mixed_up_are_told(tmp_path: Path) -> None:
    identity(tmp_path / "a")
    identity(tmp_path / "b")
    (tmp_path / "a/server.pem").unlink()
    (tmp_path / "b/ca.key").replace(tmp_path / "a/ca.key")
    with pytest.raises(IdentityInvalid, match="do not fit"):
        identity(tmp_path / "a")
