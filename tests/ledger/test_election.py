"""Who is elected, with what weight; whatever is voted, the rules hold."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ledger.bodies import Role, StandDown
from ledger.delegates import next_epoch, proposer, seat_of
from ledger.election import DOCTOR_WEIGHT, HOSPITAL_WEIGHT, candidates, tally
from ledger.records import DelegateVote
from ledger.reputation import FIRST_REPUTATION, REPUTATION_FLOOR
from ledger.seats import Seat, quorum
from ledger.seed import order_key
from tests.ledger.electorate import EPOCH_BLOCKS, Electorate, genesis, two_hospitals
from tests.ledger.scene import FOUNDERS, ident


def test_only_supported_candidates_take_seats_and_founders_fill_the_rest() -> None:
    electorate = two_hospitals()
    electorate.stand("north")
    electorate.stand("south")
    electorate.vote("saul", "south")
    electorate.end_epoch()
    assert ident("south's delegate") in electorate.seated
    assert ident("north's delegate") not in electorate.seated
    assert len(electorate.seated) == 4
    assert electorate.seated - {ident("south's delegate")} == set(map(ident, FOUNDERS[:3]))


def test_the_founders_with_most_reputation_fill_the_rest() -> None:
    electorate = two_hospitals()
    electorate.repute("founder 1", 60)
    electorate.stand("south")
    electorate.vote("saul", "south")
    electorate.end_epoch()
    assert electorate.seated == {ident("south's delegate"), *map(ident, FOUNDERS[1:])}


def test_a_founder_below_the_floor_stays_until_somebody_takes_over() -> None:
    electorate = two_hospitals()
    electorate.repute("founder 2", 5)
    first_turn = next(h for h in range(1, 5) if proposer(electorate.epoch, h, 0).delegate == ident("founder 2"))
    while electorate.height < first_turn:
        electorate.block()
    electorate.block(round=1)
    electorate.end_epoch()
    assert ident("founder 2") in electorate.seated
    seat = seat_of(electorate.epoch, ident("founder 2"))
    assert seat is not None
    assert seat.weight == 1
    electorate.stand("north")
    electorate.vote("dora", "north")
    electorate.end_epoch()
    assert electorate.seated == {ident("north's delegate"), *map(ident, ("founder 1", "founder 3", "founder 4"))}


def test_one_seat_an_organisation() -> None:
    electorate = two_hospitals()
    for name in ("north", "dora", "dan"):
        electorate.stand(name)
        electorate.vote(name, name)
    electorate.end_epoch()
    assert ident("north's delegate") in electorate.seated
    assert len(electorate.seated & {ident("dora's delegate"), ident("dan's delegate")}) == 0
    assert len(electorate.seated) == 4


def test_below_the_floor_the_next_candidate_moves_up() -> None:
    electorate = Electorate(genesis(seats=1))
    for name in ("north", "south"):
        electorate.enrol(name, Role.HOSPITAL)
        electorate.stand(name)
    electorate.enrol("dora", Role.DOCTOR, "north")
    electorate.vote("north", "north")
    electorate.vote("dora", "north")
    electorate.vote("south", "south")
    electorate.end_epoch()
    assert electorate.seated == {ident("north's delegate")}
    electorate.repute("north's delegate", REPUTATION_FLOOR - 2)
    electorate.end_epoch()
    assert electorate.seated == {ident("south's delegate")}


def test_who_stood_down_or_was_removed_is_not_elected() -> None:
    electorate = two_hospitals()
    for name in ("north", "saul"):
        electorate.stand(name)
        electorate.vote("dora" if name == "north" else "dan", name)
    electorate.do(StandDown(), "north")
    electorate.remove("saul")
    electorate.end_epoch()
    assert electorate.seated == set(map(ident, FOUNDERS))


def test_a_removed_hospital_takes_its_doctors_with_it() -> None:
    electorate = two_hospitals()
    electorate.stand("saul")
    electorate.vote("saul", "saul")
    electorate.stand("north")
    electorate.vote("dora", "north")
    electorate.remove("south")
    counted = tally(electorate.tables, candidates(electorate.tables), 1)
    assert set(counted.counted) == {ident("dora")}
    assert ident("saul's delegate") not in counted.support


def test_a_vote_stays_until_it_is_changed() -> None:
    electorate = two_hospitals()
    electorate.stand("north")
    electorate.vote("saul", "north")
    electorate.end_epoch()
    electorate.end_epoch()
    assert ident("north's delegate") in electorate.seated
    electorate.stand("south")
    electorate.vote("saul", "south")
    electorate.end_epoch()
    assert ident("north's delegate") not in electorate.seated


def test_weights_by_role_cap_and_reputation() -> None:
    electorate = Electorate()
    for name in ("great", "small"):
        electorate.enrol(name, Role.HOSPITAL)
    for number in range(23):
        electorate.enrol(f"great {number}", Role.DOCTOR, "great")
    electorate.enrol("small 0", Role.DOCTOR, "small")
    electorate.stand("small")
    for name in ("great", "small", "small 0", *(f"great {number}" for number in range(23))):
        electorate.vote(name, "small")
    counted = tally(electorate.tables, candidates(electorate.tables), 1).counted
    assert counted[ident("great")] == HOSPITAL_WEIGHT * FIRST_REPUTATION // 100
    doctors = sorted(counted[ident(f"great {number}")] for number in range(23))
    assert sum(doctors) == HOSPITAL_WEIGHT * FIRST_REPUTATION // 100
    assert doctors[-1] - doctors[0] <= 1
    assert counted[ident("small")] == HOSPITAL_WEIGHT * FIRST_REPUTATION // 100
    assert counted[ident("small 0")] == DOCTOR_WEIGHT * FIRST_REPUTATION // 100


def test_who_stands_when_secrets_are_revealed_is_electable_an_epoch_later() -> None:
    electorate = two_hospitals()
    electorate.reach(EPOCH_BLOCKS // 2)
    electorate.stand("north")
    electorate.vote("north", "north")
    electorate.end_epoch()
    assert ident("north's delegate") not in electorate.seated
    electorate.end_epoch()
    assert ident("north's delegate") in electorate.seated


# Whatever is voted


@dataclass(frozen=True)
class Poll:
    """``hospitals[i]`` doctors of hospital i; who stands, who is removed, reputations, and votes by index."""

    doctors: list[int]
    standing: list[bool]
    removed: list[bool]
    reputations: list[int]
    votes: list[tuple[int, int]]
    seats: int


@st.composite
def polls(draw: st.DrawFn) -> Poll:
    doctors = draw(st.lists(st.integers(0, 14), min_size=1, max_size=5))
    people = len(doctors) + sum(doctors)
    people_of = st.integers(0, people - 1)
    flags = st.lists(st.booleans(), min_size=people, max_size=people)
    return Poll(
        doctors=doctors,
        standing=draw(flags),
        removed=draw(st.lists(st.sampled_from([False, False, False, True]), min_size=people, max_size=people)),
        reputations=draw(st.lists(st.integers(0, 100), min_size=len(doctors), max_size=len(doctors))),
        votes=draw(st.lists(st.tuples(people_of, people_of), max_size=3 * people)),
        seats=draw(st.integers(1, 5)),
    )


def held(poll: Poll, *, backwards: bool = False) -> Electorate:
    """The poll's electorate, with votes written in order or backwards; a voter's last vote in order counts."""
    electorate = Electorate(genesis(seats=poll.seats))
    names = [f"hospital {number}" for number in range(len(poll.doctors))]
    home = dict.fromkeys(range(len(names)), "")
    for number, count in enumerate(poll.doctors):
        electorate.enrol(names[number], Role.HOSPITAL)
        home[number] = names[number]
        for doctor in range(count):
            home[len(names)] = names[number]
            names.append(f"doctor {doctor} of {number}")
            electorate.enrol(names[-1], Role.DOCTOR, f"hospital {number}")
    for place, name in enumerate(names):
        if poll.standing[place]:
            electorate.stand(name)
            electorate.repute(f"{name}'s delegate", poll.reputations[int(home[place].split()[-1])])
    votes = {names[voter]: f"{names[candidate]}'s delegate" for voter, candidate in poll.votes}
    for name, candidate in reversed(votes.items()) if backwards else votes.items():
        vote = DelegateVote(ident(name), ident(candidate), 0)
        electorate.keyvalue.write([electorate.tables.votes.put(vote, ident(name))])
    for place, name in enumerate(names):
        if poll.removed[place]:
            electorate.remove(name)
    electorate.height = EPOCH_BLOCKS
    return electorate


@given(polls())
def test_whatever_is_voted_the_seats_hold_the_rules(poll: Poll) -> None:
    electorate = held(poll)
    electorate.block()
    epoch, known = electorate.epoch, candidates(electorate.tables)
    assert 1 <= len(epoch.seats) <= poll.seats
    organisations = [known[seat.delegate].organisation for seat in epoch.seats]
    assert len(set(organisations)) == len(organisations)
    for seat in epoch.seats:
        candidate = known[seat.delegate]
        assert seat == Seat(seat.delegate, candidate.key, max(1, candidate.reputation))
        if not candidate.founder:
            assert candidate.standing
            assert candidate.reputation >= REPUTATION_FLOOR
    assert list(epoch.seats) == sorted(epoch.seats, key=lambda seat: order_key(epoch.seed, seat.delegate))
    assert quorum(epoch.seats) <= sum(seat.weight for seat in epoch.seats)


@given(polls())
def test_whatever_is_voted_weights_are_conserved_and_capped(poll: Poll) -> None:
    electorate = held(poll)
    counted = tally(electorate.tables, candidates(electorate.tables), 1)
    assert sum(counted.counted.values()) == sum(counted.support.values())
    doctors: Counter[str] = Counter()
    for voter, weight in counted.counted.items():
        member = electorate.tables.members.get(voter)
        vote = electorate.tables.votes.get(voter)
        assert member is not None
        assert member.active
        assert vote is not None
        assert vote.candidate in counted.support
        assert 0 <= weight <= (HOSPITAL_WEIGHT if member.role is Role.HOSPITAL else DOCTOR_WEIGHT)
        if member.role is Role.DOCTOR:
            doctors[member.hospitals[0]] += weight
    assert all(weight <= HOSPITAL_WEIGHT for weight in doctors.values())


@given(polls())
def test_the_order_of_votes_does_not_matter(poll: Poll) -> None:
    forwards, backwards = held(poll), held(poll, backwards=True)
    assert next_epoch(forwards.tables, EPOCH_BLOCKS, 0) == next_epoch(backwards.tables, EPOCH_BLOCKS, 0)
