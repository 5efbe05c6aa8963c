"""After a grant ended, what the delegatee and all proxies kept opens nothing that is sealed from then on."""

from dataclasses import replace

import pytest

from clinic import membership, revocation
from clinic.delivery import finish_pending
from clinic.errors import GrantInactive, GrantUnknown, ProxyRefused, SealRefused
from clinic.history import plan
from clinic.keystore import MemberSecrets
from clinic.proxy_answer import Ask
from clinic.requests import Access, new_id
from ledger.bodies import Release
from ledger.refusals import CardVersionWrong, GrantExpired, GrantRevoked, ScopeRetired
from ledger.rules import consent
from ledger.transactions import SignedTransaction
from scheme.scopes import Category
from tests.clinic.forging import anchor
from tests.clinic.pooling import deposits, opened_by, pool
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import EngineStub, ProxyStub, at_engine, with_proxies

LABORATORY = Access(frozenset({Category.LABORATORY}))
DAY = 86_400
KEPT = {"kept block key", "kept chapter key"}
POOLED = {"pooled scope secret", "key fragments"}
"""What takes a threshold of proxies to pool with the delegatee."""


def release_all(scene: Scene, grant_id: str, locators: tuple[str, ...]) -> Release:
    chapters = tuple({scene.anchored(locator).chapter for locator in locators})
    return Release(new_id(), grant_id, scene.patient.member_id, chapters)


def ask_for(scene: Scene, locator: str) -> Ask:
    header = scene.fetched(locator).block.header
    return Ask(header.chapter.context, header.chapter.capsule)


# Revoked: keys enforce it


def test_after_revocation_kept_keys_and_all_old_fragments_open_nothing_new(scene: Scene) -> None:
    old = scene.seal(draft(year=2026), draft(year=2025), draft(year=1987))
    grant_id = scene.grant(LABORATORY)
    kept = pool(scene, grant_id, scene.reader)
    for locator in old.blocks:
        assert opened_by(scene, kept, scene.fetched(locator)), "else the rest of this test would show nothing"
    revocation.revoke(scene.site, scene.patient, grant_id)
    new = scene.seal(draft(year=2026), draft(year=2025), draft(year=1987))
    assert [opened_by(scene, kept, scene.fetched(locator)) for locator in new.blocks] == [[], [], []]


def test_each_way_of_the_pool_opens_old_blocks_so_that_silence_means_something(scene: Scene) -> None:
    (locator,) = scene.seal(draft()).blocks
    kept = pool(scene, scene.grant(LABORATORY), scene.reader)
    ways = set(opened_by(scene, kept, scene.fetched(locator)))
    assert ways == {*KEPT, *POOLED, "capsule fragments"}


def test_without_a_new_revision_the_pool_would_open_the_new_block(scene: Scene) -> None:
    scene.seal(draft())
    kept = pool(scene, scene.grant(LABORATORY), scene.reader)
    (locator,) = scene.seal(draft()).blocks
    assert set(opened_by(scene, kept, scene.fetched(locator))) == POOLED


def test_new_blocks_share_no_scope_chapter_or_key_with_the_old_ones(scene: Scene) -> None:
    old = scene.seal(draft())
    grant_id = scene.grant(LABORATORY)
    revocation.revoke(scene.site, scene.patient, grant_id)
    new = scene.seal(draft())
    before, after = (scene.fetched(sealed.blocks[0]).block.header.chapter for sealed in (old, new))
    assert before.context.scope != after.context.scope
    assert before.context.chapter != after.context.chapter
    assert bytes(before.capsule) != bytes(after.capsule)


def test_after_revocation_reader_ledger_and_proxies_all_say_no(scene: Scene) -> None:
    old = scene.seal(draft())
    grant_id = scene.grant(LABORATORY)
    scene.read()
    (release,) = scene.site.state().releases(scene.patient.member_id)
    revocation.revoke(scene.site, scene.patient, grant_id)
    with pytest.raises(GrantInactive, match="revoked"):
        plan(scene.site, scene.reader, scene.patient.member_id)
    with pytest.raises(GrantRevoked):
        scene.site.submit(release_all(scene, grant_id, old.blocks), scene.reader)
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match="ended or was revoked"):
            proxy.reencrypt(release.release, [ask_for(scene, old.blocks[0])])


def test_proxies_delete_the_fragments_of_a_revoked_grant(scene: Scene) -> None:
    scene.seal(draft())
    grant_id = scene.grant(LABORATORY)
    assert all(len(frags) == 3 for frags in deposits(scene, grant_id, scene.reader).values())
    revocation.revoke(scene.site, scene.patient, grant_id)
    assert deposits(scene, grant_id, scene.reader) == {}


