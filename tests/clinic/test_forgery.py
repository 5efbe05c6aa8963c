"""Fragments, capsules, members and keys that are not what they pass for, by proxies, delegatees, authors, hospitals."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clinic import membership
from clinic.errors import NotPermitted, ProxiesInsufficient, ProxyRefused
from clinic.export import export
from clinic.held_grants import read_grant
from clinic.history import plan
from clinic.key_fragments import rekey_terms
from clinic.own_blocks import open_own
from clinic.proxy import ProxyClient
from clinic.proxy_answer import Ask
from clinic.requests import Access, new_id
from clinic.verification import verify_patient
from ledger.bodies import BlockAnchor, Release
from ledger.refusals import MemberRemoved, SignerRemoved, TimeSkewed
from ledger.transactions import sign
from scheme import chain, chapter, seal, wrap, zipframe
from scheme.block import Block, BlockDamaged
from scheme.chain import ChainFork
from scheme.chapter import Chapter, ChapterKey, ChapterKeyMismatch
from scheme.errors import EncodingInvalid, NotForThisKey, SchemeError, SignatureInvalid
from scheme.manifest import ManifestInvalid
from scheme.scopes import Category
from scheme.umbral import (
    CapsuleFrag,
    CapsuleInvalid,
    FragmentDuplicate,
    FragmentForeign,
    FragmentInvalid,
    FragmentsMixed,
    FragmentsTooFew,
    Opener,
    decapsulate_reencrypted,
)
from tests.clinic.forging import BEFORE_EVERYTHING, anchor, anchoring, begin, finish, forge, line, members_of
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import ProxyStub, StoreStub, at_store, with_proxies
from tests.scheme import scene as scheme_scene

LABORATORY = Access(frozenset({Category.LABORATORY}))
Answer = Callable[[str, Sequence[Ask]], Sequence[bytes]]


def honest(scene: Scene, place: int) -> Answer:
    proxy = list(scene.site.proxies.values())[place]
    return lambda release_id, asks: proxy.reencrypt(release_id, asks).fragments


def lying(scene: Scene, answers: dict[int, Answer]) -> dict[str, ProxyClient]:
    """Proxies by place that answer as given."""
    keys = scene.proxies
    return {
        keys[place].member_id: ProxyStub(scene.site.proxies[keys[place].member_id], keys[place], answer)
        for place, answer in answers.items()
    }


def changed(answer: Answer, change: Callable[[bytes], bytes]) -> Answer:
    return lambda release_id, asks: [change(data) for data in answer(release_id, asks)]


def flipped(offset: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:offset] + bytes((data[offset] ^ 1,)) + data[offset + 1 :]


@pytest.fixture
def block(scene: Scene) -> str:
    """One granted block."""
    locator = scene.seal(draft(text="genuine")).blocks[0]
    scene.grant(LABORATORY)
    return locator


def with_release(scene: Scene, grant_id: str, locator: str) -> tuple[Opener, list[CapsuleFrag], Chapter]:
    """The reader's opener for a block's scope under a grant, and what the three proxies answer."""
    record = scene.site.state().grant(grant_id)
    assert record is not None
    current = scene.fetched(locator).block.header.chapter
    release_id = new_id()
    body = Release(release_id, grant_id, record.patient, (current.context.chapter,))
    scene.site.submit(body, scene.reader)
    asks = [Ask(current.context, current.capsule)]
    frags = [
        CapsuleFrag.from_bytes(proxy.reencrypt(release_id, asks).fragments[0]) for proxy in scene.site.proxies.values()
    ]
    key = read_grant(scene.site, scene.reader, record).delegating_keys[current.context.scope]
    terms = rekey_terms(grant_id, current.context.scope, record.until)
    return Opener(scene.reader.receiving, key, scene.patient.signing.verifying_key, terms), frags, current


# Forged


@pytest.mark.parametrize("offset", [0, 16, 17, 40, 120, 170, 200, 240, 280, 292])
def test_a_forged_fragment_is_left_aside_and_two_honest_proxies_are_enough(
    scene: Scene, block: str, offset: int
) -> None:
    """One byte of each part: id, threshold, binding, precursor, signature, the two points, challenge, response."""
    site = with_proxies(scene.site, lying(scene, {0: changed(honest(scene, 0), flipped(offset))}))
    assert scene.read(site=site) == {block: b"genuine"}


def test_a_forged_fragment_does_not_verify(scene: Scene, block: str) -> None:
    (grant,) = scene.site.state().grants(patient=scene.patient.member_id)
    opener, frags, current = with_release(scene, grant.grant, block)
    for offset in (0, 120, 280):
        forged = flipped(offset)(bytes(frags[0]))
        with pytest.raises((FragmentInvalid, EncodingInvalid)):
            opener.verify(current.capsule, current.context.label, CapsuleFrag.from_bytes(forged))
    opener.verify(current.capsule, current.context.label, frags[0])


@pytest.mark.parametrize("data", [b"", b"\x00" * 293, b"\xff" * 292])
def test_garbage_in_place_of_a_fragment_is_left_aside(scene: Scene, block: str, data: bytes) -> None:
    site = with_proxies(scene.site, lying(scene, {1: lambda _release, asks: [data for _ in asks]}))
    assert scene.read(site=site) == {block: b"genuine"}


def test_too_few_or_too_many_fragments_in_an_answer_are_left_aside(scene: Scene, block: str) -> None:
    none: Answer = lambda _release, _asks: []  # noqa: E731
    twice: Answer = lambda release, asks: [*honest(scene, 0)(release, asks)] * 2  # noqa: E731
    for answer in (none, twice):
        assert scene.read(site=with_proxies(scene.site, lying(scene, {0: answer}))) == {block: b"genuine"}


def test_two_forging_proxies_of_three_open_nothing_and_it_is_said_why(scene: Scene, block: str) -> None:
    liars = lying(scene, {place: changed(honest(scene, place), flipped(292)) for place in (0, 2)})
    with pytest.raises(ProxiesInsufficient, match=r"1 of the 2 proxies needed.*proof does not hold"):
        scene.read(site=with_proxies(scene.site, liars))


# Foreign


def test_a_fragment_of_another_grant_is_foreign(scene: Scene, block: str) -> None:
    other = scene.grant(LABORATORY)
    (first, _) = scene.site.state().grants(patient=scene.patient.member_id)
    opener, _, current = with_release(scene, first.grant, block)
    _, frags, _ = with_release(scene, other, block)
    with pytest.raises(FragmentForeign):
        opener.verify(current.capsule, current.context.label, frags[0])


def test_a_fragment_for_another_doctor_is_foreign(scene: Scene, block: str) -> None:
    """The second doctor's fragments do not serve the first, who also cannot ask for them: the release is not hers."""
    scene.grant(LABORATORY, to=scene.second)
    scene.read(scene.second)
    release = scene.site.state().releases(scene.patient.member_id)[-1].release
    stolen: Answer = lambda _release, asks: honest(scene, 0)(release, asks)  # noqa: E731
    site = with_proxies(scene.site, lying(scene, {0: stolen}))
    assert scene.read(site=site) == {block: b"genuine"}
    site = with_proxies(scene.site, lying(scene, dict.fromkeys((0, 1), stolen)))
    with pytest.raises(ProxiesInsufficient, match="another grant, scope or key"):
        scene.read(site=site)


