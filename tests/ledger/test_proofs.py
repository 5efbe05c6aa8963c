"""Offline proofs: what they show to somebody who has the genesis alone, and everything that they must not show."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bodies import Request
from ledger.errors import LedgerError
from ledger.finality import FinalHeader, Handover
from ledger.merkle import inclusion_path
from ledger.proofs import LedgerProof, LightClient
from ledger.seats import set_digest
from ledger.transactions import sign
from ledger.votes import QuorumCertificate
from scheme import canonical
from tests.ledger.finality import EPOCH_BLOCKS, FinalLedger, certified, genesis, seats
from tests.ledger.scene import START, digest, ident, signing_key

ELECTED = seats("elected 1", "elected 2", "elected 3", "elected 4", "elected 5", weight=7)
LATER = seats("elected 6", "elected 7", "elected 1", "first")


def transactions(ledger, *names):
    return [
        sign(
            Request(ident(name), ident("paula"), ident("saul"), digest(name)),
            signer_id=ident("saul"),
            key=signing_key("saul"),
            ledger=ledger.genesis.digest,
            time=START,
        )
        for name in names
    ]


def grown(heights, *, unique="a ledger made final", sets=(), tail=""):
    """A ledger of ``heights`` blocks with 1, 2, 3, 1, ... entries; at the end of each epoch the next of ``sets``."""
    ledger = FinalLedger(genesis(unique))
    following = iter(sets)
    for height in range(1, heights + 1):
        ends = height % EPOCH_BLOCKS == 0
        names = [f"request {height} {number} {tail}" for number in range(1 + height % 3)]
        ledger.block(*transactions(ledger, *names), next_seats=next(following, None) if ends else None)
    return ledger


LEDGER = grown(11, sets=(ELECTED, LATER))
"""Founders sign heights 1 to 4, ``ELECTED`` 5 to 8, ``LATER`` 9 to 11."""
UNCHANGED = grown(11)


def client(ledger=LEDGER):
    return LightClient(ledger.genesis)


def refused(code, action, *arguments, **named):
    with pytest.raises(LedgerError) as caught:
        action(*arguments, **named)
    assert caught.value.code == code


def changed(final, signers, **changes):
    """``final``'s header with ``changes``, signed anew by all of ``signers``."""
    return certified(replace(final.header, **changes), signers)


# What is shown


def test_every_entry_is_proved_from_the_genesis_alone():
    proof = LEDGER.prove(range(len(LEDGER.entries)))
    light = client()
    assert list(LedgerProof.from_bytes(bytes(proof)).verify(light)) == LEDGER.entries
    assert (light.trusted, light.seats) == (LEDGER.finals[-1], LATER)


@given(st.sets(st.integers(0, len(LEDGER.entries) - 1)), st.integers(1, 11))
def test_any_entries_are_proved_under_any_header_that_covers_them(positions, height):
    covered = sorted(place for place in positions if place < LEDGER.finals[height - 1].header.size)
    proof = LedgerProof.from_bytes(bytes(LEDGER.prove(covered, height=height)))
    assert proof.verify(client()) == tuple(LEDGER.entries[position] for position in covered)


def test_a_proof_is_read_back_as_it_was_written():
    proof = LEDGER.prove([0, 3, 5])
    data = bytes(proof)
    assert LedgerProof.from_bytes(data) == LedgerProof.from_json(proof.to_json()) == proof
    assert bytes(LedgerProof.from_bytes(data)) == data


def test_the_parts_of_a_proof_can_be_read_without_this_software():
    value = json.loads(bytes(LEDGER.prove([2])))
    assert value["final"]["header"]["height"] == 11
    assert value["entries"][0]["transaction"]["type"] == "request"


def test_a_client_moves_forward_and_stays_when_offered_the_same_again():
    light = client()
    for height in (1, 2, 4, 4, 7, 8, 11, 11):
        proof = LEDGER.prove([0], height=height)
        assert proof.verify(light) == (LEDGER.entries[0],)
        assert light.trusted == LEDGER.finals[height - 1]


def test_handovers_between_equal_sets_can_be_left_out():
    light = client(UNCHANGED)
    replace(UNCHANGED.prove([5]), handovers=()).verify(light)
    assert light.trusted == UNCHANGED.finals[-1]


def test_a_client_that_trusts_the_last_header_of_an_epoch_learns_the_next_set_later():
    light = client()
    light.accept((), LEDGER.finals[3])
    assert light.seats != ELECTED
    light.accept(LEDGER.handovers[:1], LEDGER.finals[5])
    assert light.seats == ELECTED


