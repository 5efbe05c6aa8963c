"""What a proxy refuses, and how many of three may be down, lying or behind before nobody reads."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from clinic import revocation
from clinic.errors import ProxiesInsufficient, ProxyRefused
from clinic.key_fragments import Parties, ScopeFragment, rekey_terms, seal_fragments
from clinic.keystore import MemberSecrets
from clinic.own_scopes import master_of, own_scopes
from clinic.proxy import ProxyClient, ProxyService
from clinic.proxy_answer import Ask
from clinic.requests import Access, new_id
from ledger.bodies import Release
from ledger.proofs import LedgerProof
from ledger.refusals import ChapterNotGranted, ChapterUnknown, WrongSigner
from ledger.votes import QuorumCertificate
from scheme import umbral
from scheme.hpke import HpkePublicKey
from scheme.scopes import Category
from tests.clinic.pooling import deposits
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import EngineStub, ProxyStub, with_proxies

LABORATORY = Access(frozenset({Category.LABORATORY}))
DAY = 86_400
STALE_AFTER_S = 60


@pytest.fixture
def block(scene: Scene) -> str:
    """One block of the laboratory, granted to the reader; beside it one that is closed."""
    locator = scene.seal(draft(text="granted"), draft(Category.IMAGING, text="closed")).blocks[0]
    scene.grant(LABORATORY)
    return locator


def ask_for(scene: Scene, locator: str) -> Ask:
    header = scene.fetched(locator).block.header
    return Ask(header.chapter.context, header.chapter.capsule)


def released(scene: Scene, *locators: str, grant: str | None = None) -> str:
    """A release of these blocks' chapters by the reader, on the ledger."""
    grant = grant or scene.site.state().grants(patient=scene.patient.member_id)[-1].grant
    release_id = new_id()
    chapters = tuple(dict.fromkeys(scene.anchored(locator).chapter for locator in locators))
    scene.site.submit(Release(release_id, grant, scene.patient.member_id, chapters), scene.reader)
    return release_id


def refused(scene: Scene, release_id: str, *asks: Ask, match: str) -> None:
    """Every proxy refuses, each by itself."""
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match=match):
            proxy.reencrypt(release_id, asks)


# What a proxy refuses


def test_a_proxy_answers_a_release_with_sound_fragments(scene: Scene, block: str) -> None:
    release_id = released(scene, block)
    answers = [proxy.reencrypt(release_id, [ask_for(scene, block)]) for proxy in scene.site.proxies.values()]
    assert [[len(data) for data in answer.fragments] for answer in answers] == [[293], [293], [293]]


def test_no_release_no_fragment(scene: Scene, block: str) -> None:
    refused(scene, new_id(), ask_for(scene, block), match="release is not on this proxy's ledger")


@pytest.mark.parametrize("lie", ["quorum", "signature", "path", "another entry"])
def test_a_release_that_the_delegates_did_not_make_final_is_refused(scene: Scene, block: str, lie: str) -> None:
    """Whoever runs the ledger's machine may say what he likes: the proxy asks for the delegates' signatures."""
    release_id = released(scene, block)

    def forged(proof: LedgerProof) -> LedgerProof:
        final = proof.final
        votes = final.certificate.votes
        if lie == "quorum":
            return replace(proof, final=replace(final, certificate=QuorumCertificate(votes[:2])))
        if lie == "signature":
            turned = replace(votes[0], signature=votes[1].signature)
            return replace(proof, final=replace(final, certificate=QuorumCertificate((turned, *votes[1:]))))
        (entry,) = proof.entries
        if lie == "path":
            return replace(proof, entries=(replace(entry, path=entry.path[::-1]),))
        return scene.site.engine.prove([entry.position - 1])

    keys = scene.proxies[0]
    folder = scene.home.folder / "proxies" / keys.member_id
    service = ProxyService(keys, folder, EngineStub(scene.site.engine, proof=forged), scene.clock)
    with pytest.raises(ProxyRefused, match=r"the ledger (does not prove the|proves another) release"):
        service.reencrypt(release_id, [ask_for(scene, block)])