def test_a_fragment_of_another_chapter_is_not_taken_for_this_one(scene: Scene, block: str) -> None:
    later = scene.seal(draft(text="later")).blocks[0]
    (grant,) = scene.site.state().grants(patient=scene.patient.member_id)
    opener, frags, current = with_release(scene, grant.grant, block)
    capsule = scene.fetched(later).block.header.chapter
    with pytest.raises(FragmentInvalid, match="proof"):
        opener.verify(capsule.capsule, capsule.context.label, frags[0])
    verified = [opener.verify(current.capsule, current.context.label, frag) for frag in frags]
    with pytest.raises(FragmentForeign):
        opener.open(capsule.capsule, capsule.context.label, verified)


# Duplicate


def test_a_fragment_handed_in_twice_is_refused(scene: Scene, block: str) -> None:
    (grant,) = scene.site.state().grants(patient=scene.patient.member_id)
    opener, frags, current = with_release(scene, grant.grant, block)
    verified = [opener.verify(current.capsule, current.context.label, frag) for frag in frags]
    with pytest.raises(FragmentDuplicate):
        opener.open(current.capsule, current.context.label, [verified[0], verified[0]])
    with pytest.raises(FragmentsTooFew):
        opener.open(current.capsule, current.context.label, verified[:1])
    assert opener.open(current.capsule, current.context.label, verified[1:])