def test_a_quorum_is_enough_and_one_vote_less_is_not():
    final = LEDGER.finals[0]
    votes = final.certificate.votes
    client().accept((), FinalHeader(final.header, QuorumCertificate(votes[:3])))
    refused("quorum-missing", client().accept, (), FinalHeader(final.header, QuorumCertificate(votes[:2])))


@given(st.integers(1, 11), st.integers(1, 11))
def test_a_consistency_path_links_the_trusted_header_to_a_newer_one(old, new):
    old, new = sorted((old, new))
    light = client()
    LEDGER.prove([], height=old).verify(light)
    handovers = LEDGER.prove([], height=new).handovers
    light.accept(handovers, LEDGER.finals[new - 1], consistency=LEDGER.consistency(old, new))
    assert light.trusted == LEDGER.finals[new - 1]


# What is refused


def test_another_ledger():
    other = grown(3, unique="another ledger")
    refused("other-ledger", other.prove([0]).verify, client())


def test_a_fork_at_the_height_that_is_known():
    fork = grown(11, sets=(ELECTED, LATER), tail="told otherwise")
    light = client()
    LEDGER.prove([0]).verify(light)
    refused("fork-offered", fork.prove([0]).verify, light)
    assert light.trusted == LEDGER.finals[-1]


def test_an_older_head_as_a_restored_backup_offers_it():
    light = client()
    LEDGER.prove([0], height=9).verify(light)
    refused("fork-offered", LEDGER.prove([0], height=7).verify, light)
    refused("fork-offered", LEDGER.prove([0], height=7).verify, light)
    assert light.trusted == LEDGER.finals[8]


def test_a_longer_fork_is_noticed_by_its_link_and_by_its_consistency_path():
    fork = grown(11, sets=(ELECTED, LATER), tail="told otherwise")
    light = client()
    LEDGER.prove([], height=2).verify(light)
    refused("fork-offered", light.accept, (), fork.finals[2])
    refused("proof-invalid", light.accept, (), fork.finals[3], consistency=fork.consistency(2, 4))
    refused("proof-invalid", light.accept, (), fork.finals[3], consistency=())
    assert light.trusted == LEDGER.finals[1]


@pytest.mark.parametrize("given_handovers", [(), LEDGER.handovers[:1], LEDGER.handovers[1:]])
def test_a_handover_left_out_where_the_delegates_changed(given_handovers):
    light = client()
    refused("handover-missing", light.accept, given_handovers, LEDGER.finals[-1])
    assert light.trusted is None


def test_the_old_set_cannot_sign_on_after_it_handed_over():
    light = client()
    light.accept((), LEDGER.finals[3])
    old = light.seats
    forged = changed(LEDGER.finals[5], old, delegates=set_digest(old), next_delegates=set_digest(old))
    refused("handover-missing", light.accept, (), forged)


@pytest.mark.parametrize(
    "other",
    [
        ELECTED[::-1],
        ELECTED[:-1],
        (*ELECTED[:-1], replace(ELECTED[-1], weight=8)),
        (*ELECTED[:-1], replace(ELECTED[-1], key=signing_key("elected 9").verifying_key.data)),
        LATER,
    ],
)
def test_a_handover_to_others_than_the_header_names(other):
    forged = Handover(LEDGER.handovers[0].final, other)
    refused("proof-invalid", client().accept, [forged], LEDGER.finals[5])


def test_a_handover_in_the_middle_of_an_epoch():
    light = client()
    early = changed(LEDGER.finals[1], light.seats, next_delegates=set_digest(ELECTED))
    refused("proof-invalid", light.accept, [Handover(early, ELECTED)], LEDGER.finals[5])
    refused("proof-invalid", light.accept, (), early)


def test_handovers_out_of_order_twice_or_beyond_the_header():
    first, second = LEDGER.handovers
    for handovers in ([second, first], [first, first, second], [first, second, second]):
        refused("proof-invalid", client().accept, handovers, LEDGER.finals[-1])
    refused("proof-invalid", client().accept, [first, second], LEDGER.finals[5])


def test_a_header_that_outsiders_signed():
    header = LEDGER.finals[0].header
    refused("certificate-invalid", client().accept, (), certified(header, ELECTED))
    own = replace(header, delegates=set_digest(ELECTED), next_delegates=set_digest(ELECTED))
    refused("handover-missing", client().accept, (), certified(own, ELECTED))