def test_a_chapter_outside_of_the_release_is_refused(scene: Scene, block: str) -> None:
    """Granted, but not announced: every chapter that is opened stands on the ledger first."""
    later = scene.seal(draft(text="later")).blocks[0]
    release_id = released(scene, block)
    refused(scene, release_id, ask_for(scene, later), match="not in the release")
    refused(scene, release_id, ask_for(scene, block), ask_for(scene, later), match="not in the release")
    scene.site.proxies[scene.proxies[0].member_id].reencrypt(released(scene, later), [ask_for(scene, later)])


def test_a_chapter_outside_of_the_grant_cannot_be_released(scene: Scene, block: str) -> None:
    closed = scene.site.state().blocks(patient=scene.patient.member_id)[1].locator
    with pytest.raises(ChapterNotGranted):
        released(scene, closed)


def test_a_foreign_chapter_id_over_a_granted_capsule_is_refused(scene: Scene, block: str) -> None:
    """The reader asks for a closed capsule under the name of the chapter that she released."""
    closed = scene.site.state().blocks(patient=scene.patient.member_id)[1].locator
    release_id = released(scene, block)
    mine, theirs = ask_for(scene, block), ask_for(scene, closed)
    refused(scene, release_id, Ask(mine.context, theirs.capsule), match="does not belong where it stands")
    named = replace(theirs.context, chapter=mine.context.chapter)
    refused(scene, release_id, Ask(named, theirs.capsule), match="not in a scope of the grant")
    refused(scene, release_id, Ask(theirs.context, theirs.capsule), match="not in the release")


def test_another_patients_chapter_is_refused(scene: Scene, block: str) -> None:
    (foreign,) = scene.seal(draft(), patient=scene.other).blocks
    with pytest.raises(ChapterUnknown, match="not anchored for this patient"):
        released(scene, foreign)
    refused(scene, released(scene, block), ask_for(scene, foreign), match="not in the release")


def test_another_doctors_release_is_refused(scene: Scene, block: str) -> None:
    grant = scene.site.state().grants(patient=scene.patient.member_id)[0].grant
    body = Release(new_id(), grant, scene.patient.member_id, (scene.anchored(block).chapter,))
    with pytest.raises(WrongSigner):
        scene.site.submit(body, scene.second)
    refused(scene, body.release, ask_for(scene, block), match="not on this proxy's ledger")


def test_a_revoked_grant_is_refused_even_for_a_release_from_before(scene: Scene, block: str) -> None:
    release_id = released(scene, block)
    grant = scene.site.state().grants(patient=scene.patient.member_id)[0].grant
    ask = ask_for(scene, block)
    revocation.revoke(scene.site, scene.patient, grant)
    refused(scene, release_id, ask, match="ended or was revoked")


def test_a_proxy_that_was_not_told_of_the_revocation_refuses_by_the_ledger(scene: Scene, block: str) -> None:
    """``forget`` never reached it: the fragments are still there, the ledger says no, and then they go."""
    release_id, ask = released(scene, block), ask_for(scene, block)
    grant = scene.site.state().grants(patient=scene.patient.member_id)[0].grant
    deaf = with_proxies(scene.site, {})
    revocation.revoke(replace(deaf, proxies={}), scene.patient, grant)
    assert deposits(scene, grant, scene.reader)
    refused(scene, release_id, ask, match="ended or was revoked")
    assert deposits(scene, grant, scene.reader) == {}


def test_an_expired_grant_is_refused_even_for_a_release_from_before(scene: Scene) -> None:
    (locator,) = scene.seal(draft()).blocks
    scene.grant(LABORATORY, until=scene.clock() + DAY)
    release_id, ask = released(scene, locator), ask_for(scene, locator)
    scene.clock.advance(DAY)
    refused(scene, release_id, ask, match="ended or was revoked")


def test_a_proxy_outside_of_the_grant_holds_nothing_for_it(scene: Scene, block: str) -> None:
    stranger = ProxyService(scene.reader, scene.home.folder / "stranger", scene.site.engine, scene.clock)
    with pytest.raises(ProxyRefused, match="holds no fragment"):
        stranger.reencrypt(released(scene, block), [ask_for(scene, block)])


