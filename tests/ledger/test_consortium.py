"""The rules of a consortium ledger, judged on tables that hold two hospitals, two doctors and two notaries."""

import hashlib
import secrets
from dataclasses import dataclass, field, replace

import pytest

from ledger.bodies import AnchorChild, AnswerIndex, AskIndex, IndexPatients, MemberKeys, Role, UnindexPatients
from ledger.bodies.consortium import MAX_ANSWER_BYTES, MAX_INDEX_TAGS, external_head, index_tag
from ledger.errors import FieldInvalid
from ledger.genesis import Founder, Genesis
from ledger.keyvalue import MemoryKeyValue
from ledger.records import ChildHead, Member, Suspension
from ledger.refusals import Refused
from ledger.registry import Body
from ledger.rules import Place, judge
from ledger.tables import Tables
from tests.ledger.scene import START, digest, ident, signing_key

CHILD = digest("north's ledger")
PEOPLE = {
    "north": Role.HOSPITAL,
    "south": Role.HOSPITAL,
    "dora": Role.DOCTOR,
    "saul": Role.DOCTOR,
    "nora": Role.NOTARY,
    "nils": Role.NOTARY,
}


def _tables() -> Tables:
    keys = [signing_key(name).verifying_key.data for name in ("authority", "founder")]
    founder = Founder(ident("founder"), keys[1])
    genesis = Genesis.create(authority=ident("authority"), verifying=keys[0], created=START, founders=[founder])
    return Tables(genesis, MemoryKeyValue())


@dataclass
class Consortium:
    tables: Tables = field(default_factory=_tables)
    position: int = 0

    def __post_init__(self) -> None:
        for name, role in PEOPLE.items():
            self.member(name, role)

    def member(self, name: str, role: Role, *, removed_at: int | None = None, suspended: bool = False) -> None:
        keys = MemberKeys(verifying=signing_key(name).verifying_key.data, hpke=bytes(32))
        suspensions = (Suspension(0, None),) if suspended else ()
        record = Member(ident(name), role, (), b"certificate", START, keys, 0, removed_at, suspensions)
        self.tables.keyvalue.write([self.tables.members.put(record, record.member)])

    def do(self, body: Body, by: str) -> None:
        assert type(body).from_json(body.to_json()) == body
        place = Place(self.position, START + self.position, ident(by), height=1, epoch=0)
        self.tables.keyvalue.write(judge(self.tables, body, place))
        self.position += 1

    def refusal(self, body: Body, by: str) -> str:
        before = list(self.tables.keyvalue.scan(b""))
        try:
            self.do(body, by)
        except Refused as error:
            assert list(self.tables.keyvalue.scan(b"")) == before
            return error.code
        raise AssertionError("admitted")

    def head(self, height: int, block: str = "", **changes: object) -> AnchorChild:
        """A sound anchor of north's ledger at ``height``, on the last one."""
        last = self.tables.children.get(CHILD)
        internal, previous = digest(block or f"block {height}"), CHILD if last is None else last.external
        body = AnchorChild(CHILD, ident("north"), height, internal, previous, external_head(internal, previous))
        return replace(body, **changes)  # type: ignore[arg-type]


@pytest.fixture
def consortium() -> Consortium:
    return Consortium()


def tags(*names: str) -> tuple[str, ...]:
    return tuple(sorted(index_tag(ident(name)) for name in names))


def ask(name: str = "paula", number: int = 0) -> AskIndex:
    return AskIndex(ident(f"ask {number}"), index_tag(ident(name)), digest("why"))


# Heads


