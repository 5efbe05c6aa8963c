"""The matching part of ``benchmarks.story``: two patients opt in, are matched, both accept, and write to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property

from benchmarks.roles import Account
from clinic import match_talk, matching
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRegister
from clinic.match_index import IndexService
from clinic.match_issuer import IssuerService
from clinic.match_service import MatchPlace, MatchServices
from clinic.match_state import open_book
from clinic.match_symptoms import gather
from clinic.matching import Desk
from clinic.site import Site
from matching.binding import BindingRule
from matching.closure import Closure
from matching.relay import SqliteRelay
from matching.vocabulary import Vocabulary

SYMPTOMS = ("HP:0001250", "HP:0001251", "HP:0000365", "HP:0001945", "HP:0002076")
"""Seizure, ataxia, hearing impairment, fever, migraine: both patients have all of them."""
_TEXT = "Since when do you have it?"


class CountedServices(MatchServices):
    """Matching's services, each the work of the role that runs it."""

    def __init__(self, place: MatchPlace, site: Site, account: Account, opened: ExitStack) -> None:
        super().__init__(place, site, opened)
        self.place = place
        self._account = account

    @classmethod
    @contextmanager
    def opened(cls, place: MatchPlace, site: Site, account: Account) -> Iterator[CountedServices]:
        """New services at ``place``, closed at the end."""
        place.issuer_folder("").mkdir(parents=True)
        with ExitStack() as opened:
            yield cls(place, site, account, opened)

    def start(self) -> None:
        """Open what would be opened when it is first asked: these run already when patients come."""
        _ = self.issuers, self.index, self.relay

    def register(self, authority: MemberSecrets) -> PseudonymRegister:
        """See ``MatchServices.register``."""
        return self._account.remote("authority", super().register(authority))

    @cached_property
    def issuers(self) -> Mapping[str, IssuerService]:
        """See ``MatchServices.issuers``."""
        with self._account.working("issuer"):
            return {name: self._account.remote("issuer", each) for name, each in super().issuers.items()}

    @cached_property
    def index(self) -> IndexService:
        """See ``MatchServices.index``."""
        with self._account.working("index"):
            return self._account.remote("index", super().index)

    @cached_property
    def relay(self) -> SqliteRelay:
        """See ``MatchServices.relay``."""
        with self._account.working("relay"):
            return self._account.remote("relay", super().relay)


def matched(
    site: Site,
    account: Account,
    services: CountedServices,
    authority: MemberSecrets,
    patients: Sequence[MemberSecrets],
) -> None:
    """Phase ``matching``, from the first opt-in until both know what they share; phase ``session``: proofs, one text.

    The vocabulary is there already: reading it is part of starting the program.
    """
    vocabulary = Vocabulary.default()
    rule = BindingRule.of(vocabulary)
    with ExitStack() as opened:
        with account.during("matching", "patient"):
            symptoms = gather(vocabulary, SYMPTOMS)
            desks = []
            for patient in patients:
                book = opened.enter_context(open_book(services.place.patients, patient))
                desk = Desk(site, services, patient, book)
                matching.take_pseudonym(desk, services.register(authority))
                matching.opt_in(desk, vocabulary, symptoms, Closure.NEAR)
                desks.append(desk)
            one, other = desks
            (found,) = matching.find(one, top=5, least=0.0)
            for desk in desks:
                matching.accept(desk, found.match_id, rule)
            for desk in desks:
                matching.shared(desk, found.match_id)
        with account.during("session", "patient"):
            for desk in (one, other, one):  # whoever begins, both proofs are there after three turns
                match_talk.advance(desk, found.match_id, lambda: rule)
            match_talk.send(one, found.match_id, _TEXT, lambda: rule)
            read = match_talk.read(other, found.match_id, lambda: rule)
    if [text for _, text in read.texts] != [_TEXT]:
        raise RuntimeError("the text did not arrive")
