"""Two writers, and writers that die: one wins, the other re-signs, everything is in once, nothing is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clinic import sealing
from clinic.delivery import finish_pending
from clinic.errors import HospitalUnreachable, OutboxPending
from clinic.home import Home
from clinic.outbox import OWN_FILE_BYTES, Outbox
from clinic.own_blocks import open_own
from clinic.requests import Access
from clinic.verification import verify_patient
from cloud.errors import CloudError, StoreUnreachable
from cloud.open import open_store
from ledger.errors import LedgerBusy
from ledger.refusals import TimeSkewed
from ledger.transactions import SignedTransaction
from scheme import keyfile
from scheme.header import MAX_MEMBERS
from tests.clinic.command import ROOT
from tests.clinic.scene import PATIENT, START, Scene, Template, copy_home, draft, payload
from tests.clinic.sealer import STEPS
from tests.clinic.stubs import EngineStub, HospitalStub, StoreStub, at_engine, at_hospital, at_store, nothing
from tests.clinic.whole import everything_is_in_once


class Killed(BaseException):
    """The process ends here, as far as the code under test can tell."""


def is_anchoring(transaction: SignedTransaction) -> bool:
    return transaction.body.type == "anchor-blocks"


def once(
    action: Callable[[], object], when: Callable[[SignedTransaction], bool] = is_anchoring
) -> Callable[[SignedTransaction], None]:
    """``action`` at the first transaction that fits."""
    left = [action]

    def step(transaction: SignedTransaction) -> None:
        if left and when(transaction):
            left.pop()()

    return step


# Two writers


def test_two_writers_anchor_at_once_one_wins_the_other_re_signs(scene: Scene, tmp_path: Path) -> None:
    """Both have built on the same head when they come to the ledger."""
    together = threading.Barrier(2, timeout=20)
    submissions: list[SignedTransaction] = []

    def write(name: str) -> tuple[str, ...]:
        engine = EngineStub(scene.site.engine, before_submit=once(together.wait), after_submit=submissions.append)
        outbox = Outbox(tmp_path / f"outbox {name}")
        drafts = draft(text=f"{name} 1"), draft(text=f"{name} 2")
        return scene.seal(*drafts, site=at_engine(scene.site, engine), outbox=outbox).blocks

    head = scene.seal(draft(text="before")).blocks[0]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(write, ("first", "second")))
    everything_is_in_once(scene, ["before", "first 1", "first 2", "second 1", "second 2"])
    bodies = [transaction.body for transaction in submissions]
    assert [body.first_index for body in bodies] == [1, 3]  # type: ignore[attr-defined]
    assert bodies[0].previous_head == head  # type: ignore[attr-defined]
    assert {locator for result in results for locator in result} == {
        block.locator for block in scene.site.state().blocks(patient=scene.patient.member_id)[1:]
    }
    assert all(not Outbox(tmp_path / f"outbox {name}").pending() for name in ("first", "second"))


def test_two_writers_may_both_begin_the_chain(scene: Scene, tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=20)

    def write(name: str) -> None:
        site = at_engine(scene.site, EngineStub(scene.site.engine, before_submit=once(together.wait)))
        scene.seal(draft(text=name), site=site, outbox=Outbox(tmp_path / name))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("one", "two")))
    everything_is_in_once(scene, ["one", "two"])


def test_the_loser_re_signs_headers_and_leaves_the_ciphertext(scene: Scene, tmp_path: Path) -> None:
    """The sealed members are the same bytes behind the new head, so nothing is encrypted twice."""
    uploaded: dict[str, bytes] = {}

    def remember(locator: str) -> None:
        uploaded[locator] = scene.store.blocks[locator]

    winner = once(lambda: scene.seal(draft(text="winner"), outbox=Outbox(tmp_path / "winner")))
    site = at_engine(scene.site, EngineStub(scene.site.engine, before_submit=winner))
    (locator,) = scene.seal(draft(text="loser"), site=at_store(site, StoreStub(scene.store, after_put=remember))).blocks
    everything_is_in_once(scene, ["winner", "loser"])
    first, last = uploaded.values()
    assert len(uploaded) == 2
    assert locator in uploaded
    members = first.index(b"header.json")
    assert first[:members] == last[:members]
    assert first != last


def test_writers_who_lose_again_and_again_come_through(scene: Scene, tmp_path: Path) -> None:
    def race(name: str) -> None:
        for number in range(4):
            scene.seal(draft(text=f"{name} {number}"), outbox=Outbox(tmp_path / name))

    names = ["a", "b", "c"]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(race, names))
    everything_is_in_once(scene, [f"{name} {number}" for name in names for number in range(4)])


def test_a_reader_reads_all_that_two_writers_sealed(scene: Scene, tmp_path: Path) -> None:
    scene.grant(Access())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: scene.seal(draft(text=name), outbox=Outbox(tmp_path / name)), ("one", "two")))
    assert sorted(scene.read().values()) == [b"one", b"two"]


# Processes


def sealer(home: Path, seed: str, count: int, step: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.clinic.sealer", str(home), seed, str(count), step]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run_all(*processes: subprocess.Popen[str]) -> list[int]:
    """Start them when all are ready; their exit statuses."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    statuses = []
    for process in processes:
        process.communicate(timeout=60)
        statuses.append(process.returncode)
    return statuses


