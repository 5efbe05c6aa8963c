"""The ledger: followed by anybody, block by block; added to by its members' signed transactions."""

import json
import secrets

import pytest

from clinic.delegate_keys import DelegateKeys
from clinic.directory import Directory
from ledger.bodies import Request
from ledger.engines.replica import Replica
from ledger.errors import LedgerClosed, LedgerUnavailable
from ledger.export import read_blocks
from ledger.genesis import Genesis
from ledger.transactions import sign
from network import wire
from tests.network.server.serving import Served, problem


def asking(served: Served, **options: object) -> bytes:
    body = Request(secrets.token_hex(16), served.patient.member_id, served.reader.member_id, "ab" * 32)
    values = {"ledger": served.home.config.genesis, "time": served.clock(), "key": served.reader.signing} | options
    return bytes(sign(body, signer_id=served.reader.member_id, **values))  # type: ignore[arg-type]


class Source:
    """A ledger as it comes over the wire."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.genesis = Genesis.from_bytes(served.public("GET", wire.GENESIS).content)

    def blocks(self, start: int = 1):  # type: ignore[no-untyped-def]
        assert start == 1
        lines = self._served.public("GET", f"{wire.LEDGER_BLOCKS}?from=1").content.splitlines(keepends=True)
        return read_blocks(lines, height=1, position=0, previous=self.genesis.digest)


def test_whoever_follows_verifies_all_of_it(served: Served, tmp_path) -> None:  # type: ignore[no-untyped-def]
    source = Source(served)
    replica = Replica.create(tmp_path / "copy.sqlite", source.genesis, clock=served.clock)
    assert replica.follow(source) == served.services.site.engine.view().height
    assert replica.view().block == served.services.site.engine.view().block
    replica.close()


def test_blocks_from_a_height_on_are_those_alone(served: Served) -> None:
    height = served.services.site.engine.view().height
    everything = served.public("GET", wire.LEDGER_BLOCKS).content.splitlines()
    assert len(everything) == height
    assert served.public("GET", f"{wire.LEDGER_BLOCKS}?from={height}").content.splitlines() == everything[-1:]
    assert served.public("GET", f"{wire.LEDGER_BLOCKS}?from={height + 1}").content == b""
    for wrong in ("0", "-1", "x", "1e3", str(2**53)):
        assert problem(served.public("GET", f"{wire.LEDGER_BLOCKS}?from={wrong}")) == (422, "message-invalid")


def test_the_server_says_whom_to_trust(served: Served) -> None:
    assert served.public("GET", wire.TRUST).json() == {
        "genesis": served.home.config.genesis,
        "hospital": served.riverside.member_id,
        "ca": "the authority's PEM",
        "threshold": 2,
    }


def test_a_transaction_has_one_receipt_however_often_it_is_handed_in(served: Served) -> None:
    data = asking(served)
    receipt = wire.receipt_from_json(served.call("POST", wire.TRANSACTIONS, data, by=served.reader).json())
    again = served.call("POST", wire.TRANSACTIONS, data, by=served.reader).json()
    assert wire.receipt_from_json(again) == receipt
    assert next(served.services.site.engine.entries(receipt.position)).digest == receipt.entry_digest


def test_what_the_rules_refuse_has_the_ledgers_own_code(served: Served) -> None:
    skewed = asking(served, time=served.clock() - 10_000)
    assert problem(served.call("POST", wire.TRANSACTIONS, skewed, by=served.reader)) == (409, "time-skewed")
    other = asking(served, ledger="ab" * 32)
    assert problem(served.call("POST", wire.TRANSACTIONS, other, by=served.reader)) == (422, "other-ledger")
    forged = asking(served, key=served.other.signing)
    answer = served.call("POST", wire.TRANSACTIONS, forged, by=served.other)
    assert problem(answer) == (422, "transaction-signature-invalid")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"type":"request"}', b"[" * 100_000, b"1e999"])
def test_what_is_no_transaction_is_refused(served: Served, data: bytes) -> None:
    assert problem(served.call("POST", wire.TRANSACTIONS, data))[0] == 422


def test_a_transaction_that_is_too_large_is_refused(served: Served) -> None:
    answer = served.call("POST", wire.TRANSACTIONS, bytes(wire.MAX_TRANSACTION + 1))
    assert problem(answer) == (413, "too-large")


def test_health_follows_the_ledger(served: Served) -> None:
    assert served.public("GET", wire.HEALTH).json() == {"status": "ok"}
    served.services.site.engine.close()
    assert problem(served.public("GET", wire.HEALTH)) == (503, "ledger-closed")


# The engine that lasts


def test_after_its_database_was_out_of_reach_the_engine_is_opened_again(served: Served) -> None:
    lasting = served.services.site.engine
    lost = lasting._engine  # type: ignore[attr-defined]
    lost.close()  # as good as a lost connection: the next question meets an error
    assert served.call("POST", wire.TRANSACTIONS, asking(served), by=served.reader).status_code == 200
    assert lasting._engine is not lost  # type: ignore[attr-defined]
    assert served.public("GET", wire.HEALTH).status_code == 200


def test_an_engine_that_cannot_be_opened_is_unavailable_and_comes_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting = served.services.site.engine

    def out_of_reach() -> None:
        raise LedgerUnavailable("the ledger's database cannot be reached")

    with monkeypatch.context() as patched:
        patched.setattr(served.home, "engine", out_of_reach)
        lasting._engine.close()  # type: ignore[attr-defined]
        answer = served.call("POST", wire.TRANSACTIONS, asking(served), by=served.reader)
        assert problem(answer) == (503, "ledger-unavailable")
        assert answer.headers["Retry-After"] == "2"
    assert served.call("POST", wire.TRANSACTIONS, asking(served), by=served.reader).status_code == 200


def test_a_closed_engine_stays_closed(served: Served) -> None:
    served.services.site.engine.close()
    with pytest.raises(LedgerClosed):
        served.services.site.engine.view()


def test_delegates_whose_keys_change_are_seated_again(served: Served) -> None:
    folder = served.home.folder / "delegates"
    away = served.home.folder / "away"
    folder.rename(away)
    answer = served.call("POST", wire.TRANSACTIONS, asking(served), by=served.reader)
    assert problem(answer) == (503, "quorum-missing")
    for delegate in DelegateKeys(away).delegates():
        DelegateKeys(folder).keep(delegate.delegate, delegate._key)
    assert served.call("POST", wire.TRANSACTIONS, asking(served), by=served.reader).status_code == 200


def test_the_openapi_document_says_what_may_be_answered(served: Served) -> None:
    document = json.loads(served.public("GET", wire.OPENAPI).content)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            if method in {"put", "post"}:
                assert operation["requestBody"]["required"], path
            if "security" in operation:
                assert {"401", "403", "429", "500", "503"} <= set(operation["responses"]), path
            assert "HTTPValidationError" not in json.dumps(operation), path


def test_who_asks_for_trust_has_nobodys_name_read(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address book grows with the hospital, and anybody may ask."""
    expected = served.public("GET", wire.TRUST).json()
    assert expected["hospital"] == served.riverside.member_id
    monkeypatch.setattr(Directory, "people", lambda _directory: pytest.fail("it was read again"))
    assert served.public("GET", wire.TRUST).json() == expected