def test_external_hashes_form_a_chain_from_the_childs_genesis(consortium: Consortium) -> None:
    external = CHILD
    for height in (1, 2, 7):
        consortium.do(consortium.head(height), "nora" if height < 7 else "nils")
        internal = digest(f"block {height}")
        external = external_head(internal, external)
        newest = consortium.tables.children.get(CHILD)
        assert newest == consortium.tables.child_heads.get(CHILD, height)
        assert newest is not None
        assert (newest.height, newest.internal, newest.external) == (height, internal, external)
    assert newest == ChildHead(CHILD, ident("north"), ident("nils"), 7, internal, external, 2)
    assert [head.height for head in consortium.tables.child_heads.scan(CHILD)] == [1, 2, 7]


def test_heads_are_refused(consortium: Consortium) -> None:
    consortium.member("gone", Role.NOTARY, removed_at=0)
    consortium.member("idle", Role.NOTARY, suspended=True)
    for by in ("north", "dora", "authority", "nobody", "gone", "idle"):
        assert consortium.refusal(consortium.head(1), by) == "not-notary"
    consortium.do(consortium.head(2), "nora")
    consortium.do(consortium.head(4), "nora")
    fresh = consortium.head(5)
    table = [
        (replace(fresh, hospital=ident("dora")), "wrong-role"),
        (replace(fresh, hospital=ident("nobody")), "member-unknown"),
        (replace(fresh, hospital=ident("south")), "child-foreign"),
        (replace(fresh, previous=CHILD), "external-moved"),
        (replace(fresh, external=digest("another")), "external-wrong"),
        (replace(fresh, internal=digest("another")), "external-wrong"),
        (consortium.head(4), "child-head-old"),
        (consortium.head(3), "child-head-old"),
        (consortium.head(4, "another block 4"), "child-forked"),
        (consortium.head(2, "another block 2"), "child-forked"),
    ]
    for body, code in table:
        assert consortium.refusal(body, "nora") == code
    consortium.do(fresh, "nils")
    consortium.member("north", Role.HOSPITAL, suspended=True)
    assert consortium.refusal(consortium.head(6), "nora") == "member-suspended"


def test_of_two_notaries_at_once_one_is_told_to_build_on_the_other(consortium: Consortium) -> None:
    first, second = consortium.head(1), consortium.head(2)
    consortium.do(first, "nora")
    assert consortium.refusal(second, "nils") == "external-moved"
    consortium.do(consortium.head(2), "nils")


# The security index


def test_tags_are_entered_and_taken_out(consortium: Consortium) -> None:
    consortium.do(IndexPatients(tags("paula", "petra", "pavel")), "nora")
    assert consortium.refusal(IndexPatients(tags("paula", "peter")), "nils") == "tag-indexed"
    assert consortium.refusal(UnindexPatients(tags("paula", "peter")), "nora") == "tag-unknown"
    assert consortium.refusal(UnindexPatients(tags("paula")), "nils") == "tag-foreign"
    for by in ("north", "dora", "authority"):
        assert consortium.refusal(IndexPatients(tags("peter")), by) == "not-notary"
        assert consortium.refusal(UnindexPatients(tags("paula")), by) == "not-notary"
    consortium.do(UnindexPatients(tags("paula", "petra")), "nora")
    assert [entry.tag for entry in consortium.tables.index.scan()] == list(tags("pavel"))
    consortium.member("nora", Role.NOTARY, removed_at=consortium.position)
    consortium.do(UnindexPatients(tags("pavel")), "nils")
    assert list(consortium.tables.index.scan()) == []


