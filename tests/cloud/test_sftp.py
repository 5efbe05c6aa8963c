"""What only SFTP has: host keys that are shown, pinned and compared, and keys that log in."""

import dataclasses
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.servers.openssh import openssh
from benchmarks.servers.running import Running
from cloud.backends.host_key import HostKey
from cloud.errors import AccessDenied, HostKeyChanged, HostKeyUnknown, StoreMisconfigured
from cloud.open import Opening, host_key, open_store
from tests.cloud.backends import ONCE, Servers
from tests.cloud.samples import fetched, locator_of

LOCATOR = locator_of(b"x")


@pytest.fixture
def sshd(servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Running:
    running = servers.fresh("sftp-openssh")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    return running


def without_known_hosts(url: str) -> str:
    return url.partition("&known_hosts")[0]


def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(sshd: Running) -> None:
    key = host_key(sshd.url)
    file = Path(sshd.url.partition("known_hosts=")[2]).parent / "host_key.pub"
    shown = subprocess.run(["ssh-keygen", "-lf", str(file)], capture_output=True, text=True, check=True).stdout
    assert key.fingerprint in shown
    assert HostKey.from_line(key.to_line()) == key


def test_a_pinned_key_is_enough(sshd: Running) -> None:
    key = host_key(sshd.url)
    store = open_store(without_known_hosts(sshd.url), dataclasses.replace(ONCE, host_keys=[key]))
    store.put(LOCATOR, io.BytesIO(b"x"))
    assert fetched(store, LOCATOR) == b"x"
    store.close()


def test_an_unknown_host_is_refused_with_its_fingerprint(sshd: Running) -> None:
    with pytest.raises(HostKeyUnknown) as caught:
        open_store(without_known_hosts(sshd.url), ONCE).exists(LOCATOR)
    assert host_key(sshd.url).fingerprint in str(caught.value)


def test_another_key_than_the_pinned_one_is_refused(sshd: Running, tmp_path: Path) -> None:
    with openssh(tmp_path / "other") as other:
        foreign = dataclasses.replace(host_key(other.url), port=host_key(sshd.url).port)
    with pytest.raises(HostKeyChanged):
        open_store(without_known_hosts(sshd.url), Opening(host_keys=[foreign])).exists(LOCATOR)


@pytest.mark.parametrize("line", ["", "host ssh-ed25519", "host ssh-ed25519 ???", "[host]:x ssh-ed25519 AAAA"])
def test_a_pin_that_is_no_pin(line: str) -> None:
    with pytest.raises(StoreMisconfigured):
        HostKey.from_line(line)


def test_a_pin_with_another_key_inside(sshd: Running) -> None:
    broken = dataclasses.replace(host_key(sshd.url), public_key=b"not a key")
    with pytest.raises(StoreMisconfigured):
        open_store(sshd.url, Opening(host_keys=[broken])).exists(LOCATOR)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Path]:
    for name, passphrase in (("foreign", ""), ("locked", "long passphrase")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(tmp_path / name)], check=True)
    return tmp_path


@pytest.mark.parametrize(("name", "advice"), [("foreign", "does not accept"), ("locked", "ssh-add")])
def test_a_key_that_does_not_log_in(sshd: Running, keys: Path, name: str, advice: str) -> None:
    known_hosts = sshd.url.partition("known_hosts=")[2]
    url = f"{sshd.url.partition('?')[0]}?key={keys / name}&known_hosts={known_hosts}"
    with pytest.raises(AccessDenied, match=advice):
        open_store(url, ONCE).exists(LOCATOR)


@pytest.mark.parametrize("option", ["key", "known_hosts"])
def test_a_file_that_is_not_there(sshd: Running, option: str, tmp_path: Path) -> None:
    path, _, rest = sshd.url.partition("?")
    options = dict(pair.split("=") for pair in rest.split("&")) | {option: str(tmp_path / "none")}
    url = f"{path}?{'&'.join('='.join(pair) for pair in options.items())}"
    with pytest.raises(StoreMisconfigured, match=option):
        open_store(url, ONCE).exists(LOCATOR)


def test_no_key_at_all(sshd: Running) -> None:
    url = f"{sshd.url.partition('?')[0]}?known_hosts={sshd.url.partition('known_hosts=')[2]}"
    with pytest.raises(AccessDenied):
        open_store(url, ONCE).exists(LOCATOR)


def test_a_folder_that_cannot_be_written(sshd: Running) -> None:
    path, _, options = sshd.url.partition("?")
    url = f"{path.partition('/store-')[0]}/authorized_keys?{options}"
    (sshd.root.parent / "authorized_keys").write_text("a file where the folder should be")  # type: ignore[union-attr]
    with pytest.raises(Exception, match=r"sftp://") as caught:
        open_store(url, ONCE).put(LOCATOR, io.BytesIO(b"x"))
    assert caught.value.code in {"store-refused", "access-denied"}  # type: ignore[attr-defined]