class OutOfReach(ProxyStub):
    """Takes deposits, and cannot be reached when it is told to forget."""

    def forget(self, grant_id: str) -> None:
        raise ProxyRefused("the proxy cannot be reached; try again later")


def test_a_proxy_out_of_reach_does_not_stop_a_revocation(scene: Scene) -> None:
    """The ledger ends the grant; the proxy learns it there when it is next asked."""
    (block,) = scene.seal(draft()).blocks
    grant_id = scene.grant(LABORATORY)
    scene.read()
    (release,) = scene.site.state().releases(scene.patient.member_id)
    first, proxy = next(iter(scene.site.proxies.items()))
    site = with_proxies(scene.site, {first: OutOfReach(proxy, scene.proxies[0], lambda _release, _asks: [])})
    revocation.revoke(site, scene.patient, grant_id)
    assert {len(frags) for frags in deposits(scene, grant_id, scene.reader).values()} == {1}
    with pytest.raises(ProxyRefused, match="ended or was revoked"):
        proxy.reencrypt(release.release, [ask_for(scene, block)])
    assert deposits(scene, grant_id, scene.reader) == {}


def test_two_revocations_at_once_both_hold_in_the_end(scene: Scene) -> None:
    """From two devices: both build the next version of the card; the ledger takes one, the other is tried again."""
    old = scene.seal(draft(text="old"), draft(Category.IMAGING, text="scan"))
    first = scene.grant(LABORATORY)
    second = scene.grant(Access(frozenset({Category.IMAGING})), to=scene.second)
    scene.grant(Access(), to=scene.other)

    def other_device(transaction: SignedTransaction) -> None:
        if transaction.body.type == "revoke" and scene.site.state().grant_active(first, time=scene.clock()):
            revocation.revoke(scene.site, scene.patient, first)

    site = at_engine(scene.site, EngineStub(scene.site.engine, before_submit=other_device))
    with pytest.raises(CardVersionWrong):
        revocation.revoke(site, scene.patient, second)
    assert not scene.site.state().grant_active(first, time=scene.clock())
    new = scene.seal(draft(text="new"))
    revocation.revoke(scene.site, scene.patient, second)
    newest = scene.seal(draft(Category.IMAGING, text="last"))
    expected = {
        **dict(zip(old.blocks, (b"old", b"scan"), strict=True)),
        new.blocks[0]: b"new",
        newest.blocks[0]: b"last",
    }
    assert scene.own() == expected
    assert scene.read(scene.other) == expected
    for reader in (scene.reader, scene.second):
        with pytest.raises(GrantInactive):
            scene.read(reader)


def test_a_revocation_that_was_overtaken_and_died_breaks_nothing(scene: Scene) -> None:
    """Both have published their next card and their letters; the one whose card came last never reached the ledger."""
    old = scene.seal(draft(text="old"))
    first = scene.grant(LABORATORY)
    second = scene.grant(Access(frozenset({Category.IMAGING})), to=scene.second)
    scene.grant(Access(), to=scene.other)

    def die(_transaction: SignedTransaction) -> None:
        raise KeyboardInterrupt

    def other_device(_transaction: SignedTransaction) -> None:
        dying = at_engine(scene.site, EngineStub(scene.site.engine, before_submit=die))
        with pytest.raises(KeyboardInterrupt):
            revocation.revoke(dying, scene.patient, second)

    overtaking = EngineStub(scene.site.engine, before_submit=other_device)
    revocation.revoke(at_engine(scene.site, overtaking), scene.patient, first)
    new = scene.seal(draft(text="new"), draft(Category.IMAGING, text="scan"))
    expected = {old.blocks[0]: b"old", new.blocks[0]: b"new", new.blocks[1]: b"scan"}
    assert scene.own() == expected
    assert scene.read(scene.other) == expected
    assert scene.read(scene.second) == {new.blocks[1]: b"scan"}, "the second revocation never happened"
    revocation.revoke(scene.site, scene.patient, second)
    last = scene.seal(draft(Category.IMAGING, text="last"))
    assert scene.read(scene.other) == expected | {last.blocks[0]: b"last"}


