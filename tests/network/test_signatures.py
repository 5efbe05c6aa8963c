"""Signed requests: what a signature covers, when it counts, and that it is no signature for anything else."""

import base64
import hashlib
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from clinic.errors import HomeInvalid
from ledger.refusals import SignerUnknown
from network.errors import Busy, ClockApart, NetworkError, NonceReused, RequestUnsigned, SignatureRefused
from network.server.process import RESERVED_S, Started
from network.signatures import AHEAD_S, RequestVerifier, sign_request
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SigningKey, VerifyingKey

URL = "https://clinic.example:8443/v1/blocks/ab?from=3"
MEMBER, OTHER = "11" * 16, "22" * 16
KEYS = {MEMBER: SigningKey.generate(), OTHER: SigningKey.generate()}
BODY = hashlib.sha256(b"ciphertext").digest()
NOW, STARTED = 1_000_000, 999_000
_nonces = itertools.count(1)


def key_of(member_id: str) -> VerifyingKey:
    if member_id not in KEYS:
        raise SignerUnknown("not enrolled")
    return KEYS[member_id].verifying_key


def fresh_nonce() -> bytes:
    return next(_nonces).to_bytes(16, "big")


def signed(
    method: str = "PUT",
    url: str = URL,
    headers: dict[str, str] | None = None,
    *,
    body: bytes | None = BODY,
    now: int = NOW,
    nonce: bytes | None = None,
    member: str = MEMBER,
) -> dict[str, str]:
    headers = headers or {}
    nonce = nonce or fresh_nonce()
    return headers | sign_request(method, url, headers, body, KEYS[member], member, now=now, nonce=nonce)


def verifier(now: Callable[[], int] = lambda: NOW, **options: object) -> RequestVerifier:
    return RequestVerifier(key_of, now, **({"started": STARTED} | options))  # type: ignore[arg-type]


def test_a_request_is_its_signers_and_names_the_digest_of_its_body() -> None:
    verified = verifier().verify("PUT", URL, signed().items())
    assert (verified.member_id, verified.body_digest) == (MEMBER, BODY)
    assert verifier().verify("GET", URL, signed("GET", body=None).items()).body_digest is None


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", URL),
        ("PUT", URL.replace("/ab", "/ac")),
        ("PUT", URL.replace("from=3", "from=4")),
        ("PUT", URL.partition("?")[0]),
        ("PUT", URL.replace("clinic", "other")),
        ("PUT", URL.replace("8443", "8444")),
    ],
)
def test_a_signature_is_for_one_method_path_query_and_server(method: str, url: str) -> None:
    with pytest.raises(SignatureRefused):
        verifier().verify(method, url, signed().items())


def test_a_signature_is_for_one_body_and_one_range() -> None:
    headers = signed(headers={"Range": "bytes=0-9"})
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    for change in ({"content-digest": f"sha-256=:{other}:"}, {"Range": "bytes=0-99"}):
        with pytest.raises(SignatureRefused):
            verifier().verify("PUT", URL, (headers | change).items())
    for left_out in ("content-digest", "Range"):
        with pytest.raises(SignatureRefused):
            verifier().verify("PUT", URL, [item for item in headers.items() if item[0] != left_out])


def test_what_the_signature_does_not_cover_cannot_be_added() -> None:
    for added in ({"Range": "bytes=0-9"}, {"Content-Digest": signed()["content-digest"]}):
        headers = signed(body=None) | added
        with pytest.raises(SignatureRefused, match="covers"):
            verifier().verify("PUT", URL, headers.items())


def test_a_second_line_of_a_field_is_refused() -> None:
    for name in ("content-digest", "Signature", "Signature-Input"):
        headers = signed()
        with pytest.raises(SignatureRefused):
            verifier().verify("PUT", URL, [*headers.items(), (name, headers[name])])


def test_nobody_signs_for_another() -> None:
    headers = signed()
    headers["Signature-Input"] = headers["Signature-Input"].replace(MEMBER, OTHER)
    with pytest.raises(SignatureRefused):
        verifier().verify("PUT", URL, headers.items())


def test_a_member_who_is_unknown_is_told_so() -> None:
    headers = signed()
    headers["Signature-Input"] = headers["Signature-Input"].replace(MEMBER, "33" * 16)
    with pytest.raises(SignerUnknown):
        verifier().verify("PUT", URL, headers.items())


def test_without_a_signature_it_is_missing_not_wrong() -> None:
    with pytest.raises(RequestUnsigned):
        verifier().verify("GET", URL, [])


