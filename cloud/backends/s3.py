"""S3 and what speaks it (``s3://bucket/prefix?endpoint=URL&region=NAME``), by boto3.

A put is conditional (``If-None-Match: *``), also the completion of a multipart upload: a block is never overwritten.
Each request carries the SHA-256 of its bytes. A default retention of the bucket (Object Lock) applies by itself; with
``retention_days`` and ``retention_mode`` in the URL each block gets its own.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import boto3
from botocore.config import Config

from cloud.backends.s3_errors import PreconditionFailed, UploadGone, translated
from cloud.backends.s3_multipart import (
    PART_BYTES,
    PARTS_IN_FLIGHT,
    CompositeChecksum,
    Target,
    checksum_of,
    put_in_parts,
)
from cloud.errors import (
    BlockNotFound,
    PresignUnsupported,
    StoreBusy,
    StoreMisconfigured,
    StoreRefused,
    TransferDamaged,
)
from cloud.locator import check_locator, check_prefix, is_locator
from cloud.presign import Direction, Presigned
from cloud.settle import block_exists, settle_existing
from cloud.store import Listed, Properties, Receipt
from cloud.streams import CHUNK_BYTES, read_exactly, seek_to, size_of, write_to
from cloud.url import StoreUrl

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MAX_CONNECTIONS: Final = 8
_MODES: Final = ("COMPLIANCE", "GOVERNANCE")


class S3Store:
    """Blocks as objects ``prefix/LOCATOR``; credentials from boto3's own chain."""

    def __init__(self, url: StoreUrl, timeout_s: float = 60.0) -> None:
        self.url = url.public
        endpoint = url.options.get("endpoint", "https:")
        self.properties = Properties(
            atomic_put=True,
            conditional_put=True,
            durable_put=True,
            resumable_put=True,
            server_checksum=True,
            encrypted_transport=endpoint.startswith("https:"),
            max_connections=_MAX_CONNECTIONS,
        )
        self._bucket = url.host
        prefix = url.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._retention_days, self._retention_mode = _retention_options(url)
        self._threads = ThreadPoolExecutor(max_workers=PARTS_IN_FLIGHT, thread_name_prefix="s3-part")
        with translated(self.url):
            self._client = _client(url, timeout_s)

    def __repr__(self) -> str:
        return f"S3Store({self.url})"

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        key = self._key(locator)
        size = size_of(source)
        try:
            if size > PART_BYTES:
                if self.exists(locator):
                    return self._settle(locator, source, size)
                target = Target(self._client, self._bucket, key, self.url, self._retention())
                return Receipt(locator, size, put_in_parts(target, source, size, self._threads))
            data = read_exactly(source, size)
            with translated(self.url, locator):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=data,
                    ChecksumSHA256=checksum_of(data),
                    IfNoneMatch="*",
                    **self._retention(),
                )
            return Receipt(locator, size, hashlib.sha256(data).digest())
        except PreconditionFailed:
            return self._settle(locator, source, size)
        except StoreRefused as error:
            if self._retention_days is None:
                raise
            raise StoreMisconfigured(
                f"{self.url} does not take a block with retention; switch Object Lock on for the bucket, or leave "
                "retention_days out of the URL"
            ) from error
        except UploadGone as error:
            raise StoreBusy(f"another writer finished or gave up block {locator} in {self.url}; try again") from error

    def _settle(self, locator: str, source: BinaryIO, size: int) -> Receipt:
        """By the server's own SHA-256 where it has one, else by reading the block back."""
        with translated(self.url, locator):
            head = self._client.head_object(Bucket=self._bucket, Key=self._key(locator), ChecksumMode="ENABLED")
        theirs = head.get("ChecksumSHA256")
        if not theirs:
            return settle_existing(self, locator, source)
        sha256, composite = _checksums(source)
        whole = base64.b64encode(sha256).decode()
        if head["ContentLength"] != size:
            raise block_exists(self, locator)
        if theirs not in {whole, composite}:
            return settle_existing(self, locator, source)
        return Receipt(locator, size, sha256)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        with translated(self.url, locator):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(locator), ChecksumMode="ENABLED")
            count = 0
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    write_to(sink, chunk)
                    count += len(chunk)
        if count != answer["ContentLength"]:
            raise TransferDamaged(f"{self.url} sent {count} bytes of block {locator}, not all; try again")
        return count

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        wanted = max(0, min(length, self.size(locator) - offset))
        if wanted == 0:
            return b""
        with translated(self.url, locator):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key(locator), Range=f"bytes={offset}-{offset + wanted - 1}"
            )
            with closing(answer["Body"]) as body:
                data = body.read(wanted + 1)
        if len(data) != wanted:
            raise TransferDamaged(f"{self.url} sent {len(data)} of {wanted} bytes of block {locator}; try again")
        return data

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        with translated(self.url, locator):
            return self._client.head_object(Bucket=self._bucket, Key=self._key(locator))["ContentLength"]

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        try:
            self.size(locator)
        except BlockNotFound:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``."""
        start = self._prefix + check_prefix(prefix)
        with translated(self.url):
            pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start))
        while True:
            with translated(self.url):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", []):
                locator = entry["Key"].removeprefix(self._prefix)
                if is_locator(locator):
                    yield Listed(locator, entry["Size"])

    def delete(self, locator: str) -> None:
        """See ``Store.delete``; in a versioned bucket this hides the block, and retention keeps its bytes."""
        self.size(locator)
        with translated(self.url, locator):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(locator))

    def presigned(self, locator: str, direction: Direction, *, seconds: int) -> Presigned:
        """See ``Presigning``. Signature Version 4 ends after a week, and with the credentials that signed.

        Raises ``PresignUnsupported`` for puts with retention, whose end would stand in the URL.
        """
        where = {"Bucket": self._bucket, "Key": self._key(locator)}
        if direction is Direction.GET:
            with translated(self.url, locator):
                return Presigned(self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=seconds))
        if self._retention_days is not None:
            raise PresignUnsupported(f"{self.url} sets a retention for each block; blocks are put through its client")
        with translated(self.url, locator):
            url = self._client.generate_presigned_url(
                "put_object", Params=where | {"IfNoneMatch": "*"}, ExpiresIn=seconds
            )
        return Presigned(url, {"If-None-Match": "*"})

    def close(self) -> None:
        """See ``Store.close``."""
        self._threads.shutdown()
        self._client.close()

    def _key(self, locator: str) -> str:
        return self._prefix + check_locator(locator)

    def _retention(self) -> Mapping[str, Any]:
        if self._retention_days is None:
            return {}
        until = datetime.now(UTC) + timedelta(days=self._retention_days)
        return {"ObjectLockMode": self._retention_mode, "ObjectLockRetainUntilDate": until}


def _client(url: StoreUrl, timeout_s: float) -> "S3Client":
    endpoint = url.options.get("endpoint")
    session = boto3.Session(profile_name=url.options.get("profile"), region_name=url.options.get("region"))
    region = session.region_name or ("us-east-1" if endpoint else None)
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        verify=url.options.get("ca"),
        config=Config(
            connect_timeout=min(timeout_s, 10.0),
            read_timeout=timeout_s,
            max_pool_connections=_MAX_CONNECTIONS + PARTS_IN_FLIGHT,
            retries={"total_max_attempts": 1},  # our own wrapper retries, and is the only one
            request_checksum_calculation="when_required",
            signature_version="s3v4",  # presigned URLs would else have version 2, which leaves out the condition
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )


def _retention_options(url: StoreUrl) -> tuple[int | None, str]:
    days, mode = url.options.get("retention_days"), url.options.get("retention_mode", _MODES[0])
    if mode not in _MODES or (days is not None and not (days.isascii() and days.isdigit() and 0 < int(days) <= 36_500)):
        raise StoreMisconfigured(
            "retention_days is a number from 1 to 36500 and retention_mode is COMPLIANCE or GOVERNANCE"
        )
    return (None if days is None else int(days)), mode


def _checksums(source: BinaryIO) -> tuple[bytes, str]:
    """SHA-256 of the whole source (32 bytes), and the composite one of its parts."""
    digest, composite = hashlib.sha256(), CompositeChecksum()
    seek_to(source, 0)
    while data := read_exactly(source, PART_BYTES):
        digest.update(data)
        composite.add(checksum_of(data))
    return digest.digest(), str(composite)