def on_disk(folder: Path) -> tuple[Home, list[Path]]:
    """The home, and the files of its store that are no temporary ones."""
    home = Home(folder / "home", clock=lambda: START, profile=keyfile.TEST)
    return home, [path for path in (folder / "store").rglob("*") if path.is_file()]


def records_on_disk(template: Template, folder: Path) -> list[str]:
    """What the patient opens from the home's own store, after chain and store verified and nothing is left over."""
    home, files = on_disk(folder)
    patient = template.members[PATIENT]
    with home.site() as site:
        blocks = site.state().blocks(patient=patient.member_id)
        (report,) = verify_patient(site, patient.member_id)
        assert (report.blocks, report.problem) == (len(blocks), None)
        assert {listed.locator for listed in site.store.list()} == {block.locator for block in blocks}
        assert len(files) == len(blocks)
        assert home.outbox.pending() == []
        return sorted(payload(opened).decode() for opened in open_own(site, patient, blocks))


def test_two_processes_on_one_home_both_get_in(template: Template, tmp_path: Path) -> None:
    """Each with an outbox of its own, so that only ledger and store keep them apart."""
    folder = copy_home(template, tmp_path)
    assert run_all(sealer(folder, "one", 5, "none"), sealer(folder, "two", 5, "none")) == [0, 0]
    expected = sorted(f"{seed} {number}" for seed in ("one", "two") for number in range(5))
    assert records_on_disk(template, tmp_path) == expected


@pytest.mark.parametrize("step", STEPS)
def test_after_sigkill_the_next_run_finishes_and_nothing_is_lost_or_doubled(
    template: Template, tmp_path: Path, step: str
) -> None:
    folder = copy_home(template, tmp_path)
    assert run_all(sealer(folder, "killed", 3, step)) == [-signal.SIGKILL]
    home, _ = on_disk(tmp_path)
    batches = home.outbox.pending()
    uncommitted = step in {"sealing", "before-link", "after-link"}
    assert len(batches) == (0 if uncommitted else 1), "from the commit on the records count as sealed"
    with home.site() as site:
        assert finish_pending(site, home.outbox) == len(batches)
    if not batches:
        assert run_all(sealer(folder, "again", 1, "never")) == [0], "half-written leftovers are in nobody's way"
        assert records_on_disk(template, tmp_path) == ["again 0"]
        assert [path.name for path in (folder / "outbox").iterdir()] == ["lock"]
    else:
        assert records_on_disk(template, tmp_path) == ["killed 0", "killed 1", "killed 2"]


# Every step between the outbox and the ledger


def killed_when(scene: Scene, **steps: Callable[..., None]) -> None:
    """Seal two records at a site that dies at the given step."""
    engine = EngineStub(
        scene.site.engine,
        before_submit=steps.get("before_submit", nothing),
        after_submit=steps.get("after_submit", nothing),
    )
    store = StoreStub(
        scene.store, before_put=steps.get("before_put", nothing), after_put=steps.get("after_put", nothing)
    )
    with pytest.raises(Killed):
        scene.seal(draft(text="one"), draft(text="two"), site=at_engine(at_store(scene.site, store), engine))


def die(_subject: object) -> None:
    raise Killed


def finish(scene: Scene) -> int:
    """The next run of the hospital, with what is on disk and nothing else."""
    return finish_pending(scene.site, Outbox(scene.home.folder / "outbox"))


@pytest.mark.parametrize("step", ["before_put", "after_put", "before_submit", "after_submit"])
def test_a_writer_that_died_at_any_step_is_finished_without_its_author(scene: Scene, step: str) -> None:
    killed_when(scene, **{step: die})
    assert finish(scene) == 1
    everything_is_in_once(scene, ["one", "two"])
    assert finish(scene) == 0


@pytest.mark.parametrize("step", ["before_put", "after_put", "before_submit", "after_submit"])
def test_the_next_seal_first_finishes_what_an_earlier_run_left(scene: Scene, step: str) -> None:
    killed_when(scene, **{step: die})
    scene.seal(draft(text="next"))
    everything_is_in_once(scene, ["one", "two", "next"])


