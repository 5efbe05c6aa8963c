"""Whole-life histories for scenes: made-up ones, and real ones where they are."""

from __future__ import annotations

import datetime
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from clinic.fhir.bundle import parse_bundle
from clinic.fhir.generate import generate
from clinic.fhir.split import split
from scheme.scopes import Category
from tests import needs

TODAY = datetime.date(2026, 3, 1)
SEED = 20260301


def made_up(count: int) -> list[bytes]:
    """Generated histories, the same ones each time."""
    return [data for _, data in generate(count, SEED, TODAY)]


def real(count: int) -> list[bytes]:
    """The smallest real histories that have something to bill. Skips where the data are not."""
    found = []
    with zipfile.ZipFile(needs.data("synthea_fhir_r4") / "patients.zip") as archive:
        for item in sorted(archive.infolist(), key=lambda item: item.file_size):
            data = archive.read(item)
            if any(group.category is Category.BILLING for group in split(parse_bundle(data))):
                found.append(data)
            if len(found) == count:
                break
    return found


def resources(bundle: bytes) -> list[dict[str, Any]]:
    """The resources of a bundle, parsed."""
    return [entry["resource"] for entry in json.loads(bundle).get("entry", [])]


def strings(value: object) -> Iterator[str]:
    """Every string in parsed JSON, keys not."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def diagnoses(bundle: bytes) -> set[str]:
    """What a bundle calls its patient's illnesses: displays, texts and codes of every Condition, and their ids."""
    found: set[str] = set()
    for resource in resources(bundle):
        if resource["resourceType"] == "Condition":
            code = resource.get("code", {})
            found.update(strings([code.get("text", ""), *(each.get("display", "") for each in code.get("coding", []))]))
            found.update(each["code"] for each in code.get("coding", []) if "code" in each)
            found.add(resource["id"])
    return found - {""}
