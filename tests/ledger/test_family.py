from typing import Any

import pytest

from ledger.bodies import (
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    OneOff,
    PublishKeyCard,
    Reinstate,
    Remove,
    Revoke,
    Role,
    Suspend,
)
from ledger.errors import FieldInvalid
from ledger.records import GrantRecord
from tests.ledger.scene import Scene, digest, enrolment, ident


@pytest.fixture
def family(scene: Scene) -> Scene:
    """paula is the parent, chris her child at another hospital; one chapter of hers is anchored."""
    scene.do(enrolment("chris", Role.PATIENT, "south"), "south")
    scene.do(scene.anchor(), "north")
    return scene


def invitation(scene: Scene, **changes: Any) -> FamilyInvite:
    return FamilyInvite(scene.grant(**({"delegatee": ident("chris")} | changes)))


def invited(scene: Scene, **changes: Any) -> str:
    body = invitation(scene, **changes)
    scene.do(body, "paula")
    return body.grant.grant


def linked(scene: Scene) -> str:
    grant = invited(scene)
    scene.do(FamilyAccept(grant), "chris")
    return grant


def link(scene: Scene, grant: str) -> GrantRecord:
    record = scene.state.grant(grant)
    assert record is not None
    return record


def chapter(scene: Scene) -> str:
    return scene.state.blocks(patient=ident("paula"))[0].chapter


def test_link_is_in_force_only_when_both_consented(family: Scene) -> None:
    grant = invited(family)
    assert link(family, grant).awaiting
    assert not family.state.grant_active(grant, time=family.now)
    assert family.refusal(family.release(grant, chapter(family)), "chris") == "grant-awaiting"
    family.do(FamilyAccept(grant), "chris")
    assert family.state.grant_active(grant, time=family.now)
    family.do(family.release(grant, chapter(family)), "chris")


def test_only_the_parent_invites_and_only_a_patient(family: Scene) -> None:
    assert family.refusal(invitation(family), "chris") == "wrong-signer"
    assert family.refusal(invitation(family), "north") == "wrong-signer"
    assert family.refusal(invitation(family, delegatee=ident("saul")), "paula") == "wrong-role"
    assert family.refusal(invitation(family, delegatee=ident("proxy 1")), "paula") == "wrong-role"
    assert family.refusal(invitation(family, delegatee=ident("paula")), "paula") == "own-record"


def test_invitation_is_checked_as_a_grant(family: Scene) -> None:
    taken = invited(family)
    table: list[tuple[dict[str, Any], str]] = [
        ({"grant": taken}, "grant-taken"),
        ({"scopes": (ident("petra's laboratory"),)}, "scope-foreign"),
        ({"scopes": (ident("nobody's"),)}, "scope-unknown"),
        ({"until": family.now}, "end-not-ahead"),
        ({"delegatee": ident("nobody")}, "member-unknown"),
        ({"proxies": (ident("saul"),), "threshold": 1}, "wrong-role"),
    ]
    for changes, code in table:
        assert family.refusal(invitation(family, **changes), "paula") == code, changes


@pytest.mark.parametrize(
    "changes",
    [
        {"one_off": OneOff(ident("selection"), ident("its chapter"))},
        {"write": True},
        {"request": ident("a request")},
        {"scopes": ()},
    ],
    ids=["selection", "write", "request", "nothing"],
)
def test_invitation_is_for_whole_scopes_to_read(family: Scene, changes: dict[str, Any]) -> None:
    with pytest.raises(FieldInvalid):
        FamilyInvite.from_json(invitation(family, **changes).to_json())


def test_only_the_child_accepts_and_ends(family: Scene) -> None:
    grant = invited(family)
    for signer in ("paula", "petra", "north", "authority"):
        assert family.refusal(FamilyAccept(grant), signer) == "wrong-signer"
        assert family.refusal(FamilyEnd(grant), signer) == "wrong-signer"


def test_link_is_accepted_once(family: Scene) -> None:
    grant = linked(family)
    assert family.refusal(FamilyAccept(grant), "chris") == "family-accepted"


def test_ordinary_grants_and_unknown_ones_are_no_family_links(family: Scene) -> None:
    plain = family.grant(delegatee=ident("chris"))
    family.do(plain, "paula")
    for grant in (plain.grant, ident("no grant")):
        assert family.refusal(FamilyAccept(grant), "chris") == "family-unknown"
        assert family.refusal(FamilyEnd(grant), "chris") == "family-unknown"


def test_invitation_ends_with_its_grant(family: Scene) -> None:
    grant = invited(family, until=family.now + 10)
    family.now += 10
    assert family.refusal(FamilyAccept(grant), "chris") == "grant-expired"


def test_both_must_be_active_when_it_is_accepted(family: Scene) -> None:
    grant = invited(family)
    family.do(Suspend(ident("paula"), digest("stolen key")), "authority")
    assert family.refusal(FamilyAccept(grant), "chris") == "member-suspended"
    family.do(Reinstate(ident("paula")), "authority")
    family.do(Remove(ident("paula")), "north")
    assert family.refusal(FamilyAccept(grant), "chris") == "member-removed"


@pytest.mark.parametrize("accepted", [True, False])
def test_child_ends_or_declines_for_good(family: Scene, accepted: bool) -> None:
    grant = linked(family) if accepted else invited(family)
    ended = family.do(FamilyEnd(grant), "chris").position
    assert link(family, grant).revoked_at == ended
    assert family.refusal(FamilyEnd(grant), "chris") == "grant-revoked"
    assert family.refusal(FamilyAccept(grant), "chris") == "grant-revoked"
    assert family.refusal(family.release(grant, chapter(family)), "chris") == "grant-revoked"


@pytest.mark.parametrize("accepted", [True, False])
def test_parent_ends_by_a_revocation_that_re_keys(family: Scene, accepted: bool) -> None:
    grant = linked(family) if accepted else invited(family)
    card = PublishKeyCard(ident("paula"), 3, digest("card 3"), (ident("laboratory 2"),), (ident("laboratory"),))
    family.do(Revoke(grant, card, ()), "paula")
    assert family.refusal(FamilyAccept(grant), "chris") == "grant-revoked"
    assert family.refusal(family.release(grant, chapter(family)), "chris") == "grant-revoked"
    assert family.refusal(FamilyEnd(grant), "chris") == "grant-revoked"


def test_every_step_concerns_both(family: Scene) -> None:
    body = invitation(family)
    positions = [
        family.do(body, "paula").position,
        family.do(FamilyAccept(body.grant.grant), "chris").position,
        family.do(FamilyEnd(body.grant.grant), "chris").position,
    ]
    for name in ("paula", "chris"):
        assert set(positions) <= set(family.state.entries_about(ident(name)))


def test_link_gives_the_child_nothing_to_write(family: Scene) -> None:
    linked(family)
    anchor = family.anchor(hospital=ident("south"), author=ident("chris"), chain=ident("paula at south"))
    assert family.refusal(anchor, "south") == "author-not-permitted"