@pytest.mark.parametrize("step", ["before_put", "after_put", "before_submit", "after_submit"])
def test_a_finisher_that_dies_too_is_finished_by_the_one_after(scene: Scene, step: str) -> None:
    killed_when(scene, before_submit=die)
    at = {step: die}
    dying = EngineStub(
        scene.site.engine, before_submit=at.get("before_submit", nothing), after_submit=at.get("after_submit", nothing)
    )
    store = StoreStub(scene.store, before_put=at.get("before_put", nothing), after_put=at.get("after_put", nothing))
    with pytest.raises(Killed):
        finish_pending(
            at_engine(at_store(scene.site, store), dying),
            scene.home.outbox,
        )
    assert finish(scene) == 1
    everything_is_in_once(scene, ["one", "two"])


def test_a_batch_that_was_overtaken_while_its_writer_was_dead_is_re_signed(scene: Scene, tmp_path: Path) -> None:
    killed_when(scene, before_submit=die)
    scene.seal(draft(text="meanwhile"), outbox=Outbox(tmp_path / "another author"))
    assert finish(scene) == 1
    everything_is_in_once(scene, ["meanwhile", "one", "two"])


@pytest.mark.parametrize("overtaken_again", [False, True])
@pytest.mark.parametrize("step", ["before-link", "after-link", "put", "delete", "submit"])
def test_a_loser_that_dies_while_it_re_signs_leaves_no_double(
    scene: Scene, tmp_path: Path, step: str, overtaken_again: bool
) -> None:
    """The batch remembers the headers that it was uploaded under before."""
    killed_when(scene, before_submit=die)
    scene.seal(draft(text="meanwhile"), outbox=Outbox(tmp_path / "another author"))

    class Dying(StoreStub):
        def delete(self, locator: str) -> None:
            if step == "delete":
                raise Killed
            super().delete(locator)

    old = set(scene.store.blocks)

    def put(locator: str) -> None:
        if step == "put" and locator not in old:
            raise Killed

    def submit(transaction: SignedTransaction) -> None:
        if step == "submit" and transaction.body.previous_head is not None:  # type: ignore[attr-defined]
            raise Killed

    site = at_engine(
        at_store(scene.site, Dying(scene.store, before_put=put)), EngineStub(scene.site.engine, before_submit=submit)
    )
    hospital = HospitalStub(
        site.hospitals[scene.riverside.member_id],
        before_link=die if step == "before-link" else nothing,
        after_link=die if step == "after-link" else nothing,
    )
    with pytest.raises(Killed):
        finish_pending(at_hospital(site, scene.riverside.member_id, hospital), scene.home.outbox)
    others = ["meanwhile"]
    if overtaken_again:
        scene.seal(draft(text="and again"), outbox=Outbox(tmp_path / "another author"))
        others.append("and again")
    assert finish(scene) >= 1
    everything_is_in_once(scene, [*others, "one", "two"])


def unreachable(_headers: object) -> None:
    raise HospitalUnreachable("the hospital's server does not answer; try again later")


@pytest.mark.parametrize(
    "step", ["before_link", "after_link", "before_put", "after_put", "before_anchor", "after_anchor"]
)
def test_what_was_sealed_offline_is_finished_whatever_dies_then(scene: Scene, step: str) -> None:
    riverside = scene.riverside.member_id
    offline = HospitalStub(scene.site.hospitals[riverside], before_link=unreachable)
    with pytest.raises(OutboxPending):
        scene.seal(draft(text="one"), draft(text="two"), site=at_hospital(scene.site, riverside, offline))
    at = {step: die}
    dying = HospitalStub(
        scene.site.hospitals[riverside],
        before_link=at.get("before_link", nothing),
        after_link=at.get("after_link", nothing),
        before_anchor=at.get("before_anchor", nothing),
        after_anchor=at.get("after_anchor", nothing),
    )
    store = StoreStub(scene.store, before_put=at.get("before_put", nothing), after_put=at.get("after_put", nothing))
    with pytest.raises(Killed):
        finish_pending(at_hospital(at_store(scene.site, store), riverside, dying), scene.home.outbox)
    linked = step not in {"before_link", "after_link"}
    assert [batch.first_index is not None for batch in scene.home.outbox.pending()] == [linked]
    assert finish(scene) == 1
    everything_is_in_once(scene, ["one", "two"])


