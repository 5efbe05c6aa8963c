"""What a hospital signs for authors elsewhere, and what an author takes from a hospital's server."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from clinic import hospital as hospitals
from clinic.delivery import finish_pending
from clinic.errors import HospitalUnreachable, LinkInvalid, NotPermitted, OutboxPending, SealRefused
from clinic.hospital import HospitalClient, HospitalService, Linked
from clinic.sealing import seal_records
from clinic.site import Site
from ledger.bodies import AnchorBlocks, BlockAnchor
from ledger.bodies.anchoring import MAX_ANCHORED_BLOCKS
from ledger.engine import Receipt
from ledger.refusals import (
    AuthorElsewhere,
    AuthorNotPermitted,
    BlockExists,
    CertificateExpired,
    CertificateRefused,
    ChapterTaken,
    MemberRemoved,
    MemberSuspended,
    MemberUnknown,
    Refused,
    Replayed,
    ScopeRetired,
    ScopeUnknown,
    SignerRemoved,
    SignerSuspended,
    TimeSkewed,
)
from scheme.errors import ChartSealError
from scheme.header import BlockHeader, VerifiedHeader
from scheme.keys import SigningKey, VerifyingKey
from tests.clinic.forging import anchoring, begin, members_of
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import HospitalStub, at_hospital
from tests.clinic.whole import everything_is_in_once


@pytest.fixture
def service(scene: Scene) -> HospitalClient:
    return scene.site.hospitals[scene.riverside.member_id]


def headers(scene: Scene, count: int = 1) -> list[BlockHeader]:
    """Drafts of blocks for Riverside's chain."""
    current, key = begin(scene)
    return [members_of(io.BytesIO(), current, key, author=scene.author).draft for _ in range(count)]


def ask(scene: Scene, service: HospitalClient, drafts: Sequence[BlockHeader]) -> Linked:
    return service.link(scene.patient.member_id, scene.author.member_id, drafts)


# The hospital


def test_headers_are_signed_in_a_row_behind_the_head(scene: Scene, service: HospitalClient) -> None:
    (head,) = scene.seal().blocks
    drafts = headers(scene, 3)
    linked = ask(scene, service, drafts)
    assert (linked.previous_head, linked.first_index) == (head, 1)
    previous = head
    for index, (given, verified) in enumerate(zip(drafts, linked.headers, strict=True), 1):
        assert verified.header == replace(given.placed(index, previous), signature=verified.header.signature)
        assert verified.header.verify(scene.riverside.signing.verifying_key) == verified
        previous = verified.locator
    assert ask(scene, service, drafts) == linked, "nothing is reserved"


def test_nothing_is_signed_for_those_who_may_not_write(scene: Scene, service: HospitalClient) -> None:
    drafts = headers(scene)
    with pytest.raises(AuthorElsewhere):
        service.link(scene.patient.member_id, scene.reader.member_id, drafts)
    with pytest.raises(AuthorNotPermitted):
        scene.site.hospitals[scene.hillcrest.member_id].link(scene.patient.member_id, scene.reader.member_id, drafts)


def test_nothing_is_signed_for_another_chain_or_key(scene: Scene, service: HospitalClient) -> None:
    """Of another patient, of another hospital, and begun under another key of the same."""
    (good,) = headers(scene)
    with pytest.raises(SealRefused):
        service.link(scene.other.member_id, scene.author.member_id, [good])
    current, key = begin(scene, scene.hillcrest)
    foreign = members_of(io.BytesIO(), current, key, author=scene.author).draft
    with pytest.raises(SealRefused):
        ask(scene, service, [good, foreign])
    context = replace(good.chapter.context, hospital=scene.hillcrest.signing.verifying_key.key_id)
    with pytest.raises(SealRefused):
        ask(scene, service, [replace(good, chapter=replace(good.chapter, context=context))])


