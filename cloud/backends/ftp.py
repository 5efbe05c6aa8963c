"""FTP and FTPS (``ftp://user@host:port/path``): blocks in ``ab/abcd.../block``.

FTP has no conditional put, and RNTO replaces a file. It does not replace a folder that is not empty, on any file
system: so a block is a folder with one file, written as ``.partial/NAME/block`` and renamed as a whole. Of racing
writers one wins.
"""

import ftplib
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, Final

from cloud.backends.ftp_connection import connect, disconnect, is_absent, translated
from cloud.backends.partial import partial_name
from cloud.backends.pool import ConnectionPool
from cloud.errors import BlockNotFound, StoreRefused, TransferDamaged
from cloud.locator import check_locator, check_prefix, is_locator
from cloud.settle import settle_existing
from cloud.store import Listed, Properties, Receipt
from cloud.streams import read_from, seek_to, size_of, write_to
from cloud.url import StoreUrl

_UNFINISHED: Final = ".partial"
_FILE: Final = "block"
_PIECE_BYTES: Final = 128 << 10
_ASK_FIRST_BYTES: Final = 1 << 20


class FtpStore:
    """Blocks on an FTP server; passwords from netrc."""

    def __init__(self, url: StoreUrl, timeout_s: float = 60.0) -> None:
        self.url = url.public
        self.properties = Properties(
            atomic_put=True,
            conditional_put=True,
            durable_put=False,
            resumable_put=True,
            server_checksum=False,
            encrypted_transport=url.scheme == "ftps",
            max_connections=4,
        )
        path = url.path.rstrip("/")
        self._root = path[3:] if path.startswith("/~/") else path
        self._pool: ConnectionPool[ftplib.FTP] = ConnectionPool(
            partial(connect, url, timeout_s), disconnect, lambda ftp: ftp.sock is not None
        )

    def __repr__(self) -> str:
        return f"FtpStore({self.url})"

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        final = self._folder(locator)
        size = size_of(source)
        with partial_name(self.url, locator, source) as name, self._connection() as ftp:
            taken = size >= _ASK_FIRST_BYTES and _size(ftp, f"{final}/{_FILE}") is not None
            if not taken:
                unfinished = f"{self._root}/{_UNFINISHED}/{name}"
                sha256 = self._upload(ftp, unfinished, source, size)
                taken = not self._publish(ftp, unfinished, final)
        return settle_existing(self, locator, source) if taken else Receipt(locator, size, sha256)

    def _upload(self, ftp: ftplib.FTP, unfinished: str, source: BinaryIO, size: int) -> bytes:
        path = f"{unfinished}/{_FILE}"
        offset = 0
        if not _make_folder(ftp, unfinished):
            self._make_path(ftp, f"{self._root}/{_UNFINISHED}")
            if not _make_folder(ftp, unfinished):
                offset = _size(ftp, path) or 0
        if offset > size:
            offset = 0
        digest = hashlib.sha256()
        seek_to(source, 0)
        for piece in _pieces(source, offset):
            digest.update(piece)
        if offset < size or size == 0:
            connection = ftp.transfercmd(f"STOR {path}", offset or None)
            with connection:
                try:
                    while piece := read_from(source, _PIECE_BYTES):
                        digest.update(piece)
                        connection.sendall(piece)
                    _end_data(connection)
                except OSError:
                    connection.close()
                    ftp.voidresp()  # says why, for example that the disk is full
                    raise
            ftp.voidresp()
        stored = _size(ftp, path)
        if stored != size:
            with suppress(ftplib.error_perm):
                ftp.delete(path)
            raise TransferDamaged(f"{self.url} received {stored} of {size} bytes; the upload starts again")
        return digest.digest()

    def _publish(self, ftp: ftplib.FTP, unfinished: str, final: str) -> bool:
        """Rename to the block's own name; ``False`` if that is taken, and then the upload is removed."""
        try:
            ftp.rename(unfinished, final)
        except ftplib.error_perm:
            if _size(ftp, f"{final}/{_FILE}") is None:
                self._make_path(ftp, final.rpartition("/")[0])
                with suppress(ftplib.error_perm):
                    ftp.rename(unfinished, final)
                    return True
                if _size(ftp, f"{final}/{_FILE}") is None:
                    raise
            _remove(ftp, unfinished)
            return False
        return True

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        path = f"{self._folder(locator)}/{_FILE}"
        with self._connection() as ftp:
            size = self._known_size(ftp, path, locator)
            count = 0
            with ftp.transfercmd(f"RETR {path}") as connection:
                while chunk := connection.recv(_PIECE_BYTES):
                    write_to(sink, chunk)
                    count += len(chunk)
                _end_data(connection)
            ftp.voidresp()
            if count != size:
                raise TransferDamaged(f"{self.url} sent {count} of {size} bytes of block {locator}; try again")
        return count

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``; FTP can stop before the end only by hanging up."""
        path = f"{self._folder(locator)}/{_FILE}"
        with self._connection() as ftp:
            size = self._known_size(ftp, path, locator)
            wanted = max(0, min(length, size - offset))
            if wanted == 0:
                return b""
            data = bytearray()
            with ftp.transfercmd(f"RETR {path}", offset or None) as connection:
                while len(data) < wanted and (chunk := connection.recv(min(_PIECE_BYTES, wanted - len(data)))):
                    data += chunk
                if offset + wanted == size:
                    _end_data(connection)
            if len(data) < wanted:
                raise TransferDamaged(f"{self.url} sent {len(data)} of {wanted} bytes of block {locator}; try again")
            if offset + wanted == size:
                ftp.voidresp()
            else:
                disconnect(ftp)  # servers disagree on what follows when a client hangs up on them
            return bytes(data)

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        with self._connection() as ftp:
            return self._known_size(ftp, f"{self._folder(locator)}/{_FILE}", locator)

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        with self._connection() as ftp:
            return _size(ftp, f"{self._folder(locator)}/{_FILE}") is not None

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``; by NLST and SIZE, which every server has (vsftpd knows no MLSD)."""
        check_prefix(prefix)
        with self._connection() as ftp:
            subfolders = [prefix[:2]] if len(prefix) >= 2 else _names(ftp, self._root or "/")
        for subfolder in subfolders:
            if len(subfolder) != 2 or not subfolder.startswith(prefix[:2]):
                continue
            with self._connection() as ftp:
                found = [
                    Listed(name, size)
                    for name in _names(ftp, f"{self._root}/{subfolder}")
                    if is_locator(name) and name.startswith(prefix) and name[:2] == subfolder
                    if (size := _size(ftp, f"{self._root}/{subfolder}/{name}/{_FILE}")) is not None
                ]
            yield from found

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        folder = self._folder(locator)
        with self._connection() as ftp:
            self._known_size(ftp, f"{folder}/{_FILE}", locator)
            ftp.delete(f"{folder}/{_FILE}")
            ftp.rmd(folder)

    def close(self) -> None:
        """See ``Store.close``."""
        self._pool.close()

    def _folder(self, locator: str) -> str:
        check_locator(locator)
        return f"{self._root}/{locator[:2]}/{locator}"

    @contextmanager
    def _connection(self) -> Iterator[ftplib.FTP]:
        with self._pool.borrow() as ftp, translated(self.url):
            yield ftp

    def _known_size(self, ftp: ftplib.FTP, path: str, locator: str) -> int:
        size = _size(ftp, path)
        if size is None:
            raise BlockNotFound(f"block {locator} is not in {self.url}")
        return size

    def _make_path(self, ftp: ftplib.FTP, path: str) -> None:
        """Make a folder and those above it as far as the server lets us; what fails shows in the next step."""
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            if parts[count - 1]:
                _make_folder(ftp, "/".join(parts[:count]))