def test_only_doctors_ask_and_only_the_tags_notary_answers_once(consortium: Consortium) -> None:
    consortium.do(IndexPatients(tags("paula")), "nora")
    for by in ("north", "nora", "authority", "nobody"):
        assert consortium.refusal(ask(), by) == "not-doctor"
    consortium.do(ask(), "saul")
    assert consortium.refusal(ask(), "dora") == "ask-taken"
    answer = AnswerIndex(ask().ask, b"sealed")
    assert consortium.refusal(answer, "saul") == "not-notary"
    assert consortium.refusal(answer, "nils") == "tag-foreign"
    assert consortium.refusal(replace(answer, ask=ident("nothing")), "nora") == "ask-unknown"
    consortium.member("saul", Role.DOCTOR, suspended=True)
    assert consortium.refusal(ask(number=1), "saul") == "not-doctor"
    assert consortium.refusal(answer, "nora") == "member-suspended"
    consortium.member("saul", Role.DOCTOR)
    consortium.do(answer, "nora")
    assert consortium.refusal(replace(answer, answer=b"again"), "nora") == "ask-answered"
    record = consortium.tables.asks.get(ask().ask)
    assert record is not None
    assert (record.doctor, record.answer) == (ident("saul"), b"sealed")
    consortium.do(ask(number=1), "saul")
    consortium.do(ask(number=2), "dora")
    assert list(consortium.tables.asks_by.scan(ident("saul"))) == [ask().ask, ask(number=1).ask]
    assert list(consortium.tables.asks_of.scan(ask().tag)) == [ask(number=each).ask for each in range(3)]


def test_nobody_answers_about_a_patient_who_was_taken_out(consortium: Consortium) -> None:
    consortium.do(IndexPatients(tags("paula")), "nora")
    consortium.do(ask(), "saul")
    consortium.do(UnindexPatients(tags("paula")), "nora")
    assert consortium.refusal(AnswerIndex(ask().ask, b"sealed"), "nora") == "tag-unknown"
    assert consortium.refusal(ask(number=1), "saul") == "tag-unknown"


def test_a_patient_who_is_not_indexed_looks_like_nobody(consortium: Consortium) -> None:
    consortium.do(IndexPatients(tags("petra")), "nora")
    known, random = ask("paula"), replace(ask("paula"), tag=index_tag(secrets.token_hex(16)))
    assert consortium.refusal(known, "saul") == consortium.refusal(random, "saul") == "tag-unknown"


# Bodies


@pytest.mark.parametrize("body", [IndexPatients, UnindexPatients])
def test_tags_must_be_few_sound_and_in_order(body: type[IndexPatients] | type[UnindexPatients]) -> None:
    sound = [f"{number:064x}" for number in range(MAX_INDEX_TAGS)]
    assert body.from_json({"tags": sound}).tags == tuple(sound)
    wrong = [[], [*sound, "f" * 64], [sound[1], sound[0]], [sound[0], sound[0]], ["A" * 64], ["0" * 63], [7], sound[0]]
    for values in wrong:
        with pytest.raises(FieldInvalid):
            body.from_json({"tags": values})


@pytest.mark.parametrize("size", [0, 1, MAX_ANSWER_BYTES, MAX_ANSWER_BYTES + 1])
def test_an_answer_has_at_most_2048_bytes(size: int) -> None:
    value = AnswerIndex(ident("ask"), bytes(size)).to_json()
    if 1 <= size <= MAX_ANSWER_BYTES:
        assert AnswerIndex.from_json(value).answer == bytes(size)
    else:
        with pytest.raises(FieldInvalid):
            AnswerIndex.from_json(value)


def test_heights_count_from_one_and_nothing_is_left_out() -> None:
    value = AnchorChild(CHILD, ident("north"), 1, digest("1"), CHILD, digest("2")).to_json()
    for wrong in ({"height": 0}, {"ledger": "00"}, {"internal": None}, {"more": 1}):
        with pytest.raises(FieldInvalid):
            AnchorChild.from_json({**value, **wrong})


def test_hashes_are_the_tagged_ones_of_the_formats() -> None:
    def tagged(tag: str, *parts: bytes) -> str:
        prefix = hashlib.sha256(f"chartseal/1/{tag}".encode()).digest() * 2
        framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hashlib.sha256(prefix + framed).hexdigest()

    assert index_tag("0a" * 16) == tagged("index-tag", b"\x0a" * 16)
    assert external_head("01" * 32, "02" * 32) == tagged("external-head", b"\x01" * 32, b"\x02" * 32)
