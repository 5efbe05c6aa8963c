"""Ledger entries as FHIR R4 AuditEvents and Consents: valid, complete, consistent, and nothing personal in them."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.fhir.audit_bundle import audit_bundle
from clinic.requests import Access, refuse
from clinic.revocation import revoke
from ledger.bodies import Extension, FamilyAccept, FamilyEnd, Grant, Refuse, Request, Revoke
from scheme.scopes import Category
from tests import needs
from tests.clinic.audit_entries import (
    CHILD,
    DAY,
    LEDGER,
    PAULA,
    PETRA,
    SARA,
    SAUL,
    START,
    Record,
    agents,
    consents,
    details,
    digest,
    events,
    everything,
    ident,
    kind,
    named,
)
from tests.clinic.scene import Scene, draft

# Valid FHIR


def validated(bundle: dict[str, Any]) -> None:
    """By the models of R4B, whose AuditEvent, Consent and Bundle have the elements and cardinalities of R4."""
    models = {
        name: getattr(needs.module(f"fhir.resources.R4B.{name.lower()}", feature="fhir"), name)
        for name in ("Bundle", "AuditEvent", "Consent")
    }
    data = json.dumps(bundle)
    again = models["Bundle"].model_validate_json(data)
    assert json.loads(again.model_dump_json()) == json.loads(data)
    for entry in bundle.get("entry", []):
        models[entry["resource"]["resourceType"]].model_validate(entry["resource"])


def test_every_resource_and_the_bundle_are_valid() -> None:
    bundle = everything().bundle()
    assert len(bundle["entry"]) == 14
    validated(bundle)
    validated(everything().bundle(names={PAULA: "Paula", SAUL: "Dr. Saul"}))


def test_a_broken_resource_would_be_found() -> None:
    bundle = everything().bundle()
    del consents(bundle)[0]["scope"]
    with pytest.raises(ValueError, match="scope"):
        validated(bundle)


def test_a_bundle_of_nothing_is_valid() -> None:
    assert "entry" not in audit_bundle(PAULA, [])
    validated(audit_bundle(PAULA, []))
    validated(everything().bundle(ident("nobody")))


def empties(value: object) -> bool:
    if isinstance(value, dict | list):
        children = value.values() if isinstance(value, dict) else value
        return not value or any(map(empties, children))
    return value in (None, "")


def test_nothing_in_it_is_empty_as_fhir_demands() -> None:
    assert not empties(everything().bundle())


# Every entry, once


def test_every_entry_about_the_patient_is_an_event_in_the_ledgers_order() -> None:
    record = everything()
    bundle = record.bundle()
    assert list(map(kind, events(bundle))) == [
        "request", "grant", "release", "request", "refuse", "grant", "release",
        "family-invite", "family-accept", "family-end", "revoke",
    ]  # fmt: skip
    about = [entry for entry in record.entries if entry.transaction.id in {event["id"] for event in events(bundle)}]
    assert [event["recorded"] for event in events(bundle)] == [
        datetime.datetime.fromtimestamp(entry.time, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for entry in about
    ]
    assert {event["outcome"] for event in events(bundle)} == {"0"}
    for event, entry in zip(events(bundle), about, strict=True):
        assert named(event, "urn:chartseal:transaction") == [entry.transaction.id]
        assert details(event["entity"][-1]) == [("position", str(entry.position)), ("entry", entry.digest)]
        assert event["source"]["observer"]["identifier"] == {"system": "urn:chartseal:ledger", "value": LEDGER}


def test_other_patients_do_not_appear() -> None:
    record = everything()
    assert PETRA not in json.dumps(record.bundle())
    theirs = record.bundle(PETRA)
    assert list(map(kind, events(theirs))) == ["request", "grant", "release", "revoke"]
    assert PAULA not in json.dumps(theirs)


def test_a_family_link_is_an_event_of_both_and_a_consent_of_the_parent() -> None:
    """The parent's revocation is about the parent alone, so the child's entries cannot say how the consent stands."""
    record = everything()
    parents, childs = record.bundle(), record.bundle(CHILD)
    family = ["family-invite", "family-accept", "family-end"]
    assert [kind(event) for event in events(parents) if kind(event) in family] == family
    assert list(map(kind, events(childs))) == family
    link = named(events(childs)[0], "urn:chartseal:grant")
    assert link in [[each["value"] for each in consent["identifier"]] for consent in consents(parents)]
    assert (consents(childs), references(childs)) == ([], [])
    assert {tuple(named(event, "urn:chartseal:member")) for event in events(childs)} == {(PAULA,)}
    validated(childs)


def test_the_same_entries_give_the_same_bytes_in_any_order() -> None:
    record = everything()
    one = json.dumps(record.bundle())
    record.entries.reverse()
    assert json.dumps(record.bundle()) == one


def test_ids_are_of_transactions_and_unique() -> None:
    bundle = everything().bundle()
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    for url in urls:
        assert re.fullmatch("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", url)
    names = [(entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in bundle["entry"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{64}", name) for _, name in names)


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [each for child in value.values() for each in references(child)]
    return [each for child in value for each in references(child)] if isinstance(value, list) else []


def test_references_lead_to_consents_in_the_bundle_and_to_the_right_one() -> None:
    bundle = everything().bundle()
    by_url = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    assert len(references(bundle)) == 9
    for event in events(bundle):
        for entity in event["entity"]:
            what = entity["what"]
            if "reference" in what:
                assert by_url[what["reference"]]["resourceType"] == what["type"] == "Consent"
                assert by_url[what["reference"]]["identifier"] == [what["identifier"]]


# Who, when, which scope


def test_a_release_says_who_read_which_chapters_of_which_scopes_under_which_grant() -> None:
    record = everything()
    bundle = record.bundle()
    release = next(event for event in events(bundle) if kind(event) == "release")
    assert (release["type"]["code"], release["action"]) == ("110106", "R")
    assert release["subtype"][0]["code"] == "disclose"
    assert agents(release) == {SAUL: ("IRCP", True)}
    assert named(release, "urn:chartseal:member") == [PAULA]
    assert named(release, "urn:chartseal:grant") == [consents(bundle)[0]["identifier"][0]["value"]]
    scopes = [each for each in release["entity"] if each["what"]["identifier"]["system"] == "urn:chartseal:scope"]
    assert {
        each["what"]["identifier"]["value"]: [detail["valueString"] for detail in each["detail"]] for each in scopes
    } == {ident("laboratory"): [ident("chapter 1")], ident("imaging"): [ident("chapter 2")]}


def test_a_grant_names_its_request_scopes_and_terms() -> None:
    record = everything()
    grants = [event for event in events(record.bundle()) if kind(event) == "grant"]
    requests = [entry.transaction.body for entry in record.entries if isinstance(entry.transaction.body, Request)]
    assert [named(grant, "urn:chartseal:request") for grant in grants] == [[requests[0].request], []]
    assert [named(grant, "urn:chartseal:scope") for grant in grants] == [
        [ident("laboratory"), ident("imaging")],
        [ident("one-off scope")],
    ]
    proxies = [("proxy", ident(f"proxy {number}")) for number in (1, 2, 3)]
    assert details(grants[0]["entity"][1]) == [("write", "true"), ("threshold", "2"), *proxies]
    assert details(grants[1]["entity"][1])[0] == ("write", "false")
    assert [grant["action"] for grant in grants] == ["C", "C"]


def test_a_revocation_names_what_it_ends_and_what_it_widens() -> None:
    bundle = everything().bundle()
    revoke = events(bundle)[-1]
    ended, widened = (each["identifier"][0]["value"] for each in consents(bundle)[:2])
    assert named(revoke, "urn:chartseal:grant") == [ended, widened]
    assert [details(each) for each in revoke["entity"][1:3]] == [
        [("revoked", "true")],
        [("added-scope", ident("laboratory 2"))],
    ]


def test_a_release_of_selected_blocks_names_the_one_off_scope() -> None:
    releases = [event for event in events(everything().bundle()) if kind(event) == "release"]
    assert named(releases[1], "urn:chartseal:scope") == [ident("one-off scope")]


def test_a_chapter_of_unknown_scope_is_named_on_its_own() -> None:
    record = Record()
    grant = record.grant()
    record.release(grant, "chapter 1")
    release = events(record.bundle())[-1]
    assert named(release, "urn:chartseal:chapter") == [ident("chapter 1")]
    assert named(release, "urn:chartseal:scope") == []
    validated(record.bundle())


def test_the_one_who_signed_is_the_requestor() -> None:
    found = {kind(event): agents(event) for event in events(everything().bundle())}
    assert found["request"] == {SARA: ("IRCP", True)}
    assert found["refuse"] == {PAULA: ("datasubject", True), SARA: ("IRCP", False)}
    assert found["grant"] == {PAULA: ("datasubject", True), SARA: ("IRCP", False)}
    assert found["revoke"] == {PAULA: ("datasubject", True), SAUL: ("IRCP", False)}
    assert found["family-invite"] == {PAULA: ("datasubject", True), CHILD: ("IRCP", False)}
    assert found["family-accept"] == found["family-end"] == {CHILD: ("IRCP", True)}


def test_entries_without_what_they_answer_are_still_events() -> None:
    """A part of the ledger, say from some date on: grants before it are named by id only."""
    record = everything()
    record.entries = [entry for entry in record.entries if not isinstance(entry.transaction.body, Grant | Request)]
    bundle = record.bundle()
    assert list(map(kind, events(bundle))) == [
        "release", "refuse", "release", "family-invite", "family-accept", "family-end", "revoke",
    ]  # fmt: skip
    assert [named(event, "urn:chartseal:grant") != [] for event in events(bundle)] == [True, False, *[True] * 5]
    validated(bundle)


def test_a_family_link_without_its_invitation_names_no_parent() -> None:
    record = Record()
    record.put(FamilyAccept(ident("some link")), CHILD)
    (event,) = events(record.bundle(CHILD))
    assert agents(event) == {CHILD: ("IRCP", True)}
    assert named(event, "urn:chartseal:member") == []
    validated(record.bundle(CHILD))


# Consents


def test_a_grant_is_a_consent_to_its_delegatee_and_scopes_for_its_time() -> None:
    record = everything()
    consent = consents(record.bundle())[0]
    (grant,) = (entry for entry in record.entries if entry.transaction.id == consent["id"])
    assert isinstance(grant.transaction.body, Grant)
    assert consent["identifier"] == [{"system": "urn:chartseal:grant", "value": grant.transaction.body.grant}]
    assert consent["patient"] == {
        "type": "Patient",
        "identifier": {"system": "urn:chartseal:member", "value": PAULA},
    }
    assert consent["performer"] == [consent["patient"]]
    provision = consent["provision"]
    assert provision["type"] == "permit"
    assert [actor["reference"]["identifier"]["value"] for actor in provision["actor"]] == [SAUL]
    assert provision["actor"][0]["role"]["coding"][0]["code"] == "IRCP"
    assert [each["reference"]["identifier"]["value"] for each in provision["data"]] == [
        ident("laboratory"),
        ident("imaging"),
    ]
    actions = [consent["provision"]["action"] for consent in consents(record.bundle())[:2]]
    assert [[each["coding"][0]["code"] for each in action] for action in actions] == [["access", "write"], ["access"]]


@pytest.mark.parametrize(("at", "status"), [(START, "active"), (START + DAY - 1, "active"), (START + DAY, "inactive")])
def test_a_grant_with_an_end_is_active_up_to_its_last_second(at: int, status: str) -> None:
    record = Record()
    record.grant(until=START + DAY)
    (consent,) = consents(record.bundle(at=at))
    assert consent["status"] == status
    assert consent["provision"]["period"] == {"start": "2026-03-01T10:00:00Z", "end": "2026-03-02T09:59:59Z"}


def test_a_revoked_grant_is_inactive_and_ends_when_it_was_revoked() -> None:
    record = Record()
    grant = record.grant(until=START + DAY)
    record.put(Revoke(grant.grant, None, ()), PAULA)
    (consent,) = consents(record.bundle())
    assert consent["status"] == "inactive"
    assert consent["provision"]["period"]["end"] == "2026-03-01T11:00:00Z"


def test_what_another_revocation_added_is_in_the_consent() -> None:
    record = Record()
    stays, ends = record.grant(), record.grant(delegatee=SARA)
    record.put(Revoke(ends.grant, None, (Extension(stays.grant, (ident("laboratory 2"), ident("imaging"))),)), PAULA)
    consent = consents(record.bundle())[0]
    assert [each["reference"]["identifier"]["value"] for each in consent["provision"]["data"]] == [
        ident("laboratory"),
        ident("imaging"),
        ident("laboratory 2"),
    ]
    assert consent["status"] == "active"


def test_a_family_link_is_proposed_then_active_then_inactive() -> None:
    record = Record()
    link = record.link()
    found = [consents(record.bundle())[0]["status"]]
    record.put(FamilyAccept(link.grant), CHILD)
    found.append(consents(record.bundle())[0]["status"])
    record.put(FamilyEnd(link.grant), CHILD)
    found.append(consents(record.bundle())[0]["status"])
    assert found == ["proposed", "active", "inactive"]


# Nothing personal


def test_names_are_shown_only_when_given() -> None:
    record = everything()
    names = {PAULA: "Paula Abernathy", SAUL: "Dr. Saul"}
    bare, shown = record.bundle(), record.bundle(names=names)
    assert "display" not in json.dumps([event["agent"] for event in events(bare)])
    assert {agent["who"].get("display") for event in events(shown) for agent in event["agent"]} == {
        "Paula Abernathy",
        "Dr. Saul",
        None,
    }
    text = json.dumps(shown)
    for name in names.values():
        text = text.replace(f', "display": "{name}"', "")
    assert json.loads(text) == bare


def leaves(value: object) -> list[object]:
    if isinstance(value, dict | list):
        return [leaf for child in (value.values() if isinstance(value, dict) else value) for leaf in leaves(child)]
    return [value]


def test_every_word_is_a_code_an_id_or_a_time() -> None:
    """So nothing that somebody wrote can be in it."""
    codes = re.compile(r"[a-z-]+|[A-Z]{1,5}|\d{1,6}|[0-9a-f]{32}|[0-9a-f]{64}|59284-0")
    displays = "Export|Security Alert|Object Security Attributes Changed|Person|Patient|System Object|Security Resource"
    others = re.compile(
        rf"{displays}|Domain Resource|AuditEvent|Consent|Bundle|urn:uuid:[0-9a-f-]{{36}}|urn:chartseal:[a-z0-9:-]+"
        r"|http://(loinc\.org|dicom\.nema\.org|terminology\.hl7\.org|hl7\.org)[A-Za-z0-9/-]*"
        r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    )
    for leaf in leaves(everything().bundle()):
        assert isinstance(leaf, bool) or codes.fullmatch(str(leaf)) or others.fullmatch(str(leaf)), leaf


# Of a real ledger


def test_what_really_happened_is_told(scene: Scene) -> None:
    scene.seal(draft(), draft(Category.IMAGING))
    refuse(scene.site, scene.patient, scene.ask(by=scene.second, purpose="curiosity"), reason="none of your business")
    grant_id = scene.grant(Access(frozenset({Category.LABORATORY})))
    scene.read()
    revoke(scene.site, scene.patient, grant_id)
    patient, reader = scene.patient.member_id, scene.reader.member_id
    bundle = audit_bundle(patient, list(scene.site.engine.entries(0)))
    validated(bundle)
    assert list(map(kind, events(bundle))) == ["request", "refuse", "request", "grant", "release", "revoke"]
    (release,) = scene.site.state().releases(patient)
    told = events(bundle)[4]
    assert agents(told) == {reader: ("IRCP", True)}
    (scope,) = named(told, "urn:chartseal:scope")
    (chapter,) = release.chapters
    assert scene.site.state().chapter(chapter).scope == scope
    assert ("chapter", chapter) in [each for entity in told["entity"][1:] for each in details(entity)]
    (consent,) = consents(bundle)
    assert (consent["status"], named(told, "urn:chartseal:grant")) == ("inactive", [grant_id])
    text = json.dumps(bundle)
    for word in ("laboratory", "imaging", "curiosity", "business", *scene.members):
        assert word not in text


# Whatever happens


@given(st.lists(st.integers(0, 6), max_size=14))
def test_any_course_of_events_gives_a_valid_bundle_with_one_consent_a_grant(steps: list[int]) -> None:
    record, grants, asked = Record(), [], []
    for step in steps:
        if step == 0:
            asked.append(record.request())
        elif step == 1:
            grants.append(record.grant(request=asked[-1].request if asked else None))
        elif step == 2:
            grants.append(record.link(until=START + 2 * 3600))
        elif step == 3 and asked:
            record.put(Refuse(asked.pop().request, digest("why")), PAULA)
        elif step == 4 and grants:
            record.release(grants[-1], "chapter 1")
        elif step == 5 and grants:
            record.put(Revoke(grants[0].grant, None, (Extension(grants[-1].grant, (ident("new"),)),)), PAULA)
        elif step == 6 and grants:
            record.put(FamilyAccept(grants[-1].grant), grants[-1].delegatee)
    bundle = record.bundle()
    assert len(events(bundle)) == len(record.entries)
    assert [consent["identifier"][0]["value"] for consent in consents(bundle)] == [each.grant for each in grants]
    validated(bundle)
