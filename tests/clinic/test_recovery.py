"""A lost keystore comes back with enough guardians, and with nothing less."""

import errno
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clinic import guardians
from clinic.errors import DiskFull, InputInvalid, LetterInvalid, NameUnknown, NotPermitted
from clinic.guardians import Bundle, HandedShare, RecoveryFolder, hand_over, recovered, split, take_in
from clinic.keystore import MemberSecrets
from clinic.letters import FolderMailbox
from clinic.requests import new_id
from scheme import canonical
from scheme.errors import ChartSealError, NotForThisKey
from scheme.recovery import Share, ShareDuplicate, ShareInvalid, SharesTooFew
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
    return [newest(folder, guardian, scene.patient.member_id) for guardian in who]


def newest(folder: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> Share:
    return hand_over(folder, guardian, owner_id)[0].share


def restore(folder: RecoveryFolder, owner_id: str, shares: Sequence[Share]) -> MemberSecrets:
    """From shares on paper, by the bundles in ``folder``."""
    return recovered([HandedShare(share) for share in shares], folder.bundles(owner_id)).secrets


def letters_to(scene: Scene, guardian: MemberSecrets) -> list[str]:
    return scene.site.mailbox.list(guardian.member_id, f"{scene.patient.member_id}.recovery.")


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
    with pytest.raises(ShareInvalid):
        restore(folder, scene.patient.member_id, old[:2])
    with pytest.raises(SharesTooFew):
        restore(folder, scene.patient.member_id, [old[0], new[1]])
    assert restore(folder, scene.patient.member_id, new[1:])


def test_a_disk_that_is_full_keeps_the_earlier_split(
    scene: Scene, folder: RecoveryFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = divided(scene, folder)
    fsync = guardians.durable.os.fsync
    for after in range(9):
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
        assert newest(folder, scene.reader, scene.patient.member_id) == old[0]
        assert len(folder.begun(scene.patient.member_id)) == 1


def test_a_forged_share_is_named(scene: Scene, folder: RecoveryFolder) -> None:
    shares = divided(scene, folder)
    forged = Share(2, 3, shares[1].index, shares[1].set_id, bytes(16))
    with pytest.raises(ShareInvalid, match="share 2 is not the one that was given out"):
        restore(folder, scene.patient.member_id, [shares[0], forged])


def test_a_share_opens_for_its_guardian_alone(scene: Scene, folder: RecoveryFolder) -> None:
    divided(scene, folder)
    with pytest.raises(NameUnknown):
        hand_over(folder, scene.author, scene.patient.member_id)
    (lies,) = folder.splits(scene.patient.member_id)
    (lies / f"{scene.reader.member_id}.share").rename(lies / f"{scene.author.member_id}.share")
    with pytest.raises(NotForThisKey):
        hand_over(folder, scene.author, scene.patient.member_id)


def test_shares_of_another_patient_are_refused(scene: Scene, folder: RecoveryFolder) -> None:
    divided(scene, folder)
    who = [scene.reader.member_id, scene.second.member_id]
    split(scene.site, folder, scene.other, who, 2)
    others = [newest(folder, guardian, scene.other.member_id) for guardian in (scene.reader, scene.second)]
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
    handed = hand_over(folder, scene.second, scene.patient.member_id)
    (lies,) = folder.splits(scene.patient.member_id)
    share, bundle = lies / f"{scene.reader.member_id}.share", lies / "bundle.json"
    share.write_bytes(share.read_bytes()[:size])
    with pytest.raises(ChartSealError):
        hand_over(folder, scene.reader, scene.patient.member_id)
    bundle.write_bytes(bundle.read_bytes()[:size])
    with pytest.raises(ChartSealError):
        restore(folder, scene.patient.member_id, shares)
    back = recovered([*handed, HandedShare(shares[0])], folder.bundles(scene.patient.member_id))
    assert back.secrets.member_id == scene.patient.member_id, "by the bundle that was handed in"
    assert restore(folder, scene.patient.member_id, divided(scene, folder)[1:])  # a new split replaces it


@pytest.mark.parametrize("field", ["digests", "sealed", "owner", "threshold", "type"])
def test_a_bundle_that_lacks_a_field_is_told(scene: Scene, folder: RecoveryFolder, field: str) -> None:
    shares = divided(scene, folder)
    path = folder.splits(scene.patient.member_id)[0] / "bundle.json"
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
    handed = [share for guardian in people(scene) for share in hand_over(folder, guardian, patient)]
    assert HandedShare.from_secret_bytes(b"".join(each.to_secret_bytes() for each in handed)) == handed
    back = recovered(handed[1:])
    assert (back.secrets.to_secret_bytes(), back.home) == (scene.patient.to_secret_bytes(), b"where it was")
    assert "where it was" not in repr(back)
    with pytest.raises(NameUnknown, match="no bundle"):
        recovered([replace(each, bundle=b"") for each in handed])
    cut = HandedShare.from_secret_bytes(handed[0].to_secret_bytes()[:-9])
    assert recovered([*cut, handed[1]]).home == b"where it was"


def test_no_guardian_can_take_the_home_out_of_her_bundle(scene: Scene, folder: RecoveryFolder) -> None:
    """Nor put what she had sealed of another split into the place of anything: it is one, and she lacks its key."""
    patient, who = scene.patient.member_id, [each.member_id for each in people(scene)]
    split(scene.site, folder, scene.patient, who, 2)
    (without,) = hand_over(folder, scene.reader, patient)
    split(scene.site, folder, scene.patient, who, 2, home=b"where it was")
    (first,), (second,) = (hand_over(folder, guardian, patient) for guardian in people(scene)[:2])
    sealed = Bundle.from_bytes(without.bundle).sealed
    false = bytes(replace(Bundle.from_bytes(first.bundle), sealed=sealed, made=2**40))
    assert recovered([replace(first, bundle=false), second]).home == b"where it was"


def test_an_older_bundle_here_does_not_hide_the_one_that_is_handed_in(scene: Scene, folder: RecoveryFolder) -> None:
    """The home is that of a backup, older than the split."""
    divided(scene, folder)
    older = folder.bundles(scene.patient.member_id)
    divided(scene, folder)
    (first,), (second,) = (hand_over(folder, guardian, scene.patient.member_id) for guardian in people(scene)[:2])
    assert recovered([first, replace(second, bundle=b"")], older).secrets.member_id == scene.patient.member_id
    with pytest.raises(SharesTooFew):
        recovered([first], older)


def test_a_split_that_is_cut_between_letters_takes_nothing_away(
    scene: Scene, folder: RecoveryFolder, tmp_path: Path
) -> None:
    """All three are needed; the first has the new share, the others do not."""
    patient, who = scene.patient.member_id, [each.member_id for each in people(scene)]

    class Cut(FolderMailbox):
        def deliver(self, letter_id: str, reader: str, sealed: bytes) -> None:
            if reader != who[0]:
                raise LetterInvalid("the server does not answer")
            super().deliver(letter_id, reader, sealed)

    split(scene.site, folder, scene.patient, who, 3, elsewhere=who)
    cut = replace(scene.site, mailbox=Cut(scene.home.folder / "mailbox"))
    for _ in range(2):
        with pytest.raises(LetterInvalid):
            split(cut, folder, scene.patient, who, 3, elsewhere=who)
    assert [len(letters_to(scene, guardian)) for guardian in people(scene)] == [3, 1, 1]
    handed = []
    for guardian in people(scene):
        own = RecoveryFolder(tmp_path / guardian.member_id)
        take_in(scene.site, own, guardian, patient)
        handed += hand_over(own, guardian, patient)
    assert len(handed) == 5
    assert recovered(handed).secrets.to_secret_bytes() == scene.patient.to_secret_bytes()
    split(scene.site, folder, scene.patient, who, 2)
    assert len(folder.begun(patient)) == 1, "what is finished takes the place of all before it"


def test_a_guardian_elsewhere_has_her_newest_share_by_letter(
    scene: Scene, folder: RecoveryFolder, tmp_path: Path
) -> None:
    patient, who = scene.patient.member_id, [each.member_id for each in people(scene)]
    own = RecoveryFolder(tmp_path / "guardian")
    for _ in range(4):  # within a second
        split(scene.site, folder, scene.patient, who, 2, elsewhere={scene.reader.member_id})
    take_in(scene.site, own, scene.reader, patient)
    assert hand_over(own, scene.reader, patient)[:1] == hand_over(folder, scene.reader, patient)
    (first, *_) = letters_to(scene, scene.reader)
    withheld = FolderMailbox(tmp_path / "withheld")
    withheld.deliver(first, scene.reader.member_id, scene.site.mailbox.fetch(first, scene.reader.member_id))
    take_in(replace(scene.site, mailbox=withheld), own, scene.reader, patient)
    assert hand_over(own, scene.reader, patient)[:1] == hand_over(folder, scene.reader, patient)
    take_in(scene.site, own, scene.second, patient)  # nothing was sent to her
    with pytest.raises(NameUnknown):
        hand_over(own, scene.second, patient)


def test_a_letter_that_is_not_the_owners_keeps_none_of_hers(
    scene: Scene, folder: RecoveryFolder, tmp_path: Path
) -> None:
    patient, reader = scene.patient.member_id, scene.reader.member_id
    split(scene.site, folder, scene.patient, [each.member_id for each in people(scene)], 2, elsewhere={reader})
    (sent,) = letters_to(scene, scene.reader)
    for digit in "09":  # before hers, and behind
        forged = f"{patient}.recovery.{digit * 12}"
        scene.site.mailbox.deliver(forged, reader, scene.site.mailbox.fetch(sent, reader))
    own = RecoveryFolder(tmp_path / "guardian")
    with pytest.raises(NotForThisKey):
        take_in(scene.site, own, scene.reader, patient)
    assert hand_over(own, scene.reader, patient) == hand_over(folder, scene.reader, patient)


def test_shares_on_paper(scene: Scene, folder: RecoveryFolder, tmp_path: Path) -> None:
    shares = divided(scene, folder)
    typed = [Share.from_secret_text(share.to_secret_text().lower().replace("-", " ")) for share in shares[:2]]
    assert restore(folder, scene.patient.member_id, typed).member_id == scene.patient.member_id
