import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme import recovery
from scheme.errors import EncodingInvalid, NotForThisKey
from scheme.hashing import Tag, tagged_hash
from scheme.recovery import Share


@given(data=st.data(), shares=st.integers(1, 8))
def test_any_threshold_of_shares_gives_the_key_back(data: st.DataObject, shares: int) -> None:
    threshold = data.draw(st.integers(1, shares))
    key, parts = recovery.split(threshold, shares)
    chosen = data.draw(st.permutations(parts))[:threshold]
    assert len(key) == recovery.RECOVERY_KEY_SIZE
    assert recovery.combine(chosen) == key
    assert recovery.combine(parts, digests={part.digest for part in parts}) == key


def test_every_pair_of_three() -> None:
    key, parts = recovery.split(2, 3)
    for pair in itertools.permutations(parts, 2):
        assert recovery.combine(pair) == key


def test_too_few_shares() -> None:
    _, parts = recovery.split(3, 5)
    for count in range(3):
        with pytest.raises(recovery.SharesTooFew):
            recovery.combine(parts[:count])


def test_a_share_twice() -> None:
    _, parts = recovery.split(2, 3)
    with pytest.raises(recovery.ShareDuplicate):
        recovery.combine([parts[0], parts[0]])


def test_shares_of_two_splits() -> None:
    _, first = recovery.split(2, 3)
    _, second = recovery.split(2, 3)
    with pytest.raises(recovery.SharesMixed):
        recovery.combine([first[0], second[1]])


def test_a_forged_share_never_gives_a_wrong_key() -> None:
    _, parts = recovery.split(2, 3)
    forged = replace(parts[1], value=bytes(16))
    with pytest.raises(recovery.ShareInvalid, match="forged"):
        recovery.combine([parts[0], forged])
    with pytest.raises(recovery.ShareInvalid, match="share 2"):
        recovery.combine([parts[0], forged], digests={part.digest for part in parts})


def test_a_share_that_claims_a_lower_threshold_is_refused() -> None:
    _, parts = recovery.split(3, 3)
    with pytest.raises(recovery.ShareInvalid):
        recovery.combine([replace(part, threshold=2) for part in parts[:2]])


def test_a_share_survives_paper() -> None:
    _, (share, *_) = recovery.split(2, 3)
    text = share.to_secret_text()
    assert len(text.replace("-", "")) == 71
    assert Share.from_secret_text(text) == share
    assert Share.from_secret_text("  " + text.lower().replace("-", " \n")) == share
    assert Share.from_secret_bytes(share.to_secret_bytes()) == share
    assert len(share.to_secret_bytes()) == recovery.SHARE_SIZE


def test_every_slip_of_the_pen_is_found() -> None:
    _, (share, *_) = recovery.split(2, 3)
    text = share.to_secret_text().replace("-", "")
    for position in range(len(text) - 1):
        other = "A" if text[position] != "A" else "B"
        with pytest.raises(recovery.ShareInvalid):
            Share.from_secret_text(text[:position] + other + text[position + 1 :])
        with pytest.raises(recovery.ShareInvalid):
            Share.from_secret_text(text[:position])


@pytest.mark.parametrize("text", ["", "hello", "0189", "é" * 71, "A" * 71])
def test_text_that_is_no_share(text: str) -> None:
    with pytest.raises(recovery.ShareInvalid):
        Share.from_secret_text(text)


@pytest.mark.parametrize("fields", [{"index": 0}, {"index": 4}, {"threshold": 0}, {"threshold": 4}])
def test_a_share_out_of_range(fields: dict[str, int]) -> None:
    _, (share, *_) = recovery.split(2, 3)
    with pytest.raises(recovery.ShareInvalid):
        Share.from_secret_bytes(replace(share, **fields).to_secret_bytes())  # type: ignore[arg-type]


def test_a_share_of_another_version() -> None:
    _, (share, *_) = recovery.split(2, 3)
    body = b"\x02" + share.to_secret_bytes()[1:-8]
    with pytest.raises(recovery.ShareInvalid, match="version"):
        Share.from_secret_bytes(body + tagged_hash(Tag.RECOVERY_SHARE, b"check", body)[:8])


@pytest.mark.parametrize(("threshold", "shares"), [(0, 3), (4, 3), (-1, 3), (2, 256)])
def test_an_impossible_split(threshold: int, shares: int) -> None:
    with pytest.raises(EncodingInvalid):
        recovery.split(threshold, shares)


def test_a_share_shows_nothing_secret() -> None:
    _, (share, *_) = recovery.split(2, 3)
    assert share.value.hex() not in repr(share)
    assert "value" not in repr(share)


def test_a_bundle_opens_with_its_key_and_context_only() -> None:
    key, _ = recovery.split(2, 3)
    bundle = recovery.seal_bundle(key, b"master, RSA and signing secrets", b"member 7")
    assert recovery.open_bundle(key, bundle, b"member 7") == b"master, RSA and signing secrets"
    with pytest.raises(NotForThisKey):
        recovery.open_bundle(bytes(16), bundle, b"member 7")
    with pytest.raises(NotForThisKey):
        recovery.open_bundle(key, bundle, b"member 8")
    for size in (0, 15, 32):
        with pytest.raises(EncodingInvalid):
            recovery.seal_bundle(bytes(size), b"", b"")