def test_a_revocation_that_crashed_before_the_ledger_is_done_again(scene: Scene) -> None:
    """The next card and the new fragments are out already, under the version that the second attempt uses too."""
    old = scene.seal(draft(text="old"))
    grant_id = scene.grant(LABORATORY)
    scene.grant(LABORATORY, to=scene.second)

    def crash(transaction: SignedTransaction) -> None:
        if transaction.body.type == "revoke":
            raise KeyboardInterrupt

    site = at_engine(scene.site, EngineStub(scene.site.engine, before_submit=crash))
    with pytest.raises(KeyboardInterrupt):
        revocation.revoke(site, scene.patient, grant_id)
    between = scene.seal(draft(text="between"))
    assert scene.read() == scene.read(scene.second) == scene.own(), "nothing was revoked yet, and nothing is broken"
    revocation.revoke(scene.site, scene.patient, grant_id)
    new = scene.seal(draft(text="new"))
    assert scene.read(scene.second) == {old.blocks[0]: b"old", between.blocks[0]: b"between", new.blocks[0]: b"new"}


def test_a_proxy_does_not_forget_an_active_grant_for_anybody(scene: Scene) -> None:
    scene.seal(draft())
    grant_id = scene.grant(LABORATORY)
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match="active"):
            proxy.forget(grant_id)
    assert scene.read()


def test_a_grant_is_revoked_once_and_by_its_patient_alone(scene: Scene) -> None:
    scene.seal(draft())
    grant_id = scene.grant(LABORATORY)
    with pytest.raises(GrantUnknown):
        revocation.revoke(scene.site, scene.other, grant_id)
    assert scene.read(), "a stranger's attempt must change nothing"
    revocation.revoke(scene.site, scene.patient, grant_id)
    with pytest.raises(GrantUnknown, match="already"):
        revocation.revoke(scene.site, scene.patient, grant_id)


def test_the_patient_still_opens_old_and_new_after_a_revocation(scene: Scene) -> None:
    old = scene.seal(draft(text="old"))
    revocation.revoke(scene.site, scene.patient, scene.grant(LABORATORY))
    new = scene.seal(draft(text="new"))
    assert scene.own() == {old.blocks[0]: b"old", new.blocks[0]: b"new"}


# Expired: honest proxies and the ledger enforce it, keys cannot


def test_after_the_end_honest_proxies_refuse_and_the_ledger_refuses_the_release(scene: Scene) -> None:
    old = scene.seal(draft())
    grant_id = scene.grant(LABORATORY, until=scene.clock() + DAY)
    scene.clock.advance(DAY - 1)
    assert scene.read().keys() == set(old.blocks), "up to its last second the grant holds"
    (release,) = scene.site.state().releases(scene.patient.member_id)
    scene.clock.advance(1)
    new = scene.seal(draft())
    with pytest.raises(GrantInactive, match="expired"):
        plan(scene.site, scene.reader, scene.patient.member_id)
    for sealed in (old, new):
        with pytest.raises(GrantExpired):
            scene.site.submit(release_all(scene, grant_id, sealed.blocks), scene.reader)
        for proxy in scene.site.proxies.values():
            with pytest.raises(ProxyRefused, match="ended"):
                proxy.reencrypt(release.release, [ask_for(scene, sealed.blocks[0])])


def test_after_the_end_what_the_reader_kept_opens_nothing_new(scene: Scene) -> None:
    scene.seal(draft())
    grant_id = scene.grant(LABORATORY, until=scene.clock() + DAY)
    kept = pool(scene, grant_id, scene.reader)
    scene.clock.advance(DAY)
    (locator,) = scene.seal(draft()).blocks
    assert opened_by(scene, replace(kept, key_frags={}), scene.fetched(locator)) == []


def test_after_the_end_only_a_threshold_of_dishonest_proxies_opens_what_is_new(scene: Scene) -> None:
    """What keys cannot enforce, shown: proxies that kept fragments of an ended grant. See ``docs/threat-model.md``."""
    scene.seal(draft())
    grant_id = scene.grant(LABORATORY, until=scene.clock() + DAY)
    kept = pool(scene, grant_id, scene.reader)
    scene.clock.advance(DAY)
    (locator,) = scene.seal(draft()).blocks
    assert set(opened_by(scene, kept, scene.fetched(locator))) == POOLED
    one_proxy = replace(kept, key_frags={scope: frags[:1] for scope, frags in kept.key_frags.items()})
    assert opened_by(scene, one_proxy, scene.fetched(locator)) == []