def test_a_certificate_of_another_header():
    forged = FinalHeader(LEDGER.finals[1].header, LEDGER.finals[0].certificate)
    refused("certificate-invalid", client().accept, (), forged)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"epoch": 1}, "proof-invalid"),
        ({"size": 2}, "fork-offered"),
        ({"size": 1}, "fork-offered"),
        ({"time": START}, "fork-offered"),
        ({"size": 3}, "fork-offered"),
        ({"previous": digest("another")}, "fork-offered"),
    ],
)
def test_a_certified_header_that_does_not_fit_the_known_one(changes, code):
    light = client()
    light.accept((), LEDGER.finals[0])
    assert LEDGER.finals[0].header.size == 2
    forged = changed(LEDGER.finals[1], light.seats, **changes)
    if changes == {"size": 3}:  # more entries than before, not fewer: only the link can tell
        forged = changed(LEDGER.finals[1], light.seats, size=3, previous=digest("another"))
    refused(code, light.accept, (), forged)
    assert light.trusted == LEDGER.finals[0]


def test_a_first_block_that_does_not_begin_at_the_genesis():
    forged = changed(LEDGER.finals[0], client().seats, previous=digest("another"))
    refused("fork-offered", client().accept, (), forged)


# Entries


def test_an_entry_under_a_header_that_does_not_cover_it():
    size = LEDGER.finals[1].header.size
    proof = LEDGER.prove([size])
    refused("proof-invalid", proof.entries[0].verify, LEDGER.finals[1].header)


@pytest.mark.parametrize("position", [0, 1, 3, 6, 7, 13])
def test_an_entry_at_another_place(position):
    proof = LEDGER.prove([position])
    for other in set(range(len(LEDGER.entries) + 1)) - {position}:
        moved = replace(proof.entries[0], position=other)
        refused("proof-invalid", replace(proof, entries=(moved,)).verify, client())
        if other < len(LEDGER.entries):
            path = inclusion_path(other, LEDGER.frontier.size, LEDGER.subtree)
            refused("proof-invalid", replace(proof, entries=(replace(moved, path=path),)).verify, client())


def test_entries_out_of_order_or_twice():
    proof = LEDGER.prove([2, 4])
    for entries in (proof.entries[::-1], proof.entries[:1] * 2):
        refused("proof-invalid", replace(proof, entries=entries).verify, client())


def test_an_entry_that_was_never_there():
    proof = LEDGER.prove([4])
    forged = transactions(LEDGER, "request by nobody")[0]
    refused(
        "proof-invalid",
        replace(proof, entries=(replace(proof.entries[0], transaction=bytes(forged)),)).verify,
        client(),
    )


# Damage: whatever is changed in the bytes, an error of ours, never an entry

DATA = bytes(LEDGER.prove([0, 6, len(LEDGER.entries) - 1]))


def damaged(data):
    with pytest.raises(LedgerError):
        LedgerProof.from_bytes(data).verify(client())


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_one_byte_changed(place, change):
    damaged(DATA[:place] + bytes([DATA[place] ^ change]) + DATA[place + 1 :])


@pytest.mark.slow
def test_every_byte_changed_in_its_lowest_bit():
    for place in range(len(DATA)):
        damaged(DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :])


@given(st.integers(0, len(DATA) - 1), st.integers(1, 40))
def test_bytes_cut_out_or_cut_off(place, count):
    damaged(DATA[:place] + DATA[place + count :])
    damaged(DATA[:place])


@given(st.binary(max_size=64))
def test_bytes_that_are_no_proof(data):
    damaged(data)


def leaves(value, path=()):
    """Every place in ``value`` that holds no further values, and every list and object."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))


PLACES = [path for path in leaves(json.loads(DATA)) if path]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.text(max_size=8),
    st.sampled_from(["00" * 16, "00" * 32, "ff" * 32, "", [], {}, [[]], [None], -1, 2**53]),
)


@given(st.sampled_from(PLACES), odd)
def test_one_value_replaced_by_an_odd_one(path, value):
    document = json.loads(DATA)
    *upper, last = path
    holder = document
    for key in upper:
        holder = holder[key]
    if holder[last] == value and type(holder[last]) is type(value):
        return
    if path == ("entries",) and value == []:  # nothing is claimed
        return
    holder[last] = value
    try:
        data = canonical.dumps(document)
    except canonical.EncodingInvalid:
        return
    damaged(data)


@given(st.sampled_from(PLACES))
def test_one_value_left_out(path):
    document = json.loads(DATA)
    *upper, last = path
    holder = document
    for key in upper:
        holder = holder[key]
    del holder[last]
    data = canonical.dumps(document)
    if path == ("entries", last):  # fewer entries: true, and no more than that
        assert len(LedgerProof.from_bytes(data).verify(client())) == 2
    elif upper[-2:] == ["certificate", "signatures"]:  # one vote less is still a quorum
        assert len(LedgerProof.from_bytes(data).verify(client())) == 3
    else:
        damaged(data)
