"""The matching part of the demo: two patients are matched, both accept and write; a third gets nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clinic import match_talk, matching
from clinic.demo_ledger import LedgerDemo
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_errors import MatchUnknown, PseudonymIssued
from clinic.match_service import MatchPlace
from clinic.match_state import open_book
from clinic.match_symptoms import gather
from clinic.matching import Desk
from ledger.bodies import Role
from matching.binding import BindingRule
from matching.closure import Closure
from matching.errors import MatchingError, MessageUnreadable, NotBothAccepted
from matching.pair import PairingState
from matching.vocabulary import Vocabulary
from scheme.keys import SigningKey

_HOSPITAL = "Riverside"
_SHARED = ("HP:0001250", "HP:0001251", "HP:0000365")
"""Seizure, ataxia, hearing impairment."""
_NAMED = {"Ada": (*_SHARED, "HP:0001945"), "Brita": (*_SHARED, "HP:0002076"), "Carla": ("HP:0000989", "HP:0000952")}
"""Besides: fever; migraine. Carla: itching, jaundice."""


class MatchingDemo:
    """Plays after ``LedgerDemo``, and adds its checks to the same outcome."""

    def __init__(self, demo: LedgerDemo) -> None:
        self._demo = demo
        self._place = MatchPlace.of(demo.cast.home.folder, demo.cast.home.directory)
        self._vocabulary = Vocabulary.default()
        self._rule = BindingRule.of(self._vocabulary)
        self._patients: dict[str, MemberSecrets] = {}

    def play(self) -> None:
        """Opt in, find, accept, write; then what a third party tries."""
        for name, symptoms in _NAMED.items():
            self._opt_in(name, symptoms)
        match_id = self._both_accept()
        self._both_write(match_id)
        self._third_party_fails(match_id)

    def _opt_in(self, name: str, symptoms: tuple[str, ...]) -> None:
        demo, cast = self._demo, self._demo.cast
        person = cast.home.enrol(
            demo.site, cast.authority, Role.PATIENT, name, hospital=_HOSPITAL, password=cast.password
        )
        self._patients[name] = cast.home.keystore.unlock(person.member_id, cast.password)
        with self._at_desk(name) as desk:
            matching.take_pseudonym(desk, desk.services.registrar(lambda: cast.authority))
            matching.opt_in(desk, self._vocabulary, gather(self._vocabulary, symptoms), Closure.NEAR)

    def _both_accept(self) -> str:
        demo = self._demo
        with self._at_desk("Ada") as desk:
            found = matching.find(desk, top=5, least=0.0)
            match_id = found[0].match_id if found else ""
            demo.check("of two others only who shares symptoms is found", len(found) == 1)
            matching.accept(desk, match_id, self._rule)
            demo.check("nothing is exchanged before both accept", self._refused(desk, match_id, NotBothAccepted))
        with self._at_desk("Brita") as desk:
            listed = matching.matches(desk)
            demo.check(
                "the other sees an offer, not that it was accepted",
                [(each.match_id, each.status) for each in listed] == [(match_id, PairingState.OPEN.value)],
            )
            matching.accept(desk, match_id, self._rule)
        terms = {}
        for name in ("Ada", "Brita"):
            with self._at_desk(name) as desk:
                terms[name] = set(matching.shared(desk, match_id).terms)
        both, apart = terms["Ada"], {*_NAMED["Ada"], *_NAMED["Brita"]} - {*_SHARED}
        demo.check(
            "both learn what they share, and nothing else",
            set(_SHARED) <= both and both == terms["Brita"] and not apart & both,
        )
        demo.say(f"Matching: Ada and Brita opt in, are matched and both accept; they share {len(_SHARED)} symptoms.")
        return match_id

    def _both_write(self, match_id: str) -> None:
        demo, rule = self._demo, lambda: self._rule
        for name in ("Ada", "Brita", "Ada"):  # whoever begins, both proofs are there after three turns
            with self._at_desk(name) as desk:
                match_talk.advance(desk, match_id, rule)
        for name, other, text in (("Ada", "Brita", "Since when do you have it?"), ("Brita", "Ada", "For years.")):
            with self._at_desk(name) as desk:
                sent = match_talk.send(desk, match_id, text, rule)
            with self._at_desk(other) as desk:
                found = [each for _, each in match_talk.read(desk, match_id, rule).texts]
            demo.check(f"{other} reads what {name} wrote", not sent.waiting and found == [text])
        demo.say("Both prove the shared symptoms to each other, and write one message each way.")

    def _third_party_fails(self, match_id: str) -> None:
        demo, rule = self._demo, lambda: self._rule
        with self._at_desk("Carla") as desk:
            demo.check("who shares nothing finds nobody", matching.find(desk, top=5, least=0.0) == [])
            demo.check("a third party learns nothing of a match", self._refused(desk, match_id, MatchUnknown))
            try:
                matching.accept(desk, match_id, self._rule)
                accepted = True
            except MatchUnknown:
                accepted = False
            demo.check("a third party cannot accept it", not accepted)
        with self._at_desk("Ada") as desk:
            handle = desk.meeting(match_id).mailbox.handle
            desk.services.relay.put(handle, b"a message that somebody made up")
            read = match_talk.read(desk, match_id, rule)
            demo.check(
                "a forged message is dropped, and the session goes on",
                (read.texts, read.dropped, read.state) == ([], [MessageUnreadable.code], "open"),
            )
        demo.check("nobody gets a second pseudonym in an epoch", not self._second_pseudonym("Ada"))
        demo.say("A third patient finds nobody, cannot accept their match, and a forged message is dropped.")

    def _refused(self, desk: Desk, match_id: str, error: type[Exception]) -> bool:
        """Whether the index tells this patient nothing of the match, with that error."""
        try:
            desk.services.index.contact(desk.query(), bytes.fromhex(match_id))
        except (MatchingError, MatchUnknown) as refused:
            return isinstance(refused, error)
        return False

    def _second_pseudonym(self, name: str) -> bool:
        with self._at_desk(name) as desk:
            register = desk.services.registrar(lambda: self._demo.cast.authority)
            another = SigningKey.generate().verifying_key
            try:
                register.certify(PseudonymRequest.sign(desk.patient, desk.services.epoch, another))
            except PseudonymIssued:
                return False
        return True

    @contextmanager
    def _at_desk(self, name: str) -> Iterator[Desk]:
        patient, site = self._patients[name], self._demo.site
        with open_book(self._place.patients, patient) as book, self._place.services(site) as services:
            yield Desk(site, services, patient, book)
