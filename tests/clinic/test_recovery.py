"""A lost keystore comes back with enough guardians, and with nothing less."""

import errno
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clinic import guardians
from clinic.errors import DiskFull, HomeInvalid, InputInvalid, NameUnknown, NotPermitted
from clinic.guardians import HandedShare, RecoveryFolder, hand_over, recovered, release_share, restore, split, take_in
from clinic.keystore import MemberSecrets
from clinic.requests import new_id
from scheme import canonical
from scheme.errors import ChartSealError, NotForThisKey
from scheme.recovery import Share, ShareDuplicate, ShareInvalid, SharesMixed, SharesTooFew
from tests.clinic.scene import Scene


@pytest.fixture
def folder(scene: Scene) -> RecoveryFolder:
    return RecoveryFolder(scene.home.folder / "recovery")


def people(scene: Scene) -> list[MemberSecrets]:
    return [scene.reader, scene.second, scene.other]


def divided(scene: Scene, folder: RecoveryFolder, threshold: int = 2) -> list[Share]:
    """A split among three, and the shares as the guardians hand them out."""
    who = people(scene)
    split(scene.site, folder, scene.patient, [guardian.member_id for guardian in who], threshold)
    return [release_share(folder, guardian, scene.patient.member_id) for guardian in who]


def test_any_two_of_three_bring_everything_back(scene: Scene, folder: RecoveryFolder) -> None:
    shares = divided(scene, folder)
    for pair in itertools.permutations(shares, 2):
        assert restore(folder, scene.patient.member_id, pair).to_secret_bytes() == scene.patient.to_secret_bytes()
    assert restore(folder, scene.patient.member_id, shares).role == "patient"


def test_what_comes_back_opens_the_records(scene: Scene, folder: RecoveryFolder) -> None:
    sealed = scene.seal()
    back = restore(folder, scene.patient.member_id, divided(scene, folder)[:2])
    assert set(scene.own(back)) == set(sealed.blocks)


def test_fewer_than_the_threshold_bring_nothing_back(scene: Scene, folder: RecoveryFolder) -> None:
    shares = divided(scene, folder, threshold=3)
    for count in (0, 1, 2):
        with pytest.raises(SharesTooFew):
            restore(folder, scene.patient.member_id, shares[:count])
    with pytest.raises(ShareDuplicate):
        restore(folder, scene.patient.member_id, [shares[0], shares[1], shares[0]])


def test_an_earlier_split_opens_nothing_any_more(scene: Scene, folder: RecoveryFolder) -> None:
    old, new = divided(scene, folder), divided(scene, folder)
    with pytest.raises((ShareInvalid, SharesMixed)):
        restore(folder, scene.patient.member_id, old[:2])
    with pytest.raises((ShareInvalid, SharesMixed)):
        restore(folder, scene.patient.member_id, [old[0], new[1]])
    assert restore(folder, scene.patient.member_id, new[1:])


