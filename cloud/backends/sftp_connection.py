"""One SFTP connection: the host key is compared first, then ssh-agent or a key file logs in."""

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import paramiko

from cloud.backends.host_key import SSH_PORT, HostKey, known_hosts_name
from cloud.backends.posix import from_os_error
from cloud.errors import (
    AccessDenied,
    CloudError,
    HostKeyChanged,
    HostKeyUnknown,
    StoreMisconfigured,
    StoreRefused,
    StoreUnreachable,
)
from cloud.url import StoreUrl

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else it prints tracebacks when a server goes away


class _NotPinnedError(paramiko.SSHException):
    def __init__(self, key: paramiko.PKey) -> None:
        super().__init__("host key not pinned")
        self.key = key


class _RefuseUnpinned(paramiko.RejectPolicy):
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> NoReturn:  # noqa: ARG002
        raise _NotPinnedError(key)


class SftpConnection:
    """An authenticated SSH connection with one SFTP channel."""

    def __init__(self, url: StoreUrl, pins: Sequence[HostKey], timeout_s: float) -> None:
        self._client = paramiko.SSHClient()
        self._client.set_missing_host_key_policy(_RefuseUnpinned())
        try:
            with translated(url.public):
                self._load_host_keys(url, pins)
                self._log_in(url, timeout_s)
                self.sftp = self._client.open_sftp()
                channel = self.sftp.get_channel()
                if channel is not None:
                    channel.settimeout(timeout_s)
        except BaseException:
            self._client.close()
            raise
        self.can_sync = True

    def close(self) -> None:
        """Close without ceremony: the server may be gone."""
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._client.close()

    def _load_host_keys(self, url: StoreUrl, pins: Sequence[HostKey]) -> None:
        known = self._client.get_host_keys()
        for pin in pins:
            known.add(known_hosts_name(pin.host, pin.port), pin.algorithm, _to_paramiko(pin))
        file = url.options.get("known_hosts")
        if file is None and not pins and (default := Path.home() / ".ssh" / "known_hosts").is_file():
            file = str(default)
        if file is not None:
            try:
                self._client.load_system_host_keys(file)
            except OSError as error:
                raise StoreMisconfigured(f"the file of the option known_hosts of {url.public} is not there") from error

    def _log_in(self, url: StoreUrl, timeout_s: float) -> None:
        port = url.port or SSH_PORT
        key_file = url.options.get("key")
        if key_file is not None and not Path(key_file).is_file():
            raise StoreMisconfigured(f"the file of the option key of {url.public} is not there")
        try:
            self._client.connect(
                url.host,
                port,
                username=url.user,
                key_filename=key_file,
                allow_agent=key_file is None,
                look_for_keys=key_file is None,
                timeout=timeout_s,
                banner_timeout=timeout_s,
                auth_timeout=timeout_s,
                sock=_open_socket(url, timeout_s),
            )
        except _NotPinnedError as error:
            if self._client.get_host_keys().lookup(known_hosts_name(url.host, port)) is not None:
                raise _changed(url) from error
            shown = _host_key(url, error.key).fingerprint
            raise HostKeyUnknown(
                f"nobody has confirmed the host key of {url.public} yet: it is {shown}; compare it with what the "
                "server's administrator says, then pin it at init or with ?known_hosts=FILE"
            ) from error
        except paramiko.BadHostKeyException as error:
            raise _changed(url) from error


def host_key(url: StoreUrl, timeout_s: float = 30.0) -> HostKey:
    """The key that the server of ``url`` shows now, unverified and without logging in: for a person to compare."""
    with translated(url.public), _open_socket(url, timeout_s) as sock:
        transport = paramiko.Transport(sock)
        try:
            transport.start_client(timeout=timeout_s)
            return _host_key(url, transport.get_remote_server_key())
        finally:
            transport.close()


def _to_paramiko(pin: HostKey) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_type_string(pin.algorithm, pin.public_key)
    except (paramiko.SSHException, ValueError, IndexError):
        raise StoreMisconfigured(f"the pinned host key of {pin.host} is not a key that can be used") from None


def _host_key(url: StoreUrl, key: paramiko.PKey) -> HostKey:
    return HostKey(url.host, url.port or SSH_PORT, key.get_name(), key.asbytes())


def _changed(url: StoreUrl) -> HostKeyChanged:
    return HostKeyChanged(
        f"{url.public} shows another host key than the pinned one: somebody may be in between; ask the server's "
        "administrator, and pin the new key only if it was changed on purpose"
    )


def _open_socket(url: StoreUrl, timeout_s: float) -> socket.socket:
    sock = socket.create_connection((url.host, url.port or SSH_PORT), timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn every error of paramiko and the socket into a ``CloudError`` that names ``url``."""
    try:
        yield
    except CloudError:
        raise
    except paramiko.PasswordRequiredException as error:
        raise AccessDenied(f"the key for {url} has a passphrase: load it with ssh-add and leave ?key= out") from error
    except paramiko.AuthenticationException as error:
        raise AccessDenied(
            f"{url} does not accept your key: check the user name, ssh-agent (ssh-add -l) or ?key=FILE"
        ) from error
    except (paramiko.SSHException, EOFError) as error:
        if "No authentication methods" in str(error) or "not a valid" in str(error):
            raise AccessDenied(f"no usable key for {url}: load one with ssh-add or name it with ?key=FILE") from error
        raise StoreUnreachable(f"{url} broke off; check the connection and run the command again") from error
    except OSError as error:
        if type(error) is OSError and error.errno is None and "closed" not in str(error).lower():
            raise StoreRefused(
                f"{url} refuses the operation without a reason; often its disk or your quota is full"
            ) from error
        raise from_os_error(error, url) from error
