"""A grant reads exactly its blocks: complete, limited, selected, existing-only, and at the edges of decades."""

from pathlib import Path

import pytest

from clinic.cards import current_card
from clinic.errors import (
    GrantInactive,
    LetterInvalid,
    RequestUnknown,
    SelectionInvalid,
)
from clinic.export import export
from clinic.grants import Decision, approve, cut_decades
from clinic.held_grants import grants_of
from clinic.history import plan, read_history
from clinic.intake import bundle_drafts
from clinic.own_scopes import own_scopes
from clinic.requests import Access, read_request, refuse, request_access, requests_of
from clinic.withdrawal import withdraw
from ledger.refusals import OwnRecord
from scheme.errors import ChartSealError, NotForThisKey
from scheme.scopes import Category, Years
from tests.clinic import histories
from tests.clinic.scene import Scene, draft

LABORATORY = Access(frozenset({Category.LABORATORY}))
PLACES = [
    (Category.LABORATORY, 2026),
    (Category.LABORATORY, 2010),
    (Category.LABORATORY, 2009),
    (Category.IMAGING, 2026),
    (Category.IMAGING, 1994),
    (Category.MENTAL_HEALTH, 2026),
    (Category.BILLING, 2026),
]


@pytest.fixture
def blocks(scene: Scene) -> dict[tuple[Category, int], str]:
    """One block in each of ``PLACES``; each says where it is."""
    sealed = scene.seal(*(draft(category, year, f"{category} {year}") for category, year in PLACES))
    return dict(zip(PLACES, sealed.blocks, strict=True))


def read_exactly(scene: Scene, blocks: dict[tuple[Category, int], str], *places: tuple[Category, int]) -> bool:
    return scene.read() == {blocks[category, year]: f"{category} {year}".encode() for category, year in places}


def test_nothing_is_read_without_a_grant(scene: Scene, blocks: dict[tuple[Category, int], str]) -> None:
    with pytest.raises(GrantInactive, match="granted this reader nothing"):
        scene.read()
    scene.ask()
    with pytest.raises(GrantInactive):
        scene.read()


def test_a_complete_grant_reads_everything_and_what_comes_later(
    scene: Scene, blocks: dict[tuple[Category, int], str]
) -> None:
    scene.grant(Access())
    assert read_exactly(scene, blocks, *PLACES)
    later = scene.seal(draft(Category.REPRODUCTIVE, 1961, "later")).blocks[0]
    assert scene.read()[later] == b"later"
    assert len(scene.read()) == len(PLACES) + 1


def test_a_limited_grant_reads_its_categories_only(scene: Scene, blocks: dict[tuple[Category, int], str]) -> None:
    scene.grant(LABORATORY)
    assert read_exactly(scene, blocks, *PLACES[:3])


def test_a_limited_grant_reads_its_years_only(scene: Scene, blocks: dict[tuple[Category, int], str]) -> None:
    scene.grant(Access(since=2026))
    assert read_exactly(scene, blocks, *(place for place in PLACES if place[1] == 2026))


def test_a_limited_grant_reads_categories_and_years_together(
    scene: Scene, blocks: dict[tuple[Category, int], str]
) -> None:
    scene.grant(Access(frozenset({Category.LABORATORY, Category.IMAGING}), since=2010))
    wanted = [(Category.LABORATORY, 2026), (Category.LABORATORY, 2010), (Category.IMAGING, 2026)]
    assert read_exactly(scene, blocks, *wanted)
    later = scene.seal(draft(year=2027, text="later"), draft(year=2001), draft(Category.BILLING)).blocks
    assert scene.read().keys() == {*(blocks[place] for place in wanted), later[0]}


def test_a_grant_of_selected_blocks_reads_those_and_nothing_later(
    scene: Scene, blocks: dict[tuple[Category, int], str]
) -> None:
    chosen = [(Category.MENTAL_HEALTH, 2026), (Category.LABORATORY, 2009)]
    scene.grant(Access(), blocks=tuple(blocks[place] for place in chosen))
    assert read_exactly(scene, blocks, *chosen)
    scene.seal(draft(Category.MENTAL_HEALTH), draft(year=2009))
    assert read_exactly(scene, blocks, *chosen)


def test_one_block_of_a_chapter_can_be_selected_without_its_neighbours(scene: Scene) -> None:
    """Blocks of one scope sealed together share a chapter key; a selection hands out block keys."""
    first, second = scene.seal(draft(text="first"), draft(text="second")).blocks
    assert scene.anchored(first).chapter == scene.anchored(second).chapter
    scene.grant(Access(), blocks=(second,))
    assert scene.read() == {second: b"second"}


def test_an_existing_only_grant_reads_what_is_there_and_nothing_later(
    scene: Scene, blocks: dict[tuple[Category, int], str]
) -> None:
    scene.grant(LABORATORY, existing_only=True)
    assert read_exactly(scene, blocks, *PLACES[:3])
    scene.seal(draft(text="later"))
    assert read_exactly(scene, blocks, *PLACES[:3])