@pytest.mark.parametrize("name", ["../../../etc", "", "a" * 31, "A" * 32, "a" * 32 + "/b", "a" * 32 + "."])
def test_a_deposit_under_a_name_that_is_no_grant_id_is_refused(scene: Scene, name: str) -> None:
    (proxy, *_) = scene.site.proxies.values()
    for grant_id, part in ((name, "a" * 32), ("a" * 32, name)):
        with pytest.raises(ProxyRefused, match="32 hexadecimal digits"):
            proxy.deposit(grant_id, part, b"anything")


# Deposits that are not the patient's


def garbage_beside(scene: Scene, make: Callable[[str], bytes]) -> str:
    """Somebody hands every proxy something else under the name of a grant, before and behind the patient's part."""
    grant = scene.site.state().grants(patient=scene.patient.member_id)[-1].grant
    for member_id, proxy in scene.site.proxies.items():
        for part in (f"{grant}.0", f"{grant}.9"):
            proxy.deposit(grant, part, make(member_id))
    return grant


@pytest.mark.parametrize("data", [b"", b"garbage", bytes(5000)], ids=["empty", "short", "long"])
def test_a_deposit_of_garbage_beside_a_good_one_does_no_harm(scene: Scene, block: str, data: bytes) -> None:
    garbage_beside(scene, lambda _member: data)
    assert scene.read() == {block: b"granted"}


def test_a_deposit_signed_by_somebody_else_is_never_used(scene: Scene, block: str) -> None:
    """Well sealed to the proxy, in the patient's name, for this grant, scope and key, but with another's signature."""
    record = scene.site.state().grants(patient=scene.patient.member_id)[-1]
    receiving = scene.reader.receiving.public_key
    scope = scene.anchored(block).scope
    line = own_scopes(scene.site, scene.site.state(), scene.patient)[scope]
    secret = master_of(scene.patient).scope_key(line.scope)
    terms = rekey_terms(record.grant, scope, record.until)
    forged = umbral.generate_rekey(secret, receiving, scene.other.signing, terms, 2, 3)

    def make(member_id: str) -> bytes:
        member = scene.site.state().member(member_id)
        assert member is not None
        parties = Parties(record.grant, scene.patient.signing.verifying_key, receiving)
        fragments = [ScopeFragment(scope, secret.public_key, forged[0])]
        return seal_fragments(fragments, parties, until=None, proxy=HpkePublicKey(member.keys.hpke))

    garbage_beside(scene, make)
    assert scene.read() == {block: b"granted"}


def test_garbage_alone_is_no_fragment(scene: Scene, block: str) -> None:
    release_id, ask = released(scene, block), ask_for(scene, block)
    grant = scene.site.state().grants(patient=scene.patient.member_id)[-1].grant
    for member_id, proxy in scene.site.proxies.items():
        (scene.home.folder / "proxies" / member_id / grant / grant).unlink()
        proxy.deposit(grant, grant, b"garbage")
    refused(scene, release_id, ask, match="holds no sound key fragment")


# A proxy's view of the ledger


def services(scene: Scene, ages_s: Sequence[int]) -> dict[str, ProxyService]:
    """The proxies, each with a view of the ledger that is so many seconds old."""
    return {
        keys.member_id: ProxyService(
            keys,
            scene.home.folder / "proxies" / keys.member_id,
            EngineStub(scene.site.engine, age_s=age_s),
            scene.clock,
            max_staleness_s=STALE_AFTER_S,
        )
        for keys, age_s in zip(scene.proxies, ages_s, strict=True)
    }


@pytest.mark.parametrize(("age_s", "answers"), [(0, True), (STALE_AFTER_S, True), (STALE_AFTER_S + 1, False)])
def test_a_proxy_whose_view_is_too_old_refuses(scene: Scene, block: str, age_s: int, answers: bool) -> None:
    release_id, ask = released(scene, block), ask_for(scene, block)
    (proxy, *_) = services(scene, (age_s, 0, 0)).values()
    if answers:
        assert len(proxy.reencrypt(release_id, [ask]).fragments) == 1
    else:
        with pytest.raises(ProxyRefused, match="older than 60 s"):
            proxy.reencrypt(release_id, [ask])