@pytest.mark.parametrize("copied", [0, 1, 2])
def test_a_proxy_that_answers_with_anothers_fragment_does_not_stop_the_honest_ones(
    scene: Scene, block: str, copied: int
) -> None:
    liar = (copied + 1) % 3
    site = with_proxies(scene.site, lying(scene, {liar: honest(scene, copied)}))
    assert scene.read(site=site) == {block: b"genuine"}


def test_copies_of_one_fragment_are_no_threshold(scene: Scene, block: str) -> None:
    site = with_proxies(scene.site, lying(scene, {1: honest(scene, 0), 2: honest(scene, 0)}))
    with pytest.raises(ProxiesInsufficient, match="1 of the 2"):
        scene.read(site=site)


# Two grants mixed


def test_fragments_of_two_grants_do_not_mix(scene: Scene, block: str) -> None:
    second = scene.grant(LABORATORY)
    first = scene.site.state().grants(patient=scene.patient.member_id)[0].grant
    opened = [with_release(scene, grant_id, block) for grant_id in (first, second)]
    verified = []
    for place, (opener, frags, current) in enumerate(opened):
        verified.append(opener.verify(current.capsule, current.context.label, frags[place]))
    current = opened[0][2]
    assert verified[0].origin.delegating_pk == verified[1].origin.delegating_pk, "one scope, one reader, two grants"
    with pytest.raises(FragmentsMixed):
        decapsulate_reencrypted(
            scene.reader.receiving,
            verified[0].origin.delegating_pk,
            current.capsule,
            current.context.label,
            verified,
        )


def test_a_proxy_that_answers_for_another_grant_is_left_aside(scene: Scene, block: str) -> None:
    scene.grant(LABORATORY)
    (first, second) = scene.site.state().grants(patient=scene.patient.member_id)
    chapter_id = scene.anchored(block).chapter
    release_id = new_id()
    scene.site.submit(Release(release_id, second.grant, scene.patient.member_id, (chapter_id,)), scene.reader)
    mixing: Answer = lambda _release, asks: honest(scene, 0)(release_id, asks)  # noqa: E731
    assert scene.read(site=with_proxies(scene.site, lying(scene, {0: mixing}))) == {block: b"genuine"}
    assert first.grant != second.grant


# Capsules


def test_a_capsule_copied_under_another_header_is_refused_by_proxies_reader_and_patient(scene: Scene) -> None:
    """A hospital copies the capsule of a block that is closed to the reader into a block of a scope that is open."""
    closed = scene.seal(draft(Category.MENTAL_HEALTH, text="closed")).blocks[0]
    victim = scene.fetched(closed).block.header.chapter
    current, key = begin(scene)
    copied = replace(current, capsule=victim.capsule, wrap=victim.wrap)
    locator = forge(scene, copied, key)
    scene.grant(LABORATORY)
    with pytest.raises(CapsuleInvalid, match="does not belong to this header"):
        scene.read()
    release = scene.site.state().releases(scene.patient.member_id)[-1]
    assert release.chapters == (copied.context.chapter,)
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match="does not belong where it stands"):
            proxy.reencrypt(release.release, [Ask(copied.context, copied.capsule)])
    with pytest.raises((CapsuleInvalid, NotForThisKey)):
        list(open_own(scene.site, scene.patient, [scene.anchored(locator)]))