def test_a_grant_reads_a_chapter_however_many_blocks_it_has(scene: Scene) -> None:
    sealed = scene.seal(*(draft(text=f"result {number}") for number in range(40)))
    assert len(sealed.chapters) == 1
    scene.grant(LABORATORY)
    assert scene.read() == {block: f"result {number}".encode() for number, block in enumerate(sealed.blocks)}


def test_two_grants_add_up_and_no_block_is_read_twice(scene: Scene, blocks: dict[tuple[Category, int], str]) -> None:
    scene.grant(Access(since=2026))
    scene.grant(LABORATORY)
    reading = plan(scene.site, scene.reader, scene.patient.member_id)
    assert reading.readable == 6
    assert read_exactly(scene, blocks, *(place for place in PLACES if place != (Category.IMAGING, 1994)))


def test_the_reader_is_told_how_many_blocks_stay_closed(scene: Scene, blocks: dict[tuple[Category, int], str]) -> None:
    scene.grant(LABORATORY)
    reading = plan(scene.site, scene.reader, scene.patient.member_id)
    assert {block.locator for block in reading.denied} == {blocks[place] for place in PLACES[3:]}


def test_the_patient_may_grant_less_than_was_asked(scene: Scene, blocks: dict[tuple[Category, int], str]) -> None:
    scene.approve(scene.ask(Access()), access=LABORATORY)
    assert read_exactly(scene, blocks, *PLACES[:3])


def test_a_refused_request_reads_nothing_and_can_not_be_approved_later(scene: Scene) -> None:
    scene.seal(draft())
    request_id = scene.ask(LABORATORY)
    refuse(scene.site, scene.patient, request_id, reason="not now")
    with pytest.raises(GrantInactive):
        scene.read()
    with pytest.raises(RequestUnknown, match="refused"):
        refuse(scene.site, scene.patient, request_id)
    with pytest.raises(ChartSealError, match="answered already"):
        scene.approve(request_id)


def test_only_the_two_parties_of_a_request_can_read_what_it_asks_for(scene: Scene) -> None:
    record = scene.site.state().request(scene.ask(LABORATORY, purpose="second opinion"))
    assert record is not None
    for party in (scene.patient, scene.reader):
        assert read_request(scene.site, party, record).purpose == "second opinion"
    for stranger in (scene.second, scene.other):
        with pytest.raises((NotForThisKey, LetterInvalid)):
            read_request(scene.site, stranger, record)
        assert requests_of(scene.site, stranger) == []


def test_another_patient_may_be_a_delegatee(scene: Scene) -> None:
    (block,) = scene.seal(draft(text="for family history")).blocks
    scene.grant(LABORATORY, to=scene.other)
    assert scene.read(scene.other) == {block: b"for family history"}


def test_a_patient_needs_no_grant_to_herself(scene: Scene) -> None:
    with pytest.raises(OwnRecord):
        scene.ask(by=scene.patient)


def test_a_grant_that_would_cover_nothing_is_refused(scene: Scene) -> None:
    with pytest.raises(SelectionInvalid, match="nothing"):
        scene.grant(Access(since=2199))
    with pytest.raises(SelectionInvalid):
        scene.grant(LABORATORY, existing_only=True)


def test_blocks_of_another_patient_cannot_be_selected(scene: Scene) -> None:
    (foreign,) = scene.seal(draft(), patient=scene.other).blocks
    scene.seal(draft())
    with pytest.raises(SelectionInvalid):
        scene.grant(Access(), blocks=(foreign,))


def test_a_withdrawn_block_is_neither_read_nor_selected(scene: Scene) -> None:
    wrong, right = scene.seal(draft(text="wrong"), draft(text="right")).blocks
    withdraw(scene.site, scene.author, wrong)
    scene.grant(LABORATORY)
    assert scene.read() == {right: b"right"}
    with pytest.raises(SelectionInvalid):
        scene.grant(Access(), blocks=(wrong,))


# Years


@pytest.mark.parametrize(
    ("since", "first_read", "last_closed"),
    [(2010, 2010, 2009), (2000, 2000, 1999), (1990, 1990, 1989), (2026, 2026, 2025), (2020, 2020, 2019)],
)
def test_a_grant_begins_with_its_first_year(scene: Scene, since: int, first_read: int, last_closed: int) -> None:
    inside, outside = scene.seal(draft(year=first_read, text="in"), draft(year=last_closed, text="out")).blocks
    scene.grant(Access(frozenset({Category.LABORATORY}), since=since))
    assert scene.read() == {inside: b"in"}
    assert outside in {block.locator for block in plan(scene.site, scene.reader, scene.patient.member_id).denied}


@pytest.mark.parametrize("since", [2001, 2005, 2009])
def test_a_decade_cut_in_two_is_left_out_whole_and_said(scene: Scene, since: int) -> None:
    blocks = scene.seal(draft(year=2009, text="in the decade"), draft(year=2010, text="after it")).blocks
    access = Access(frozenset({Category.LABORATORY}), since=since)
    scene.grant(access)
    assert scene.read() == {blocks[1]: b"after it"}
    assert cut_decades(own_scopes(scene.site, scene.site.state(), scene.patient), access) == [Years(2000, 2009)]


