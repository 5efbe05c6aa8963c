from dataclasses import replace

from ledger.bodies import Extension, OneOff, Refuse, Revoke
from ledger.bodies.consent import MAX_GRANT_SCOPES
from ledger.records import RequestStatus
from tests.ledger.scene import START, Scene, digest, ident


def test_request_is_answered_once(scene: Scene) -> None:
    asked, refused = scene.request(), scene.request()
    scene.do(asked, "saul")
    scene.do(refused, "saul")
    grant = scene.grant(request=asked.request)
    position = scene.do(grant, "paula").position
    scene.do(Refuse(refused.request, digest("reason")), "paula")
    first, second = scene.state.requests(patient=ident("paula"))
    assert (first.status, first.grant, first.answered_at) == (RequestStatus.GRANTED, grant.grant, position)
    assert (second.status, second.grant) == (RequestStatus.REFUSED, None)
    assert scene.state.requests(delegatee=ident("saul")) == (first, second) == scene.state.requests()
    assert scene.state.requests(patient=ident("petra"), delegatee=ident("saul")) == ()
    for request in (asked, refused):
        assert scene.refusal(Refuse(request.request, digest("again")), "paula") == "request-closed"
        assert scene.refusal(scene.grant(request=request.request), "paula") == "request-closed"


def test_request_is_refused(scene: Scene) -> None:
    known = scene.request()
    scene.do(known, "saul")
    table = [
        (scene.request(), "dora", "wrong-signer"),
        (known, "saul", "request-taken"),
        (scene.request(patient=ident("dora")), "saul", "wrong-role"),
        (scene.request(patient=ident("nobody")), "saul", "member-unknown"),
        (scene.request(delegatee=ident("paula")), "paula", "own-record"),
        (scene.request(delegatee=ident("authority")), "authority", "member-unknown"),
        (Refuse(ident("nothing"), digest("reason")), "paula", "request-unknown"),
        (Refuse(known.request, digest("reason")), "petra", "request-foreign"),
        (Refuse(known.request, digest("reason")), "saul", "request-foreign"),
    ]
    for body, by, code in table:
        assert scene.refusal(body, by) == code


def test_any_member_can_be_a_delegatee(scene: Scene) -> None:
    scene.do(scene.request(delegatee=ident("petra")), "petra")
    scene.do(scene.request(delegatee=ident("south")), "south")
    assert scene.state.requests(delegatee=ident("petra"))[0].status is RequestStatus.OPEN


def test_grant_is_refused(scene: Scene) -> None:
    asked = scene.request()
    scene.do(asked, "saul")
    known = scene.grant(one_off=OneOff(ident("one-off"), ident("one-off chapter")))
    scene.do(known, "paula")
    anchored = scene.anchor()
    scene.do(anchored, "north")
    new = ident("new")
    table = [
        (scene.grant(), "saul", "wrong-signer"),
        (scene.grant(patient=ident("dora")), "dora", "wrong-role"),
        (scene.grant(delegatee=ident("paula")), "paula", "own-record"),
        (scene.grant(delegatee=ident("nobody")), "paula", "member-unknown"),
        (replace(known, one_off=None), "paula", "grant-taken"),
        (scene.grant(request=ident("nothing")), "paula", "request-unknown"),
        (scene.grant(request=asked.request, delegatee=ident("dora")), "paula", "request-foreign"),
        (scene.grant(request=asked.request, patient=ident("petra")), "petra", "request-foreign"),
        (scene.grant(scopes=(ident("nothing"),)), "paula", "scope-unknown"),
        (scene.grant(scopes=(ident("petra's laboratory"),)), "paula", "scope-foreign"),
        (scene.grant(scopes=(ident("one-off"),)), "paula", "scope-unknown"),
        (scene.grant(one_off=OneOff(ident("imaging"), new)), "paula", "scope-taken"),
        (scene.grant(one_off=OneOff(ident("one-off"), new)), "paula", "scope-taken"),
        (scene.grant(one_off=OneOff(new, ident("one-off chapter"))), "paula", "chapter-taken"),
        (scene.grant(one_off=OneOff(new, anchored.blocks[0].chapter)), "paula", "chapter-taken"),
        (scene.grant(until=START), "paula", "end-not-ahead"),
        (scene.grant(proxies=(ident("proxy 1"), ident("dora"))), "paula", "wrong-role"),
        (scene.grant(proxies=(ident("proxy 1"), ident("nobody"))), "paula", "member-unknown"),
    ]
    for body, by, code in table:
        assert scene.refusal(body, by) == code
    scene.remove("saul")
    assert scene.refusal(scene.grant(), "paula") == "member-removed"