@pytest.mark.parametrize("field", ["chain", "scope", "hospital", "chapter"])
def test_a_capsule_holds_under_its_own_context_only(scene: Scene, block: str, field: str) -> None:
    current = scene.fetched(block).block.header.chapter
    current.capsule.verify(current.context.label)
    elsewhere = replace(current.context, **{field: "00" * 16})
    with pytest.raises(CapsuleInvalid):
        current.capsule.verify(elsewhere.label)


# Members


def sealed_twice(scene: Scene) -> tuple[io.BytesIO, seal.SealedBlock, io.BytesIO, seal.SealedBlock, ChapterKey]:
    """Two blocks of one chapter without headers: what a hospital can take apart and put together."""
    current, key = begin(scene)
    first, second = io.BytesIO(), io.BytesIO()
    sealed = [
        members_of(sink, current, key, text, author=scene.author)
        for sink, text in ((first, b"potassium 4.1"), (second, b"potassium 9.9"))
    ]
    return first, sealed[0], second, sealed[1], key


def spliced(
    *parts: tuple[io.BytesIO, seal.SealedBlock, int], nonce_of: seal.SealedBlock
) -> tuple[io.BytesIO, seal.SealedBlock]:
    """A block of members of several: each is (file, block, index in the header), payload first, manifest last."""
    sink = io.BytesIO()
    hashes, crcs = [], []
    for source, block, index in parts:
        member = block.members[1 if index == 0 else 0]
        data = source.getvalue()[member.data_offset : member.data_offset + member.size]
        sink.write(zipframe.local_header(member.name) + data + zipframe.descriptor(member.crc, member.size))
        hashes.append(block.sealed[index])
        crcs.append(member.crc)
    sealed, checksums = (hashes[-1], *hashes[:-1]), (crcs[-1], *crcs[:-1])
    return sink, seal.SealedBlock(nonce_of.chapter, nonce_of.day, nonce_of.nonce, sealed, checksums)


def put_and_anchor(scene: Scene, sink: io.BytesIO, block: seal.SealedBlock) -> str:
    locator = finish(scene, sink, block)
    context = block.chapter.context
    size = len(sink.getvalue())
    anchor(scene, context.scope, locator=locator, chapter_id=context.chapter, size=size)
    return locator


def test_splicing_itself_makes_good_blocks_when_nothing_is_swapped(scene: Scene) -> None:
    """The forger's tools work, so the next tests fail for the right reason."""
    first, one, *_ = sealed_twice(scene)
    locator = put_and_anchor(scene, *spliced((first, one, 1), (first, one, 0), nonce_of=one))
    assert scene.own() == {locator: b"potassium 4.1"}


def test_a_payload_of_another_block_is_told_by_the_authors_signature(scene: Scene) -> None:
    """Same chapter, same author: the hospital re-signs a header that names the other block's payload."""
    first, one, second, two, _ = sealed_twice(scene)
    put_and_anchor(scene, *spliced((second, two, 1), (first, one, 0), nonce_of=one))
    with pytest.raises((ManifestInvalid, SignatureInvalid)):
        scene.own()
    scene.grant(LABORATORY)
    with pytest.raises((ManifestInvalid, SignatureInvalid)):
        scene.read()


def test_all_members_of_another_block_do_not_open_under_this_nonce(scene: Scene) -> None:
    _, one, second, two, _ = sealed_twice(scene)
    put_and_anchor(scene, *spliced((second, two, 1), (second, two, 0), nonce_of=one))
    with pytest.raises(SchemeError) as told:
        scene.own()
    assert told.value.code in {"not-for-this-key", "damaged"}