def test_of_many_batches_none_is_lost_when_the_first_cannot_be_uploaded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says that the records are sealed and wait; so all of them do."""
    monkeypatch.setattr(sealing, "MAX_ANCHORED_BLOCKS", 2)
    scene.store.faults.down = StoreUnreachable("simulated:simulated does not answer; try again later")
    texts = [str(number) for number in range(5)]
    with pytest.raises(OutboxPending, match="do not seal them again"):
        scene.seal(*(draft(text=text) for text in texts))
    assert [len(batch.blocks) for batch in scene.home.outbox.pending()] == [2, 2, 1]
    scene.store.faults.down = None
    assert finish(scene) == 3
    everything_is_in_once(scene, texts)


def test_a_batch_has_no_more_members_than_a_hospital_links_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two members a block; there is always room for a block of most members."""
    monkeypatch.setattr(sealing, "MAX_LINKED_MEMBERS", MAX_MEMBERS + 5)
    texts = [str(number) for number in range(7)]
    sealed = sealing.seal_records(
        scene.site,
        scene.home.outbox,
        [draft(text=text) for text in texts],
        patient_id=scene.patient.member_id,
        author=scene.author,
        hospital_id=scene.riverside.member_id,
    )
    assert [(len(each.blocks), each.records) for each in sealed] == [(3, 3), (3, 3), (1, 1)]
    everything_is_in_once(scene, texts)


@pytest.mark.parametrize("offline_first", [False, True])
def test_a_block_that_a_folder_has_linked_never_changes(scene: Scene, tmp_path: Path, offline_first: bool) -> None:
    """A large block's file is the folder's own; overtaken, the block goes to another place and another file."""
    folder, riverside = tmp_path / "store", scene.riverside.member_id
    on_disk = at_store(scene.site, open_store(folder.as_uri()))
    large = os.urandom(OWN_FILE_BYTES + 1)
    kept: dict[str, bytes] = {}

    def keep(locator: str) -> None:
        path = folder / locator[:2] / locator
        (tmp_path / locator).hardlink_to(path)
        shared = path.samefile(next((scene.home.folder / "outbox").glob("*/block-0")))
        assert shared == (not offline_first and not kept)
        kept[locator] = path.read_bytes()

    winner = once(lambda: scene.seal(draft(text="winner"), site=on_disk, outbox=Outbox(tmp_path / "winner")))
    engine = EngineStub(scene.site.engine, before_submit=winner)
    site = at_engine(at_store(scene.site, StoreStub(on_disk.store, after_put=keep)), engine)
    if offline_first:
        offline = HospitalStub(scene.site.hospitals[riverside], before_link=unreachable)
        with pytest.raises(OutboxPending):
            scene.seal(draft(text=large), site=at_hospital(scene.site, riverside, offline))
        assert finish_pending(site, scene.home.outbox) == 1
    else:
        scene.seal(draft(text=large), site=site)
    assert len(kept) == 2
    assert {locator: (tmp_path / locator).read_bytes() for locator in kept} == kept
    blocks = scene.site.state().blocks(patient=scene.patient.member_id)
    assert [payload(opened) for opened in open_own(on_disk, scene.patient, blocks)] == [b"winner", large]
    assert {listed.locator for listed in on_disk.store.list()} == {block.locator for block in blocks}


def test_a_store_that_fails_keeps_the_batch_and_says_so(scene: Scene) -> None:
    scene.store.faults.down = StoreUnreachable("simulated:simulated does not answer; try again later")
    with pytest.raises((OutboxPending, CloudError)):
        scene.seal(draft(text="kept"))
    assert len(scene.home.outbox.pending()) == 1
    scene.store.faults.down = None
    assert finish(scene) == 1
    everything_is_in_once(scene, ["kept"])


@pytest.mark.parametrize("error", [LedgerBusy, TimeSkewed])
def test_a_ledger_that_cannot_take_it_now_keeps_the_batch(scene: Scene, error: type[Exception]) -> None:
    """Busy, or the clock is off: neither is a verdict on the blocks."""

    def fail(transaction: SignedTransaction) -> None:
        if is_anchoring(transaction):
            raise error("try again later")

    with pytest.raises(OutboxPending):
        scene.seal(draft(text="kept"), site=at_engine(scene.site, EngineStub(scene.site.engine, before_submit=fail)))
    assert len(scene.home.outbox.pending()) == 1
    assert finish(scene) == 1
    everything_is_in_once(scene, ["kept"])


def test_the_outbox_holds_no_key_and_no_plaintext(scene: Scene) -> None:
    """Ciphertext only, so a disk that is stolen between two runs tells nothing."""
    killed_when(scene, before_put=die)
    (batch,) = scene.home.outbox.pending()
    data = b"".join(path.read_bytes() for path in batch.folder.iterdir())
    scene.grant(Access())
    finish(scene)
    assert b"potassium" not in data
    blocks = scene.site.state().blocks(patient=scene.patient.member_id)
    for opened in open_own(scene.site, scene.patient, blocks):
        assert opened.key.to_secret_bytes() not in data
    assert {block.locator for block in blocks} == {entry.locator for entry in batch.blocks}
