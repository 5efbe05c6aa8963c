"""Requests that somebody on the way, or another member, changed, sent again or made up: none counts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.membership import remove, suspend
from clinic.requests import new_id
from network import wire
from network.signatures import AHEAD_S, WINDOW_S
from tests.clinic.scene import Template
from tests.network.hostile.conftest import proxy_of
from tests.network.server.serving import URL, Served, problem, serving

BODY = b"sealed to somebody"
OTHER_BODY = b"sealed to somebodY"


@dataclass(frozen=True)
class Sent:
    """A request as it goes over the wire."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str] = field(default_factory=dict)

    def to(self, server: Served) -> httpx.Response:
        return server.send(self.method, self.path, self.body, self.headers)

    def with_field(self, name: str, pattern: str, new: str) -> Sent:
        """One header field changed where ``pattern`` is."""
        changed, count = re.subn(pattern, new, self.headers[name])
        assert count == 1
        return replace(self, headers=self.headers | {name: changed})


def path_of(server: Served) -> str:
    """Where the patient puts something small: a letter at the hospital, a fragment at a proxy."""
    thing = new_id()
    if server.app.title == "ChartSeal proxy":
        return wire.GRANT_PART.format(grant=thing, part=thing)
    return wire.LETTER.format(reader=server.patient.member_id, letter=thing)


def sound(server: Served) -> Sent:
    """A request of the patient that would be answered with 204."""
    path = path_of(server)
    return Sent("PUT", path, BODY, server.signature("PUT", path, BODY))


def kept(server: Served) -> set[str]:
    """What lies in the mailbox and at the proxies."""
    folder = server.home.folder
    return {str(path) for name in ("mailbox", "proxies") for path in (folder / name).rglob("*") if path.is_file()}


def refused(server: Served, sent: Sent) -> tuple[int, str]:
    """Status and code; nothing was kept."""
    before = kept(server)
    answer = sent.to(server)
    assert kept(server) == before
    return problem(answer)


def test_it_would_be_answered(server: Served) -> None:
    before = kept(server)
    assert sound(server).to(server).status_code == 204
    assert len(kept(server) - before) == 1


def _with_digest_of(server: Served, sent: Sent) -> Sent:
    digest = server.signature("PUT", sent.path, OTHER_BODY)["content-digest"]
    return replace(sent, body=OTHER_BODY, headers=sent.headers | {"content-digest": digest})


