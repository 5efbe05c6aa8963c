"""What an answer of S3, or the lack of one, means: every error of boto3 as a ``CloudError``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import botocore.exceptions as aws
import urllib3.exceptions

from cloud.backends.posix import from_os_error
from cloud.errors import (
    AccessDenied,
    BlockNotFound,
    CloudError,
    StoreBusy,
    StoreFull,
    StoreMisconfigured,
    StoreRefused,
    StoreUnreachable,
    TransferDamaged,
)

_DAMAGED: Final = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"})
_DENIED: Final = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AccountProblem"}
)
_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"})
_BUSY: Final = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ConditionalRequestConflict", "OperationAborted"})
_MISCONFIGURED: Final = frozenset(
    {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed", "RequestTimeTooSkewed"}
)


class PreconditionFailed(CloudError):
    """The conditional put found the key taken; never leaves the backend."""

    code = "precondition-failed"


class UploadGone(CloudError):
    """The unfinished multipart upload was completed or aborted by another; never leaves the backend."""

    code = "upload-gone"


@contextmanager
def translated(url: str, locator: str = "") -> Iterator[None]:
    """Turn every error of boto3 and below into a ``CloudError`` that names ``url``."""
    try:
        yield
    except CloudError:
        raise
    except aws.ClientError as error:
        raise _from_answer(error, url, locator) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError) as error:
        raise AccessDenied(
            f"no credentials for {url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws"
        ) from error
    except (aws.ProfileNotFound, aws.InvalidRegionError, aws.ParamValidationError, aws.NoRegionError) as error:
        raise StoreMisconfigured(f"profile, region or bucket name of {url} is not valid; check its URL") from error
    except aws.FlexibleChecksumError as error:
        raise TransferDamaged(f"{url} sent bytes that do not match its own checksum of block {locator}") from error
    except aws.SSLError as error:
        raise StoreMisconfigured(
            f"the certificate of {url} cannot be verified; if the server has a CA of its own, name its PEM file with "
            "?ca=FILE"
        ) from error
    except (aws.BotoCoreError, urllib3.exceptions.HTTPError) as error:
        raise StoreUnreachable(f"{url} did not answer or broke off; check the connection and run it again") from error
    except OSError as error:
        raise from_os_error(error, url) from error
    except ValueError as error:
        raise StoreMisconfigured(f"the endpoint of {url} is not one that can be used; check its URL") from error


def _from_answer(error: aws.ClientError, url: str, locator: str) -> CloudError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    shown = f"{code or 'no code'}, HTTP {status}"
    meanings: tuple[tuple[bool, type[CloudError], str], ...] = (
        (status == 412, PreconditionFailed, f"{url} has the block already"),
        (code == "NoSuchUpload", UploadGone, f"{url} knows the unfinished upload no more"),
        (
            code in _MISCONFIGURED,
            StoreMisconfigured,
            f"{url} cannot be used as it is ({shown}): check bucket, region and the clock of this machine",
        ),
        (code in _DAMAGED, TransferDamaged, f"{url} received other bytes than were sent ({shown}); try again"),
        (
            code in _FULL or status == 507,
            StoreFull,
            f"{url} has no space left for you ({shown}); free some or use another store",
        ),
        (status == 404, BlockNotFound, f"block {locator} is not in {url}"),
        (
            code in _DENIED or status in {401, 403},
            AccessDenied,
            f"{url} refuses this to your credentials ({shown}); check keys and bucket policy",
        ),
        (
            code in _BUSY or status in {409, 429} or status >= 500,
            StoreBusy,
            f"{url} cannot do it just now ({shown}); try again later",
        ),
        (True, StoreRefused, f"{url} refuses the request ({shown}); is the endpoint an S3 service?"),
    )
    return next(kind(sentence) for applies, kind, sentence in meanings if applies)
