import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.fhir.assemble import assemble
from clinic.fhir.bundle import parse_bundle
from clinic.fhir.errors import FhirInvalid


def assembled(*records: tuple[str | None, bytes]) -> tuple[int, bytes]:
    sink = io.BytesIO()
    return assemble(iter(records), sink), sink.getvalue()


def test_exact_bytes_and_full_urls() -> None:
    raw = b'{ "resourceType" : "Basic", "value":1.10, "t":"\\u00e9\xc3\xa9" }'
    count, data = assembled(('urn:uuid:\u00e9"\ud800', raw), (None, b'{"resourceType":"Patient"}'))
    assert count == 2
    assert raw in data
    assert json.loads(data)["type"] == "collection"
    first, second = parse_bundle(data).entries
    assert (first.full_url, first.raw) == ('urn:uuid:\u00e9"\ud800', raw)
    assert (second.full_url, second.raw) == (None, b'{"resourceType":"Patient"}')


def test_the_same_record_is_written_once_and_another_version_is_kept() -> None:
    one, other = b'{"resourceType":"Basic"}', b'{"resourceType":"Basic" }'
    count, data = assembled(("a", one), ("a", one), ("a", other), ("b", one), (None, one), (None, one))
    assert count == 4
    assert [(entry.full_url, entry.raw) for entry in parse_bundle(data).entries] == [
        ("a", one),
        ("a", other),
        ("b", one),
        (None, one),
    ]


def test_nothing_is_an_empty_bundle() -> None:
    count, data = assembled()
    assert count == 0
    assert json.loads(data) == {"resourceType": "Bundle", "type": "collection"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"5",
        b"null",
        b"\xff",
        b'{"resourceType":"Basic"},{"fullUrl":"urn:uuid:other"}',
        b'{"resourceType":"Basic"}},{"fullUrl":"urn:uuid:other","resource":{"resourceType":"Basic"}',
        b'{"resourceType":"Basic"',
        b'{"resourceType":"Basic","a":NaN}',
        b'\xef\xbb\xbf{"resourceType":"Basic"}',
        b'{"resourceType":"Basic","a":1,"a":2}',
    ],
)
def test_bytes_that_are_not_one_resource_are_refused(raw: bytes) -> None:
    with pytest.raises(FhirInvalid, match="record 1"):
        assembled(("a", b'{"resourceType":"Basic"}'), ("b", raw))


@given(
    st.lists(
        st.tuples(
            st.none() | st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3)
        )
    )
)
def test_any_records_come_back(made: list[tuple[str | None, dict[str, str]]]) -> None:
    records = [(url, json.dumps({**content, "resourceType": "Basic"}).encode()) for url, content in made]
    count, data = assembled(*records)
    back = [(entry.full_url, entry.raw) for entry in parse_bundle(data).entries]
    assert back == list(dict.fromkeys(records))
    assert count == len(back)