def test_grant_covers_current_and_retired_scopes(scene: Scene) -> None:
    grant = scene.grant(scopes=(ident("laboratory"), ident("demographics")), until=START + 10)
    scene.do(grant, "paula")
    (record,) = scene.state.grants(delegatee=ident("saul"))
    assert record == scene.state.grant(grant.grant)
    assert record.scopes == {ident("laboratory"), ident("demographics")}
    assert scene.state.grant_active(grant.grant, time=START + 9)
    assert not scene.state.grant_active(grant.grant, time=START + 10)
    assert not scene.state.grant_active(ident("nothing"), time=START)


def test_release_lists_granted_chapters(scene: Scene) -> None:
    anchored = scene.anchor()
    scene.do(anchored, "north")
    grant = scene.grant(one_off=OneOff(ident("one-off"), ident("one-off chapter")))
    scene.do(grant, "paula")
    body = scene.release(grant.grant, anchored.blocks[0].chapter, ident("one-off chapter"))
    entry = scene.do(body, "saul")
    (record,) = scene.state.releases(ident("paula"))
    assert record == scene.state.release(body.release)
    assert (record.chapters, record.delegatee, record.position) == (body.chapters, ident("saul"), entry.position)
    assert scene.refusal(body, "saul") == "release-taken"


def test_release_is_refused(scene: Scene) -> None:
    laboratory, imaging = scene.anchor(), None
    scene.do(laboratory, "north")
    imaging = scene.anchor(scope="imaging")
    scene.do(imaging, "north")
    chapter, ungranted = laboratory.blocks[0].chapter, imaging.blocks[0].chapter
    grant, other = scene.grant(until=START + 10), scene.grant(one_off=OneOff(ident("one-off"), ident("other's")))
    scene.do(grant, "paula")
    scene.do(other, "paula")
    table = [
        (scene.release(grant.grant, chapter), "dora", "wrong-signer"),
        (scene.release(grant.grant, chapter), "paula", "wrong-signer"),
        (scene.release(ident("nothing"), chapter), "saul", "grant-unknown"),
        (scene.release(grant.grant, chapter, patient=ident("petra")), "saul", "grant-foreign"),
        (scene.release(grant.grant, chapter, ident("nothing")), "saul", "chapter-unknown"),
        (scene.release(grant.grant, chapter, ungranted), "saul", "chapter-not-granted"),
        (scene.release(grant.grant, ident("other's")), "saul", "chapter-not-granted"),
    ]
    for body, by, code in table:
        assert scene.refusal(body, by) == code
    scene.now = START + 10
    assert scene.refusal(scene.release(grant.grant, chapter), "saul") == "grant-expired"
    scene.do(Revoke(grant.grant, None, ()), "paula")
    assert scene.refusal(scene.release(grant.grant, chapter), "saul") == "grant-revoked"


def test_revocation_ends_publishes_and_extends_in_one_step(scene: Scene) -> None:
    anchored = scene.anchor()
    scene.do(anchored, "north")
    ended, remaining = scene.grant(), scene.grant(delegatee=ident("petra"))
    scene.do(ended, "paula")
    scene.do(remaining, "paula")
    card = scene.card(3, ("laboratory 2",), ("laboratory",))
    revoke = Revoke(ended.grant, card, (Extension(remaining.grant, (ident("laboratory 2"),)),))
    position = scene.do(revoke, "paula").position
    record, extended = scene.state.grants(patient=ident("paula"))
    assert (record.revoked_at, record.scopes) == (position, {ident("laboratory")})
    assert (extended.revoked_at, extended.scopes) == (None, {ident("laboratory"), ident("laboratory 2")})
    assert scene.refusal(scene.release(ended.grant, anchored.blocks[0].chapter), "saul") == "grant-revoked"
    assert scene.refusal(scene.anchor(), "north") == "scope-retired"
    later = scene.anchor(scope="laboratory 2")
    scene.do(later, "north")
    scene.do(scene.release(remaining.grant, anchored.blocks[0].chapter, later.blocks[0].chapter), "petra")
    assert scene.refusal(Revoke(ended.grant, None, ()), "paula") == "grant-revoked"


