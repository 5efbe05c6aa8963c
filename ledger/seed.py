"""The seed from which an epoch's order of turns is drawn, by commit and reveal.

Seated delegates commit to a secret in the first half of an epoch and reveal it in the second. The next seed is the
tagged hash of the old one, the new epoch's number and the revealed secrets in order of delegate id.

Bias: who has committed may still withhold. The last to reveal knows both seeds and picks one: one bit. ``k`` colluding
delegates that reveal last pick among 2^k seeds: ``k`` bits. Each secret withheld costs its delegate 10 of reputation.
Whoever proposes the last blocks of an epoch can also leave out others' reveals, at those delegates' cost; and one
operator that holds all the keys chooses the seed freely. A seed decides the order of turns and ties, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.genesis import Genesis
from ledger.records import Epoch, SeedShare
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SigningKey


def first_seed(genesis: Genesis) -> str:
    """The seed of epoch 0: 32 bytes in hex, from the genesis alone."""
    return tagged_hash(Tag.EPOCH_SEED, bytes.fromhex(genesis.digest)).hex()


def next_seed(epoch: Epoch, shares: Iterable[SeedShare]) -> str:
    """The seed after ``epoch``'s (32 bytes in hex) from the ``shares`` that were revealed, whatever their order."""
    revealed = sorted((share.delegate, share.secret) for share in shares if share.secret is not None)
    secrets = (bytes.fromhex(secret) for _, secret in revealed)
    number = (epoch.number + 1).to_bytes(8, "big")
    return tagged_hash(Tag.EPOCH_SEED, bytes.fromhex(epoch.seed), number, *secrets).hex()


def order_key(seed: str, delegate: str) -> bytes:
    """What delegates are sorted by, for their turns and when their support is equal: 32 bytes."""
    return tagged_hash(Tag.EPOCH_ORDER, bytes.fromhex(seed), bytes.fromhex(delegate))


def commitment(ledger: str, epoch: int, delegate: str, secret: str) -> str:
    """What a delegate commits to before it reveals ``secret`` (32 bytes each, in hex)."""
    number = epoch.to_bytes(8, "big")
    parts = (bytes.fromhex(ledger), number, bytes.fromhex(delegate), bytes.fromhex(secret))
    return tagged_hash(Tag.SEED_COMMITMENT, *parts).hex()


def seed_secret(key: SigningKey, ledger: str, epoch: int) -> str:
    """The secret (32 bytes in hex) that the delegate with ``key`` contributes in ``epoch``: nothing needs storing.

    A hash over the key's secret bytes: made again when it is to be revealed, and telling nothing about the key.
    """
    parts = (key.to_secret_bytes(), bytes.fromhex(ledger), epoch.to_bytes(8, "big"))
    return tagged_hash(Tag.SEED_SECRET, *parts).hex()


def committing(genesis: Genesis, height: int) -> bool:
    """Whether ``height`` is in the first half of its epoch, in which secrets are committed; else they are revealed."""
    return (height - 1) % genesis.epoch_blocks < genesis.epoch_blocks // 2
