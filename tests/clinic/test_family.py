"""A family link: the child reads what the parent chose, from when both consented until one of them ends it."""

import pytest

from clinic import family, revocation
from clinic.audit import audit_trail
from clinic.errors import GrantInactive, GrantUnknown, NotPermitted, ProxyRefused, SelectionInvalid
from clinic.grants import Decision
from clinic.held_grants import grants_of
from clinic.history import plan
from clinic.membership import remove, suspend
from clinic.requests import Access, new_id
from ledger.bodies import FamilyInvite, Release
from ledger.refusals import FamilyAccepted, GrantAwaiting, GrantExpired, GrantRevoked, WrongSigner
from scheme.scopes import Category
from tests.clinic.scene import EVERYTHING, Scene, draft

LABORATORY = Access(frozenset({Category.LABORATORY}))
DAY = 86_400


@pytest.fixture
def blocks(scene: Scene) -> list[str]:
    """The parent has a laboratory result and an image. ``scene.patient`` is the parent, ``scene.other`` the child."""
    return list(scene.seal(draft(text="cholesterol"), draft(Category.IMAGING, text="scan")).blocks)


def kept(scene: Scene) -> set[str]:
    """Names of all files that the proxies keep: deposited fragments."""
    return {path.name for path in (scene.home.folder / "proxies").rglob("*") if path.is_file()}


def invited(scene: Scene, access: Access = EVERYTHING, until: int | None = None) -> str:
    return family.invite(scene.site, scene.patient, scene.other.member_id, Decision(access, until))


def linked(scene: Scene, access: Access = EVERYTHING, until: int | None = None) -> str:
    grant = invited(scene, access, until)
    family.accept(scene.site, scene.other, grant)
    return grant


def test_child_reads_what_the_parent_chose(scene: Scene, blocks: list[str]) -> None:
    linked(scene, LABORATORY)
    assert scene.read(scene.other) == {blocks[0]: b"cholesterol"}
    later = scene.seal(draft(text="glucose"), draft(Category.IMAGING, text="second scan")).blocks
    assert scene.read(scene.other) == {blocks[0]: b"cholesterol", later[0]: b"glucose"}


def test_offer_on_the_table_is_re_keyed_when_another_grant_is_revoked(scene: Scene, blocks: list[str]) -> None:
    """The child accepts later and reads what was sealed under the new revision too."""
    other = scene.grant(LABORATORY)
    grant = invited(scene, LABORATORY)
    revocation.revoke(scene.site, scene.patient, other)
    later = scene.seal(draft(text="glucose")).blocks
    family.accept(scene.site, scene.other, grant)
    assert scene.read(scene.other) == {blocks[0]: b"cholesterol", later[0]: b"glucose"}


def test_nothing_is_read_before_the_child_accepted(scene: Scene, blocks: list[str]) -> None:
    grant = invited(scene)
    with pytest.raises(GrantInactive, match="not accepted yet"):
        plan(scene.site, scene.other, scene.patient.member_id)
    release = Release(new_id(), grant, scene.patient.member_id, (scene.anchored(blocks[0]).chapter,))
    with pytest.raises(GrantAwaiting):
        scene.site.submit(release, scene.other)


def test_offer_is_explained_to_both(scene: Scene, blocks: list[str]) -> None:
    invited(scene, LABORATORY)
    for party in (scene.patient, scene.other):
        (held,) = grants_of(scene.site, party)
        assert (held.access, held.record.awaiting) == (LABORATORY, True)


def test_only_the_child_accepts_and_only_once(scene: Scene, blocks: list[str]) -> None:
    grant = invited(scene)
    for other in (scene.reader, scene.patient):
        with pytest.raises(GrantUnknown):
            family.accept(scene.site, other, grant)
    family.accept(scene.site, scene.other, grant)
    with pytest.raises(FamilyAccepted):
        family.accept(scene.site, scene.other, grant)


def test_nobody_invites_in_the_parents_name(scene: Scene, blocks: list[str]) -> None:
    grant = invited(scene)
    body = next(
        entry.transaction.body
        for entry in scene.site.engine.entries()
        if isinstance(entry.transaction.body, FamilyInvite)
    )
    assert body.grant.grant == grant
    with pytest.raises(WrongSigner):
        scene.site.submit(body, scene.other)


