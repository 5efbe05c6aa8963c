"""What lies on a server, seen from its side: in its folder, or by listing its bucket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.errors import CaseFailed
from benchmarks.servers.running import Running
from cloud.url import parse_url

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def stored_bytes(at: Running) -> int:
    """Bytes of all files or objects at ``at``, whoever put them there. Raises ``CaseFailed``."""
    if at.root is not None:
        return sum(path.stat().st_size for path in at.root.rglob("*") if path.is_file())
    bucket, prefix = _bucket(at)
    with _client(at) as client:
        return sum(entry["Size"] for entry in _objects(client, bucket, prefix))


def clear(at: Running) -> None:
    """Remove all that is there. Raises ``CaseFailed``."""
    if at.root is not None:
        shutil.rmtree(at.root, ignore_errors=True)
        return
    bucket, prefix = _bucket(at)
    with _client(at) as client:
        for entry in list(_objects(client, bucket, prefix)):
            client.delete_object(Bucket=bucket, Key=entry["Key"])


def _bucket(at: Running) -> tuple[str, str]:
    url = parse_url(at.url)
    return url.host, f"{url.path.strip('/')}/"


def _objects(client: S3Client, bucket: str, prefix: str) -> Iterator[Any]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


@contextmanager
def _client(at: Running) -> Iterator[S3Client]:
    options = parse_url(at.url).options
    client = boto3.client(
        "s3",
        endpoint_url=options["endpoint"],
        region_name=options["region"],
        aws_access_key_id=at.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=at.env["AWS_SECRET_ACCESS_KEY"],
    )
    with closing(client):
        try:
            yield client
        except (BotoCoreError, ClientError) as error:
            raise CaseFailed(f"the bucket of the server cannot be read: {error}") from None
