"""What an operating system error means for a store: the same for a folder and for what a server passes on."""

import errno
import socket
import ssl
from typing import Final

from cloud.errors import AccessDenied, CloudError, StoreFull, StoreRefused, StoreUnreachable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_REFUSED: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})


def from_os_error(error: OSError, url: str) -> CloudError:
    """The ``CloudError`` for ``error`` of the store ``url``; anything not known to be final counts as transient."""
    number = None if isinstance(error, ssl.SSLError | socket.gaierror) else error.errno  # theirs count otherwise
    if number in _FULL:
        return StoreFull(f"{url} has no space left; free some or use another store, then run the command again")
    if number in _DENIED:
        return AccessDenied(f"{url} does not permit this to you; check who owns it and its access rights")
    if number in _REFUSED:
        return StoreRefused(f"{url} has something else where a block or its folder should be; check the path")
    return StoreUnreachable(f"{url} did not answer or broke off; check the connection and run the command again")
