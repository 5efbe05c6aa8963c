import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.fhir.bundle import parse_bundle
from clinic.fhir.errors import FhirInvalid, NotFhir

PATIENT = b'{"resourceType":"Patient","id":"p"}'


def around(entry: bytes) -> bytes:
    return b'{"resourceType":"Bundle","type":"collection","entry":' + entry + b"}"


def test_keeps_the_exact_bytes_of_each_resource() -> None:
    raw = b'{ "id" : "a\\u0301\\/" ,\n\t"resourceType":"Observation","value":1.10,"big":1e400,"caf\xc3\xa9":[ ] }'
    entry = around(b'[ {"resource" : ' + raw + b' , "fullUrl":"urn:uuid:1"},\r\n{"resource":' + PATIENT + b"} ]")
    first, second = parse_bundle(b"\xef\xbb\xbf \n" + entry + b"\n").entries
    assert (first.raw, first.full_url, first.resource_type) == (raw, "urn:uuid:1", "Observation")
    assert first.resource["value"] == "1.10"
    assert (second.raw, second.full_url, second.resource_id) == (PATIENT, None, "p")


def test_huge_numbers_stay_text() -> None:
    digits = "9" * 20_000
    (entry,) = parse_bundle(around(b'[{"resource":{"resourceType":"Basic","n":' + digits.encode() + b"}}]")).entries
    assert entry.resource["n"] == digits


def test_keys_inside_a_resource_do_not_confuse_the_walk() -> None:
    inner = {
        "resourceType": "Basic",
        "entry": [{"resource": {"resourceType": "Bundle", "entry": "]}"}}],
        "extension": [{"url": '"resource":{', "fullUrl": "no", "resource": {"id": "}"}}],
    }
    raw = json.dumps(inner).encode()
    (entry,) = parse_bundle(around(b'[{"resource":' + raw + b',"fullUrl":"yes"}]')).entries
    assert (entry.raw, entry.full_url, entry.resource) == (raw, "yes", inner)


def test_order_of_the_bundle_s_own_keys_is_free_and_keys_may_be_escaped() -> None:
    data = b'{"entry":[{"re\\u0073ource":' + PATIENT + b'}],"type":"batch","resource\\u0054ype":"Bundle"}'
    bundle = parse_bundle(data)
    assert bundle.type == "batch"
    assert [entry.raw for entry in bundle.entries] == [PATIENT]


@pytest.mark.parametrize(
    "data", [b'{"resourceType":"Bundle"}', around(b"[]"), around(b"[ \n]"), b'{ "resourceType":"Bundle"} ']
)
def test_an_empty_bundle_has_no_entries(data: bytes) -> None:
    assert parse_bundle(data).entries == ()


