"""Who is answered: active members with a sound signature, each for what is her own."""

import re
import secrets
from pathlib import Path

import pytest

from clinic.membership import reinstate, remove, suspend
from network import wire
from network.server.base import document
from network.server.limits import Limits
from tests.clinic.scene import Template
from tests.network.server.serving import URL, Served, problem, serving

PUBLIC = {wire.HEALTH, wire.METRICS, wire.OPENAPI, wire.TRUST, wire.GENESIS, wire.LEDGER_BLOCKS, wire.JOIN}
PUBLIC |= {path for name, path in vars(wire).items() if name.startswith(("MATCH_", "RELAY_"))}
"""Index and relay are asked under a pseudonym, or by a mailbox's secret."""
READ_BY_ALL = {("get", wire.CARD), ("put", wire.LETTER)}
"""A card is fetched, and a letter delivered, by others than the one whose id stands in the path."""


def operations(served: Served) -> list[tuple[str, str]]:
    return [(method, path) for path, methods in document(served.app)["paths"].items() for method in methods]


def filled(path: str, member_id: str) -> str:
    values = dict.fromkeys(("member", "reader", "patient"), member_id)
    values |= {"locator": "ab" * 32, "letter": "cd" * 16, "version": "1", "commitment": "ef" * 32}
    return path.format(**values)


def test_every_path_but_the_public_ones_needs_a_signature(served: Served) -> None:
    signed = 0
    for method, path in operations(served):
        answer = served.public(method.upper(), filled(path, served.patient.member_id), {"some": "body"})
        if path in PUBLIC:
            assert answer.status_code != 401, path
        elif method == "head":
            assert (answer.status_code, answer.headers["Chartseal-Error"]) == (401, "signature-missing")
        else:
            assert problem(answer) == (401, "signature-missing"), path
            assert "WWW-Authenticate" in answer.headers
        signed += path not in PUBLIC
    assert signed >= 15


def test_nobody_acts_for_another_in_any_path(served: Served) -> None:
    tried = 0
    for method, path in operations(served):
        names = set(re.findall(r"{(\w+)}", path)) & {"member", "reader", "patient"}
        if not names or (method, path) in READ_BY_ALL:
            continue
        body = None if method == "get" else b"somebody else's"
        answer = served.call(method.upper(), filled(path, served.other.member_id), body, by=served.patient)
        assert problem(answer) == (403, "not-yours"), path
        tried += 1
    assert tried == 4


def test_nobody_anchors_as_another_author(served: Served) -> None:
    body = {
        "patient": served.patient.member_id, "hospital": served.riverside.member_id,
        "author": served.author.member_id, "chain": "ab" * 16, "previous_head": None, "first_index": 0,
        "blocks": [{"locator": "ab" * 32, "scope": "ab" * 16, "chapter": "ab" * 16, "size": 1}],
    }  # fmt: skip
    assert problem(served.call("POST", wire.ANCHORS, body, by=served.reader)) == (403, "not-yours")


def test_a_request_is_answered_once(served: Served) -> None:
    signature = served.signature("GET", wire.ENDPOINTS)
    assert served.call("GET", wire.ENDPOINTS, signed=signature).status_code == 200
    assert problem(served.call("GET", wire.ENDPOINTS, signed=signature)) == (401, "nonce-reused")


def test_a_request_signed_for_another_server_is_refused(served: Served) -> None:
    signature = served.signature("GET", wire.ENDPOINTS, url="https://other.test")
    assert problem(served.call("GET", wire.ENDPOINTS, signed=signature)) == (401, "signature-refused")
    relayed = served.call("GET", wire.ENDPOINTS, signed=signature, headers={"Host": "other.test"})
    assert problem(relayed)[1] in {"signature-refused", "signature-missing"}
    own = served.signature("GET", wire.ENDPOINTS) | {"Host": "other.test"}
    assert problem(served.send("GET", wire.ENDPOINTS, None, own)) == (401, "signature-refused")