def test_a_member_swapped_in_the_store_is_told_by_the_header(scene: Scene) -> None:
    """Without the hospital's help: the store puts the other block's payload between the frames."""
    first, one, second, two, _ = sealed_twice(scene)
    locator = put_and_anchor(scene, first, one)
    other = two.members[0]
    data = bytearray(scene.store.blocks[locator])
    mine = one.members[0]
    assert mine.size == other.size
    foreign = second.getvalue()[other.data_offset : other.data_offset + other.size]
    data[mine.data_offset : mine.data_offset + mine.size] = foreign
    scene.store.blocks[locator] = bytes(data)
    with pytest.raises(BlockDamaged, match="not the one in the block's header"):
        scene.own()
    (report,) = verify_patient(scene.site, scene.patient.member_id)
    assert report.code == "block-damaged"


def test_a_block_with_members_in_another_order_or_twice_is_no_block(scene: Scene) -> None:
    first, one, *_ = sealed_twice(scene)
    for parts in ((0, 1), (1, 1, 0)):
        sink, _ = spliced(*((first, one, index) for index in parts), nonce_of=one)
        with zipfile.ZipFile(sink, "a") as archive:
            archive.writestr("header.json", b"{}")
        with pytest.raises(BlockDamaged):
            Block.open(sink)


# The two ways to a chapter key


def other_key_wrapped(scene: Scene) -> tuple[Chapter, ChapterKey]:
    """A chapter whose author gives delegatees one key and the patient, by RSA, another."""
    current, key = begin(scene)
    assert scene.patient.wrapping is not None
    label = chapter._wrap_label(current.context, current.capsule)
    return replace(current, wrap=wrap.wrap(scene.patient.wrapping.public_key, b"\x07" * 32, label)), key


def test_an_rsa_wrap_of_a_different_key_is_told_to_the_patient(scene: Scene) -> None:
    current, key = other_key_wrapped(scene)
    locator = forge(scene, current, key)
    with pytest.raises(ChapterKeyMismatch) as told:
        list(open_own(scene.site, scene.patient, [scene.anchored(locator)]))
    assert told.value.code == "chapter-key-mismatch"


def test_a_capsule_of_a_different_key_is_told_to_the_patient(scene: Scene) -> None:
    """The other way round: the patient reads, delegatees would not."""
    current, _ = begin(scene)
    assert scene.patient.wrapping is not None
    label = chapter._wrap_label(current.context, current.capsule)
    key = ChapterKey(b"\x07" * 32)
    wrapped = wrap.wrap(scene.patient.wrapping.public_key, key.to_secret_bytes(), label)
    locator = forge(scene, replace(current, wrap=wrapped), key)
    with pytest.raises(ChapterKeyMismatch):
        list(open_own(scene.site, scene.patient, [scene.anchored(locator)]))


def test_a_mismatch_writes_no_half_export(scene: Scene, tmp_path: Path) -> None:
    good = scene.seal(draft(text="good")).blocks[0]
    bad = forge(scene, *other_key_wrapped(scene))
    blocks = [scene.anchored(good), scene.anchored(bad)]
    with pytest.raises(ChapterKeyMismatch):
        export(open_own(scene.site, scene.patient, blocks), tmp_path / "out")
    assert not (tmp_path / "out" / "bundle.json").exists()


def test_a_mismatched_block_cannot_be_selected_for_a_grant(scene: Scene) -> None:
    """Selecting opens the chapter both ways, so the patient never passes on a key she did not compare."""
    bad = forge(scene, *other_key_wrapped(scene))
    with pytest.raises(ChapterKeyMismatch):
        scene.grant(Access(), blocks=(bad,))


# Keys that count no more


