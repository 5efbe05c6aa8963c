"""Whatever anybody does in whatever order: no reading without a grant, revoked stays revoked, heads only grow."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.bodies import Extension, Refuse, Revoke
from ledger.errors import LedgerError
from ledger.registry import Body
from tests.ledger.scene import START, Scene, digest, enrolled, fold, ident

WHO = st.sampled_from(["authority", "north", "south", "dora", "saul", "paula", "petra"])
READER = st.sampled_from(["dora", "saul", "petra", "south"])
SCOPES = st.sampled_from(["laboratory", "imaging", "demographics", "petra's laboratory", "next"])
PICK = st.integers(0, 50)


class Consent(RuleBasedStateMachine):
    """Right and wrong transactions by right and wrong signers, beside a plain model of who may read what."""

    @initialize()
    def begin(self) -> None:
        self.scene: Scene = enrolled()
        self.grants: list[str] = []
        self.requests: list[str] = []
        self.chapters: dict[str, str] = {}
        self.allowed: dict[str, tuple[str, set[str], int | None]] = {}
        self.revoked: set[str] = set()
        self.heads: dict[str, int] = {}

    def attempt(self, body: Body, by: str) -> bool:
        before = self.scene.state.root
        try:
            self.scene.do(body, by)
        except LedgerError:
            assert self.scene.state.root == before
            return False
        return True

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.scene.now += seconds

    @rule(by=WHO, scope=SCOPES, count=st.integers(1, 3), stale=st.booleans())
    def anchor(self, by: str, scope: str, count: int, stale: bool) -> None:
        body = self.scene.anchor(count, scope=scope)
        if stale:
            body = replace(body, previous_head=digest("stale"))
        if self.attempt(body, by):
            assert by == "north"
            assert not stale
            self.chapters[body.blocks[0].chapter] = ident(scope)

    @rule(by=WHO, reader=READER)
    def request(self, by: str, reader: str) -> None:
        body = self.scene.request(delegatee=ident(reader))
        if self.attempt(body, by):
            assert by == reader
            self.requests.append(body.request)

    @rule(by=WHO, pick=PICK)
    def refuse(self, by: str, pick: int) -> None:
        if self.requests and self.attempt(Refuse(self.requests[pick % len(self.requests)], digest("reason")), by):
            assert by == "paula"

    @rule(by=WHO, reader=READER, scopes=st.sets(SCOPES, min_size=1), lasts=st.none() | st.integers(-5, 300))
    def grant(self, by: str, reader: str, scopes: set[str], lasts: int | None) -> None:
        until = None if lasts is None else self.scene.now + lasts
        body = self.scene.grant(delegatee=ident(reader), scopes=tuple(map(ident, scopes)), until=until)
        if self.attempt(body, by):
            assert by == "paula"
            self.grants.append(body.grant)
            self.allowed[body.grant] = (reader, set(body.scopes), until)

    @rule(by=WHO, pick=PICK, other=PICK, scope=SCOPES)
    def revoke(self, by: str, pick: int, other: int, scope: str) -> None:
        if not self.grants:
            return
        ended, extended = (self.grants[each % len(self.grants)] for each in (pick, other))
        extends = () if ended == extended else (Extension(extended, (ident(scope),)),)
        card = self.scene.state.key_card(ident("paula"))
        assert card is not None
        if self.attempt(Revoke(ended, self.scene.card(card.version + 1), extends), by):
            assert by == "paula"
            self.revoked.add(ended)
            if extends:
                self.allowed[extended][1].add(ident(scope))

    @rule(by=WHO, pick=PICK, which=PICK)
    def release(self, by: str, pick: int, which: int) -> None:
        if not self.grants or not self.chapters:
            return
        grant = self.grants[pick % len(self.grants)]
        chapter = sorted(self.chapters)[which % len(self.chapters)]
        reader, scopes, until = self.allowed[grant]
        may = (
            by == reader
            and grant not in self.revoked
            and (until is None or self.scene.now < until)
            and self.chapters[chapter] in scopes
        )
        assert self.attempt(self.scene.release(grant, chapter), by) == may

    @invariant()
    def revoked_stays_revoked(self) -> None:
        for grant in self.revoked:
            assert not self.scene.state.grant_active(grant, time=START)

    @invariant()
    def heads_only_grow(self) -> None:
        for chain in self.scene.state.chains(ident("paula")):
            assert chain.head.index >= self.heads.get(chain.chain, 0)
            assert len(self.scene.state.blocks(chain=chain.chain)) == chain.head.index + 1
            self.heads[chain.chain] = chain.head.index

    def teardown(self) -> None:
        if hasattr(self, "scene"):
            assert fold(self.scene.state.genesis, self.scene.entries).root == self.scene.state.root


TestConsent = Consent.TestCase
TestConsent.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
