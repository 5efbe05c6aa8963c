"""Invitations: one use, one role, some days; and nothing of the code on the server's disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from clinic.errors import HomeInvalid, InputInvalid
from ledger.bodies import Role
from network.errors import InvitationInvalid
from network.invitation import DAYS, Invitation, Invitations, code_from_text, code_to_text, server_url

NOW, DAY = 1_000_000, 86_400
HOSPITAL, APPLICATION, ANOTHER = "ab" * 16, "11" * 32, "22" * 32
INVITATION = Invitation("https://clinic.example:8443", bytes(range(16)), "cd" * 32, "ef" * 32)


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


def test_an_invitation_goes_through_text() -> None:
    text = str(INVITATION)
    assert text.startswith("https://clinic.example:8443/#1.")
    assert Invitation.parse(f"  {text}\n") == INVITATION
    assert Invitation.parse(str(replace(INVITATION, url="https://[::1]:8443"))).url == "https://[::1]:8443"
    assert INVITATION.code.hex() not in repr(INVITATION)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:-1] + "=",
        lambda text: text.replace("#1.", "#2."),
        lambda text: text.replace("https:", "http:"),
        lambda text: text.partition("#")[0],
        lambda text: text.replace("/#", "/path/#"),
        lambda text: text.replace("https://", "https://user@"),
        lambda text: text.replace(":8443", ":99999"),
        lambda text: text.replace("#1.", "#1.é"),
        lambda text: "",
    ],
)
def test_what_was_not_copied_whole_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvitationInvalid):
        Invitation.parse(change(str(INVITATION)))


def test_a_servers_url_has_one_form() -> None:
    assert server_url("https://Clinic.Example:443/") == "https://clinic.example"
    assert server_url("https://127.0.0.1:8443") == "https://127.0.0.1:8443"
    for wrong in (
        "clinic.example",
        "https://",
        "https://a/b",
        "https://a?b=c",
        "https://a:b",
        "https://xn--",
        "https://a..b",
        "https://" + "a" * 64,
        "https://-a",
    ):
        with pytest.raises(InvitationInvalid):
            server_url(wrong)


def test_a_code_is_used_once_but_its_user_may_ask_again(tmp_path: Path) -> None:
    kept = Invitations(tmp_path, Clock())
    code, offer = kept.create(Role.DOCTOR, "Dr. Okafor", HOSPITAL)
    assert [each.id for each in kept.open()] == [offer.id]
    used = kept.redeem(code, Role.DOCTOR, APPLICATION)
    assert (used.name, used.hospital, used.used) == ("Dr. Okafor", HOSPITAL, APPLICATION)
    assert kept.redeem(code, Role.DOCTOR, APPLICATION) == used
    with pytest.raises(InvitationInvalid):
        kept.redeem(code, Role.DOCTOR, ANOTHER)
    assert kept.open() == []


def test_an_invitation_ends_but_not_for_whom_it_served(tmp_path: Path) -> None:
    clock = Clock()
    kept = Invitations(tmp_path, clock)
    unused, used = (kept.create(Role.PROXY, name)[0] for name in ("one", "two"))
    kept.redeem(used, Role.PROXY, APPLICATION)
    clock.now += DAYS * DAY
    with pytest.raises(InvitationInvalid):
        kept.redeem(unused, Role.PROXY, ANOTHER)
    assert kept.redeem(used, Role.PROXY, APPLICATION).used == APPLICATION
    assert kept.open() == []


def test_every_wrong_code_is_told_the_same(tmp_path: Path) -> None:
    kept = Invitations(tmp_path, Clock())
    code, offer = kept.create(Role.PROXY, "one")
    kept.redeem(code, Role.PROXY, APPLICATION)
    sentences = set()
    for guess, application in ((bytes(16), APPLICATION), (code, ANOTHER)):
        with pytest.raises(InvitationInvalid) as caught:
            kept.redeem(guess, Role.PROXY, application)
        sentences.add(str(caught.value))
    assert len(sentences) == 1
    # The same file name, another digest: what names the file is not what is compared.
    path = tmp_path / f"{offer.id}.json"
    path.write_bytes(path.read_bytes().replace(offer.code_sha256.encode(), b"0" * 64))
    with pytest.raises(InvitationInvalid):
        kept.redeem(code, Role.PROXY, APPLICATION)


def test_an_invitation_is_for_one_role(tmp_path: Path) -> None:
    kept = Invitations(tmp_path, Clock())
    code, _ = kept.create(Role.PATIENT, "Wilhelmina", HOSPITAL)
    with pytest.raises(InvitationInvalid, match="patient"):
        kept.redeem(code, Role.DOCTOR, APPLICATION)
    kept.redeem(code, Role.PATIENT, APPLICATION)


def test_the_code_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    code, _ = Invitations(tmp_path, Clock()).create(Role.PROXY, "one")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert code not in data
            assert code.hex().encode() not in data
            assert code_to_text(code).encode() not in data
    assert code_from_text(code_to_text(code)) == code


def test_what_makes_no_sense_is_not_offered(tmp_path: Path) -> None:
    kept = Invitations(tmp_path, Clock())
    for role, hospital, days in (
        (Role.DOCTOR, None, DAYS),
        (Role.PROXY, HOSPITAL, DAYS),
        (Role.PROXY, None, 0),
        (Role.PROXY, None, 91),
    ):
        with pytest.raises(InputInvalid):
            kept.create(role, "somebody", hospital, days=days)


def test_a_withdrawn_invitation_counts_no_longer_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    kept = Invitations(tmp_path, Clock())
    code, offer = kept.create(Role.PROXY, "one")
    kept.withdraw(offer.id)
    with pytest.raises(InvitationInvalid):
        kept.redeem(code, Role.PROXY, APPLICATION)
    code, offer = kept.create(Role.PROXY, "two")
    (tmp_path / f"{offer.id}.json").write_bytes(b"{}")
    with pytest.raises(HomeInvalid, match=offer.id):
        kept.redeem(code, Role.PROXY, APPLICATION)
