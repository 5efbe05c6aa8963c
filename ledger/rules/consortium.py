"""Rules of a consortium ledger: heads of hospitals' ledgers, and the security index."""

from dataclasses import replace

from ledger.bodies import AnchorChild, AnswerIndex, AskIndex, IndexPatients, Role, UnindexPatients
from ledger.bodies.consortium import external_head
from ledger.records import Ask, ChildHead, IndexEntry
from ledger.refusals import (
    AskAnswered,
    AskTaken,
    AskUnknown,
    ChildForeign,
    ChildForked,
    ChildHeadOld,
    ExternalMoved,
    ExternalWrong,
    NotDoctor,
    NotNotary,
    TagForeign,
    TagIndexed,
    TagUnknown,
)
from ledger.rules.membership import active_in_role
from ledger.rules.rule import Change, Place, rule_for
from ledger.tables import Tables


@rule_for(AnchorChild)
def anchor_child(tables: Tables, body: AnchorChild, place: Place) -> Change:
    """By a notary, each head above the last one; the ledger stays with the hospital that it was first anchored for."""
    _by_notary(tables, place)
    active_in_role(tables, body.hospital, Role.HOSPITAL)
    last = tables.children.get(body.ledger)
    if last is not None:
        if last.hospital != body.hospital:
            raise ChildForeign("the child ledger was first anchored for another hospital; name that one")
        anchored = tables.child_heads.get(body.ledger, body.height)
        if anchored is not None and anchored.internal != body.internal:
            raise ChildForked("another block of the child ledger is anchored at this height: the ledger was forked")
        if body.height <= last.height:
            raise ChildHeadOld("this height of the child ledger, or a later one, is anchored already")
    if body.previous != (body.ledger if last is None else last.external):
        raise ExternalMoved("another head of the child ledger was anchored meanwhile; build on its external hash")
    if body.external != external_head(body.internal, body.previous):
        raise ExternalWrong("the external hash is not the one over internal and previous external hash; make it again")
    head = ChildHead(
        ledger=body.ledger,
        hospital=body.hospital,
        notary=place.signer,
        height=body.height,
        internal=body.internal,
        external=body.external,
        position=place.position,
    )
    return [tables.children.put(head, body.ledger), tables.child_heads.put(head, body.ledger, body.height)]


@rule_for(IndexPatients)
def index_patients(tables: Tables, body: IndexPatients, place: Place) -> Change:
    """By a notary; all tags are new."""
    _by_notary(tables, place)
    if any(tag in tables.index for tag in body.tags):
        raise TagIndexed("a tag is in the security index already; leave it out")
    return [tables.index.put(IndexEntry(tag, place.signer, place.position), tag) for tag in body.tags]


@rule_for(UnindexPatients)
def unindex_patients(tables: Tables, body: UnindexPatients, place: Place) -> Change:
    """By the notary who entered the tags; by any notary once that one is no longer active."""
    _by_notary(tables, place)
    for tag in body.tags:
        _entered_by(tables, _indexed(tables, tag), place)
    return [tables.index.delete(tag) for tag in body.tags]


@rule_for(AskIndex)
def ask_index(tables: Tables, body: AskIndex, place: Place) -> Change:
    """By a doctor, about a tag in the index."""
    member = tables.members.get(place.signer)
    if member is None or member.role is not Role.DOCTOR or not member.active:
        raise NotDoctor("only a doctor of the consortium asks; have the ask signed by one")
    if body.ask in tables.asks:
        raise AskTaken("the id of the ask was used before; make a new one")
    _indexed(tables, body.tag)
    record = Ask(
        ask=body.ask,
        tag=body.tag,
        doctor=place.signer,
        body_digest=body.body_digest,
        answer=None,
        position=place.position,
        time=place.time,
    )
    return [
        tables.asks.put(record, body.ask),
        tables.asks_of.put(body.ask, body.tag, place.position),
        tables.asks_by.put(body.ask, place.signer, place.position),
    ]


@rule_for(AnswerIndex)
def answer_index(tables: Tables, body: AnswerIndex, place: Place) -> Change:
    """By the notary who entered the tag, once, while the tag is in the index and the doctor is active."""
    _by_notary(tables, place)
    asked = tables.asks.get(body.ask)
    if asked is None:
        raise AskUnknown("there is no such ask")
    if asked.answer is not None:
        raise AskAnswered("the ask was answered already")
    _entered_by(tables, _indexed(tables, asked.tag), place)
    active_in_role(tables, asked.doctor, Role.DOCTOR)
    return [tables.asks.put(replace(asked, answer=body.answer), body.ask)]


def _by_notary(tables: Tables, place: Place) -> None:
    if not _active_notary(tables, place.signer):
        raise NotNotary("only a notary of the consortium does this; have it signed by one")


def _active_notary(tables: Tables, member: str) -> bool:
    record = tables.members.get(member)
    return record is not None and record.role is Role.NOTARY and record.active


def _indexed(tables: Tables, tag: str) -> IndexEntry:
    entry = tables.index.get(tag)
    if entry is None:
        raise TagUnknown("the tag is not in the security index; check the pseudonym that it was made from")
    return entry


def _entered_by(tables: Tables, entry: IndexEntry, place: Place) -> None:
    # Tags of a notary who left can still be taken out and answered for.
    if entry.notary != place.signer and _active_notary(tables, entry.notary):
        raise TagForeign("another notary entered the tag; leave it to that one")