def test_a_proxy_that_was_asked_after_the_end_has_deleted_its_fragments(scene: Scene) -> None:
    (locator,) = scene.seal(draft()).blocks
    grant_id = scene.grant(LABORATORY, until=scene.clock() + DAY)
    scene.read()
    (release,) = scene.site.state().releases(scene.patient.member_id)
    scene.clock.advance(DAY)
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused):
            proxy.reencrypt(release.release, [ask_for(scene, locator)])
    assert deposits(scene, grant_id, scene.reader) == {}


# Those who stay


def test_a_second_doctors_grant_still_reads_old_and_new_blocks(scene: Scene) -> None:
    old = scene.seal(draft(text="before"), draft(Category.IMAGING, text="scan"))
    revoked, kept = scene.grant(LABORATORY), scene.grant(LABORATORY, to=scene.second)
    assert revoked != kept
    done = revocation.revoke(scene.site, scene.patient, revoked)
    assert ([record.grant for record in done.rekeyed], done.left_out) == ([kept], {})
    new = scene.seal(draft(text="after"), draft(Category.IMAGING, text="scan"))
    assert scene.read(scene.second) == {old.blocks[0]: b"before", new.blocks[0]: b"after"}


def test_the_second_doctor_still_reads_after_many_revocations_one_after_the_other(scene: Scene) -> None:
    expected = {scene.seal(draft(text="first")).blocks[0]: b"first"}
    scene.grant(LABORATORY, to=scene.second)
    for turn in range(3):
        revocation.revoke(scene.site, scene.patient, scene.grant(LABORATORY))
        text = f"after revocation {turn}"
        expected[scene.seal(draft(text=text)).blocks[0]] = text.encode()
    assert scene.read(scene.second) == expected


def test_rekeying_does_not_widen_the_second_doctors_grant(scene: Scene) -> None:
    scene.grant(Access(frozenset({Category.LABORATORY}), since=2020), to=scene.second)
    revocation.revoke(scene.site, scene.patient, scene.grant(Access()))
    new = scene.seal(draft(year=2026, text="in"), draft(year=2019), draft(Category.CLINICAL, 2026), draft(year=1999))
    assert scene.read(scene.second) == {new.blocks[0]: b"in"}


def test_revoking_when_the_card_grew_a_decade_keeps_the_second_doctors_years(scene: Scene) -> None:
    """Four years on, the next card folds single years into a decade; a grant of all of them goes on."""
    old = scene.seal(draft(year=2012, text="old"))
    revoked, _ = scene.grant(LABORATORY), scene.grant(LABORATORY, to=scene.second)
    scene.clock.advance(4 * 366 * DAY)
    for member in scene.site.state().members():
        membership.renew(scene.site, scene.authority, member.member)
    revocation.revoke(scene.site, scene.patient, revoked)
    new = scene.seal(draft(year=2012, text="late"), draft(year=2030, text="now"))
    assert scene.read(scene.second) == {old.blocks[0]: b"old", new.blocks[0]: b"late", new.blocks[1]: b"now"}


def test_a_grant_that_cannot_be_rekeyed_is_left_out_and_does_not_stop_a_revocation(scene: Scene) -> None:
    """One proxy of hers is known and in office: too few for the second doctor's new keys, enough to revoke."""
    old = scene.seal(draft(text="old"))
    revoked, kept = scene.grant(LABORATORY), scene.grant(LABORATORY, to=scene.second)
    unknown, suspended, known = (keys.member_id for keys in scene.proxies)
    membership.suspend(scene.site, scene.authority, suspended)
    names = (suspended, known)
    site = replace(scene.site, proxies={name: scene.site.proxies[name] for name in names})
    done = revocation.revoke(site, scene.patient, revoked)
    ((left, why),) = done.left_out.items()
    assert (done.rekeyed, left.grant, left.delegatee) == ((), kept, scene.second.member_id)
    assert f"proxy {unknown[:8]}: it is not known here where it is" in why
    assert f"proxy {suspended[:8]}: that proxy is suspended" in why
    with pytest.raises(GrantInactive, match="revoked"):
        scene.read()
    new = scene.seal(draft(text="new"))
    assert scene.read(scene.second) == {old.blocks[0]: b"old"}
    membership.reinstate(scene.site, scene.authority, suspended)
    scene.grant(LABORATORY, to=scene.second)
    assert scene.read(scene.second) == {old.blocks[0]: b"old", new.blocks[0]: b"new"}


