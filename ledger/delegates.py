"""Delegates by improved DPoS: who may propose and vote at a height. Pure functions over the tables; nothing is written.

Epoch e (from 0) has the heights e*L+1 to (e+1)*L, L = ``genesis.epoch_blocks``. Seats, weights and order change between
epochs only. ``ledger.election`` elects, ``ledger.seed`` draws the order, ``ledger.reputation`` says what faults cost.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.election import candidates, elect, in_order
from ledger.errors import EpochUnknown
from ledger.genesis import Genesis
from ledger.keyvalue import Write
from ledger.records import Candidate, Epoch, Misconduct
from ledger.reputation import (
    COSTS,
    FIRST_REPUTATION,
    FULL_REPUTATION,
    MISSED_TURN,
    REWARD,
    SEED_WITHHELD,
    punish,
)
from ledger.seats import Seat
from ledger.seed import first_seed, next_seed
from ledger.tables import Tables


def founding_epoch(genesis: Genesis) -> Epoch:
    """Epoch 0: the first ``seats`` founders of the genesis, all with the first reputation."""
    seed = first_seed(genesis)
    founders = genesis.founders[: genesis.seats]
    seats = in_order(seed, (Seat(founder.delegate, founder.key, FIRST_REPUTATION) for founder in founders))
    return Epoch(0, 1, seed, seats)


def genesis_writes(tables: Tables) -> list[Write]:
    """What the genesis lays down: epoch 0, and the founders as candidates whose keys nobody else may use."""
    writes = [tables.epochs.put(founding_epoch(tables.genesis), 0)]
    for founder in tables.genesis.founders:
        candidate = Candidate(
            delegate=founder.delegate,
            member=None,
            organisation=founder.delegate,
            key=founder.key,
            reputation=FIRST_REPUTATION,
            standing=True,
            position=0,
        )
        writes += [
            tables.candidates.put(candidate, founder.delegate),
            tables.candidates_of.put(founder.delegate, founder.delegate, founder.delegate),
            tables.verifying_keys.put(founder.delegate, founder.key.hex()),
        ]
    return writes


def epoch_number(genesis: Genesis, height: int) -> int:
    """The epoch, from 0, in which ``height``, from 1, is."""
    return (height - 1) // genesis.epoch_blocks


def current_epoch(tables: Tables, height: int) -> Epoch:
    """The epoch in which ``height`` is. Raises ``EpochUnknown`` when it is too far ahead."""
    epoch = tables.epochs.get(epoch_number(tables.genesis, height))
    if epoch is None:
        raise EpochUnknown("no delegates are elected for that height yet; ask again when the ledger has come closer")
    return epoch


def proposer(epoch: Epoch, height: int, round: int) -> Seat:  # noqa: A002 (the field's term)
    """Whose turn it is at ``height`` of ``epoch``; in a later ``round`` the turn goes on to the next seats."""
    return epoch.seats[(height - epoch.first_height + round) % len(epoch.seats)]


def seat_of(epoch: Epoch, delegate: str) -> Seat | None:
    """The seat of ``delegate`` in ``epoch``, if it has one."""
    return next((seat for seat in epoch.seats if seat.delegate == delegate), None)


def delegate_key(tables: Tables, delegate: str, height: int) -> bytes | None:
    """The key (32 bytes) with which ``delegate`` signs at ``height``: its seat's, or the one with which it stands."""
    seat = seat_of(current_epoch(tables, height), delegate)
    if seat is not None:
        return seat.key
    candidate = tables.candidates.get(delegate)
    return None if candidate is None else candidate.key


def missed_turns(tables: Tables, height: int, round: int, position: int) -> list[Write]:  # noqa: A002
    """What a block that came in ``round`` costs the proposers of the rounds before, once a height each.

    Call it before the block's entries are applied; ``position`` is that of the block's first.
    """
    if round == 0:
        return []
    epoch = current_epoch(tables, height)
    faults = (
        Misconduct(proposer(epoch, height, missed).delegate, MISSED_TURN, height, missed, None, position)
        for missed in range(min(round, len(epoch.seats)))
    )
    return punish(tables, faults, epoch.number)


def next_epoch(tables: Tables, height: int, position: int) -> tuple[Epoch, list[Write]] | None:
    """The epoch after ``height`` with its writes, if ``height`` is the last of its own; else ``None``.

    1. A secret that was committed and not revealed costs reputation. 2. Seats without a fault gain some. 3. The seed is
    drawn. 4. Delegates are elected. Call it after the block's entries; ``position`` is that of the block's last.
    """
    if height % tables.genesis.epoch_blocks:
        return None
    epoch = current_epoch(tables, height)
    known = candidates(tables)
    shares = tuple(tables.seed_shares.scan(epoch.number))
    withheld = {share.delegate for share in shares if share.secret is None}
    writes = [
        tables.misconduct.put(Misconduct(delegate, SEED_WITHHELD, height, 0, None, position), delegate, height)
        for delegate in sorted(withheld)
    ]
    seated = {known[seat.delegate].organisation: seat.delegate in withheld for seat in epoch.seats}  # 1, 2
    changed = {
        each.delegate: _settled(each, epoch.number, withheld=seated[each.organisation])
        for each in known.values()
        if each.organisation in seated
    }
    writes += (tables.candidates.put(each, each.delegate) for each in changed.values() if each != known[each.delegate])
    number, seed = epoch.number + 1, next_seed(epoch, shares)  # 3
    elected = Epoch(number, height + 1, seed, elect(tables, known | changed, number, seed))  # 4
    return elected, [*writes, tables.epochs.put(elected, number)]


def _settled(candidate: Candidate, epoch: int, *, withheld: bool) -> Candidate:
    if withheld:
        reputation = max(0, candidate.reputation - COSTS[SEED_WITHHELD])
        return replace(candidate, reputation=reputation, fault_epoch=epoch)
    if candidate.fault_epoch == epoch:
        return candidate
    return replace(candidate, reputation=min(FULL_REPUTATION, candidate.reputation + REWARD))