def _end_data(connection: object) -> None:
    """Close TLS in order, so that the server can tell the end from a cut; nothing to do without TLS."""
    unwrap = getattr(connection, "unwrap", None)
    if unwrap is not None:
        unwrap()


def _pieces(source: BinaryIO, length: int) -> Iterator[bytes]:
    while length and (piece := read_from(source, min(_PIECE_BYTES, length))):
        length -= len(piece)
        yield piece


def _size(ftp: ftplib.FTP, path: str) -> int | None:
    """Size of a file in bytes; ``None`` if there is none."""
    try:
        size = ftp.size(path)
    except ftplib.error_perm as error:
        if is_absent(error):
            return None
        raise
    if size is None:
        raise StoreRefused("the FTP server does not tell sizes (SIZE); use another server")
    return size


def _make_folder(ftp: ftplib.FTP, path: str) -> bool:
    try:
        ftp.mkd(path)
    except ftplib.error_perm as error:
        if is_absent(error) or "exist" in str(error).lower() or str(error).startswith("521"):
            return False
        raise
    return True


def _remove(ftp: ftplib.FTP, folder: str) -> None:
    with suppress(ftplib.error_perm):
        ftp.delete(f"{folder}/{_FILE}")
        ftp.rmd(folder)


def _names(ftp: ftplib.FTP, folder: str) -> list[str]:
    """Sorted names in a folder; none if it is absent."""
    try:
        names = ftp.nlst(folder)
    except (ftplib.error_perm, ftplib.error_temp) as error:
        if str(error).startswith(("550", "450")):
            return []
        raise
    finally:
        ftp.voidcmd("TYPE I")  # NLST is done in ASCII, SIZE is not
    return sorted({name.rpartition("/")[2] for name in names})