@pytest.mark.parametrize(
    "decision",
    [
        Decision(EVERYTHING, existing_only=True),
        Decision(EVERYTHING, blocks=("ab" * 32,)),
        Decision(Access(write=True)),
        Decision(Access(frozenset({Category.BILLING}), since=2100)),
    ],
    ids=["existing", "blocks", "write", "nothing"],
)
def test_link_is_for_categories_to_read(scene: Scene, blocks: list[str], decision: Decision) -> None:
    with pytest.raises(SelectionInvalid):
        family.invite(scene.site, scene.patient, scene.other.member_id, decision)
    assert kept(scene) == set()


def test_link_is_between_two_patients(scene: Scene, blocks: list[str]) -> None:
    for child in (scene.reader, scene.patient, scene.riverside):
        with pytest.raises(SelectionInvalid, match="from one patient to another"):
            family.invite(scene.site, scene.patient, child.member_id, Decision(EVERYTHING))
    with pytest.raises(NotPermitted):
        family.invite(scene.site, scene.patient, new_id(), Decision(EVERYTHING))


def test_suspended_child_is_not_invited(scene: Scene, blocks: list[str]) -> None:
    suspend(scene.site, scene.authority, scene.other.member_id)
    with pytest.raises(NotPermitted, match="suspended"):
        invited(scene)


@pytest.mark.parametrize("accepted", [True, False])
def test_child_ends_or_declines_and_the_proxies_forget(scene: Scene, blocks: list[str], accepted: bool) -> None:
    grant = linked(scene) if accepted else invited(scene)
    assert kept(scene)
    assert family.end(scene.site, scene.other, grant) is accepted
    assert kept(scene) == set()
    with pytest.raises(GrantInactive, match="link was ended"):
        scene.read(scene.other)
    with pytest.raises(GrantRevoked):
        family.accept(scene.site, scene.other, grant)


def test_parent_revokes_and_what_is_sealed_afterwards_has_other_keys(scene: Scene, blocks: list[str]) -> None:
    grant = linked(scene, LABORATORY)
    before = scene.anchored(blocks[0]).scope
    revocation.revoke(scene.site, scene.patient, grant)
    with pytest.raises(GrantInactive):
        scene.read(scene.other)
    (later,) = scene.seal(draft(text="glucose")).blocks
    assert scene.anchored(later).scope != before


def test_link_is_re_keyed_when_another_grant_is_revoked(scene: Scene, blocks: list[str]) -> None:
    linked(scene, LABORATORY)
    revocation.revoke(scene.site, scene.patient, scene.grant(LABORATORY))
    (later,) = scene.seal(draft(text="glucose")).blocks
    assert scene.read(scene.other) == {blocks[0]: b"cholesterol", later: b"glucose"}


def test_link_ends_on_its_last_day(scene: Scene, blocks: list[str]) -> None:
    linked(scene, until=scene.clock() + DAY)
    late = invited(scene, until=scene.clock() + DAY)
    assert scene.read(scene.other)
    scene.clock.advance(DAY)
    with pytest.raises(GrantInactive):
        scene.read(scene.other)
    with pytest.raises(GrantExpired):
        family.accept(scene.site, scene.other, late)


def test_fragments_of_an_offer_are_not_for_others_to_delete(scene: Scene, blocks: list[str]) -> None:
    grant = invited(scene)
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match="revoke it first"):
            proxy.forget(grant)
    family.accept(scene.site, scene.other, grant)
    assert scene.read(scene.other)


def test_child_reads_after_the_parent_is_gone(scene: Scene, blocks: list[str]) -> None:
    """Hereditary history matters most then; what the parent signed stays valid by its position."""
    linked(scene, LABORATORY)
    remove(scene.site, scene.riverside, scene.patient.member_id)
    assert scene.read(scene.other) == {blocks[0]: b"cholesterol"}


def test_both_see_every_step_in_their_audit_trail(scene: Scene, blocks: list[str]) -> None:
    family.end(scene.site, scene.other, linked(scene, LABORATORY))
    steps = ["family-invite", "family-accept", "family-end"]
    for party in (scene.patient, scene.other):
        trail = [entry for entry in audit_trail(scene.site, party) if entry.event in steps]
        assert [entry.event for entry in trail] == steps
        assert "laboratory" in trail[0].detail