def test_entries_that_only_carry_a_request_hold_no_record() -> None:
    data = around(b'[{"request":{"method":"DELETE","url":"Patient/1"}},{"resource":' + PATIENT + b"}]")
    assert [entry.raw for entry in parse_bundle(data).entries] == [PATIENT]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"%PDF-1.7 \xff\xfe",
        b"\x89PNG",
        b"[1,2]",
        b'"text"',
        b"{",
        b"{}",
        b'{"a":1}',
        b'{"a":NaN}',
        b'{"a":\xff}',
        b'{"entry":5}',
        b'{"entry":[{"resource":1}]}',
        PATIENT,
        b'{"resourceType":5,"entry":[]}',
        b"{" + b'"a":{' * 100_000,
        '{"resourceType":"Bundle"}'.encode("utf-16"),
    ],
)
def test_what_does_not_claim_to_be_a_bundle_is_an_ordinary_record(data: bytes) -> None:
    with pytest.raises(NotFhir):
        parse_bundle(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (around(b"{}"), "entry is not a list"),
        (around(b"null"), "entry is not a list"),
        (around(b"[5]"), "entry 0 is not an object"),
        (around(b"[{}]"), "entry 0 holds no resource"),
        (around(b'[{"resource":' + PATIENT + b'},{"fullUrl":"x"}]'), "entry 1 holds no resource"),
        (around(b'[{"resource":[]}]'), "entry 0 holds a resource that is not an object"),
        (around(b'[{"resource":{"id":"x"}}]'), "without a resource type"),
        (around(b'[{"resource":{"resourceType":""}}]'), "without a resource type"),
        (around(b'[{"resource":{"resourceType":"A/../b"}}]'), "without a resource type"),
        (around(b'[{"fullUrl":1,"resource":' + PATIENT + b"}]"), "fullUrl that is not text"),
        (around(b'[{"resource":{"resourceType":"Basic","a":1,"a":1}}]'), "repeats a key in entry 0"),
        (around(b'[{"resource":' + PATIENT + b',"resource":' + PATIENT + b"}]"), "repeats a key in entry 0"),
        (b'{"resourceType":"Bundle","type":"a","type":"b"}', "repeats a key in the file"),
        (around(b'[{"resource":{"resourceType":"Basic","a":NaN}}]'), "NaN"),
        (around(b'[{"resource":{"resourceType":"Basic","a":-Infinity}}]'), "Infinity"),
        (around(b'[{"resource":{"resourceType":"Basic","a":"\xff"}}]'), "not UTF-8"),
        (around(b'[{"resource":{"resourceType":"Basic","a":"\n"}}]'), "entry 0 is not JSON"),
        (around(b'[{"resource":{"resourceType":"Basic","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]"), "too deeply"),
        (around(b'[{"resource":' + PATIENT + b"},]"), "entry 1 is not an object"),
        (around(b'[{"resource":' + PATIENT + b",}]"), "is not JSON"),
        (around(b'[{"resource":' + PATIENT), "cut short"),
        (around(b"[]") + b"x", "follows the end"),
    ],
)
def test_a_broken_bundle_is_refused_with_the_place(data: bytes, says: str) -> None:
    with pytest.raises(FhirInvalid, match=says):
        parse_bundle(data)


def test_errors_do_not_show_content() -> None:
    with pytest.raises(FhirInvalid) as caught:
        parse_bundle(around(b'[{"resource":{"resourceType":"Basic","secretword":1,"secretword":2}}]'))
    assert "secretword" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_cut_at_any_byte_is_never_taken_for_a_bundle() -> None:
    data = around(b'[{"fullUrl":"urn:uuid:1","resource":' + PATIENT + b"}]")
    for end in range(len(data)):
        with pytest.raises((FhirInvalid, NotFhir)):
            parse_bundle(data[:end])


KEYS = st.text(string.ascii_letters + '"\\é漢\u0000 ', max_size=8) | st.sampled_from(["entry", "resource", "fullUrl"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
SPACE = st.text(" \t\r\n", max_size=3)


@given(
    contents=st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=6),
    indent=st.none() | st.integers(0, 4),
    ascii_only=st.booleans(),
    url_first=st.booleans(),
    entry_first=st.booleans(),
    space=SPACE,
)
def test_any_layout_comes_back_byte_for_byte(
    *,
    contents: list[dict[str, object]],
    indent: int | None,
    ascii_only: bool,
    url_first: bool,
    entry_first: bool,
    space: str,
) -> None:
    raws = [
        json.dumps({**content, "resourceType": "Basic"}, indent=indent, ensure_ascii=ascii_only).encode(
            errors="replace"
        )
        for content in contents
    ]
    gap = space.encode()
    entries = []
    for at, raw in enumerate(raws):
        parts = [b'"fullUrl"' + gap + b':"urn:%d"' % at, b'"resource":' + gap + raw + gap]
        entries.append(gap + b"{" + gap + b",".join(parts if url_first else parts[::-1]) + gap + b"}" + gap)
    members = [b'"resourceType"' + gap + b':"Bundle"', b'"entry":' + gap + b"[" + b",".join(entries) + b"]"]
    data = gap + b"{" + gap + (gap + b"," + gap).join(members[::-1] if entry_first else members) + gap + b"}" + gap
    bundle = parse_bundle(data)
    assert [entry.raw for entry in bundle.entries] == raws
    assert [entry.full_url for entry in bundle.entries] == [f"urn:{at}" for at in range(len(raws))]


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: b'{"resourceType":"Bundle",' + text.encode()))
def test_any_bytes_give_a_typed_error_or_a_bundle(data: bytes) -> None:
    try:
        parse_bundle(data)
    except (NotFhir, FhirInvalid):
        return
    assert json.loads(data.removeprefix(b"\xef\xbb\xbf"))["resourceType"] == "Bundle"
