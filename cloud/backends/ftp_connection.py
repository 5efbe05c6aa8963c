"""One FTP or FTPS connection: ftplib with what real servers need, and its errors as ``CloudError``."""

import ftplib
import netrc
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cloud.backends.posix import from_os_error
from cloud.errors import (
    AccessDenied,
    CloudError,
    StoreBusy,
    StoreFull,
    StoreMisconfigured,
    StoreRefused,
    StoreUnreachable,
)
from cloud.url import StoreUrl

_FULL: Final = ("452", "552")
_DENIED: Final = ("530", "532", "533", "550", "553")


def _no_delay(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Ftp(ftplib.FTP):
    """Plain FTP without Nagle's delay, which costs 40 ms a file."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection."""
        connection, size = super().ntransfercmd(cmd, rest)
        _no_delay(connection)
        return connection, size


class Ftps(ftplib.FTP_TLS):
    """Explicit TLS (RFC 4217) whose data connections resume the session of the control connection.

    vsftpd and proftpd refuse others: the resumed session proves that both connections come from the same client.
    """

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection."""
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - wrapped in TLS below
        _no_delay(connection)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


def credentials(url: StoreUrl) -> tuple[str, str]:
    """User and password from ``$NETRC``, else ``~/.netrc``: the entry ``HOST:PORT``, else ``HOST``.

    Raises ``AccessDenied`` if there is none for the user of the URL, ``StoreMisconfigured`` on a file that is no netrc.
    """
    file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entries = netrc.netrc(file)
    except FileNotFoundError:
        entries = None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        raise StoreMisconfigured("the netrc file cannot be read or parsed; it has 'machine HOST login USER password P'"
                                 " and mode 0600") from None  # fmt: skip
    found = None
    if entries is not None:
        found = entries.authenticators(f"{url.host}:{url.port or ftplib.FTP_PORT}") or entries.authenticators(url.host)
    if found is None or not found[2] or (url.user is not None and found[0] != url.user):
        raise AccessDenied(
            f"no password for {url.public}: add 'machine {url.host} login {url.user or 'USER'} password ...' to your "
            "netrc file (~/.netrc or $NETRC), mode 0600"
        )
    return found[0], found[2]


def connect(url: StoreUrl, timeout_s: float) -> ftplib.FTP:
    """A connection that is logged in, binary and, for ``ftps``, encrypted with a verified certificate."""
    user, password = credentials(url)
    with translated(url.public):
        ftp = Ftps(context=_tls_context(url), timeout=timeout_s) if url.scheme == "ftps" else Ftp(timeout=timeout_s)
        try:
            ftp.connect(url.host, url.port or ftplib.FTP_PORT)
            if ftp.sock is not None:
                _no_delay(ftp.sock)
            ftp.login(user, password)
            if isinstance(ftp, Ftps):
                ftp.prot_p()
            ftp.voidcmd("TYPE I")
        except BaseException:
            ftp.close()
            raise
    return ftp


def disconnect(ftp: ftplib.FTP) -> None:
    """Close without ceremony: the server may be gone, and every upload is complete or resumed anyway."""
    with suppress(OSError, EOFError):
        ftp.close()


def _tls_context(url: StoreUrl) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=url.options.get("ca"))
    except (OSError, ssl.SSLError) as error:
        raise StoreMisconfigured(f"the file of the option ca of {url.public} is not a PEM certificate") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def is_absent(error: ftplib.error_perm) -> bool:
    """Whether a 550 or 553 means that the name does not exist; servers say it in words only."""
    text = str(error).lower()
    final = ("denied", "not permitted", "ascii")
    return text.startswith(("550", "553")) and not any(word in text for word in final)


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn every error of ftplib, ssl and the socket into a ``CloudError`` that names ``url``."""
    try:
        yield
    except CloudError:
        raise
    except ftplib.error_perm as error:
        raise _from_reply(str(error), url) from error
    except (ftplib.error_temp, ftplib.error_reply, ftplib.error_proto, EOFError) as error:
        if str(error).startswith(_FULL):
            raise _from_reply(str(error), url) from error
        if str(error)[:1] == "4":
            raise StoreBusy(f"{url} cannot do it just now (FTP reply {str(error)[:3]}); try again later") from error
        raise StoreUnreachable(f"{url} broke off; check the connection and run the command again") from error
    except ssl.SSLCertVerificationError as error:
        raise StoreMisconfigured(
            f"the certificate of {url} cannot be verified ({error.verify_message}); if the server has a CA of its own, "
            "name its PEM file with ?ca=FILE"
        ) from error
    except OSError as error:
        raise from_os_error(error, url) from error


def _from_reply(reply: str, url: str) -> CloudError:
    code = reply[:3]
    if code in _FULL:
        return StoreFull(f"{url} has no space left for you (FTP reply {code}); free some or use another store")
    if code in _DENIED:
        return AccessDenied(f"{url} refuses this to you (FTP reply {code}); check user, netrc password and rights")
    return StoreRefused(f"{url} refuses the command (FTP reply {code}); is it an FTP server with MKD, REST and RNTO?")
