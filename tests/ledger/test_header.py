from dataclasses import replace

import pytest

from ledger.errors import HeaderInvalid
from ledger.header import MAX_HEADER_BYTES, LedgerHeader
from scheme import canonical
from tests.ledger.scene import digest, ident

HEADER = LedgerHeader(
    ledger=digest("ledger"),
    height=7,
    round=1,
    epoch=0,
    time=1_700_000_000,
    proposer=ident("north's delegate"),
    previous=digest("header 6"),
    size=40,
    entries_root=digest("entries"),
    state_root=digest("state"),
    delegates=digest("delegates"),
    next_delegates=digest("delegates"),
)
CHANGES = {
    "ledger": digest("another"),
    "height": 8,
    "round": 2,
    "epoch": 1,
    "time": 1_700_000_001,
    "proposer": ident("another"),
    "previous": digest("another"),
    "size": 41,
    "entries_root": digest("another"),
    "state_root": digest("another"),
    "delegates": digest("another"),
    "next_delegates": digest("another"),
}


def test_bytes_are_read_back() -> None:
    assert LedgerHeader.from_bytes(bytes(HEADER)) == HEADER
    assert LedgerHeader.from_bytes(bytes(HEADER)).digest == HEADER.digest


def test_the_greatest_header_is_under_the_limit() -> None:
    most = 2**53 - 1
    assert len(bytes(replace(HEADER, height=most, round=most, epoch=most, time=most, size=most))) <= MAX_HEADER_BYTES


def test_the_digest_covers_every_field() -> None:
    assert CHANGES.keys() == set(LedgerHeader.__dataclass_fields__)
    digests = {replace(HEADER, **{name: value}).digest for name, value in CHANGES.items()}
    assert len(digests | {HEADER.digest}) == len(CHANGES) + 1


@pytest.mark.parametrize("name", CHANGES)
def test_a_header_without_a_field_or_with_a_wrong_one_is_refused(name: str) -> None:
    value = canonical.loads(bytes(HEADER), what="the header")
    without = {key: each for key, each in value.items() if key != name}
    for wrong in (without, value | {name: None}, value | {name: -1}, value | {name: "0"}, value | {name: True}):
        with pytest.raises(HeaderInvalid):
            LedgerHeader.from_bytes(canonical.dumps(wrong))


def test_bytes_that_are_no_header_are_refused() -> None:
    value = canonical.loads(bytes(HEADER), what="the header")
    table = [
        b"",
        b"[]",
        b"\xff",
        bytes(HEADER) + b" ",
        bytes(HEADER).replace(b'"epoch":0', b'"epoch": 0'),
        canonical.dumps(value | {"more": 1}),
        canonical.dumps(value | {"height": 0}),
        canonical.dumps(value | {"proposer": "f" * MAX_HEADER_BYTES}),
    ]
    for wrong in table:
        with pytest.raises(HeaderInvalid) as error:
            LedgerHeader.from_bytes(wrong)
        assert error.value.code == "header-invalid"