def test_no_more_is_signed_at_once_than_one_transaction_anchors(
    scene: Scene, service: HospitalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = headers(scene)
    for count in (0, MAX_ANCHORED_BLOCKS + 1):
        with pytest.raises(SealRefused):
            ask(scene, service, drafts * count)
    monkeypatch.setattr(hospitals, "MAX_LINKED_MEMBERS", 2 * len(drafts[0].members))
    assert len(ask(scene, service, drafts * 2).headers) == 2
    with pytest.raises(SealRefused):
        ask(scene, service, drafts * 3)


def test_a_hospital_anchors_in_its_own_name_for_authors_who_may(scene: Scene, service: HospitalClient) -> None:
    block = BlockAnchor("ab" * 32, headers(scene)[0].chapter.context.scope, "cd" * 16, 1000)
    with pytest.raises(NotPermitted):
        service.anchor(anchoring(scene, [block], hospital=scene.hillcrest))
    with pytest.raises(AuthorElsewhere):
        service.anchor(anchoring(scene, [block], author=scene.reader))
    assert scene.site.state().blocks(patient=scene.patient.member_id) == ()


def test_a_hospital_enrolled_after_the_home_was_opened_is_there(scene: Scene) -> None:
    ids = {scene.riverside.member_id, scene.hillcrest.member_id}
    assert set(scene.site.hospitals) == ids
    assert len(scene.site.hospitals) == len(ids)
    assert scene.home.config.proxies[0] not in scene.site.hospitals
    with pytest.raises(NotPermitted):
        scene.seal(hospital=scene.reader)


# The author, offline


def unreachable(_subject: object) -> None:
    raise HospitalUnreachable("the hospital's server does not answer; try again later")


def offline(scene: Scene, **steps: Callable[..., None]) -> HospitalStub:
    return HospitalStub(scene.site.hospitals[scene.riverside.member_id], **steps)


def at(scene: Scene, hospital: HospitalClient) -> dict[str, object]:
    return {"site": at_hospital(scene.site, scene.riverside.member_id, hospital)}


LARGE = b"potassium 4.10 mmol/l\n" * 100_000


def test_an_author_who_is_offline_seals_and_is_told_that_it_waits(scene: Scene) -> None:
    """Again and again; nothing is uploaded. What she sealed goes in when the hospital is there, in her order."""
    away = at(scene, offline(scene, before_link=unreachable))
    for texts in (["first", LARGE.decode()], ["second"]):
        with pytest.raises(OutboxPending, match="does not answer") as told:
            scene.seal(*(draft(text=text) for text in texts), **away)
        assert isinstance(told.value.__cause__, HospitalUnreachable)
    assert [(batch.first_index, len(batch.blocks)) for batch in scene.home.outbox.pending()] == [(None, 2), (None, 1)]
    assert scene.store.blocks == {}
    with pytest.raises(HospitalUnreachable):
        finish_pending(away["site"], scene.home.outbox)  # type: ignore[arg-type]
    assert finish_pending(scene.site, scene.home.outbox) == 2
    everything_is_in_once(scene, ["first", LARGE.decode(), "second"])
    assert list(scene.own().values()) == [b"first", LARGE, b"second"]


def test_a_hospital_that_goes_away_between_link_and_anchor(scene: Scene) -> None:
    with pytest.raises(OutboxPending):
        scene.seal(draft(text="linked"), **at(scene, offline(scene, before_anchor=unreachable)))
    (batch,) = scene.home.outbox.pending()
    assert batch.first_index == 0
    scene.seal(draft(text="next"))
    everything_is_in_once(scene, ["linked", "next"])


def test_an_answer_that_is_lost_anchors_nothing_twice(scene: Scene) -> None:
    with pytest.raises(OutboxPending):
        scene.seal(draft(text="anchored"), **at(scene, offline(scene, after_anchor=unreachable)))
    assert len(scene.own()) == 1
    assert finish_pending(scene.site, scene.home.outbox) == 1
    everything_is_in_once(scene, ["anchored"])


def refusing(scene: Scene, refusal: type[Refused]) -> Site:
    def refuse(_subject: object) -> None:
        raise refusal("refused for a test")

    return at_hospital(scene.site, scene.riverside.member_id, offline(scene, before_link=refuse, before_anchor=refuse))


@pytest.mark.parametrize("linked", [True, False])
def test_what_may_pass_keeps_what_an_offline_author_sealed(scene: Scene, linked: bool) -> None:
    """It may be the only copy: she was told not to seal it again."""
    away = offline(scene, **{"before_anchor" if linked else "before_link": unreachable})
    with pytest.raises(OutboxPending, match="do not seal them again"):
        scene.seal(draft(text="the only copy"), **at(scene, away))
    for refusal in (
        SignerSuspended, CertificateExpired, MemberSuspended, AuthorNotPermitted, AuthorElsewhere, MemberUnknown,
        ScopeUnknown, TimeSkewed, ChapterTaken, BlockExists, CertificateRefused, Replayed,
    ):  # fmt: skip
        with pytest.raises(OutboxPending, match=r"refused for a test.*stay in the outbox, run `chartseal outbox`"):
            finish_pending(refusing(scene, refusal), scene.home.outbox)
        assert len(scene.home.outbox.pending()) == 1, refusal
    assert finish_pending(scene.site, scene.home.outbox) == 1
    everything_is_in_once(scene, ["the only copy"])


@pytest.mark.parametrize("refusal", [ScopeRetired, MemberRemoved, SignerRemoved])
def test_what_can_never_pass_ends_a_batch_and_says_which(scene: Scene, refusal: type[Refused]) -> None:
    with pytest.raises(OutboxPending):
        scene.seal(draft(text="too late"), **at(scene, offline(scene, before_anchor=unreachable)))
    with pytest.raises(SealRefused, match="seal the records again") as told:
        finish_pending(refusing(scene, refusal), scene.home.outbox)
    assert (scene.home.outbox.pending(), scene.store.blocks) == ([], {})
    for word in ("1 block of", scene.patient.member_id[:12], scene.riverside.member_id[:12], "sealed 2026-03-01"):
        assert word in str(told.value)


@pytest.mark.parametrize("refusal", [ScopeRetired, MemberSuspended])
def test_an_earlier_batch_that_fails_keeps_no_new_record_back(scene: Scene, refusal: type[Refused]) -> None:
    """Those are sealed, anchored and returned; the author is told which batch is not, or, as she chose, stopped."""
    with pytest.raises(OutboxPending):
        scene.seal(draft(text="earlier"), **at(scene, offline(scene, before_anchor=unreachable)))
    (earlier,) = scene.home.outbox.pending()

    def refuse_earlier(body: AnchorBlocks) -> None:
        if body.blocks[0].chapter == earlier.blocks[0].chapter:
            raise refusal("refused for a test")

    site = at_hospital(scene.site, scene.riverside.member_id, offline(scene, before_anchor=refuse_earlier))
    told: list[ChartSealError] = []
    (sealed,) = seal_records(
        site, scene.home.outbox, [draft(text="new")], patient_id=scene.patient.member_id, author=scene.author,
        hospital_id=scene.riverside.member_id, earlier_failed=told.append,
    )  # fmt: skip
    assert [(type(error), earlier.folder.name in str(error)) for error in told] == [
        (SealRefused if refusal is ScopeRetired else OutboxPending, True)
    ]
    assert scene.own() == {sealed.blocks[0]: b"new"}
    if refusal is MemberSuspended:
        with pytest.raises(OutboxPending, match=earlier.folder.name):
            scene.seal(draft(text="stopped"), site=site)
        assert len(scene.own()) == 1


def test_what_was_refused_for_good_is_told_though_another_batch_failed_first(scene: Scene) -> None:
    """Its batch is gone: nobody would hear of it again."""
    for text in ("waits", "retired", "cut"):
        with pytest.raises(OutboxPending):
            scene.seal(draft(text=text), **at(scene, offline(scene, before_anchor=unreachable)))
    waits, retired, cut = scene.home.outbox.pending()
    os.truncate(cut.folder / "batch.json", 100)

    def refuse(body: AnchorBlocks) -> None:
        kinds = {waits.blocks[0].chapter: MemberSuspended, retired.blocks[0].chapter: ScopeRetired}
        raise kinds[body.blocks[0].chapter]("refused for a test")

    with pytest.raises(SealRefused, match="seal the records again") as told:
        finish_pending(at_hospital(scene.site, scene.riverside.member_id, offline(scene, before_anchor=refuse)),
                       scene.home.outbox)  # fmt: skip
    assert all(f"outbox batch {batch.folder.name}" in str(told.value) for batch in (waits, retired, cut))
    assert [batch.folder.exists() for batch in (waits, retired, cut)] == [True, False, True]


def test_every_batch_is_tried_though_the_first_is_damaged_and_the_second_cut(scene: Scene) -> None:
    for text in ("damaged", "cut", "sound"):
        with pytest.raises(OutboxPending):
            scene.seal(draft(text=text), **at(scene, offline(scene, before_link=unreachable)))
    damaged, cut, sound = scene.home.outbox.pending()
    damaged.folder.joinpath("batch.json").write_bytes(b"{}")
    spool = cut.folder / "blocks"
    os.truncate(spool, spool.stat().st_size - 1)
    with pytest.raises(OutboxPending, match=f"{damaged.folder.name}: batch.json is damaged"):
        finish_pending(scene.site, scene.home.outbox)
    assert not sound.folder.exists()
    shutil.rmtree(damaged.folder)
    with pytest.raises(OutboxPending, match=f"{cut.folder.name}/blocks is shorter"):
        finish_pending(scene.site, scene.home.outbox)
    assert spool.exists(), "all that is left of it stays"
    assert list(scene.own().values()) == [b"sound"]
    assert len(scene.store.blocks) == 1


def test_a_thousand_blocks_are_linked_in_one_call(scene: Scene) -> None:
    calls: list[int] = []
    hospital = offline(scene, before_link=lambda drafts: calls.append(len(drafts)))
    sealed = scene.seal(*(draft(text=str(number)) for number in range(1000)), **at(scene, hospital))
    assert calls == [1000]
    assert len(sealed.blocks) == len(scene.site.state().blocks(patient=scene.patient.member_id)) == 1000


# The author, deceived


class Remote:
    """A hospital's client on another machine: it has signatures and a place by wire, and checks them."""

    def __init__(self, inner: HospitalClient, key: VerifyingKey, lie: Callable[[Linked], tuple[object, ...]]) -> None:
        self._inner = inner
        self._key = key
        self._lie = lie

    def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
        answer = self._lie(self._inner.link(patient_id, author_id, headers))
        return Linked.verify(headers, self._key, *answer)  # type: ignore[arg-type]

    def anchor(self, body: AnchorBlocks) -> Receipt:
        return self._inner.anchor(body)


def remote(scene: Scene, lie: Callable[[Linked], tuple[object, ...]]) -> Remote:
    service = scene.site.hospitals[scene.riverside.member_id]
    return Remote(service, scene.riverside.signing.verifying_key, lie)


def truth(linked: Linked) -> tuple[object, ...]:
    return linked.previous_head, linked.first_index, linked.signatures


def kept_and_told(scene: Scene, hospital: HospitalClient) -> None:
    """The author keeps what she sealed, unlinked, and is told; an honest answer gets it in."""
    with pytest.raises(OutboxPending) as told:
        scene.seal(draft(text="one"), draft(text="two"), **at(scene, hospital))
    assert isinstance(told.value.__cause__, LinkInvalid)
    (batch,) = scene.home.outbox.pending()
    assert (batch.first_index, set(scene.store.blocks)) == (None, set(scene.own()))
    with pytest.raises(LinkInvalid):
        finish_pending(at(scene, hospital)["site"], scene.home.outbox)  # type: ignore[arg-type]
    assert finish_pending(scene.site, scene.home.outbox) == 1


def test_signatures_and_a_place_by_wire_are_enough(scene: Scene) -> None:
    scene.seal(draft(text="before"))
    scene.seal(draft(text="one"), draft(text="two"), **at(scene, remote(scene, truth)))
    everything_is_in_once(scene, ["before", "one", "two"])


@pytest.mark.parametrize(
    "lie",
    [
        lambda linked: (linked.previous_head, linked.first_index, [bytes(64), *linked.signatures[1:]]),
        lambda linked: (linked.previous_head, linked.first_index, linked.signatures[::-1]),
        lambda linked: (linked.previous_head, linked.first_index, linked.signatures[:1]),
        lambda linked: (linked.previous_head, linked.first_index, [*linked.signatures, bytes(64)]),
        lambda linked: (linked.previous_head, linked.first_index + 1, linked.signatures),
        lambda linked: ("ab" * 32, linked.first_index, linked.signatures),
        lambda linked: (None, 0, linked.signatures),
    ],
    ids=["garbage", "reversed", "missing", "too-many", "another-index", "another-head", "the-beginning"],
)
def test_signatures_that_are_not_for_these_headers_there(
    scene: Scene, lie: Callable[[Linked], tuple[object, ...]]
) -> None:
    scene.seal(draft(text="before"))
    kept_and_told(scene, remote(scene, lie))
    everything_is_in_once(scene, ["before", "one", "two"])


def test_signatures_of_another_key(scene: Scene) -> None:
    impostor = HospitalService(
        replace(scene.riverside, signing=SigningKey.generate()), scene.site.engine, scene.site.clock
    )

    class Impostor:
        def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
            context = replace(headers[0].chapter.context, hospital=impostor.keys.signing.verifying_key.key_id)
            own = [replace(header, chapter=replace(header.chapter, context=context)) for header in headers]
            linked = impostor.link(patient_id, author_id, own)
            key = scene.riverside.signing.verifying_key
            return Linked.verify(headers, key, linked.previous_head, linked.first_index, linked.signatures)

        def anchor(self, body: AnchorBlocks) -> Receipt:
            return impostor.anchor(body)

    kept_and_told(scene, Impostor())


class Misplacing:
    """Holds the hospital's own key, and signs for a place of its choice or other headers than it was asked to."""

    def __init__(
        self,
        scene: Scene,
        *,
        place: tuple[str | None, int] | None = None,
        change: Callable[[BlockHeader], BlockHeader] = lambda header: header,
    ) -> None:
        self._scene = scene
        self._inner = scene.site.hospitals[scene.riverside.member_id]
        self._place = place
        self._change = change

    def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
        honest = self._inner.link(patient_id, author_id, headers)
        head, first = self._place or (honest.previous_head, honest.first_index)
        signed: list[VerifiedHeader] = []
        previous = head or honest.headers[0].header.previous
        for index, header in enumerate(headers, first):
            placed = self._change(header.placed(index, previous)).sign(self._scene.riverside.signing)
            signed.append(VerifiedHeader(placed, placed.locator))
            previous = placed.locator
        return Linked(head, first, signed)

    def anchor(self, body: AnchorBlocks) -> Receipt:
        return self._inner.anchor(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: replace(header, nonce=bytes(32)),
        lambda header: replace(header, day="2001-01-01"),
        lambda header: replace(header, members=header.members[:1]),
        lambda header: replace(header, index=header.index + 1),
        lambda header: replace(header, previous="ab" * 32),
    ],
    ids=["nonce", "day", "members", "index", "previous"],
)
def test_another_header_under_a_good_signature(scene: Scene, change: Callable[[BlockHeader], BlockHeader]) -> None:
    scene.seal(draft(text="before"))
    kept_and_told(scene, Misplacing(scene, change=change))
    everything_is_in_once(scene, ["before", "one", "two"])


