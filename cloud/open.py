"""From URLs to stores: the backend of the URL's scheme behind the standard wrappers, mirrors when there are several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cloud.backends.host_key import HostKey
from cloud.checked import CheckedStore, Expected, Verify, nothing_known
from cloud.errors import StoreMisconfigured
from cloud.limited import LimitedStore
from cloud.metered import Meter, MeteredStore
from cloud.mirrored import MirroredStore, Missing
from cloud.progress import Progress, ProgressStore
from cloud.retry import RetryingStore, RetryLimits
from cloud.store import Store
from cloud.url import StoreUrl, parse_url


@dataclass(frozen=True)
class Opening:
    """How stores are opened.

    ``host_keys`` are the pinned keys of SFTP servers. ``timeout_s`` is how long one step of a connection may take.
    ``max_connections`` lowers what the backend declares. ``expected`` and ``verify`` check what is fetched.
    """

    host_keys: Sequence[HostKey] = ()
    timeout_s: float = 60.0
    retry: RetryLimits = field(default_factory=RetryLimits)
    max_connections: int | None = None
    meter: Meter = field(default_factory=Meter)
    progress: Progress | None = None
    expected: Callable[[str], Expected | None] = nothing_known
    verify: Verify | None = None


def open_store(url: str, opening: Opening | None = None) -> Store:
    """One store with checks over retries over a connection limit over the meter over the backend.

    Raises ``StoreMisconfigured`` on a URL that cannot be used. Network backends connect at the first operation.
    """
    opening = opening or Opening()
    store = _open_checked(url, opening)
    return store if opening.progress is None else ProgressStore(store, opening.progress)


def open_stores(
    urls: Sequence[str], opening: Opening | None = None, on_missing: Callable[[Missing], None] | None = None
) -> Store:
    """The store of the one URL, or mirrors in the order of the URLs. Raises ``StoreMisconfigured``."""
    opening = opening or Opening()
    if not urls:
        raise StoreMisconfigured("no store is named; give at least one URL")
    if len(urls) == 1:
        return open_store(urls[0], opening)
    mirrored = MirroredStore([_open_checked(url, opening) for url in urls], on_missing)
    return mirrored if opening.progress is None else ProgressStore(mirrored, opening.progress)


def host_key(url: str, timeout_s: float = 30.0) -> HostKey:
    """The key that the server of an ``sftp://`` URL shows now: to be shown at ``init`` and then pinned."""
    parsed = parse_url(url)
    if parsed.scheme != "sftp":
        raise StoreMisconfigured("only sftp:// stores have a host key")
    from cloud.backends.sftp_connection import host_key as fetch  # noqa: PLC0415 - paramiko is slow to import

    return fetch(parsed, timeout_s)


def _open_checked(url: str, opening: Opening) -> Store:
    backend = _backend(parse_url(url), opening)
    limited = LimitedStore(MeteredStore(backend, opening.meter), opening.max_connections)
    return CheckedStore(RetryingStore(limited, opening.retry), opening.expected, opening.verify)


def _backend(url: StoreUrl, opening: Opening) -> Store:
    """Each backend is imported when it is used: boto3 and paramiko take half a second that a folder does not need."""
    if url.scheme == "file":
        from cloud.backends.folder import FolderStore  # noqa: PLC0415

        return FolderStore.from_url(url)
    if url.scheme == "s3":
        from cloud.backends.s3 import S3Store  # noqa: PLC0415

        return S3Store(url, opening.timeout_s)
    if url.scheme == "sftp":
        from cloud.backends.sftp import SftpStore  # noqa: PLC0415

        return SftpStore(url, opening.host_keys, opening.timeout_s)
    from cloud.backends.ftp import FtpStore  # noqa: PLC0415

    return FtpStore(url, opening.timeout_s)
