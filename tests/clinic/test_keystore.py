"""Keystores: one file a member, sealed under a password, replaced all at once, read by nobody else."""

from pathlib import Path

import pytest

from clinic import keystore
from clinic.errors import HomeInvalid, NameUnknown
from clinic.keystore import FileKeystore, MemberSecrets
from scheme import canonical, keyfile
from scheme.errors import ChartSealError, Damaged, EncodingInvalid
from scheme.keyfile import WrongPassword
from tests.clinic.scene import AUTHOR, OTHER, PASSWORD, PATIENT, RIVERSIDE, Template


@pytest.fixture
def store(tmp_path: Path) -> FileKeystore:
    return FileKeystore(tmp_path / "keystores", keyfile.TEST)


@pytest.fixture
def patient(template: Template) -> MemberSecrets:
    return template.members[PATIENT]


def test_what_is_kept_is_unlocked(store: FileKeystore, template: Template) -> None:
    for name in (PATIENT, AUTHOR, RIVERSIDE, "authority", "proxy 1"):
        secrets = template.members[name]
        store.store(secrets, "a password")
        assert store.unlock(secrets.member_id, "a password").to_secret_bytes() == secrets.to_secret_bytes()


def test_only_a_patient_has_rsa_and_a_master_secret(template: Template) -> None:
    patient, doctor = template.members[PATIENT], template.members[AUTHOR]
    assert None not in {patient.wrapping, patient.master}
    assert (doctor.wrapping, doctor.master) == (None, None)


def test_the_file_is_for_its_owner_alone(store: FileKeystore, patient: MemberSecrets) -> None:
    store.store(patient, PASSWORD)
    path = store.path(patient.member_id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_file_and_the_repr_show_no_secret(store: FileKeystore, patient: MemberSecrets) -> None:
    store.store(patient, PASSWORD)
    data = store.path(patient.member_id).read_bytes()
    secret = canonical.loads(patient.to_secret_bytes(), what="secrets")
    for name in ("signing", "hpke", "receiving", "wrapping", "master"):
        assert secret[name].encode() not in data
        assert secret[name] not in repr(patient)
    assert PASSWORD.encode() not in data
    assert patient.member_id in repr(patient)


@pytest.mark.parametrize("password", ["wrong", PASSWORD + " ", PASSWORD.upper(), "", "\ud800"])
def test_a_wrong_password(store: FileKeystore, patient: MemberSecrets, password: str) -> None:
    store.store(patient, PASSWORD)
    before = store.path(patient.member_id).read_bytes()
    with pytest.raises((WrongPassword, EncodingInvalid)):
        store.unlock(patient.member_id, password)
    assert store.path(patient.member_id).read_bytes() == before


def test_a_new_password_replaces_the_old_one(store: FileKeystore, patient: MemberSecrets) -> None:
    store.store(patient, "old")
    store.store(patient, "new")
    assert store.unlock(patient.member_id, "new").member_id == patient.member_id
    with pytest.raises(WrongPassword):
        store.unlock(patient.member_id, "old")


def test_a_password_in_any_script_and_form(store: FileKeystore, patient: MemberSecrets) -> None:
    store.store(patient, "пароль é 密码 🔑")
    assert store.unlock(patient.member_id, "пароль e\u0301 密码 🔑").member_id == patient.member_id


def test_somebody_elses_file_under_ones_own_name(store: FileKeystore, template: Template) -> None:
    mine, hers = template.members[PATIENT], template.members[OTHER]
    store.store(mine, PASSWORD)
    store.store(hers, PASSWORD)
    store.path(mine.member_id).write_bytes(store.path(hers.member_id).read_bytes())
    with pytest.raises(WrongPassword):
        store.unlock(mine.member_id, PASSWORD)


def test_no_keystore(store: FileKeystore, patient: MemberSecrets) -> None:
    with pytest.raises(NameUnknown, match="backup or by recovery"):
        store.unlock(patient.member_id, PASSWORD)


@pytest.mark.parametrize("kept", [0, 1, 20, 60, -33, -1])
def test_a_file_that_was_cut_is_damage_and_no_matter_of_passwords(
    store: FileKeystore, patient: MemberSecrets, kept: int
) -> None:
    store.store(patient, PASSWORD)
    path = store.path(patient.member_id)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Damaged):
        store.unlock(patient.member_id, PASSWORD)


def test_a_disk_that_is_full_keeps_the_old_file(
    store: FileKeystore, patient: MemberSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.store(patient, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(keystore.durable.os, "fsync", full)
        with pytest.raises(ChartSealError):
            store.store(patient, "new")
    assert store.unlock(patient.member_id, "old").member_id == patient.member_id
    assert len(list(store.path(patient.member_id).parent.iterdir())) == 1


@pytest.mark.parametrize("key", ["member", "role", "signing", "hpke", "receiving", "wrapping", "master"])
def test_secrets_that_lack_a_key(patient: MemberSecrets, key: str) -> None:
    value = canonical.loads(patient.to_secret_bytes(), what="secrets")
    del value[key]
    with pytest.raises(HomeInvalid):
        MemberSecrets.from_secret_bytes(canonical.dumps(value))


@pytest.mark.parametrize("key", ["signing", "hpke", "receiving", "wrapping", "master"])
@pytest.mark.parametrize("value", ["AA==", "not base64", 5, ["AA=="]])
def test_secrets_whose_key_is_none(patient: MemberSecrets, key: str, value: object) -> None:
    whole = canonical.loads(patient.to_secret_bytes(), what="secrets")
    with pytest.raises(ChartSealError):
        MemberSecrets.from_secret_bytes(canonical.dumps(whole | {key: value}))