def test_a_place_that_the_ledger_shows_as_taken(scene: Scene) -> None:
    first, second = scene.seal(draft(text="before 1"), draft(text="before 2")).blocks
    for place in ((first, 1), (None, 0), (first, 2), (None, 2), (second, 1)):
        kept_and_told(scene, Misplacing(scene, place=place))
    everything_is_in_once(scene, ["before 1", "before 2", *["one", "two"] * 5])


def test_a_newer_place_than_the_author_knows_is_taken_up_and_judged_by_the_ledger(scene: Scene) -> None:
    """Her copy of the ledger may be older than the hospital's; that there is no such block, the ledger says."""
    scene.seal(draft(text="before"))
    with pytest.raises(OutboxPending, match="faster too often"):
        scene.seal(draft(text="one"), **at(scene, Misplacing(scene, place=("ab" * 32, 9))))
    assert finish_pending(scene.site, scene.home.outbox) == 1
    everything_is_in_once(scene, ["before", "one"])


def test_a_receipt_for_what_was_not_anchored(scene: Scene) -> None:
    """The author looks at the ledger herself before she forgets the batch."""
    service = scene.site.hospitals[scene.riverside.member_id]

    class Forgetful(HospitalStub):
        def anchor(self, body: AnchorBlocks) -> Receipt:
            return Receipt("ab" * 32, 7, "cd" * 32, 0)

    with pytest.raises(OutboxPending, match="does not show it here"):
        scene.seal(draft(text="one"), **at(scene, Forgetful(service)))
    assert finish_pending(scene.site, scene.home.outbox) == 1
    everything_is_in_once(scene, ["one"])
