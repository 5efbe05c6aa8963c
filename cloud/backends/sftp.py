"""SFTP (``sftp://user@host:port/path?key=FILE&known_hosts=FILE``): blocks in ``ab/abcd...``.

The plain rename of SFTP version 3 refuses a name that is taken (OpenSSH: link and unlink, without a race): it
publishes an upload. ``posix_rename`` would replace, and is not used.
"""

import hashlib
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

import paramiko
from paramiko.sftp import CMD_EXTENDED

from cloud.backends.host_key import HostKey
from cloud.backends.partial import partial_name
from cloud.backends.pool import ConnectionPool
from cloud.backends.sftp_connection import SftpConnection, translated
from cloud.backends.sftp_reading import PIECE_BYTES, read_pieces
from cloud.errors import BlockNotFound, TransferDamaged
from cloud.locator import check_locator, check_prefix, is_locator
from cloud.settle import settle_existing
from cloud.store import Listed, Properties, Receipt
from cloud.streams import read_exactly, seek_to, size_of, write_to
from cloud.url import StoreUrl

_UNFINISHED: Final = ".partial"
_READ_BYTES: Final = 1 << 20
_ASK_FIRST_BYTES: Final = 1 << 20
_OVERLAP_BYTES: Final = 2 << 20


class SftpStore:
    """Blocks on an SFTP server; keys from ssh-agent or a file; ``pins`` are the host keys that are accepted."""

    def __init__(self, url: StoreUrl, pins: Sequence[HostKey] = (), timeout_s: float = 60.0) -> None:
        self.url = url.public
        self.properties = Properties(
            atomic_put=True,
            conditional_put=True,
            durable_put=False,
            resumable_put=True,
            server_checksum=False,
            encrypted_transport=True,
            max_connections=4,
        )
        path = url.path.rstrip("/")
        self._root = path[3:] if path.startswith("/~/") else path
        self._pool: ConnectionPool[SftpConnection] = ConnectionPool(
            lambda: SftpConnection(url, pins, timeout_s), SftpConnection.close
        )

    def __repr__(self) -> str:
        return f"SftpStore({self.url})"

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        final = self._path(locator)
        size = size_of(source)
        with partial_name(self.url, locator, source) as name, self._connection() as connection:
            sftp = connection.sftp
            taken = size >= _ASK_FIRST_BYTES and _status(sftp, final) is not None
            if not taken:
                unfinished = f"{self._root}/{_UNFINISHED}/{name}"
                sha256 = self._upload(connection, unfinished, source, size)
                taken = not self._publish(sftp, unfinished, final)
        return settle_existing(self, locator, source) if taken else Receipt(locator, size, sha256)

    def _upload(self, connection: SftpConnection, path: str, source: BinaryIO, size: int) -> bytes:
        sftp = connection.sftp
        offset = 0
        if size >= _ASK_FIRST_BYTES and (status := _status(sftp, path)) is not None:
            # a server may have carried out pipelined writes in another order just before a cut
            offset = max(0, min(status.st_size or 0, size) - _OVERLAP_BYTES)
        digest = hashlib.sha256()
        seek_to(source, 0)
        while (position := source.tell()) < offset:
            digest.update(read_exactly(source, min(_READ_BYTES, offset - position)))
        with self._opened_for_writing(sftp, path, "r+b" if offset else "wb") as file:
            file.seek(offset)
            file.set_pipelined(True)
            piece = read_exactly(source, PIECE_BYTES)
            while following := read_exactly(source, PIECE_BYTES):
                digest.update(piece)
                file.write(piece)
                piece = following
            digest.update(piece)
            file.set_pipelined(False)  # the last write waits for the answers to all
            file.write(piece)
            _sync(connection, file)
            stored = file.stat().st_size
        if stored != size:
            with suppress(OSError):
                sftp.remove(path)
            raise TransferDamaged(f"{self.url} received {stored} of {size} bytes; the upload starts again")
        return digest.digest()

    def _opened_for_writing(self, sftp: paramiko.SFTPClient, path: str, mode: str) -> paramiko.SFTPFile:
        try:
            return sftp.open(path, mode)
        except FileNotFoundError:
            self._make_path(sftp, path.rpartition("/")[0])
            return sftp.open(path, mode)

    def _publish(self, sftp: paramiko.SFTPClient, unfinished: str, final: str) -> bool:
        """Rename to the block's own name; ``False`` if that is taken, and then the upload is removed."""
        try:
            sftp.rename(unfinished, final)
        except FileNotFoundError:
            self._make_path(sftp, final.rpartition("/")[0])
            return self._publish_again(sftp, unfinished, final)
        except OSError as error:
            return self._was_taken(sftp, unfinished, final, error)
        return True

    def _publish_again(self, sftp: paramiko.SFTPClient, unfinished: str, final: str) -> bool:
        try:
            sftp.rename(unfinished, final)
        except OSError as error:
            return self._was_taken(sftp, unfinished, final, error)
        return True

    def _was_taken(self, sftp: paramiko.SFTPClient, unfinished: str, final: str, error: OSError) -> bool:
        if _status(sftp, final) is None:
            raise error
        with suppress(FileNotFoundError):
            sftp.remove(unfinished)
        return False

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        with self._connection() as connection, self._opened(connection.sftp, locator) as file:
            size = file.stat().st_size or 0
            count = 0
            for piece in read_pieces(connection.sftp, file, 0, size):
                write_to(sink, piece)
                count += len(piece)
            if count != size:
                raise TransferDamaged(f"{self.url} sent {count} of {size} bytes of block {locator}; try again")
        return count

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        with self._connection() as connection, self._opened(connection.sftp, locator) as file:
            wanted = max(0, min(length, (file.stat().st_size or 0) - offset))
            if wanted == 0:
                return b""
            data = b"".join(read_pieces(connection.sftp, file, offset, wanted))
            if len(data) != wanted:
                raise TransferDamaged(f"{self.url} sent {len(data)} of {wanted} bytes of block {locator}; try again")
            return data

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        with self._connection() as connection:
            status = _status(connection.sftp, self._path(locator))
        if status is None:
            raise self._not_found(locator)
        return status.st_size or 0

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        with self._connection() as connection:
            return _status(connection.sftp, self._path(locator)) is not None

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``."""
        check_prefix(prefix)
        with self._connection() as connection:
            subfolders = [prefix[:2]] if len(prefix) >= 2 else _names(connection.sftp, self._root or "/")
        for subfolder in subfolders:
            if len(subfolder) != 2 or not subfolder.startswith(prefix[:2]):
                continue
            with self._connection() as connection:
                try:
                    entries = connection.sftp.listdir_attr(f"{self._root}/{subfolder}")
                except FileNotFoundError:
                    continue
            found = [
                Listed(entry.filename, entry.st_size or 0)
                for entry in entries
                if is_locator(entry.filename) and entry.filename.startswith(prefix) and entry.filename[:2] == subfolder
                if stat.S_ISREG(entry.st_mode or 0)
            ]
            yield from sorted(found, key=lambda listed: listed.locator)

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        path = self._path(locator)
        with self._connection() as connection:
            try:
                connection.sftp.remove(path)
            except FileNotFoundError:
                raise self._not_found(locator) from None

    def close(self) -> None:
        """See ``Store.close``."""
        self._pool.close()

    def _path(self, locator: str) -> str:
        check_locator(locator)
        return f"{self._root}/{locator[:2]}/{locator}"

    def _not_found(self, locator: str) -> BlockNotFound:
        return BlockNotFound(f"block {locator} is not in {self.url}")

    @contextmanager
    def _connection(self) -> Iterator[SftpConnection]:
        with self._pool.borrow() as connection, translated(self.url):
            yield connection

    @contextmanager
    def _opened(self, sftp: paramiko.SFTPClient, locator: str) -> Iterator[paramiko.SFTPFile]:
        try:
            file = sftp.open(self._path(locator), "rb")
        except FileNotFoundError:
            raise self._not_found(locator) from None
        with file:
            yield file

    def _make_path(self, sftp: paramiko.SFTPClient, path: str) -> None:
        """Make a folder and those above it as far as the server lets us; what fails shows in the next step."""
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            if parts[count - 1]:
                with suppress(OSError):
                    sftp.mkdir("/".join(parts[:count]), 0o700)


def _status(sftp: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    try:
        return sftp.stat(path)
    except FileNotFoundError:
        return None


def _names(sftp: paramiko.SFTPClient, path: str) -> list[str]:
    try:
        return sorted(sftp.listdir(path))
    except FileNotFoundError:
        return []


def _sync(connection: SftpConnection, file: paramiko.SFTPFile) -> None:
    """Ask the server to bring the file to its disk (``fsync@openssh.com``); others than OpenSSH may not know it."""
    if not connection.can_sync:
        return
    try:
        # paramiko has no verb for it
        connection.sftp._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)  # type: ignore[attr-defined]
    except OSError as error:
        if error.errno is not None or isinstance(error, TimeoutError):
            raise
        connection.can_sync = False
