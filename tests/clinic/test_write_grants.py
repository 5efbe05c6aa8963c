"""Who may write: doctors of the patient's hospitals, holders of a write grant, the patient; each at its hospital."""

import pytest

from clinic import revocation
from clinic.delivery import finish_pending
from clinic.errors import GrantInactive, NotPermitted, OutboxPending, SealRefused
from clinic.keystore import MemberSecrets
from clinic.requests import Access
from clinic.verification import verify_patient
from clinic.withdrawal import withdraw
from ledger.bodies import BlockAnchor
from ledger.refusals import AuthorElsewhere, AuthorNotPermitted, WrongSigner
from ledger.transactions import SignedTransaction
from scheme.scopes import Category
from tests.clinic.forging import anchor, anchoring, line
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import EngineStub, StoreStub, at_engine, at_store

DAY = 86_400
WRITE = Access(write=True)


def seal_at_hillcrest(scene: Scene, text: str = "by the reader", *, author: MemberSecrets | None = None) -> str:
    author = author or scene.reader
    return scene.seal(draft(text=text), author=author, hospital=scene.hillcrest).blocks[0]


def test_a_doctor_of_another_hospital_cannot_write_without_a_grant(scene: Scene) -> None:
    with pytest.raises(NotPermitted, match="grant to write"):
        seal_at_hillcrest(scene)
    assert scene.store.blocks == {}


def test_a_grant_to_read_is_no_grant_to_write(scene: Scene) -> None:
    scene.seal()
    scene.grant(Access())
    with pytest.raises(NotPermitted, match="grant to write"):
        seal_at_hillcrest(scene)


def test_a_grant_to_write_lets_a_doctor_add(scene: Scene) -> None:
    before = scene.seal(draft(text="by the author")).blocks[0]
    scene.grant(WRITE)
    added = seal_at_hillcrest(scene)
    expected = {before: b"by the author", added: b"by the reader"}
    assert scene.own() == expected
    assert scene.read() == expected


def test_what_is_added_stands_in_a_chain_of_its_own_hospital(scene: Scene) -> None:
    scene.seal()
    scene.grant(WRITE)
    block = scene.anchored(seal_at_hillcrest(scene))
    assert (block.hospital, block.author, block.index) == (scene.hillcrest.member_id, scene.reader.member_id, 0)
    reports = verify_patient(scene.site, scene.patient.member_id)
    assert [(report.blocks, report.problem) for report in reports] == [(1, None), (1, None)]


def test_a_grant_to_write_is_for_its_delegatee_alone(scene: Scene) -> None:
    scene.grant(WRITE)
    with pytest.raises(NotPermitted):
        seal_at_hillcrest(scene, author=scene.second)


def test_a_grant_to_write_is_for_its_patient_alone(scene: Scene) -> None:
    scene.grant(WRITE)
    with pytest.raises(NotPermitted):
        scene.seal(patient=scene.other, author=scene.reader, hospital=scene.hillcrest)


def test_who_may_write_may_do_so_at_the_own_hospital_only(scene: Scene) -> None:
    scene.grant(WRITE)
    with pytest.raises(NotPermitted, match="belong to the hospital"):
        scene.seal(author=scene.reader, hospital=scene.riverside)


def test_after_revocation_nothing_can_be_added(scene: Scene) -> None:
    grant_id = scene.grant(WRITE)
    kept = seal_at_hillcrest(scene, "before")
    revocation.revoke(scene.site, scene.patient, grant_id)
    with pytest.raises(NotPermitted):
        seal_at_hillcrest(scene)
    assert scene.own() == {kept: b"before"}, "what was added stays the patient's"


def test_after_its_end_nothing_can_be_added(scene: Scene) -> None:
    scene.grant(WRITE, until=scene.clock() + DAY)
    scene.clock.advance(DAY - 1)
    kept = seal_at_hillcrest(scene, "in time")
    scene.clock.advance(1)
    with pytest.raises(NotPermitted):
        seal_at_hillcrest(scene)
    assert scene.own() == {kept: b"in time"}


def test_a_grant_that_ends_between_sealing_and_anchoring_is_refused_by_the_ledger(scene: Scene) -> None:
    grant_id = scene.grant(WRITE)

    def revoke(transaction: SignedTransaction) -> None:
        if transaction.body.type == "anchor-blocks":
            revocation.revoke(scene.site, scene.patient, grant_id)

    site = at_engine(scene.site, EngineStub(scene.site.engine, before_submit=revoke))
    with pytest.raises(OutboxPending, match="ask the patient for a grant to write"):
        scene.seal(author=scene.reader, hospital=scene.hillcrest, site=site)
    sent: list[str] = []
    with pytest.raises(OutboxPending, match="ask the patient for a grant to write"):
        finish_pending(at_store(scene.site, StoreStub(scene.store, before_put=sent.append)), scene.home.outbox)
    assert sent == [], "a refusal that may last costs no bytes"
    scene.grant(WRITE)
    with pytest.raises(SealRefused, match="retired"):  # what the revocation did is for good
        finish_pending(scene.site, scene.home.outbox)
    assert scene.site.state().blocks(patient=scene.patient.member_id) == ()
    assert scene.store.blocks == {}


def test_the_ledger_itself_refuses_an_author_without_a_grant(scene: Scene) -> None:
    """Hillcrest's own key cannot get Lindqvist's block in, nor pass it off as an author's of another hospital."""
    scope = line(scene).id
    with pytest.raises(AuthorNotPermitted):
        anchor(scene, scope, author=scene.reader, hospital=scene.hillcrest)
    with pytest.raises(AuthorElsewhere):
        anchor(scene, scope, author=scene.author, hospital=scene.hillcrest)


def test_an_author_cannot_anchor_without_the_hospital(scene: Scene) -> None:
    body = anchoring(scene, [BlockAnchor("ab" * 32, line(scene).id, "cd" * 16, 1000)])
    with pytest.raises(WrongSigner):
        scene.site.submit(body, scene.author)


def test_a_writer_reads_no_more_than_was_granted(scene: Scene) -> None:
    closed = scene.seal(draft(Category.IMAGING, text="closed")).blocks[0]
    scene.grant(Access(frozenset({Category.LABORATORY}), write=True))
    added = scene.seal(
        draft(text="added"),
        draft(Category.CLINICAL, text="out of reach"),
        author=scene.reader,
        hospital=scene.hillcrest,
    ).blocks
    assert scene.read() == {added[0]: b"added"}, "what a writer adds elsewhere is not readable back"
    assert closed in scene.own()


def test_one_author_reads_nothing_of_what_it_wrote_without_a_grant(scene: Scene) -> None:
    scene.seal()
    with pytest.raises(GrantInactive):
        scene.read(scene.author)


def test_a_patient_may_author(scene: Scene) -> None:
    diary = scene.seal(draft(text="headache since noon"), author=scene.patient).blocks[0]
    scene.grant(Access())
    assert scene.read() == {diary: b"headache since noon"}
    assert scene.anchored(diary).author == scene.patient.member_id


def test_a_writer_may_withdraw_its_own_block_and_no_other(scene: Scene) -> None:
    foreign = scene.seal().blocks[0]
    scene.grant(WRITE)
    own = seal_at_hillcrest(scene)
    withdraw(scene.site, scene.reader, own, reason="wrong patient")
    assert scene.anchored(own).withdrawn is not None
    with pytest.raises(WrongSigner):
        withdraw(scene.site, scene.reader, foreign)
    assert scene.anchored(foreign).withdrawn is None
