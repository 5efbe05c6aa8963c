"""Multipart upload to S3: parts of 8 MiB, four in flight, each with its SHA-256; goes on with an unfinished upload."""

import base64
import hashlib
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from cloud.backends.s3_errors import translated
from cloud.errors import BlockTooLarge, CloudTransient
from cloud.streams import read_exactly, seek_to

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES: Final = 8 << 20
PARTS_IN_FLIGHT: Final = 4
MAX_PARTS: Final = 10_000


@dataclass(frozen=True)
class Target:
    """The object to be written and how: ``retention`` goes into the request that creates the upload."""

    client: "S3Client"
    bucket: str
    key: str
    url: str
    retention: Mapping[str, Any]


def checksum_of(data: bytes) -> str:
    """SHA-256 of ``data`` as S3 writes it: base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class CompositeChecksum:
    """S3's checksum of a multipart object: SHA-256 over the parts' digests, and their number."""

    def __init__(self) -> None:
        self._digests = b""
        self.parts = 0

    def add(self, part_checksum: str) -> None:
        """Take the base64 SHA-256 of the next part."""
        self._digests += base64.b64decode(part_checksum)
        self.parts += 1

    def __str__(self) -> str:
        return f"{checksum_of(self._digests)}-{self.parts}"


def put_in_parts(target: Target, source: BinaryIO, size: int, threads: ThreadPoolExecutor) -> bytes:
    """Upload and complete on the condition that the key is free; returns the SHA-256 of ``source`` (32 bytes).

    After a transient error the unfinished upload stays, for the next attempt; after any other it is aborted. Raises
    ``PreconditionFailed``, ``UploadGone``, ``BlockTooLarge`` and what ``translated`` raises.
    """
    if size > PART_BYTES * MAX_PARTS:
        raise BlockTooLarge(f"{target.url} takes blocks of up to {PART_BYTES * MAX_PARTS >> 30} GiB; split the file")
    with translated(target.url):
        upload_id, present = _find_unfinished(target, source, size) or (_begin(target), {})
    try:
        with translated(target.url):
            sha256, parts = _send_parts(target, upload_id, present, source, threads)
            target.client.complete_multipart_upload(
                Bucket=target.bucket,
                Key=target.key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
    except CloudTransient:
        raise
    except BaseException:
        _abort(target, upload_id)
        raise
    return sha256


def _begin(target: Target) -> str:
    answer = target.client.create_multipart_upload(
        Bucket=target.bucket, Key=target.key, ChecksumAlgorithm="SHA256", **target.retention
    )
    return answer["UploadId"]


def _abort(target: Target, upload_id: str) -> None:
    try:
        with translated(target.url):
            target.client.abort_multipart_upload(Bucket=target.bucket, Key=target.key, UploadId=upload_id)
    except Exception:  # noqa: BLE001, S110 - the error that led here is the one to report
        pass


def _send_parts(
    target: Target,
    upload_id: str,
    present: "Mapping[int, CompletedPartTypeDef]",
    source: BinaryIO,
    threads: ThreadPoolExecutor,
) -> "tuple[bytes, list[CompletedPartTypeDef]]":
    def send(number: int, data: bytes) -> "CompletedPartTypeDef":
        checksum = checksum_of(data)
        answer = target.client.upload_part(
            Bucket=target.bucket,
            Key=target.key,
            UploadId=upload_id,
            PartNumber=number,
            Body=data,
            ChecksumSHA256=checksum,
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    digest = hashlib.sha256()
    parts: list[CompletedPartTypeDef] = []
    in_flight: deque[Future[CompletedPartTypeDef]] = deque()
    seek_to(source, 0)
    number = 0
    try:
        while data := read_exactly(source, PART_BYTES):
            number += 1
            if number in present:
                in_flight.append(_done(present[number]))
            else:
                in_flight.append(threads.submit(send, number, data))
            digest.update(data)
            if len(in_flight) >= PARTS_IN_FLIGHT:
                parts.append(in_flight.popleft().result())
        parts.extend(future.result() for future in in_flight)
    finally:
        for future in in_flight:
            future.cancel()
            if not future.cancelled():
                future.exception()
    return digest.digest(), parts


def _done(part: "CompletedPartTypeDef") -> "Future[CompletedPartTypeDef]":
    future: Future[CompletedPartTypeDef] = Future()
    future.set_result(part)
    return future


def _find_unfinished(
    target: Target, source: BinaryIO, size: int
) -> "tuple[str, dict[int, CompletedPartTypeDef]] | None":
    """An upload for this key whose parts are all parts of ``source``, and these parts by number."""
    answer = target.client.list_multipart_uploads(Bucket=target.bucket, Prefix=target.key)
    for upload in answer.get("Uploads", []):
        if upload.get("Key") == target.key and (upload_id := upload.get("UploadId")):
            present = _parts_if_same(target, upload_id, source, size)
            if present:
                return upload_id, present
    return None


def _parts_if_same(
    target: Target, upload_id: str, source: BinaryIO, size: int
) -> "dict[int, CompletedPartTypeDef] | None":
    present: dict[int, CompletedPartTypeDef] = {}
    pages = target.client.get_paginator("list_parts").paginate(Bucket=target.bucket, Key=target.key, UploadId=upload_id)
    for page in pages:
        for part in page.get("Parts", []):
            number = part.get("PartNumber", 0)
            offset = (number - 1) * PART_BYTES
            if not 0 <= offset < size:
                return None
            seek_to(source, offset)
            data = read_exactly(source, PART_BYTES)
            checksum = checksum_of(data)
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if part.get("Size") != len(data) or part.get("ChecksumSHA256", checksum) != checksum:
                return None
            if "ChecksumSHA256" not in part and part.get("ETag", "").strip('"') != md5:
                return None
            present[number] = {"PartNumber": number, "ETag": part.get("ETag", ""), "ChecksumSHA256": checksum}
    return present
