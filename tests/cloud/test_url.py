"""URLs and locators: what is refused, and that no refusal repeats a password."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import LocatorInvalid, StoreMisconfigured
from cloud.locator import check_locator, check_prefix
from cloud.open import host_key, open_store, open_stores
from cloud.url import parse_url

SECRET = "hunter2-secret"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("file:///srv/blocks", "file:///srv/blocks"),
        ("file:///srv/my%20blocks", "file:///srv/my%20blocks"),
        ("s3://bucket/a/b?endpoint=http://h:1&region=r", "s3://bucket/a/b?endpoint=http://h:1&region=r"),
        ("ftps://u@h:2121/p?ca=/home/me/ca.pem", "ftps://u@h:2121/p"),
        ("sftp://u@h/p?key=/home/me/key&known_hosts=/home/me/k", "sftp://u@h/p"),
        ("sftp://u@h/~/p", "sftp://u@h/~/p"),
    ],
)
def test_the_public_form(url: str, public: str) -> None:
    parsed = parse_url(url)
    assert parsed.public == public
    assert parse_url(public).public == public


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://user:{SECRET}@host/p",
        f"sftp://user:{SECRET}@host:22/p",
        f"s3://KEY:{SECRET}@bucket/p",
        f"s3://{SECRET}@bucket/p",
        f"s3://bucket/p?endpoint=http://user:{SECRET}@host",
        f"s3://bucket/p?secret_key={SECRET}",
        f"s3://bucket/p?endpoint=http://host?sig={SECRET}",
        f"sftp://host/p?password={SECRET}",
        f"ftp://host/p?{SECRET}",
        f"ftp://host:{SECRET}/p",
        f"ftp://host/p#{SECRET}",
        f"gopher://user:{SECRET}@host",
        SECRET,
    ],
)
def test_a_credential_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    for opening in (open_store, parse_url, lambda one: open_stores([one, "file:///tmp/x"])):
        with pytest.raises(StoreMisconfigured) as caught:
            opening(url)
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/blocks",
        "file://srv/blocks",
        "file:relative",
        "file:///srv/../etc",
        "file:///srv/%2e%2e/etc",
        "file:///a%00b",
        "file:///a?option=1",
        "s3://",
        "s3:///prefix",
        "s3://b/p?region=a&region=b",
        "s3://b/p?endpoint=ftp://host",
        "s3://b/p?endpoint=http://h&retention_days=0",
        "s3://b/p?endpoint=http://h&retention_days=x",
        "s3://b/p?endpoint=http://h&retention_days=1&retention_mode=MAYBE",
        "ftp:///path",
        "sftp://host:99999/p",
        "simulated:store",
    ],
)
def test_a_url_that_cannot_work(url: str) -> None:
    with pytest.raises(StoreMisconfigured):
        open_store(url)


@given(st.text(max_size=60))
def test_any_text_gives_a_url_or_our_error(text: str) -> None:
    for start in ("", "s3://", "ftp://", "sftp://a@b:1/", "file:///"):
        with contextlib.suppress(StoreMisconfigured):
            assert parse_url(start + text).scheme in {"file", "s3", "ftp", "ftps", "sftp"}


@given(st.text(max_size=70))
def test_a_locator_is_64_hexadecimal_characters(text: str) -> None:
    good = len(text) == 64 and set(text) <= set("0123456789abcdef")
    if good:
        assert check_locator(text) == text
    else:
        with pytest.raises(LocatorInvalid):
            check_locator(text)
    with pytest.raises(LocatorInvalid):
        check_prefix(text + "/")


def test_no_store_and_no_host_key() -> None:
    with pytest.raises(StoreMisconfigured):
        open_stores([])
    with pytest.raises(StoreMisconfigured):
        host_key("ftp://host/p")
