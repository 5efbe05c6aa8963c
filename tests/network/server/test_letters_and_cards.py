"""Letters are their readers' alone, and nobody else's take their place; cards are their patients' alone."""

import pytest

from clinic.cards import current_card
from clinic.grants import Decision, grant
from clinic.requests import Access, refuse, request_access
from network import wire
from scheme import keycard
from scheme.scopes import MasterSecret
from tests.network.server.serving import Served, problem

LETTER = "ab" * 16


def letter(reader: str, letter_id: str = LETTER) -> str:
    return wire.LETTER.format(reader=reader, letter=letter_id)


def test_a_letter_waits_for_its_reader_alone(served: Served) -> None:
    path = letter(served.patient.member_id)
    assert served.call("PUT", path, b"sealed", by=served.reader).status_code == 204
    assert served.call("GET", path).content == b"sealed"
    for stranger in (served.other, served.reader, served.members["authority"]):
        assert problem(served.call("GET", path, by=stranger)) == (403, "not-yours")
    listed = wire.LETTERS.format(reader=served.patient.member_id)
    assert served.call("GET", listed).json() == {"letters": [LETTER]}
    assert served.call("GET", f"{listed}?prefix=abab").json() == {"letters": [LETTER]}
    assert served.call("GET", f"{listed}?prefix=cd").json() == {"letters": []}
    assert problem(served.call("GET", letter(served.patient.member_id, "cd" * 16))) == (404, "letter-unknown")


def test_a_letter_is_never_replaced(served: Served) -> None:
    path = letter(served.patient.member_id)
    assert [served.call("PUT", path, body).status_code for body in (b"one", b"one", b"two")] == [204, 204, 409]
    assert served.call("GET", path).content == b"one"


@pytest.mark.parametrize(
    "letter_id",
    [
        "..",
        "%2e%2e%2fconfig.json",
        "ab",
        "ab" * 16 + "..",
        "ab" * 16 + "/../x",
        "ab" * 16 + "%00",
        "*",
        "ab" * 16 + ".A",
    ],
)
def test_nothing_but_a_letters_id_reaches_the_mailbox(served: Served, letter_id: str) -> None:
    before = sorted(served.home.folder.rglob("*"))
    answer = served.call("PUT", f"/v1/letters/{served.patient.member_id}/{letter_id}", b"x")
    assert answer.status_code in {401, 404, 405, 422}
    problem(answer)
    assert sorted(served.home.folder.rglob("*")) == before


@pytest.mark.parametrize("prefix", ["*", "../", "%5Ba-f%5D", "AB", "%00", "x" * 300])
def test_nothing_but_the_start_of_an_id_is_looked_for(served: Served, prefix: str) -> None:
    listed = wire.LETTERS.format(reader=served.patient.member_id)
    assert problem(served.call("GET", f"{listed}?prefix={prefix}"))[0] in {401, 422}


def test_a_letter_to_nobody_is_refused(served: Served) -> None:
    assert problem(served.call("PUT", letter("cd" * 16), b"x")) == (403, "not-permitted")


def test_a_large_letter_is_refused(served: Served) -> None:
    path = letter(served.patient.member_id)
    assert served.call("PUT", path, bytes(wire.MAX_LETTER_BYTES)).status_code == 204
    assert problem(served.call("PUT", path, bytes(wire.MAX_LETTER_BYTES + 1))) == (413, "too-large")


