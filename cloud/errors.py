"""Errors of ``cloud``: one root; nothing of boto3, ftplib, paramiko, ssl or the operating system leaves the package.

No sentence holds a credential: a store is named by its public URL, a block by its locator.
"""

from scheme.errors import ChartSealError


class CloudError(ChartSealError):
    """Root of the errors of ``cloud``."""

    code = "cloud"


class CloudTransient(CloudError):
    """Something that a later attempt may well not meet again: the only errors that are retried."""

    code = "cloud-transient"


class StoreUnreachable(CloudTransient):
    """No connection, or one that broke or timed out."""

    code = "store-unreachable"


class StoreBusy(CloudTransient):
    """The store answers that it cannot do it just now (HTTP 5xx, FTP 4xx)."""

    code = "store-busy"


class TransferDamaged(CloudTransient):
    """Fewer bytes arrived than there are, or the store says that they do not match the checksum sent along."""

    code = "transfer-damaged"


class LocatorInvalid(CloudError):
    """A locator that is not 64 lower-case hexadecimal characters."""

    code = "locator-invalid"


class BlockNotFound(CloudError):
    """No block under this locator."""

    code = "block-not-found"


class BlockExists(CloudError):
    """The locator holds other bytes; they are left as they are."""

    code = "block-exists"


class BlockTooLarge(CloudError):
    """More bytes than the backend takes in one block."""

    code = "block-too-large"


class HashMismatch(CloudError):
    """The store returned a block that is not the one that was put there."""

    code = "hash-mismatch"


class AccessDenied(CloudError):
    """The store does not accept the credentials, found none, or does not permit the operation to them."""

    code = "access-denied"


class StoreFull(CloudError):
    """Disk or quota of the store is used up."""

    code = "store-full"


class StoreMisconfigured(CloudError):
    """A URL, an option, a certificate or a bucket that cannot work as it is."""

    code = "store-misconfigured"


class StoreRefused(CloudError):
    """The store gave a final refusal that has no error of its own."""

    code = "store-refused"


class PresignUnsupported(CloudError):
    """The store has no presigned URLs."""

    code = "presign-unsupported"


class HostKeyUnknown(CloudError):
    """An SFTP server whose host key nobody has pinned yet."""

    code = "host-key-unknown"


class HostKeyChanged(CloudError):
    """An SFTP server that shows another host key than the pinned one."""

    code = "host-key-changed"


class MajorityNotReached(CloudError):
    """Too few mirrors took or answered: what was asked is not done."""

    code = "majority-not-reached"


class LocalFileFailed(CloudError):
    """Reading the source or writing the sink failed on this machine: not the store's fault."""

    code = "local-file-failed"
