"""What one server takes, and what it says when that is used up."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Scope

from ledger.errors import LedgerUnavailable
from network import wire
from network.server import bodies, downloads
from network.server.limits import Limits, TokenBuckets, address_key
from network.server.logs import LOGGER, JsonFormatter
from tests.clinic.scene import OTHER, PATIENT, Template
from tests.network.server.serving import URL, Served, problem, serving


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    now = 0.0
    buckets = TokenBuckets(2.0, 3, clock=lambda: now)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0
    now = 0.25
    assert buckets.wait_s("a") == pytest.approx(0.25)
    now = 0.5
    assert (buckets.wait_s("a"), buckets.take("a")) == (0, 0)
    now = 1000.0
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]


def test_a_bucket_gives_many_tokens_at_once_or_none() -> None:
    buckets = TokenBuckets(2.0, 10, clock=lambda: 0.0)
    assert [buckets.take("a", 6), buckets.take("a", 6), buckets.take("a", 4)] == [0, pytest.approx(1.0), 0]


def test_buckets_are_bounded() -> None:
    buckets = TokenBuckets(1.0, 1, max_keys=2, clock=lambda: 0.0)
    for key in "abc":
        buckets.take(key)
    assert buckets.wait_s("a") == 0  # forgotten, the longest unused
    assert buckets.wait_s("c") > 0


def test_an_address_is_limited_as_its_owner_has_it() -> None:
    assert address_key("192.0.2.7") == "192.0.2.7"
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff") != address_key("2001:db8:0:1::1")
    assert address_key("somewhere") == "somewhere"


def together(served: Served, count: int, release: asyncio.Event) -> list[httpx.Response]:
    """Answers to as many uploads at once, whose bodies wait until ``release`` is set or half a second is over."""

    async def waiting() -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout(0.5):
                await release.wait()
        except TimeoutError:
            release.set()
        yield b"sealed"

    async def sent() -> list[httpx.Response]:
        transport = httpx.ASGITransport(served.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            paths = [
                wire.LETTER.format(reader=served.other.member_id, letter=f"{number:032x}") for number in range(count)
            ]
            return await asyncio.gather(
                *(
                    client.put(path, content=waiting(), headers=served.signature("PUT", path, b"sealed"))
                    for path in paths
                )
            )

    return asyncio.run(sent())


def test_more_requests_at_once_than_it_takes_are_told_to_come_again(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(max_requests=3)) as served:
        answers = together(served, 5, asyncio.Event())
        assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 503, 503]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {problem(answer) for answer in refused} == {(503, "server-busy")}
        assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
        assert served.public("GET", wire.TRUST).status_code == 200  # and all of them have left
        assert 'chartseal_limited_total{by="concurrency"} 2.0' in served.public("GET", wire.METRICS).text


@contextmanager
def reading_slowly(served: Served, addresses: list[str]) -> Iterator[None]:
    """As many who ask for the ledger, and take no byte of it until the end."""
    began, release = threading.Semaphore(0), threading.Event()

    async def asking(address: str) -> None:
        sent = asyncio.Semaphore(1)

        async def receive() -> Message:
            await sent.acquire()  # what comes after the request is waited for
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                began.release()
                await asyncio.to_thread(release.wait)

        scope: Scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "https", "path": wire.LEDGER_BLOCKS,
            "raw_path": wire.LEDGER_BLOCKS.encode(), "query_string": b"", "root_path": "", "headers": [],
            "server": None, "client": (address, 1),
        }  # fmt: skip
        await served.app(scope, receive, send)

    with ThreadPoolExecutor(len(addresses)) as pool:
        running = [pool.submit(asyncio.run, asking(address)) for address in addresses]
        try:
            assert all(began.acquire(timeout=10) for _ in addresses)
            yield
        finally:
            release.set()
        for each in running:
            each.result()


def test_slow_readers_hold_no_more_than_their_share(template: Template, tmp_path: Path) -> None:
    limits = Limits(max_requests=6, max_public_requests=3, max_requests_of_address=2, max_requests_of_member=1)
    with serving(template, tmp_path, limits) as served:

        def public(address: str, path: str = wire.TRUST) -> int:
            return served.send("GET", path, None, {}, address=address).status_code

        with reading_slowly(served, ["192.0.2.1"] * 2):
            assert public("192.0.2.1") == 503
            assert public("192.0.2.2") == 200
        with reading_slowly(served, ["192.0.2.1", "192.0.2.1", "192.0.2.2"]):
            assert public("192.0.2.3") == 503
            assert served.call("GET", wire.ENDPOINTS).status_code == 200
            assert public("192.0.2.1", wire.HEALTH) == public("192.0.2.1", wire.METRICS) == 200
        assert public("192.0.2.1") == 200  # and all of them have left


def test_one_members_requests_leave_places_to_others(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(max_requests_of_member=3)) as served:
        answers = together(served, 5, asyncio.Event())
        assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 503, 503]
        assert served.call("GET", wire.ENDPOINTS).status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(body_timeout_s=0.1)) as served:
        (answer,) = together(served, 1, asyncio.Event())
        assert problem(answer) == (408, "body-too-slow")
        assert served.services.site.mailbox.list(served.other.member_id, "") == []


def test_a_body_that_trickles_is_not_waited_for(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_GRACE_S", 0.1)

    async def trickling() -> AsyncIterator[bytes]:
        for _ in range(100):
            await asyncio.sleep(0.02)
            yield b"x"

    with serving(template, tmp_path, Limits(min_body_bytes_per_s=10_000)) as served:
        path = wire.LETTER.format(reader=served.other.member_id, letter="ab" * 16)
        answer = served.send("PUT", path, trickling(), served.signature("PUT", path, b"x" * 100))
        assert problem(answer) == (408, "body-too-slow")


def test_a_reader_who_hangs_up_ends_the_download() -> None:
    taken = 0

    def push(sink: io.BufferedIOBase) -> None:
        nonlocal taken
        for _ in range(1000):
            taken += sink.write(bytes(1000))

    pieces = downloads.pulled(push)  # type: ignore[arg-type]
    next(pieces)
    del pieces
    assert taken < 20_000


def test_an_error_before_the_first_byte_is_raised_at_once_and_later_ones_at_their_place() -> None:
    def fails(sink: io.BufferedIOBase) -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        downloads.pulled(fails)  # type: ignore[arg-type]

    def fails_later(sink: io.BufferedIOBase) -> None:
        sink.write(b"first")
        raise ValueError("later")

    pieces = downloads.pulled(fails_later)  # type: ignore[arg-type]
    assert next(pieces) == b"first"
    with pytest.raises(ValueError, match="later"):
        next(pieces)
    assert list(downloads.pulled(lambda sink: None)) == []


# Logs and metrics


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the log says, once the test asks with ``told``."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    return caplog


def told(lines: pytest.LogCaptureFixture) -> str:
    return "\n".join(JsonFormatter().format(record) for record in lines.records if record.name == LOGGER)


def test_the_log_holds_nothing_personal(served: Served, lines: pytest.LogCaptureFixture) -> None:
    reader = served.other.member_id
    locator, _ = served.sealed()[0]
    served.call("PUT", wire.LETTER.format(reader=reader, letter="cd" * 16), b"confidential")
    served.call("GET", wire.LETTERS.format(reader=reader))
    served.call("GET", wire.BLOCK.format(locator=locator))
    served.public("GET", f"/{reader}")
    served.call("POST", wire.JOIN, {"name": "Wilhelmina Abernathy"})
    log = told(lines)
    assert log.count("\n") >= 4
    ids = [member.member_id for member in served.members.values()]
    for secret in [*ids, locator, "cd" * 16, "confidential", "Wilhelmina", PATIENT, OTHER, "127.0.0.1"]:
        assert secret not in log
    written = [json.loads(line) for line in log.splitlines()]
    assert {line["route"] for line in written} >= {wire.LETTER, wire.BLOCK, "-"}
    assert {"method", "status", "ms", "received", "sent", "time", "level"} <= set(written[0])
    signers = {line["member"] for line in written if "member" in line}
    assert len(signers) == 1
    assert len(signers.pop()) == 16


def test_members_are_hashed_under_another_key_at_each_start(
    template: Template, tmp_path: Path, lines: pytest.LogCaptureFixture
) -> None:
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        with serving(template, tmp_path / run) as served:
            served.call("GET", wire.ENDPOINTS)
    hashes = [json.loads(line)["member"] for line in told(lines).splitlines()]
    assert len(set(hashes)) == 2


def test_an_unforeseen_error_is_a_plain_500_and_told_without_its_message(
    served: Served, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError(f"about {PATIENT}")

    monkeypatch.setattr(served.services.site.mailbox, "list", broken)
    answer = served.call("GET", wire.LETTERS.format(reader=served.patient.member_id))
    assert problem(answer) == (500, "server-failed")
    log = told(lines)
    assert PATIENT not in answer.text + log
    assert "builtins.RuntimeError" in log
    assert "test_limits.py" in log


def test_a_damaged_home_is_the_servers_fault_and_its_sentence_stays_in_the_house(
    served: Served, lines: pytest.LogCaptureFixture
) -> None:
    (served.services.home.folder / "server" / "endpoints").mkdir(parents=True)
    (served.services.home.folder / "server" / "endpoints" / f"{'ab' * 16}.json").write_bytes(b"damaged")
    (served.home.folder / "config.json").write_bytes(b"damaged")
    answer = served.public("GET", wire.TRUST)
    assert problem(answer) == (500, "server-failed")
    assert "config" not in answer.text
    assert "encoding-invalid" in told(lines)


def test_a_method_that_somebody_invents_makes_no_counter(served: Served, lines: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        assert served.public(f"INVENTED{number}", wire.TRUST).status_code == 405
    text = served.public("GET", wire.METRICS).text
    assert f'chartseal_requests_total{{method="-",route="{wire.TRUST}",status="405"}} 20.0' in text
    assert text.count("chartseal_requests_total{") == 1
    assert "INVENTED" not in text + told(lines)


def test_a_damaged_file_leaves_the_counters_readable(served: Served) -> None:
    for folder in ("applications", "invitations"):
        (served.home.folder / folder).mkdir(exist_ok=True)
        (served.home.folder / folder / f"{'ab' * 16}.json").write_bytes(b"damaged")
    answer = served.public("GET", wire.METRICS)
    assert answer.status_code == 200
    assert "chartseal_applications_waiting 1.0" in answer.text
    assert "chartseal_invitations 1.0" in answer.text


def test_a_ledger_that_cannot_be_read_leaves_the_counters_readable(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> None:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(served.services.site.engine, "view", unavailable)
    answer = served.public("GET", wire.METRICS)
    assert answer.status_code == 200
    assert "chartseal_ledger_height NaN" in answer.text
    assert "chartseal_applications_waiting 0.0" in answer.text


def test_metrics_count_requests_by_route_and_never_by_member(served: Served) -> None:
    for _ in range(3):
        served.call("GET", wire.LETTERS.format(reader=served.patient.member_id))
    served.public("GET", wire.ENDPOINTS)
    text = served.public("GET", wire.METRICS).text
    assert 'chartseal_requests_total{method="GET",route="/v1/letters/{reader}",status="200"} 3.0' in text
    assert 'chartseal_request_seconds_count{route="/v1/letters/{reader}"} 3.0' in text
    assert 'chartseal_refused_total{code="signature-missing"} 1.0' in text
    assert f"chartseal_ledger_height {float(served.services.site.engine.view().height)}" in text
    assert "chartseal_requests_running 1.0" in text
    assert served.patient.member_id not in text
