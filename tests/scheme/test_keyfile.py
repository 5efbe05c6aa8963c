import struct
import time

import pytest

from scheme import keyfile
from scheme.errors import Damaged, EncodingInvalid
from scheme.hashing import Tag, tagged_hash

CONTEXT = b"keystore of member 7"
PASSWORD = "corréct horse"
_COSTS = slice(18, 30)


def sealed(password: str | bytes = PASSWORD, payload: bytes = b"secrets") -> bytes:
    return keyfile.seal_keyfile(password, payload, profile=keyfile.TEST, context=CONTEXT)


def opened(data: bytes, password: str | bytes = PASSWORD, context: bytes = CONTEXT) -> bytes:
    return keyfile.open_keyfile(password, data, context, allow_test_profile=True)


def with_costs(memory_kib: int, iterations: int, lanes: int) -> bytes:
    data = bytearray(sealed())
    data[_COSTS] = struct.pack(">III", memory_kib, iterations, lanes)
    return bytes(data[:-32]) + tagged_hash(Tag.KEYFILE, bytes(data[:-32]))


@pytest.mark.parametrize("payload", [b"", b"secrets", bytes(100_000)])
def test_what_is_sealed_opens(payload: bytes) -> None:
    assert opened(sealed(payload=payload)) == payload


def test_the_interactive_profile_is_what_rfc_9106_recommends_second() -> None:
    profile = keyfile.INTERACTIVE
    assert (profile.memory_kib, profile.iterations, profile.lanes) == (64 * 1024, 3, 4)
    data = keyfile.seal_keyfile(PASSWORD, b"secrets", profile=keyfile.INTERACTIVE, context=CONTEXT)
    assert keyfile.open_keyfile(PASSWORD, data, CONTEXT) == b"secrets"


def test_two_files_share_nothing() -> None:
    first, second = sealed(), sealed()
    assert first[30:46] != second[30:46]
    assert first[46:70] != second[46:70]


@pytest.mark.parametrize("password", ["correct horse", "", "corréct horse ", b"corr\xc3\xa9ct hors"])
def test_a_wrong_password_is_said_so(password: str | bytes) -> None:
    expected = keyfile.WrongPassword if password else EncodingInvalid
    with pytest.raises(expected):
        opened(sealed(), password)


def test_another_members_file_does_not_open() -> None:
    with pytest.raises(keyfile.WrongPassword):
        opened(sealed(), context=b"keystore of member 8")


def test_one_password_typed_on_two_systems_is_one() -> None:
    composed, decomposed = "caf\u00e9 \u1112\u1161\u11ab", "cafe\u0301 \ud55c"
    assert opened(sealed(composed), decomposed) == b"secrets"
    assert opened(sealed(composed.encode()), decomposed) == b"secrets"


def test_a_password_that_is_no_text_is_refused() -> None:
    for password in (b"\xff\xfe", "\ud800", b""):
        with pytest.raises(EncodingInvalid):
            sealed(password)


def test_every_flipped_byte_and_every_cut_is_damage_not_a_wrong_password() -> None:
    data = sealed()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(Damaged):
            opened(bytes(changed))
        with pytest.raises(Damaged):
            opened(data[:position])
    with pytest.raises(Damaged):
        opened(data + b"\0")


def test_damage_that_carries_a_fresh_digest_is_still_found() -> None:
    data = sealed()
    changed = data[:-40] + bytes((data[-40] ^ 1,)) + data[-39:-32]
    with pytest.raises(Damaged):
        opened(changed + tagged_hash(Tag.KEYFILE, changed))


def test_the_test_profile_opens_only_when_asked() -> None:
    with pytest.raises(keyfile.KeyfileWeak):
        keyfile.open_keyfile(PASSWORD, sealed(), CONTEXT)


@pytest.mark.parametrize(
    "costs",
    [
        (2**32 - 1, 3, 4),
        (65536, 2**32 - 1, 4),
        (65536, 3, 2**32 - 1),
        (65535, 3, 4),
        (65536, 2, 4),
        (65536, 3, 0),
        (0, 0, 0),
        (1 << 20, 17, 4),
        ((1 << 20) + 1, 3, 4),
    ],
)
def test_costs_out_of_bounds_are_refused_before_they_are_paid(costs: tuple[int, int, int]) -> None:
    data = with_costs(*costs)
    started = time.perf_counter()
    with pytest.raises(keyfile.KeyfileWeak):
        opened(data)
    assert time.perf_counter() - started < 1


def test_a_huge_payload_is_refused() -> None:
    with pytest.raises(EncodingInvalid):
        sealed(payload=bytes(keyfile.MAX_KEYFILE_BYTES))