def test_revocation_is_refused_whole(scene: Scene) -> None:
    ended, over = scene.grant(), scene.grant(until=START + 1)
    theirs = scene.grant(patient=ident("petra"), scopes=(ident("petra's laboratory"),))
    for body, by in ((ended, "paula"), (over, "paula"), (theirs, "petra")):
        scene.do(body, by)
    scene.now += 1
    card = scene.card(3, ("laboratory 2",), ("laboratory",))
    new = (ident("laboratory 2"),)
    table = [
        (Revoke(ident("nothing"), None, ()), "paula", "grant-unknown"),
        (Revoke(ended.grant, card, ()), "petra", "wrong-signer"),
        (Revoke(ended.grant, replace(card, card_version=2), ()), "paula", "card-version-wrong"),
        (Revoke(ended.grant, replace(card, patient=ident("petra")), ()), "paula", "wrong-signer"),
        (Revoke(ended.grant, card, (Extension(ident("nothing"), new),)), "paula", "grant-unknown"),
        (Revoke(ended.grant, card, (Extension(ended.grant, new),)), "paula", "grant-revoked"),
        (Revoke(ended.grant, card, (Extension(over.grant, new),)), "paula", "grant-expired"),
        (Revoke(ended.grant, card, (Extension(theirs.grant, new),)), "paula", "grant-foreign"),
        (Revoke(theirs.grant, None, (Extension(theirs.grant, new),)), "petra", "grant-revoked"),
    ]
    for body, by, code in table:
        assert scene.refusal(body, by) == code
    other = scene.grant()
    scene.do(other, "paula")
    for scope, code in (("nothing", "scope-unknown"), ("petra's laboratory", "scope-foreign")):
        extension = Extension(other.grant, (ident(scope),))
        assert scene.refusal(Revoke(ended.grant, card, (extension,)), "paula") == code


def test_extension_keeps_the_limit_of_scopes(scene: Scene) -> None:
    names = tuple(f"scope {number}" for number in range(MAX_GRANT_SCOPES - 2))
    scene.do(scene.card(3, names), "paula")
    ended, full = scene.grant(), scene.grant(scopes=tuple(map(ident, (*names, "laboratory", "imaging"))))
    scene.do(ended, "paula")
    scene.do(full, "paula")
    revoke = Revoke(ended.grant, scene.card(4, ("more",)), (Extension(full.grant, (ident("more"),)),))
    assert scene.refusal(revoke, "paula") == "grant-too-wide"


def test_everything_about_a_patient_is_found(scene: Scene) -> None:
    before = scene.state.entries_about(ident("petra"))
    asked = scene.request()
    grant = scene.grant(request=asked.request)
    expected = [
        scene.do(scene.anchor(), "north"),
        scene.do(asked, "saul"),
        scene.do(grant, "paula"),
        scene.do(scene.release(grant.grant, scene.state.blocks(patient=ident("paula"))[0].chapter), "saul"),
        scene.do(Revoke(grant.grant, scene.card(3), ()), "paula"),
        scene.do(Revoke(_granted(scene), None, ()), "paula"),
        scene.remove("paula"),
    ]
    positions = [entry.position for entry in expected]
    about = scene.state.entries_about(ident("paula"))
    assert sorted(set(positions) - set(about)) == []
    assert list(about) == sorted(set(about))
    assert scene.state.entries_about(ident("petra")) == before


def _granted(scene: Scene) -> str:
    grant = scene.grant()
    scene.do(grant, "paula")
    return grant.grant