def test_a_removed_author_with_a_backdated_header_is_refused(scene: Scene) -> None:
    good = scene.seal(draft(text="in office")).blocks[0]
    current, key = begin(scene)
    sink = io.BytesIO()
    block = members_of(sink, current, key, author=scene.author, sealed_at=BEFORE_EVERYTHING)
    membership.remove(scene.site, scene.authority, scene.author.member_id)
    with pytest.raises(NotPermitted, match="removed"):
        scene.seal()
    with pytest.raises(MemberRemoved):
        put_and_anchor(scene, sink, block)
    assert scene.own() == {good: b"in office"}, "what it signed in office stays good"
    scene.grant(LABORATORY)
    assert scene.read() == {good: b"in office"}


def test_a_removed_hospital_with_a_backdated_header_is_refused(scene: Scene) -> None:
    good = scene.seal(draft(text="in office")).blocks[0]
    current, key = begin(scene)
    sink = io.BytesIO()
    block = members_of(sink, current, key, author=scene.author, sealed_at=BEFORE_EVERYTHING)
    membership.remove(scene.site, scene.authority, scene.riverside.member_id)
    with pytest.raises(SignerRemoved):
        put_and_anchor(scene, sink, block)
    assert scene.own() == {good: b"in office"}
    assert [report.problem for report in verify_patient(scene.site, scene.patient.member_id)] == [None]


def test_a_removed_hospitals_transaction_is_refused_whatever_time_it_names(scene: Scene) -> None:
    scope = line(scene).id
    body = anchoring(scene, [BlockAnchor("ab" * 32, scope, "cd" * 16, 1000)])
    membership.remove(scene.site, scene.authority, scene.riverside.member_id)
    ledger, key = scene.site.engine.genesis.digest, scene.riverside.signing
    for time, refusal in ((scene.clock(), SignerRemoved), (scene.clock() - 3600, (SignerRemoved, TimeSkewed))):
        with pytest.raises(refusal):
            scene.site.engine.submit(sign(body, signer_id=scene.riverside.member_id, key=key, ledger=ledger, time=time))
    assert scene.site.state().block("ab" * 32) is None


def test_a_removed_hospitals_backdated_block_is_not_taken_in_place_of_the_anchored_one(scene: Scene) -> None:
    """A genuine signature by the once good key, an early day, the same place in the chain: a fork."""
    first = scene.seal(draft(text="genuine"))
    current, key = begin(scene)
    sink = io.BytesIO()
    block = members_of(sink, current, key, author=scene.author, sealed_at=BEFORE_EVERYTHING)
    locator = scheme_scene.finish(sink, block, 0, chain.genesis(first.chain), scene.riverside.signing).locator
    sink.seek(0)
    scene.store.put(locator, sink)
    membership.remove(scene.site, scene.authority, scene.riverside.member_id)
    site = at_store(scene.site, StoreStub(scene.store, instead={first.blocks[0]: locator}))
    with pytest.raises(ChainFork):
        list(open_own(site, scene.patient, [scene.anchored(first.blocks[0])]))


def test_a_removed_author_hidden_behind_a_colleague_is_told_by_the_manifest(scene: Scene) -> None:
    """The hospital anchors in another doctor's name what the removed one signed."""
    membership.remove(scene.site, scene.authority, scene.author.member_id)
    current, key = begin(scene)
    sink = io.BytesIO()
    block = members_of(sink, current, key, author=scene.author)
    locator = finish(scene, sink, block)
    context = current.context
    anchor(scene, context.scope, locator=locator, chapter_id=context.chapter, author=scene.patient)
    with pytest.raises(ManifestInvalid, match="another author"):
        scene.own()
    scene.grant(LABORATORY)
    with pytest.raises(ManifestInvalid, match="another author"):
        scene.read()


def test_a_removed_reader_releases_nothing_more(scene: Scene, block: str) -> None:
    assert scene.read()
    membership.remove(scene.site, scene.authority, scene.reader.member_id)
    assert plan(scene.site, scene.reader, scene.patient.member_id).readable == 1
    with pytest.raises(SignerRemoved):
        scene.read()