def test_only_the_parties_of_a_matter_deliver_its_letters(served: Served) -> None:
    """The refusal's letter has an id that everybody can tell from the ledger before she writes it."""
    site = served.services.site
    asked = request_access(site, served.reader, served.patient.member_id, Access())
    refusal = letter(served.reader.member_id, f"{asked}.refusal")
    assert problem(served.call("PUT", refusal, b"planted", by=served.other)) == (403, "not-permitted")
    refuse(site, served.patient, asked)
    assert served.call("GET", refusal, by=served.reader).status_code == 200
    suspension = letter(served.patient.member_id, f"{served.patient.member_id}.suspension.{'ab' * 16}")
    assert problem(served.call("PUT", suspension, b"planted", by=served.author)) == (403, "not-permitted")
    assert served.call("PUT", suspension, b"reason", by=served.members["authority"]).status_code == 204
    recovery = letter(served.reader.member_id, f"{served.patient.member_id}.recovery.{'ab' * 16}")
    assert problem(served.call("PUT", recovery, b"planted", by=served.other)) == (403, "not-permitted")
    assert served.call("PUT", recovery, b"share", by=served.patient).status_code == 204
    (block,) = served.sealed()
    withdrawal = letter(served.patient.member_id, f"{block[0]}.withdrawal")
    assert problem(served.call("PUT", withdrawal, b"planted", by=served.reader)) == (403, "not-permitted")
    assert served.call("PUT", withdrawal, b"reason", by=served.author).status_code == 204


# Key cards


def next_card(served: Served, *, version: int = 2, by: str = "patient") -> tuple[str, bytes]:
    """Path and bytes of a card that does not count yet."""
    patient, signer = served.patient, getattr(served, by)
    card = keycard.issue(
        MasterSecret.generate(), signer.signing, patient.wrapping.public_key, patient_id=patient.member_id,
        version=version, year=2026, revisions={}, previous_digest=None,
    )  # fmt: skip
    return wire.CARD.format(patient=patient.member_id, version=version, commitment=card.commitment), card.data


def test_a_card_is_published_by_its_patient_and_fetched_by_her_hospital_and_who_writes_there(served: Served) -> None:
    path, card = next_card(served)
    assert served.call("PUT", path, card).status_code == 204
    for reader in (served.patient, served.riverside, served.author):
        assert served.call("GET", path, by=reader).content == card
    anchored = served.services.site.state().key_card(served.patient.member_id)
    assert anchored is not None
    current = wire.CARD.format(patient=served.patient.member_id, version=1, commitment=anchored.digest)
    assert served.call("GET", current, by=served.author).status_code == 200
    unknown = wire.CARD.format(patient=served.patient.member_id, version=3, commitment=anchored.digest)
    assert problem(served.call("GET", unknown, by=served.author)) == (404, "card-unknown")


def test_a_grant_to_read_shows_no_card_and_one_to_write_does_until_it_ends(served: Served) -> None:
    site, now = served.services.site, served.clock()
    anchored = site.state().key_card(served.patient.member_id)
    assert anchored is not None
    path = wire.CARD.format(patient=served.patient.member_id, version=1, commitment=anchored.digest)
    reader = served.reader.member_id
    grant(site, served.patient, reader, Decision(Access()), request_id=None)
    assert problem(served.call("GET", path, by=served.reader)) == (403, "not-permitted")
    grant(site, served.patient, reader, Decision(Access(write=True), until=now + 60), request_id=None)
    assert served.call("GET", path, by=served.reader).status_code == 200
    served.clock.advance(61)
    assert problem(served.call("GET", path, by=served.reader)) == (403, "not-permitted")


def test_what_is_not_her_next_card_is_not_kept(served: Served) -> None:
    path, card = next_card(served)
    far, later = next_card(served, version=3)
    forged_path, forged = next_card(served, by="other")
    other = wire.CARD.format(patient=served.patient.member_id, version=2, commitment="ab" * 32)
    for name, body in (
        (path, card[:-1]),
        (path, b"{}"),
        (path, b""),
        (far, later),
        (forged_path, forged),
        (other, card),
    ):
        assert problem(served.call("PUT", name, body)) == (422, "card-invalid")
    state = served.services.site.state()
    assert current_card(served.services.site.cards, state, served.patient.member_id).version == 1


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "x", "99999999999999999999"])
def test_a_version_is_a_count(served: Served, version: str) -> None:
    path = f"/v1/cards/{served.patient.member_id}/{version}/{'ab' * 32}"
    assert problem(served.call("GET", path)) == (422, "message-invalid")
