"""No credential shows in a URL, a repr, an error or a log, whatever goes wrong."""

import io
import logging
import traceback

import pytest

from cloud.errors import CloudError
from cloud.open import open_store
from tests.cloud.backends import ONCE, OVER_NETWORK, Servers
from tests.cloud.samples import content, locator_of

DATA = content(200_000)


@pytest.mark.parametrize("backend", OVER_NETWORK)
def test_no_credential_shows(
    backend: str, servers: Servers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running, proxy = servers.behind_proxy(backend)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    assert running.secrets
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        store = open_store(running.url, ONCE)
        store.put(locator_of(DATA), io.BytesIO(DATA))
        store.get(locator_of(DATA), io.BytesIO())
        shown += [store.url, repr(store)]
        proxy.cut_down(100_000)
        for fail in (
            lambda: store.get(locator_of(DATA), io.BytesIO()),
            lambda: store.put(locator_of(DATA), io.BytesIO(b"other")),
            lambda: store.size(locator_of(b"absent")),
        ):
            with pytest.raises(CloudError) as caught:
                fail()
            shown += [repr(caught.value), *traceback.format_exception(caught.value)]
        store.close()
    shown.append(caplog.text)
    for secret in running.secrets:
        assert not any(secret in text for text in shown)
    for word in ("key=", "known_hosts=", "ca="):
        assert word not in store.url
