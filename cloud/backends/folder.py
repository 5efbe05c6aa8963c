"""A folder (``file:///absolute/path``): blocks in ``ab/abcd...``, appearing whole or not at all, never overwritten."""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from cloud.backends.posix import from_os_error
from cloud.errors import BlockNotFound, CloudError
from cloud.locator import check_locator, check_prefix, is_locator
from cloud.settle import settle_existing
from cloud.store import Listed, Properties, Receipt
from cloud.streams import CHUNK_BYTES, read_from, size_of, write_to
from cloud.url import StoreUrl

UNFINISHED: Final = ".partial"
_NO_HARD_LINK: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class FolderStore:
    """Blocks as files.

    A source that is a regular file on the same file system becomes the block by a hard link, not a copy. Everything
    else is written to ``.partial/``, synced, and linked to its name, which fails if the name is taken. File and folder
    are synced before the receipt. What a killed writer left in ``.partial/`` goes when a store opens the folder again.
    """

    def __init__(self, root: Path, url: str) -> None:
        self.url = url
        self.properties = Properties(
            atomic_put=True,
            conditional_put=True,
            durable_put=True,
            resumable_put=False,
            server_checksum=False,
            encrypted_transport=True,
            max_connections=32,
        )
        self._root = root
        with self._translated():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._unfinished = root / UNFINISHED
            self._unfinished.mkdir(mode=0o700, exist_ok=True)
            self._sweep()

    @classmethod
    def from_url(cls, url: StoreUrl) -> "FolderStore":
        """The folder of a ``file://`` URL, created if need be. Raises ``AccessDenied``, ``StoreRefused``."""
        return cls(Path(url.path), url.public)

    def __repr__(self) -> str:
        return f"FolderStore({self.url})"

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        final = self._path(locator)
        size = size_of(source)
        sha256 = None
        with self._translated():
            self._make_subfolder(final.parent)
            try:
                if not self._link_source(source, final):
                    sha256 = self._copy(locator, source, final)
                taken = False
            except FileExistsError:
                taken = True
            _sync_folder(final.parent)
        return settle_existing(self, locator, source) if taken else Receipt(locator, size, sha256)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        count = 0
        with self._opened(locator) as file:
            while chunk := file.read(CHUNK_BYTES):
                write_to(sink, chunk)
                count += len(chunk)
        return count

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        with self._opened(locator) as file:
            file.seek(offset)
            return file.read(length)

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        with self._translated(locator):
            return self._path(locator).stat().st_size

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        try:
            self.size(locator)
        except BlockNotFound:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``."""
        check_prefix(prefix)
        with self._translated():
            subfolders = sorted(name for name in os.listdir(self._root) if len(name) == 2)  # noqa: PTH208 - names only
        for subfolder in subfolders:
            if subfolder.startswith(prefix[:2]) or prefix.startswith(subfolder):
                yield from self._list_subfolder(subfolder, prefix)

    def _list_subfolder(self, subfolder: str, prefix: str) -> Sequence[Listed]:
        found = []
        with self._translated(), os.scandir(self._root / subfolder) as entries:
            for entry in entries:
                if is_locator(entry.name) and entry.name[:2] == subfolder and entry.name.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(Listed(entry.name, entry.stat().st_size))
        return sorted(found, key=lambda listed: listed.locator)

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        with self._translated(locator):
            path = self._path(locator)
            path.unlink()
            _sync_folder(path.parent)

    def close(self) -> None:
        """See ``Store.close``; a folder holds nothing open."""

    def _path(self, locator: str) -> Path:
        check_locator(locator)
        return self._root / locator[:2] / locator

    @contextlib.contextmanager
    def _translated(self, locator: str | None = None) -> Iterator[None]:
        try:
            yield
        except CloudError:
            raise
        except OSError as error:
            if locator is not None and isinstance(error, FileNotFoundError):
                raise BlockNotFound(f"block {locator} is not in {self.url}") from error
            raise from_os_error(error, self.url) from error

    @contextlib.contextmanager
    def _opened(self, locator: str) -> Iterator[BinaryIO]:
        with self._translated(locator), self._path(locator).open("rb", buffering=0) as file:
            yield file

    def _make_subfolder(self, subfolder: Path) -> None:
        try:
            subfolder.mkdir(mode=0o700)
        except FileExistsError:
            return
        _sync_folder(self._root)

    def _link_source(self, source: BinaryIO, final: Path) -> bool:
        """Make the source itself the block; ``False`` if it is not a file with a name on this file system."""
        try:
            descriptor, name = source.fileno(), source.name
            status = os.fstat(descriptor)
            if not (isinstance(name, str | Path) and stat.S_ISREG(status.st_mode)):
                return False
            if not os.path.samestat(Path(name).lstat(), status):
                return False
            os.fsync(descriptor)
        except (OSError, AttributeError):
            return False
        try:
            os.link(name, final)
        except OSError as error:
            if error.errno in _NO_HARD_LINK | {errno.EXDEV, errno.ENOENT, errno.EACCES}:
                return False
            raise
        return True

    def _copy(self, locator: str, source: BinaryIO, final: Path) -> bytes:
        digest = hashlib.sha256()
        temporary = self._unfinished / f"{locator}.{secrets.token_hex(8)}"
        try:
            with temporary.open("xb", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                while chunk := read_from(source):
                    digest.update(chunk)
                    _write_all(file.fileno(), chunk)
                os.fchmod(file.fileno(), 0o600)
                os.fsync(file.fileno())
                self._publish(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
        return digest.digest()

    def _publish(self, temporary: Path, final: Path) -> None:
        try:
            os.link(temporary, final)
        except OSError as error:
            if error.errno not in _NO_HARD_LINK:
                raise
            self._rename_exclusively(temporary, final)

    def _rename_exclusively(self, temporary: Path, final: Path) -> None:
        """For file systems without hard links (FAT and some network ones): writers take turns."""
        with (self._unfinished / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if final.exists():
                raise FileExistsError(errno.EEXIST, "the name is taken")
            temporary.rename(final)

    def _sweep(self) -> None:
        for path in self._unfinished.iterdir():
            if not is_locator(path.name.partition(".")[0]):
                continue
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