def test_a_proxy_that_is_behind_does_not_forget_on_an_old_view(scene: Scene, block: str) -> None:
    grant = scene.site.state().grants(patient=scene.patient.member_id)[-1].grant
    (proxy, *_) = services(scene, (STALE_AFTER_S + 1, 0, 0)).values()
    with pytest.raises(ProxyRefused, match="older than"):
        proxy.forget(grant)
    assert len(next(iter(deposits(scene, grant, scene.reader).values()))) == 3


# One bad of three, two bad of three

Answer = Callable[[str, Sequence[Ask]], Sequence[bytes]]


def down(_release: str, _asks: Sequence[Ask]) -> list[bytes]:
    raise ProxyRefused("the proxy cannot be reached; try again later")


def nonsense(_release: str, asks: Sequence[Ask]) -> list[bytes]:
    return [bytes(293) for _ in asks]


BAD: dict[str, tuple[Answer, str]] = {
    "down": (down, "cannot be reached"),
    "lying": (nonsense, "threshold|encod|point|form"),
    "stale": (down, "older than 60 s"),
}


def with_bad(scene: Scene, kinds: dict[int, str]) -> Scene:
    """The scene with the proxies at those places down, lying or stale."""
    stale = services(scene, [STALE_AFTER_S + 1 if kinds.get(place) == "stale" else 0 for place in range(3)])
    stubs: dict[str, ProxyClient] = {
        keys.member_id: ProxyStub(stale[keys.member_id], keys, BAD[kinds[place]][0])
        if kinds.get(place) in {"down", "lying"}
        else stale[keys.member_id]
        for place, keys in enumerate(scene.proxies)
    }
    return replace(scene, site=with_proxies(scene.site, stubs))


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_with_one_bad_proxy_of_three_reading_still_works(scene: Scene, block: str, kind: str, place: int) -> None:
    assert with_bad(scene, {place: kind}).read() == {block: b"granted"}


@pytest.mark.parametrize("kind", BAD)
def test_with_two_bad_proxies_of_three_nobody_reads_and_it_is_said_why(scene: Scene, block: str, kind: str) -> None:
    with pytest.raises(ProxiesInsufficient, match=f"1 of the 2 proxies needed.*({BAD[kind][1]})"):
        with_bad(scene, {0: kind, 2: kind}).read()


def test_two_that_are_bad_in_two_ways_are_both_named(scene: Scene, block: str) -> None:
    with pytest.raises(ProxiesInsufficient) as told:
        with_bad(scene, {0: "down", 1: "stale"}).read()
    assert "cannot be reached" in str(told.value)
    assert "older than 60 s" in str(told.value)
    assert scene.read() == {block: b"granted"}, "nothing is lost: with the proxies back it reads"


def test_one_bad_proxy_does_not_hinder_a_selection_either(scene: Scene) -> None:
    (locator,) = scene.seal(draft(text="chosen")).blocks
    scene.grant(Access(), blocks=(locator,))
    for kind in BAD:
        assert with_bad(scene, {1: kind}).read() == {locator: b"chosen"}


def test_every_reading_is_on_the_ledger_before_a_proxy_answers(scene: Scene, block: str) -> None:
    known: list[bool] = []

    def watching(keys: MemberSecrets) -> ProxyStub:
        inner = scene.site.proxies[keys.member_id]

        def answer(release_id: str, asks: Sequence[Ask]) -> Sequence[bytes]:
            release = scene.site.state().release(release_id)
            known.append(release is not None and {ask.context.chapter for ask in asks} <= set(release.chapters))
            return inner.reencrypt(release_id, asks).fragments

        return ProxyStub(inner, keys, answer)

    site = with_proxies(scene.site, {keys.member_id: watching(keys) for keys in scene.proxies})
    assert scene.read(site=site) == {block: b"granted"}
    assert len(known) >= 2
    assert all(known)
