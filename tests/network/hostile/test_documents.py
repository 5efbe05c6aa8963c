"""Whatever is sent to a path of the OpenAPI documents, the answer is one that they name, and never a fault of ours."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clinic.keystore import MemberSecrets
from network.server.base import document
from tests.network.server.serving import URL, Served, problem

TAGS = {
    "hospital": ("service", "ledger", "blocks", "letters", "cards", "hospital", "joining", "endpoints", "reports",
                 "matching"),
    "proxy": ("service", "proxy"),
    "issuer": ("service", "issuer"),
}  # fmt: skip
"""Of the operations of each server."""
PAIRS = [(server, tag) for server, tags in TAGS.items() for tag in tags]
OPEN = {"service", "ledger", "joining", "matching"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def operations(server: Served) -> list[APIOperation]:
    schema = schemathesis.openapi.from_dict(document(server.app))
    schema.config.base_url = URL
    return [found.ok() for found in schema.get_all_operations()]


def send(server: Served, case: Case, by: MemberSecrets | None) -> httpx.Response:
    """The case as it stands, signed by somebody or by nobody."""
    options = case.as_transport_kwargs(base_url=URL)
    asked = httpx.Request(options["method"], options["url"], params=options.get("params"))
    body = _body(options)
    headers = {name: str(value) for name, value in (options.get("headers") or {}).items()}
    path = asked.url.raw_path.decode()
    if by is not None:
        headers |= server.signature(case.method, path, body, by=by, headers=headers)
    return server.send(case.method, path, body, headers)


def _body(options: dict[str, Any]) -> bytes | None:
    if "json" in options:
        return json.dumps(options["json"]).encode()
    data = options.get("data")
    return data.encode() if isinstance(data, str) else data


def meets(server: Served, tag: str, by: MemberSecrets | None, examples: int) -> Counter[int]:
    """Send ``examples`` of what each operation of ``tag`` takes, and as many of what it does not; counts statuses."""
    statuses: Counter[int] = Counter()
    for operation in operations(server):
        if operation.tags != [tag]:
            continue
        takes = (operation.path_parameters, operation.query, operation.headers, operation.body)
        for mode in MODES if any(map(len, takes)) else MODES[:1]:

            @settings(
                max_examples=examples, phases=[Phase.generate], derandomize=True, database=None,
                suppress_health_check=list(HealthCheck), deadline=None,
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Case) -> None:
                answer = send(server, case, by)
                statuses[answer.status_code] += 1
                case.validate_response(answer, checks=CHECKS)
                if not answer.is_success and case.method != "HEAD":
                    problem(answer)

            check()
    return statuses


@pytest.mark.parametrize(("server", "tags"), TAGS.items(), indirect=["server"])
def test_no_path_is_forgotten(server: Served, tags: tuple[str, ...]) -> None:
    assert {tag for operation in operations(server) for tag in operation.tags or ()} == set(tags)


@pytest.mark.parametrize(("server", "tag"), PAIRS, indirect=["server"])
@pytest.mark.parametrize("examples", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_a_members_requests_are_answered_as_documented(server: Served, tag: str, examples: int) -> None:
    statuses = meets(server, tag, server.patient, examples)
    assert statuses
    assert 401 not in statuses


@pytest.mark.parametrize(("server", "tag"), PAIRS, indirect=["server"])
def test_strangers_requests_are_answered_as_documented(server: Served, tag: str) -> None:
    statuses = meets(server, tag, None, 2)
    assert tag in OPEN or set(statuses) <= {401}