def test_a_request_counts_once() -> None:
    checking = verifier()
    headers = signed()
    checking.verify("PUT", URL, headers.items())
    with pytest.raises(NonceReused):
        checking.verify("PUT", URL, headers.items())
    nonce = fresh_nonce()
    checking.verify("PUT", URL, signed(nonce=nonce).items())
    checking.verify("PUT", URL, signed(nonce=nonce, member=OTHER).items())  # a nonce is its member's


def test_a_stranger_burns_no_nonce() -> None:
    checking, headers = verifier(), signed()
    with pytest.raises(SignatureRefused):
        checking.verify("POST", URL, headers.items())
    checking.verify("PUT", URL, headers.items())


@pytest.mark.parametrize("created", [NOW - 61, NOW + 6])
def test_a_request_of_another_time_is_refused(created: int) -> None:
    with pytest.raises(ClockApart, match="60 s behind or 5 s ahead"):
        verifier().verify("PUT", URL, signed(now=created).items())


@pytest.mark.parametrize("created", [NOW - 60, NOW + 5])
def test_a_clock_may_be_a_minute_behind_and_seconds_ahead(created: int) -> None:
    assert verifier().verify("PUT", URL, signed(now=created).items()).member_id == MEMBER


@pytest.mark.parametrize("newest", [NOW, NOW + AHEAD_S])
@pytest.mark.parametrize("now", [NOW + 1, NOW, NOW - 4])
def test_a_restart_forgets_no_nonce(tmp_path: Path, newest: int, now: int) -> None:
    """Whatever the clock says after it, and although nothing was done at the end of the first run."""
    headers = [signed(now=NOW - 5), signed(now=newest)]
    started = Started(tmp_path / "newest", lambda: NOW - 100)
    before = verifier(started=started.moment, remember=started.remember)
    for each in headers:
        before.verify("PUT", URL, each.items())
    after = verifier(lambda: now, started=Started(tmp_path / "newest", lambda: now).moment)
    for each in headers:
        with pytest.raises(ClockApart):
            after.verify("PUT", URL, each.items())


def test_what_is_kept_for_a_restart_is_written_once_in_seconds_and_keeps_others_waiting_for_seconds(
    tmp_path: Path,
) -> None:
    path = tmp_path / "newest"
    started = Started(path, lambda: NOW)
    for created in (NOW + 1, NOW + 2, NOW + 1 + RESERVED_S):
        started.remember(created)
        assert int(path.read_text()) == NOW + 1 + RESERVED_S
    started.remember(NOW + 2 + RESERVED_S)
    assert int(path.read_text()) == NOW + 2 + 2 * RESERVED_S
    assert AHEAD_S + RESERVED_S < 10
    path.write_text("")
    with pytest.raises(HomeInvalid, match="newest"):
        Started(path, lambda: NOW)


def test_a_server_waits_until_its_clock_is_past_what_it_accepted_and_says_so_when_that_is_far(tmp_path: Path) -> None:
    now = NOW
    Started(tmp_path / "newest", lambda: NOW).remember(NOW + AHEAD_S)
    started = Started(tmp_path / "newest", lambda: now)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += 1
        slept.append(seconds)

    started.wait_until_past(sleep)
    assert now == started.moment + 1 == NOW + AHEAD_S + RESERVED_S + 1
    assert 0 < sum(slept) < 10
    back = Started(tmp_path / "newest", lambda: NOW - 3600)
    with pytest.raises(ClockApart, match="3607 s behind"):
        back.wait_until_past(sleep)


def test_a_clock_that_steps_forward_and_back_brings_no_request_back() -> None:
    now = NOW
    checking = verifier(lambda: now)
    old = signed(now=NOW)
    checking.verify("PUT", URL, old.items())
    now = NOW + 3600
    checking.verify("PUT", URL, signed(now=now).items())  # with it the first nonce is forgotten
    now = NOW + 1
    with pytest.raises(ClockApart, match="not newer"):
        checking.verify("PUT", URL, old.items())
    checking.verify("PUT", URL, signed(now=NOW + 1).items())


def test_nonces_are_bounded_and_forgotten_when_they_cannot_come_again() -> None:
    now = NOW
    checking = verifier(lambda: now, max_nonces=3)
    for _ in range(3):
        checking.verify("PUT", URL, signed(now=NOW).items())
    with pytest.raises(Busy):
        checking.verify("PUT", URL, signed(now=NOW).items())
    now = NOW + 121
    checking.verify("PUT", URL, signed(now=now).items())