def test_a_disk_that_is_full_keeps_the_earlier_split(
    scene: Scene, folder: RecoveryFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = divided(scene, folder)
    fsync = guardians.durable.os.fsync
    for after in range(7):
        flushes = iter(range(after))

        def full(descriptor: int, flushes: Iterator[int] = flushes) -> None:
            if next(flushes, None) is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(guardians.durable.os, "fsync", full)
            with pytest.raises(DiskFull):
                divided(scene, folder)
        assert restore(folder, scene.patient.member_id, old[:2])
        assert release_share(folder, scene.reader, scene.patient.member_id) == old[0]
        assert not list(folder.folder.rglob("*.new"))


def test_a_forged_share_is_named(scene: Scene, folder: RecoveryFolder) -> None:
    shares = divided(scene, folder)
    forged = Share(2, 3, shares[1].index, shares[1].set_id, bytes(16))
    with pytest.raises(ShareInvalid, match="share 2 is not the one that was given out"):
        restore(folder, scene.patient.member_id, [shares[0], forged])


def test_a_share_opens_for_its_guardian_alone(scene: Scene, folder: RecoveryFolder) -> None:
    divided(scene, folder)
    with pytest.raises(NameUnknown):
        release_share(folder, scene.author, scene.patient.member_id)
    stolen = folder.share(scene.patient.member_id, scene.reader.member_id)
    stolen.rename(folder.share(scene.patient.member_id, scene.author.member_id))
    with pytest.raises(NotForThisKey):
        release_share(folder, scene.author, scene.patient.member_id)


def test_shares_of_another_patient_are_refused(scene: Scene, folder: RecoveryFolder) -> None:
    divided(scene, folder)
    who = [scene.reader.member_id, scene.second.member_id]
    split(scene.site, folder, scene.other, who, 2)
    others = [release_share(folder, guardian, scene.other.member_id) for guardian in (scene.reader, scene.second)]
    with pytest.raises(ChartSealError):
        restore(folder, scene.patient.member_id, others)
    assert restore(folder, scene.other.member_id, others).member_id == scene.other.member_id


def test_who_may_be_a_guardian(scene: Scene, folder: RecoveryFolder) -> None:
    reader, second, patient = scene.reader.member_id, scene.second.member_id, scene.patient.member_id
    for names, threshold in (
        ([reader, reader], 1),
        ([reader, patient], 1),
        ([reader, second], 3),
        ([reader, second], 0),
        ([], 1),
    ):
        with pytest.raises(InputInvalid):
            split(scene.site, folder, scene.patient, names, threshold)
    with pytest.raises(NotPermitted):
        split(scene.site, folder, scene.patient, [reader, new_id()], 2)
    assert not folder.folder.exists()


def test_the_folder_shows_no_secret_and_is_for_its_owner_alone(scene: Scene, folder: RecoveryFolder) -> None:
    shares = divided(scene, folder)
    secrets = canonical.loads(scene.patient.to_secret_bytes(), what="secrets")
    for path in folder.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert path.stat().st_mode & 0o777 == 0o600
            assert all(share.value not in data for share in shares)
            assert secrets["master"].encode() not in data


@pytest.mark.parametrize("size", [0, 1, 50, -1])
def test_a_damaged_share_or_bundle_is_told(scene: Scene, folder: RecoveryFolder, size: int) -> None:
    shares = divided(scene, folder)
    share = folder.share(scene.patient.member_id, scene.reader.member_id)
    share.write_bytes(share.read_bytes()[:size])
    with pytest.raises(ChartSealError):
        release_share(folder, scene.reader, scene.patient.member_id)
    bundle = folder.bundle(scene.patient.member_id)
    bundle.write_bytes(bundle.read_bytes()[:size])
    with pytest.raises(ChartSealError):
        restore(folder, scene.patient.member_id, shares)
    assert restore(folder, scene.patient.member_id, divided(scene, folder)[1:])  # a new split replaces it


@pytest.mark.parametrize("field", ["digests", "sealed", "owner", "threshold", "type"])
def test_a_bundle_that_lacks_a_field_is_told(scene: Scene, folder: RecoveryFolder, field: str) -> None:
    shares = divided(scene, folder)
    path = folder.bundle(scene.patient.member_id)
    value = canonical.loads(path.read_bytes(), what="bundle")
    for changed in ({key: kept for key, kept in value.items() if key != field}, value | {field: 5}):
        path.write_bytes(canonical.dumps(changed))
        try:
            back = restore(folder, scene.patient.member_id, shares)
        except ChartSealError:
            continue
        assert field in {"owner", "threshold", "type"}
        assert back.member_id == scene.patient.member_id


def test_nobody_split_anything(folder: RecoveryFolder) -> None:
    with pytest.raises(NameUnknown):
        restore(folder, new_id(), [])


def test_what_guardians_hand_in_is_all_it_takes(scene: Scene, folder: RecoveryFolder) -> None:
    patient = scene.patient.member_id
    split(scene.site, folder, scene.patient, [each.member_id for each in people(scene)], 2, home=b"where it was")
    files = [hand_over(folder, guardian, patient).to_secret_bytes() for guardian in people(scene)]
    handed = [HandedShare.from_secret_bytes(file) for file in files]
    assert [each.to_secret_bytes() for each in handed] == files
    back = recovered(handed[1:])
    assert (back.secrets.to_secret_bytes(), back.home) == (scene.patient.to_secret_bytes(), b"where it was")
    assert "where it was" not in repr(back)
    with pytest.raises(NameUnknown, match="no bundle"):
        recovered([replace(each, bundle=None) for each in handed])
    with pytest.raises(HomeInvalid):
        HandedShare.from_secret_bytes(files[0][:-9])


def test_a_guardian_elsewhere_has_her_newest_share_by_letter(
    scene: Scene, folder: RecoveryFolder, tmp_path: Path
) -> None:
    patient, who = scene.patient.member_id, [each.member_id for each in people(scene)]
    own = RecoveryFolder(tmp_path / "guardian")
    for _ in range(4):  # within a second
        split(scene.site, folder, scene.patient, who, 2, elsewhere={scene.reader.member_id})
    take_in(scene.site, own, scene.reader, patient)
    assert hand_over(own, scene.reader, patient) == hand_over(folder, scene.reader, patient)
    take_in(scene.site, own, scene.second, patient)  # nothing was sent to her
    with pytest.raises(NameUnknown):
        release_share(own, scene.second, patient)
    (forged, *_) = scene.site.mailbox.list(scene.reader.member_id, f"{patient}.recovery.")
    newest = f"{patient}.recovery.{'9' * 12}"
    scene.site.mailbox.deliver(newest, scene.reader.member_id, scene.site.mailbox.fetch(forged, scene.reader.member_id))
    with pytest.raises(NotForThisKey):
        take_in(scene.site, own, scene.reader, patient)


def test_shares_on_paper(scene: Scene, folder: RecoveryFolder, tmp_path: Path) -> None:
    shares = divided(scene, folder)
    typed = [Share.from_secret_text(share.to_secret_text().lower().replace("-", " ")) for share in shares[:2]]
    assert guardians.restore(folder, scene.patient.member_id, typed).member_id == scene.patient.member_id
