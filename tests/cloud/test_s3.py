"""What only S3 has: checksums by the server, multipart uploads that go on, Object Lock, 500s."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError

from benchmarks.servers.running import Running
from cloud.backends import s3_multipart
from cloud.backends.s3 import S3Store
from cloud.errors import AccessDenied, BlockExists, CloudTransient, StoreBusy, StoreMisconfigured, TransferDamaged
from cloud.open import open_store
from cloud.retry import RetryingStore, RetryLimits
from cloud.url import parse_url
from tests.cloud.backends import ONCE, Servers
from tests.cloud.samples import LARGE_BYTES, content, fetched, locator_of

DATA = content(LARGE_BYTES)
LOCATOR = locator_of(DATA)


@dataclass
class Bucket:
    """An empty prefix of a bucket: by our backend, and by a client of its own."""

    running: Running
    store: S3Store
    client: Any
    name: str
    prefix: str

    def before(self, operation: str, act: Callable[..., object]) -> None:
        self.store._client.meta.events.register_first(f"before-send.s3.{operation}", act)

    def unfinished(self) -> list[str]:
        uploads = self.client.list_multipart_uploads(Bucket=self.name, Prefix=self.prefix).get("Uploads", [])
        return [upload["UploadId"] for upload in uploads]


def bucket_of(running: Running, url: str | None = None) -> Bucket:
    parsed = parse_url(url or running.url)
    client = boto3.Session().client("s3", endpoint_url=parsed.options["endpoint"], region_name="us-east-1")
    return Bucket(running, S3Store(parsed), client, parsed.host, parsed.path.strip("/"))


@pytest.fixture(params=["s3-moto", "s3-seaweedfs"])
def bucket(request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    running = servers.fresh(request.param)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    made = bucket_of(running)
    yield made
    made.store.close()


@pytest.fixture
def weed(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    running = servers.fresh("s3-seaweedfs")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    made = bucket_of(running)
    yield made
    made.store.close()


def failing(times: int, make: Callable[[Any], object]) -> Callable[..., object]:
    left = [times]

    def act(request: Any, **_: object) -> object:
        if left[0] == 0:
            return None
        left[0] -= 1
        return make(request)

    return act


def answer(status: int) -> Callable[[Any], AWSResponse]:
    class Raw(io.BytesIO):
        def stream(self, *_: object, **__: object) -> Iterator[bytes]:
            yield self.read()

    return lambda request: AWSResponse(request.url, status, {}, Raw(b""))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_error_is_retried(bucket: Bucket, status: int) -> None:
    bucket.before("PutObject", failing(2, answer(status)))
    with pytest.raises(StoreBusy):
        bucket.store.put(LOCATOR, io.BytesIO(b"small"))
    waits: list[float] = []
    RetryingStore(bucket.store, RetryLimits(), sleep=waits.append).put(LOCATOR, io.BytesIO(b"small"))
    assert len(waits) == 1
    assert fetched(bucket.store, LOCATOR) == b"small"


def test_a_part_that_fails_is_sent_again_and_the_others_are_not(bucket: Bucket) -> None:
    sent: list[str] = []
    bucket.before("UploadPart", lambda request, **_: sent.append(request.url))

    def close(request: Any) -> object:
        if "partNumber=2" in request.url:
            raise ConnectionClosedError(endpoint_url=request.url)
        return None

    bucket.before("UploadPart", failing(2, close))
    RetryingStore(bucket.store, RetryLimits(first_wait_s=0.01)).put(LOCATOR, io.BytesIO(DATA))
    assert fetched(bucket.store, LOCATOR) == DATA
    assert bucket.unfinished() == []
    assert len([url for url in sent if "partNumber=1" in url]) == 1


def test_an_unfinished_upload_of_another_run_is_found(bucket: Bucket) -> None:
    key = f"{bucket.prefix}/{LOCATOR}"
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key, ChecksumAlgorithm="SHA256")
    bucket.client.upload_part(
        Bucket=bucket.name,
        Key=key,
        UploadId=upload["UploadId"],
        PartNumber=2,
        Body=DATA[s3_multipart.PART_BYTES : 2 * s3_multipart.PART_BYTES],
        ChecksumAlgorithm="SHA256",
    )
    sent: list[str] = []
    bucket.before("UploadPart", lambda request, **_: sent.append(request.url))
    bucket.store.put(LOCATOR, io.BytesIO(DATA))
    assert len(sent) == 2
    assert fetched(bucket.store, LOCATOR) == DATA
    assert bucket.unfinished() == []


def test_an_unfinished_upload_of_other_bytes_is_not_used(bucket: Bucket) -> None:
    key = f"{bucket.prefix}/{LOCATOR}"
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key, ChecksumAlgorithm="SHA256")
    bucket.client.upload_part(
        Bucket=bucket.name,
        Key=key,
        UploadId=upload["UploadId"],
        PartNumber=1,
        Body=content(s3_multipart.PART_BYTES, seed=9),
        ChecksumAlgorithm="SHA256",
    )
    bucket.store.put(LOCATOR, io.BytesIO(DATA))
    assert fetched(bucket.store, LOCATOR) == DATA


def test_the_completion_of_a_multipart_upload_is_conditional(bucket: Bucket) -> None:
    """The other writer comes while our parts are on their way."""
    key = f"{bucket.prefix}/{LOCATOR}"
    bucket.before(
        "CompleteMultipartUpload",
        failing(1, lambda _: bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"first") and None),
    )
    with pytest.raises(BlockExists):
        bucket.store.put(LOCATOR, io.BytesIO(DATA))
    assert fetched(bucket.store, LOCATOR) == b"first"
    assert bucket.unfinished() == []


@pytest.mark.parametrize("data", [b"small" * 100, DATA], ids=["put", "multipart"])
def test_the_server_rejects_bytes_that_changed_on_the_way(weed: Bucket, data: bytes) -> None:
    def flip(request: Any) -> None:
        body = bytearray(request.body if isinstance(request.body, bytes | bytearray) else request.body.read())
        body[-1] ^= 1
        request.body = bytes(body)

    weed.before("PutObject", failing(1, flip))
    weed.before("UploadPart", failing(1, flip))
    with pytest.raises(TransferDamaged):
        weed.store.put(LOCATOR, io.BytesIO(data))
    assert not weed.store.exists(LOCATOR)
    RetryingStore(weed.store, RetryLimits(first_wait_s=0.01)).put(LOCATOR, io.BytesIO(data))
    assert fetched(weed.store, LOCATOR) == data


def test_a_wrong_secret_is_refused(weed: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    store = open_store(weed.running.url, ONCE)
    with pytest.raises(AccessDenied) as caught:
        store.exists(LOCATOR)
    with pytest.raises(AccessDenied):
        store.put(LOCATOR, io.BytesIO(b"x"))
    assert "wrong-secret" not in str(caught.value)


def test_no_credentials(weed: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID"):
        open_store(weed.running.url, ONCE).exists(LOCATOR)


def test_an_absent_bucket(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """On moto: SeaweedFS makes a bucket for an administrator who names it."""
    running = servers.fresh("s3-moto")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    store = open_store(running.url.replace("s3://blocks", "s3://no-such-bucket"), ONCE)
    with pytest.raises(StoreMisconfigured, match="NoSuchBucket"):
        store.put(LOCATOR, io.BytesIO(b"x"))


@pytest.mark.parametrize("size", [10, LARGE_BYTES])
def test_retention_of_the_url_holds_against_everyone(weed: Bucket, size: int) -> None:
    name = f"locked-{size}"
    weed.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    url = weed.running.url.replace("s3://blocks", f"s3://{name}") + "&retention_days=1&retention_mode=COMPLIANCE"
    locked = bucket_of(weed.running, url)
    locked.store.put(LOCATOR, io.BytesIO(DATA[:size]))
    key = f"{locked.prefix}/{LOCATOR}"
    head = locked.client.head_object(Bucket=name, Key=key)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(ClientError, match=r"AccessDenied|retention|WORM|403"):
        locked.client.delete_object(Bucket=name, Key=key, VersionId=head["VersionId"])
    assert fetched(locked.store, LOCATOR) == DATA[:size]
    locked.store.close()


def test_default_retention_of_the_bucket_applies(weed: Bucket) -> None:
    name = "locked-by-default"
    weed.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    weed.client.put_object_lock_configuration(
        Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    locked = bucket_of(weed.running, weed.running.url.replace("s3://blocks", f"s3://{name}"))
    for data in (b"small", DATA):
        locked.store.put(locator_of(data), io.BytesIO(data))
        head = locked.client.head_object(Bucket=name, Key=f"{locked.prefix}/{locator_of(data)}")
        assert head.get("ObjectLockMode") == "GOVERNANCE"
    locked.store.close()


def test_retention_on_a_bucket_without_lock_is_refused(weed: Bucket) -> None:
    store = open_store(weed.running.url + "&retention_days=1", ONCE)
    with pytest.raises(StoreMisconfigured):
        store.put(LOCATOR, io.BytesIO(b"x"))


def test_a_transient_failure_leaves_the_upload_and_a_final_one_aborts_it(bucket: Bucket) -> None:
    bucket.before("CompleteMultipartUpload", failing(1, answer(503)))
    with pytest.raises(CloudTransient):
        bucket.store.put(LOCATOR, io.BytesIO(DATA))
    assert len(bucket.unfinished()) == 1
    bucket.before("CompleteMultipartUpload", failing(1, answer(403)))
    with pytest.raises(AccessDenied):
        bucket.store.put(LOCATOR, io.BytesIO(DATA))
    assert bucket.unfinished() == []
