"""Entries about a patient's consent, made without a ledger, and how to look at the bundle that they become."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from clinic.fhir.audit_bundle import audit_bundle
from ledger.bodies import (
    AnchorBlocks,
    BlockAnchor,
    Extension,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    Grant,
    OneOff,
    PublishKeyCard,
    Refuse,
    Release,
    Request,
    Revoke,
)
from ledger.entry import Entry
from ledger.registry import Body
from ledger.transactions import sign
from scheme.keys import SigningKey

START = 1_772_359_200
DAY = 86_400
KEY = SigningKey.from_secret_bytes(b"\x07" * 32)


def ident(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


PAULA, PETRA, CHILD = ident("paula"), ident("petra"), ident("child")
SAUL, SARA = ident("saul"), ident("sara")
LEDGER = digest("genesis")


@dataclass
class Record:
    """A run of entries, an hour apart; no rule is asked, which is the ledger's business and not the bundle's."""

    entries: list[Entry] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def put(self, body: Body, by: str) -> Entry:
        position = len(self.entries)
        time = START + 3600 * position
        previous = self.entries[-1].digest if self.entries else LEDGER
        transaction = sign(body, signer_id=by, key=KEY, ledger=LEDGER, time=time - 7)
        entry = Entry(position, time, previous, transaction)
        self.entries.append(entry)
        return entry

    def request(self, by: str = SAUL, patient: str = PAULA) -> Request:
        body = Request(ident(f"request {next(self.numbers)}"), patient, by, digest("what"))
        self.put(body, by)
        return body

    def a_grant(self, **changes: Any) -> Grant:
        body = Grant(
            grant=ident(f"grant {next(self.numbers)}"),
            request=None,
            patient=PAULA,
            delegatee=SAUL,
            scopes=(ident("laboratory"), ident("imaging")),
            one_off=None,
            until=None,
            write=False,
            threshold=2,
            proxies=(ident("proxy 1"), ident("proxy 2"), ident("proxy 3")),
            body_digest=digest("letter"),
        )
        return replace(body, **changes)

    def grant(self, **changes: Any) -> Grant:
        body = self.a_grant(**changes)
        self.put(body, body.patient)
        return body

    def link(self, **changes: Any) -> Grant:
        body = self.a_grant(delegatee=CHILD, **changes)
        self.put(FamilyInvite(body), body.patient)
        return body

    def anchor(self, scope: str, chapter: str, patient: str = PAULA) -> None:
        block = BlockAnchor(digest(f"block {next(self.numbers)}"), ident(scope), ident(chapter), 1000)
        self.put(
            AnchorBlocks(patient, ident("north"), ident("dora"), ident("chain"), None, 0, (block,)), ident("north")
        )

    def release(self, grant: Grant, *chapters: str) -> Release:
        body = Release(ident(f"release {next(self.numbers)}"), grant.grant, grant.patient, tuple(map(ident, chapters)))
        self.put(body, grant.delegatee)
        return body

    def bundle(self, patient: str = PAULA, **options: Any) -> dict[str, Any]:
        return audit_bundle(patient, self.entries, **options)


def resources(bundle: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    found = [entry["resource"] for entry in bundle.get("entry", [])]
    return [resource for resource in found if resource["resourceType"] == resource_type]


def events(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return resources(bundle, "AuditEvent")


def consents(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return resources(bundle, "Consent")


def kind(event: dict[str, Any]) -> str:
    (code,) = (each["code"] for each in event["subtype"] if each["system"] == "urn:chartseal:transaction-type")
    return str(code)


def named(event: dict[str, Any], system: str) -> list[str]:
    """What the event names in that system, in order."""
    ids = [entity["what"].get("identifier", {}) for entity in event["entity"]]
    return [each["value"] for each in ids if each.get("system") == system]


def details(entity: dict[str, Any]) -> list[tuple[str, str]]:
    return [(detail["type"], detail["valueString"]) for detail in entity.get("detail", [])]


def agents(event: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {
        agent["who"]["identifier"]["value"]: (agent["type"]["coding"][0]["code"], agent["requestor"])
        for agent in event["agent"]
    }


def everything() -> Record:
    """Every kind of entry about paula, among others."""
    record = Record()
    record.put(PublishKeyCard(PAULA, 1, digest("card"), (ident("laboratory"),), ()), PAULA)
    record.anchor("laboratory", "chapter 1")
    record.anchor("imaging", "chapter 2")
    record.anchor("laboratory", "petra's chapter", patient=PETRA)
    asked = record.request()
    grant = record.grant(request=asked.request, until=START + 30 * DAY, write=True)
    record.release(grant, "chapter 1", "chapter 2")
    refused = record.request(by=SARA)
    record.put(Refuse(refused.request, digest("why")), PAULA)
    selected = record.grant(scopes=(), one_off=OneOff(ident("one-off scope"), ident("one-off chapter")), delegatee=SARA)
    record.release(selected, "one-off chapter")
    link = record.link()
    record.put(FamilyAccept(link.grant), CHILD)
    record.put(FamilyEnd(link.grant), CHILD)
    record.put(Revoke(grant.grant, None, (Extension(selected.grant, (ident("laboratory 2"),)),)), PAULA)
    theirs = record.request(patient=PETRA)
    other = record.grant(request=theirs.request, patient=PETRA)
    record.release(other, "petra's chapter")
    record.put(Revoke(other.grant, None, ()), PETRA)
    return record