ALTERED: dict[str, Callable[[Served, Sent], Sent]] = {
    "path": lambda server, sent: replace(sent, path=path_of(server)),
    "query": lambda _server, sent: replace(sent, path=sent.path + "?more=1"),
    "body": lambda _server, sent: replace(sent, body=OTHER_BODY),
    "no body": lambda _server, sent: replace(sent, body=b""),
    "body and digest": _with_digest_of,
    "host": lambda _server, sent: replace(sent, headers=sent.headers | {"Host": "elsewhere.test"}),
    "range added": lambda _server, sent: replace(sent, headers=sent.headers | {"range": "bytes=0-1"}),
    "time": lambda _server, sent: sent.with_field("Signature-Input", r"created=(\d+)\d", r"created=\g<1>3"),
    "nonce": lambda _server, sent: sent.with_field("Signature-Input", r'nonce="\w+"', f'nonce="{"ab" * 16}"'),
    "keyid": lambda server, sent: sent.with_field(
        "Signature-Input", r'keyid="\w+"', f'keyid="{server.other.member_id}"'
    ),
    "tag": lambda _server, sent: sent.with_field("Signature-Input", r'tag="\w+"', 'tag="other"'),
    "algorithm": lambda _server, sent: sent.with_field("Signature-Input", r'alg="\w+"', 'alg="hmac-sha256"'),
    "less covered": lambda _server, sent: sent.with_field("Signature-Input", r' "@path"', ""),
    "signature": lambda _server, sent: sent.with_field("Signature", r"=:.{8}", "=:AAAAAAAA"),
    "another's key": lambda server, sent: replace(
        sent,
        headers=server.signature("PUT", sent.path, BODY, by=replace(server.other, member_id=server.patient.member_id)),
    ),
    "two signatures": lambda server, sent: replace(
        sent,
        headers=sent.headers
        | {
            name: f"{sent.headers[name]}, {value.replace('chartseal=', 'other=', 1)}"
            for name, value in server.signature("PUT", sent.path, BODY).items()
            if name.startswith("Signature")
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_is_refused(server: Served, what: str) -> None:
    assert refused(server, ALTERED[what](server, sound(server))) == (401, "signature-refused")


def test_another_method_than_signed_is_refused(served: Served) -> None:
    sent = sound(served)
    assert sent.to(served).status_code == 204
    path = sent.path
    fetching = Sent("GET", path, None, served.signature("DELETE", path))
    assert refused(served, fetching) == (401, "signature-refused")


def test_another_range_than_signed_is_refused(served: Served) -> None:
    ((locator, data),) = served.sealed()
    path = wire.BLOCK.format(locator=locator)
    headers = {"range": "bytes=0-3"}
    headers |= served.signature("GET", path, headers=headers)
    assert Sent("GET", path, None, headers).to(served).content == data[:4]
    headers = {"range": "bytes=0-3"}
    headers |= served.signature("GET", path, headers=headers)
    assert refused(served, Sent("GET", path, None, headers | {"range": "bytes=0-9"})) == (401, "signature-refused")
    headers.pop("range")
    assert refused(served, Sent("GET", path, None, headers)) == (401, "signature-refused")


def test_what_was_sent_before_is_refused(server: Served) -> None:
    sent = sound(server)
    assert sent.to(server).status_code == 204
    assert refused(server, sent) == (401, "nonce-reused")


@pytest.mark.parametrize("seconds", [-WINDOW_S - 1, AHEAD_S + 1])
def test_what_was_signed_at_another_time_is_refused(server: Served, seconds: int) -> None:
    sent = sound(server)
    server.clock.advance(-seconds)
    assert refused(server, sent) == (401, "clock-apart")


def test_what_was_signed_for_another_server_is_refused(served: Served) -> None:
    """The proxy hands a request on to the hospital, under the hospital's name or its own."""
    path = path_of(served)
    elsewhere = Sent("PUT", path, BODY, served.signature("PUT", path, BODY, url="https://proxy.test"))
    for host in ({}, {"Host": "proxy.test"}):
        sent = replace(elsewhere, headers=elsewhere.headers | host)
        assert refused(served, sent) == (401, "signature-refused")


@pytest.mark.parametrize(("act", "code"), [(suspend, "signer-suspended"), (remove, "signer-removed")])
def test_who_is_out_of_office_is_refused(server: Served, act: Callable[..., object], code: str) -> None:
    sent = sound(server)
    site, authority = server.services.site, server.members["authority"]
    act(site, authority, server.patient.member_id, **({"reason": "her key is lost"} if act is suspend else {}))
    assert refused(server, sent) == (403, code)


PATHS = (
    "/v1/letters/../../../etc/passwd", "/v1/letters/%2e%2e/%2e%2e", "/v1/blocks/..%2f..%2fconfig.json",
    "/v1/blocks/%00", "/v1/cards/{me}/1/..%2f..%2f..%2fconfig.json", "/v1/letters/{me}/..", "/v1/letters/{me}/%2e%2e",
    "/v1/letters/{me}/..%5c..%5cconfig.json", "/v1/letters/{me}/" + "a" * 5000, "/v1/grants/../parts/..",
    "/v1/grants/{me}/parts/..%2fservices", "/v1/endpoints/..", "//etc/passwd", "/v1/letters/{me}?prefix=../",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_path_leads_out_of_its_folder(server: Served, method: str, path: str) -> None:
    path = path.format(me=server.patient.member_id)
    body = BODY if method == "PUT" else None
    sent = str(httpx.URL(URL).join(path).raw_path.decode()) if not path.startswith("//") else path
    files = {str(found) for found in server.home.folder.parent.rglob("*")}
    answer = server.send(method, sent, body, server.signature(method, sent, body))
    assert answer.status_code in {401, 403, 404, 405, 422}
    problem(answer)
    assert {str(found) for found in server.home.folder.parent.rglob("*")} == files


async def endless() -> AsyncIterator[bytes]:
    """More than anything takes."""
    for _ in range(1 << 20):
        yield bytes(1 << 16)


def test_a_body_without_an_end_is_cut_at_the_limit(server: Served) -> None:
    path = path_of(server)
    before = kept(server)
    answer = server.send("PUT", path, endless(), server.signature("PUT", path, BODY))
    assert problem(answer) == (413, "too-large")
    assert kept(server) == before


def test_a_body_that_nobody_signed_is_not_read(server: Served) -> None:
    path = path_of(server)
    answer = server.send("PUT", path, endless(), server.signature("PUT", path))
    assert problem(answer) == (401, "signature-missing")
    assert problem(server.send("PUT", path, endless(), {})) == (401, "signature-missing")


NAMES = ("Signature", "Signature-Input", "content-digest")
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)


def test_no_header_makes_it_stumble(template: Template, tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(template, tmp_path_factory.mktemp("headers")) as hospital:
        server = proxy_of(hospital)

        @settings(max_examples=60, database=None)
        @given(st.sampled_from(NAMES), TEXT, st.integers(0, 400), st.integers(0, 40))
        def check(name: str, text: str, start: int, length: int) -> None:
            sent = sound(server)
            before = sent.headers[name]
            headers = sent.headers | {name: before[:start] + text + before[start + length :]}
            encoded = {key: value.encode("latin-1") for key, value in headers.items()}
            answer = server.send(sent.method, sent.path, sent.body, encoded)  # type: ignore[arg-type]
            assert answer.status_code in {204, 401}
            if headers[name] != before:
                assert answer.status_code == 401

        check()