def test_the_signature_is_ed25519_over_the_base_that_the_rfc_describes() -> None:
    headers = signed(nonce=b"n" * 16)
    parameters = headers["Signature-Input"].removeprefix("chartseal=")
    base = "\n".join(
        [
            '"@method": PUT',
            '"@authority": clinic.example:8443',
            '"@path": /v1/blocks/ab',
            '"@query": ?from=3',
            f'"content-digest": sha-256=:{base64.b64encode(BODY).decode()}:',
            f'"@signature-params": {parameters}',
        ]
    )
    signature = base64.b64decode(headers["Signature"].removeprefix("chartseal=:").removesuffix(":"))
    key = Ed25519PublicKey.from_public_bytes(bytes(KEYS[MEMBER].verifying_key))
    key.verify(signature, base.encode())
    assert parameters.startswith('("@method" "@authority" "@path" "@query" "content-digest");created=1000000;')
    assert 'tag="chartseal"' in parameters


def test_a_signed_request_is_no_signature_for_any_other_purpose() -> None:
    headers = signed()
    base = '"@method": PUT\n'  # how every base begins; the key's other messages all begin otherwise
    signature = base64.b64decode(headers["Signature"].removeprefix("chartseal=:").removesuffix(":"))
    for tag in Tag:
        with pytest.raises(SignatureInvalid):
            KEYS[MEMBER].verifying_key.verify(tag, base.encode(), signature)
        tagged = base64.b64encode(KEYS[MEMBER].sign(tag, base.encode())).decode()
        with pytest.raises(SignatureRefused):
            verifier().verify("PUT", URL, (headers | {"Signature": f"chartseal=:{tagged}:"}).items())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('tag="chartseal"', 'tag="other"'),
        lambda text: text.replace(';alg="ed25519"', ""),
        lambda text: text.replace('alg="ed25519"', 'alg="hmac-sha256"'),
        lambda text: text.replace("created=", "expires=9999999999;created="),
        lambda text: text.replace('"@query" ', ""),
        lambda text: text.replace('"@method"', '"@method";req'),
        lambda text: text.replace('"@path"', '"@path" "@path"'),
        lambda text: text.replace(f'keyid="{MEMBER}"', "keyid=7"),
        lambda text: text.replace('nonce="', 'nonce="00'),
        lambda text: text.replace("created=1000000", "created=1000000.5"),
        lambda text: text.replace("created=1000000", "created=999999999999999"),
        lambda text: text + ", more=" + text.removeprefix("chartseal="),
        lambda text: "x" * 10_000,
        lambda text: "",
    ],
)
def test_every_other_form_of_the_parameters_is_refused(change: Callable[[str], str]) -> None:
    headers = signed()
    headers["Signature-Input"] = change(headers["Signature-Input"])
    with pytest.raises((SignatureRefused, ClockApart)):
        verifier().verify("PUT", URL, headers.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: {"Signature-Input": headers["Signature-Input"].replace('"@query" ', "")},
        lambda headers: {"Signature-Input": re.sub('nonce="[^"]*"', f'nonce="{"g" * 32}"', headers["Signature-Input"])},
        lambda headers: {"Signature-Input": re.sub('nonce="[^"]*"', f'nonce="{"A" * 32}"', headers["Signature-Input"])},
        lambda headers: {"Signature-Input": headers["Signature-Input"].replace('nonce="', 'nonce="00')},
        lambda headers: {"content-digest": headers["content-digest"].replace("sha-256", "sha-512")},
        lambda headers: {"Range": "bytes=0-9"},
    ],
)
def test_the_form_is_checked_before_anybodys_key_is_looked_up(
    change: Callable[[dict[str, str]], dict[str, str]],
) -> None:
    asked: list[str] = []

    def looked_up(member_id: str) -> VerifyingKey:
        asked.append(member_id)
        return key_of(member_id)

    checking, headers = RequestVerifier(looked_up, lambda: NOW, started=STARTED), signed()
    with pytest.raises(SignatureRefused, match=r"covers|nonce|Content-Digest"):
        checking.verify("PUT", URL, (headers | change(headers)).items())
    assert asked == []
    checking.verify("PUT", URL, headers.items())
    assert asked == [MEMBER]


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=80))
def test_whatever_the_fields_hold_the_answer_is_a_refusal(given_input: str, signature: str, digest: str) -> None:
    headers = {"signature-input": given_input, "signature": signature, "content-digest": digest}
    with pytest.raises(NetworkError):
        verifier().verify("GET", URL, headers.items())
