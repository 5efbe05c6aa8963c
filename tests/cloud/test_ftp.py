"""What only FTP has: netrc, certificates, and a plain connection where TLS is due."""

import io
from pathlib import Path

import pytest

from benchmarks.servers.certificate import make_certificate
from benchmarks.servers.running import Running
from cloud.errors import AccessDenied, CloudError, StoreMisconfigured
from cloud.open import open_store
from tests.cloud.backends import ONCE, Servers
from tests.cloud.samples import fetched, locator_of

LOCATOR = locator_of(b"x")


@pytest.fixture(params=["ftps-pyftpdlib", "ftps-vsftpd"])
def ftps(request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Running:
    running = servers.fresh(request.param)
    monkeypatch.setenv("NETRC", running.env["NETRC"])
    return running


def test_a_certificate_of_nobody_we_know(ftps: Running, tmp_path: Path) -> None:
    foreign, _ = make_certificate(tmp_path)
    for url in (ftps.url.partition("?")[0], f"{ftps.url.partition('?')[0]}?ca={foreign}"):
        with pytest.raises(StoreMisconfigured, match="certificate"):
            open_store(url, ONCE).exists(LOCATOR)


def test_the_name_in_the_certificate_counts(ftps: Running) -> None:
    with pytest.raises(CloudError):
        open_store(ftps.url.replace("127.0.0.1", "localhost"), ONCE).exists(LOCATOR)


def test_a_server_that_insists_on_tls_is_not_reached_without(ftps: Running) -> None:
    with pytest.raises(CloudError):
        open_store(ftps.url.partition("?")[0].replace("ftps:", "ftp:"), ONCE).put(LOCATOR, io.BytesIO(b"x"))


def test_a_ca_file_that_is_none(ftps: Running, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("not a certificate")
    for file in ("ca", "absent"):
        with pytest.raises(StoreMisconfigured, match="ca"):
            open_store(f"{ftps.url.partition('?')[0]}?ca={tmp_path / file}", ONCE).exists(LOCATOR)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("machine 127.0.0.1 login {user} password wrong-password\n", AccessDenied),
        ("machine other.example login {user} password p\n", AccessDenied),
        ("machine 127.0.0.1 login somebody-else password p\n", AccessDenied),
        ("machine 127.0.0.1 login {user} password p trailing-secret-word", StoreMisconfigured),
        (None, AccessDenied),
    ],
)
def test_netrc(
    ftps: Running, text: str | None, error: type[CloudError], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "netrc"
    if text is not None:
        file.write_text(text.format(user=ftps.url.partition("//")[2].partition("@")[0]))
    monkeypatch.setenv("NETRC", str(file))
    with pytest.raises(error) as caught:
        open_store(ftps.url, ONCE).exists(LOCATOR)
    assert "wrong-password" not in str(caught.value)
    assert "trailing-secret-word" not in str(caught.value)


def test_an_entry_for_host_and_port_comes_first(ftps: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user, _, rest = ftps.url.partition("//")[2].partition("@")
    right = Path(ftps.env["NETRC"]).read_text().split()[-1]
    file = tmp_path / "netrc"
    file.write_text(
        f"machine 127.0.0.1 login {user} password wrong\n"
        f"machine {rest.partition('/')[0]} login {user} password {right}\n"
    )
    monkeypatch.setenv("NETRC", str(file))
    store = open_store(ftps.url, ONCE)
    store.put(LOCATOR, io.BytesIO(b"x"))
    assert fetched(store, LOCATOR) == b"x"
    store.close()