def test_a_body_other_than_the_signed_one_changes_nothing(served: Served) -> None:
    path = wire.LETTER.format(reader=served.patient.member_id, letter="ab" * 16)
    signature = served.signature("PUT", path, b"signed")
    assert problem(served.call("PUT", path, b"other", signed=signature)) == (401, "signature-refused")
    assert problem(served.call("PUT", path, b"body", signed=served.signature("PUT", path))) == (
        401,
        "signature-missing",
    )
    assert served.services.site.mailbox.list(served.patient.member_id, "") == []


def test_a_suspended_or_removed_member_is_told_so(served: Served) -> None:
    site, authority = served.services.site, served.members["authority"]
    suspend(site, authority, served.patient.member_id, reason="lost her laptop")
    assert problem(served.call("GET", wire.ENDPOINTS)) == (403, "signer-suspended")
    reinstate(site, authority, served.patient.member_id)
    assert served.call("GET", wire.ENDPOINTS).status_code == 200
    remove(site, authority, served.patient.member_id)
    assert problem(served.call("GET", wire.ENDPOINTS)) == (403, "signer-removed")


def test_a_member_whose_certificate_has_ended_is_told_so(served: Served) -> None:
    served.clock.advance(731 * 86_400)
    assert problem(served.call("GET", wire.ENDPOINTS)) == (403, "certificate-expired")


def test_the_authority_signs_with_the_key_of_the_genesis(served: Served) -> None:
    authority = served.members["authority"]
    assert served.call("GET", wire.LETTERS.format(reader=authority.member_id), by=authority).status_code == 200


def test_too_many_requests_of_one_member_hold_up_no_other(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(member_per_s=0.01, member_burst=3)) as served:
        for _ in range(3):
            assert served.call("GET", wire.ENDPOINTS).status_code == 200
        limited = served.call("GET", wire.ENDPOINTS)
        assert problem(limited) == (429, "too-many-requests")
        assert 1 <= int(limited.headers["Retry-After"]) <= 100
        assert served.call("GET", wire.ENDPOINTS, by=served.author).status_code == 200


def test_an_address_that_sends_unsound_signatures_is_held_up(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(refused_per_s=0.01, refused_burst=3)) as served:
        for _ in range(3):
            assert served.public("GET", wire.ENDPOINTS).status_code == 401
        assert problem(served.call("GET", wire.ENDPOINTS)) == (429, "too-many-requests")


@pytest.mark.parametrize("path", [wire.TRUST, wire.GENESIS, wire.LEDGER_BLOCKS, wire.OPENAPI])
def test_public_paths_have_a_rate_by_address(template: Template, tmp_path: Path, path: str) -> None:
    with serving(template, tmp_path, Limits(public_per_s=0.01, public_burst=2)) as served:
        assert [served.public("GET", path).status_code for _ in range(3)] == [200, 200, 429]
        assert served.public("GET", wire.HEALTH).status_code == 200


@pytest.mark.parametrize("path", [wire.HEALTH, wire.METRICS])
def test_who_watches_has_a_rate_of_its_own(template: Template, tmp_path: Path, path: str) -> None:
    with serving(template, tmp_path, Limits(service_per_s=0.01, service_burst=2)) as served:
        assert [served.public("GET", path).status_code for _ in range(3)] == [200, 200, 429]
        assert served.public("GET", wire.TRUST).status_code == 200


def test_guessing_codes_is_held_up(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(join_per_s=0.01, join_burst=2)) as served:
        guess = {"code": "A" * 22, "member": "ab" * 16, "role": "proxy", "keys": {}, "proof": ""}
        assert [served.public("POST", wire.JOIN, guess).status_code for _ in range(3)] == [422, 422, 429]


def test_unknown_members_and_paths_are_errors_of_ours(served: Served) -> None:
    stranger = type(served.patient).generate(secrets.token_hex(16), "doctor")
    assert problem(served.call("GET", wire.ENDPOINTS, by=stranger)) == (401, "signer-unknown")
    assert problem(served.public("GET", "/nothing/here")) == (404, "no-such-path")
    unpermitted = served.public("PATCH", wire.TRUST)
    assert problem(unpermitted) == (405, "no-such-path")
    assert unpermitted.headers["Allow"]
    assert URL not in unpermitted.text