def test_a_decade_from_its_start_is_not_cut(scene: Scene) -> None:
    lines = own_scopes(scene.site, scene.site.state(), scene.patient)
    assert cut_decades(lines, Access(since=2000)) == []
    assert cut_decades(lines, Access()) == []


def test_the_years_of_a_decade_share_a_scope_and_single_years_do_not(scene: Scene) -> None:
    card = current_card(scene.site.cards, scene.site.state(), scene.patient.member_id)
    scopes = {year: card.scope_for(Category.LABORATORY, year).id for year in (1999, 2000, 2009, 2010, 2011, 2026)}
    assert scopes[2000] == scopes[2009]
    assert len(set(scopes.values())) == len(scopes) - 1


def test_years_outside_of_the_card_go_to_its_nearest(scene: Scene) -> None:
    blocks = scene.seal(draft(year=1850, text="ancient"), draft(year=2099, text="future"), draft(year=1900)).blocks
    scopes = [scene.anchored(block).scope for block in blocks]
    assert scopes[0] == scopes[2]
    scene.grant(Access(frozenset({Category.LABORATORY}), since=2027))
    assert scene.read() == {blocks[1]: b"future"}


def test_a_record_without_a_year_is_of_the_year_of_sealing(scene: Scene) -> None:
    undated, dated = scene.seal(draft(year=None, text="undated"), draft(year=2025)).blocks
    scene.grant(Access(frozenset({Category.LABORATORY}), since=2026))
    assert scene.read() == {undated: b"undated"}
    assert dated not in scene.read()


# What the two sides learn


def test_the_reader_learns_the_meaning_of_granted_scopes_only(scene: Scene) -> None:
    scene.grant(Access(frozenset({Category.LABORATORY}), since=2026))
    (held,) = grants_of(scene.site, scene.reader)
    assert set(held.meanings.values()) == {f"laboratory {year}" for year in range(2026, 2031)}
    assert grants_of(scene.site, scene.second) == []


def test_a_request_to_another_patient_gives_nothing_of_this_one(scene: Scene) -> None:
    scene.seal(draft(text="of the patient"))
    (foreign,) = scene.seal(draft(text="of the other"), patient=scene.other).blocks
    record = scene.site.state().request(request_access(scene.site, scene.reader, scene.other.member_id, Access()))
    assert record is not None
    request = read_request(scene.site, scene.other, record)
    approve(scene.site, scene.other, request, Decision(request.access))
    with pytest.raises(GrantInactive):
        scene.read()
    reading = plan(scene.site, scene.reader, scene.other.member_id)
    assert [opened.anchored.locator for opened in read_history(scene.site, scene.reader, reading)] == [foreign]


# Billing


def read_bundle(scene: Scene, folder: Path) -> bytes:
    reading = plan(scene.site, scene.reader, scene.patient.member_id)
    export(read_history(scene.site, scene.reader, reading), folder)
    return (folder / "bundle.json").read_bytes()


def shows_no_diagnosis(scene: Scene, history: bytes, folder: Path) -> None:
    scene.seal(*bundle_drafts(history))
    scene.grant(Access(frozenset({Category.BILLING})))
    text = read_bundle(scene, folder)
    read = histories.resources(text)
    assert {resource["resourceType"] for resource in read} >= {"Claim", "ExplanationOfBenefit"}
    named = histories.diagnoses(history)
    assert len(named) > 4, "a history without diagnoses would show nothing"
    shown = {word for resource in read for word in histories.strings(resource)}
    assert not shown & named
    assert not [name for name in named if len(name) > 8 and name.encode() in text]
    assert not [resource for resource in read if resource.get("diagnosis") or resource.get("reasonCode")]
    assert "Condition" not in {resource["resourceType"] for resource in read}


@pytest.mark.parametrize("number", [0, 1])
def test_a_billing_only_grant_shows_no_diagnosis(scene: Scene, tmp_path: Path, number: int) -> None:
    shows_no_diagnosis(scene, histories.made_up(2)[number], tmp_path / "out")


@pytest.mark.parametrize("number", [0, 1])
def test_a_billing_only_grant_shows_no_diagnosis_of_a_real_history(scene: Scene, tmp_path: Path, number: int) -> None:
    shows_no_diagnosis(scene, histories.real(2)[number], tmp_path / "out")


def test_the_diagnoses_are_there_for_who_was_granted_them(scene: Scene, tmp_path: Path) -> None:
    """The same look at a complete grant finds them, so the tests above can fail."""
    (history,) = histories.made_up(1)
    scene.seal(*bundle_drafts(history))
    scene.grant(Access())
    text = read_bundle(scene, tmp_path / "out")
    shown = {word for resource in histories.resources(text) for word in histories.strings(resource)}
    assert shown >= histories.diagnoses(history)