def test_a_grant_that_would_grow_too_wide_is_left_out_of_a_revocation(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.seal(draft())
    revoked, kept = scene.grant(LABORATORY), scene.grant(LABORATORY, to=scene.second)
    record = scene.site.state().grant(kept)
    assert record is not None
    for module in (consent, revocation):
        monkeypatch.setattr(module, "MAX_GRANT_SCOPES", len(record.scopes) + 1)
    ((left, why),) = revocation.revoke(scene.site, scene.patient, revoked).left_out.items()
    assert left == record
    assert "at most" in why


def test_a_removed_proxy_gets_no_fragments_of_new_scopes(scene: Scene) -> None:
    scene.seal(draft(text="old"))
    revoked, kept = scene.grant(LABORATORY), scene.grant(LABORATORY, to=scene.second)
    removed = scene.proxies[0].member_id
    membership.remove(scene.site, scene.authority, removed)
    revocation.revoke(scene.site, scene.patient, revoked)
    held = {keys.member_id: parts(scene, keys, kept) for keys in scene.proxies}
    assert held.pop(removed) == 1
    assert set(held.values()) == {2}
    scene.seal(draft(text="new"))
    assert sorted(scene.read(scene.second).values()) == [b"new", b"old"]


def parts(scene: Scene, proxy: MemberSecrets, grant_id: str) -> int:
    """How many deposits of a grant a proxy keeps."""
    return len(list((scene.home.folder / "proxies" / proxy.member_id / grant_id).iterdir()))


def test_an_expired_grant_is_not_rekeyed(scene: Scene) -> None:
    ended = scene.grant(LABORATORY, to=scene.second, until=scene.clock() + DAY)
    revoked = scene.grant(LABORATORY)
    scene.clock.advance(DAY)
    assert revocation.revoke(scene.site, scene.patient, revoked) == revocation.Revoked((), {})
    record = scene.site.state().grant(ended)
    card = scene.site.state().key_card(scene.patient.member_id)
    assert record is not None
    assert card is not None
    (new,) = scene.seal(draft()).blocks
    assert scene.anchored(new).scope not in record.scopes


def test_granting_again_after_a_revocation_reads_old_and_new(scene: Scene) -> None:
    old = scene.seal(draft(text="old"))
    revocation.revoke(scene.site, scene.patient, scene.grant(LABORATORY))
    new = scene.seal(draft(text="new"))
    scene.grant(LABORATORY)
    assert scene.read() == {old.blocks[0]: b"old", new.blocks[0]: b"new"}


# A stale key card


def revoke_before_anchoring(scene: Scene, grant_id: str) -> EngineStub:
    """The author sealed to the card that was current; the patient revokes before the blocks are anchored."""
    revoked: list[MemberSecrets] = []

    def step(transaction: SignedTransaction) -> None:
        if transaction.body.type == "anchor-blocks" and not revoked:
            revoked.append(scene.patient)
            revocation.revoke(scene.site, scene.patient, grant_id)

    return EngineStub(scene.site.engine, before_submit=step)


def test_a_block_sealed_with_a_stale_key_card_is_refused_and_nothing_is_lost(scene: Scene) -> None:
    scene.seal(draft(text="old"))
    grant_id = scene.grant(LABORATORY)
    site = at_engine(scene.site, revoke_before_anchoring(scene, grant_id))
    with pytest.raises(SealRefused, match="seal the records again") as told:
        scene.seal(draft(text="new"), site=site)
    assert "retired" in str(told.value)
    assert len(scene.store.blocks) == 1, "nothing of the refused blocks stays in the store"
    assert scene.home.outbox.pending() == [], "nothing blocks the next seal"
    (again,) = scene.seal(draft(text="new")).blocks
    assert scene.own()[again] == b"new"


def test_the_ledger_itself_refuses_a_superseded_scope(scene: Scene) -> None:
    (locator,) = scene.seal(draft()).blocks
    revocation.revoke(scene.site, scene.patient, scene.grant(LABORATORY))
    fetched = scene.fetched(locator)
    with pytest.raises(ScopeRetired):
        anchor(scene, fetched.block.header.chapter.context.scope)


def test_a_stale_batch_left_by_a_crash_is_refused_by_the_next_run_with_a_clear_error(scene: Scene) -> None:
    scene.seal(draft(text="old"))
    grant_id = scene.grant(LABORATORY)

    def crash(_transaction: SignedTransaction) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scene.seal(draft(text="new"), site=at_engine(scene.site, EngineStub(scene.site.engine, before_submit=crash)))
    assert len(scene.home.outbox.pending()) == 1
    revocation.revoke(scene.site, scene.patient, grant_id)
    with pytest.raises(SealRefused, match="seal the records again"):
        finish_pending(scene.site, scene.home.outbox)
    assert list(scene.own().values()) == [b"old"]
