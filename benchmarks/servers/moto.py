"""S3 on moto, in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from benchmarks.servers.running import LOOPBACK, Running, free_ports, module

_ACCESS_KEY = "moto-access-key"
_SECRET_KEY = "moto-secret-key-of-the-tests"  # noqa: S105 - of a server on loopback


@contextmanager
def moto(bucket: str = "blocks") -> Iterator[Running]:
    """A store URL on a fresh bucket."""
    moto_server = module("moto.server", feature="s3")
    port = free_ports(1)[0]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address=LOOPBACK, port=port, verbose=False)
    server.start()
    endpoint = f"http://{LOOPBACK}:{port}"
    env = aws_environment(_ACCESS_KEY, _SECRET_KEY)
    try:
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=_ACCESS_KEY,
            aws_secret_access_key=_SECRET_KEY,
        )
        s3.create_bucket(Bucket=bucket)
        yield Running(f"s3://{bucket}/clinic?endpoint={endpoint}&region=us-east-1", env, secrets=(_SECRET_KEY,))
    finally:
        server.stop()


def aws_environment(access_key: str, secret_key: str) -> dict[str, str]:
    """The variables in which boto3's chain finds the keys, and nothing else of this machine."""
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }
