import json
from dataclasses import replace

import pytest

from ledger.bodies import Remove
from ledger.entry import Entry
from ledger.errors import EntryMisplaced, GenesisInvalid, LedgerError, TransactionSignatureInvalid
from ledger.genesis import MAX_GENESIS_BYTES, Genesis
from ledger.state import State
from ledger.transactions import SignedTransaction
from scheme import canonical
from tests.ledger.scene import AUTHORITY, START, Scene, digest, fold, genesis, ident, signing_key


def test_fold_is_deterministic(scene: Scene) -> None:
    scene.do(scene.anchor(5), "north")
    folded = fold(scene.state.genesis, [_reread(entry) for entry in scene.entries])
    assert folded.root == scene.state.root
    assert (folded.position, folded.head) == (scene.state.position, scene.state.head)


def test_digest_tells_any_difference(scene: Scene) -> None:
    seen = {scene.state.root}
    for body, by in ((scene.anchor(), "north"), (scene.request(), "saul"), (scene.grant(), "paula")):
        scene.do(body, by)
        seen.add(scene.state.root)
    assert len(seen) == 4


def test_check_changes_nothing(scene: Scene) -> None:
    before = scene.state.root
    scene.state.check(scene.sign(scene.anchor(), "north"), time=START)
    with pytest.raises(LedgerError):
        scene.state.check(scene.sign(scene.anchor(), "dora"), time=START)
    assert scene.state.root == before


@pytest.mark.parametrize("change", [{"position": 99}, {"previous": digest("fork")}, {"time": START - 1}])
def test_entry_out_of_place_is_refused(scene: Scene, change: dict[str, object]) -> None:
    entry = replace(scene.entry(scene.sign(scene.anchor(), "north")), **change)
    with pytest.raises(EntryMisplaced):
        scene.state.apply(entry)


def test_reordered_entries_do_not_fold(scene: Scene) -> None:
    for one in range(len(scene.entries) - 1):
        entries = list(scene.entries)
        entries[one], entries[one + 1] = entries[one + 1], entries[one]
        with pytest.raises(EntryMisplaced):
            fold(scene.state.genesis, entries)


def test_replay_is_refused_as_long_as_its_time_would_do(scene: Scene) -> None:
    transaction = scene.put(scene.sign(scene.request(), "saul")).transaction
    assert scene.refusal_of(transaction) == "replayed"
    scene.now += 300
    assert scene.refusal_of(transaction) == "replayed"
    scene.now += 1
    assert scene.refusal_of(transaction) == "time-skewed"


def test_replay_from_the_future_is_refused_until_it_is_past(scene: Scene) -> None:
    transaction = scene.sign(scene.request(), "saul", time=START + 300)
    scene.put(transaction)
    for _ in range(6):
        scene.now += 100
        scene.do(scene.request(), "saul")
        assert scene.refusal_of(transaction) == "replayed"
    scene.now += 1
    scene.do(scene.request(), "saul")
    assert scene.refusal_of(transaction) == "time-skewed"


def test_signers_clock_may_be_off_by_the_skew_and_no_more(scene: Scene) -> None:
    for off in (-300, 300):
        scene.put(scene.sign(scene.request(), "saul", time=START + off))
    for off in (-301, 301):
        assert scene.refusal(scene.request(), "saul", time=START + off) == "time-skewed"


def test_wrong_signers(scene: Scene) -> None:
    body = scene.request()
    assert scene.refusal(body, "saul", key=signing_key("dora")) == "transaction-signature-invalid"
    assert scene.refusal(body, "saul", signer_id=ident("nobody")) == "signer-unknown"
    assert scene.refusal(body, "saul", ledger=digest("another ledger")) == "other-ledger"
    assert scene.refusal(Remove(ident("dora")), "authority", key=signing_key("dora")) == "transaction-signature-invalid"


def test_transaction_changed_after_signing_is_refused(scene: Scene) -> None:
    value = json.loads(bytes(scene.sign(scene.request(), "saul")))
    value["body"]["patient"] = ident("petra")
    forged = SignedTransaction.from_bytes(canonical.dumps(value))
    with pytest.raises(TransactionSignatureInvalid):
        scene.state.apply(scene.entry(forged))


def test_entry_digest_covers_all_of_it(scene: Scene) -> None:
    entry = scene.entry(scene.sign(scene.request(), "saul"))
    other = scene.sign(scene.request(), "saul")
    changes = ({"position": 0}, {"time": START + 1}, {"previous": digest("x")}, {"transaction": other})
    assert len({replace(entry, **change).digest for change in ({}, *changes)}) == 5


def test_genesis_survives_and_is_told_apart() -> None:
    one = genesis()
    assert Genesis.from_bytes(bytes(one)) == one
    assert one.digest == State(one).head
    parts = {"authority": one.authority, "verifying": one.verifying, "created": START, "founders": one.founders}
    made = [Genesis.create(**parts) for _ in range(2)]
    assert len({each.digest for each in (one, *made)}) == 3


def test_bad_genesis_is_refused() -> None:
    value = json.loads(bytes(genesis()))
    changes: list[dict[str, object]] = [
        {"format": "other"}, {"version": 1}, {"max_clock_skew_s": 0}, {"verifying": "00"}, {"note": 1},
        {"founders": []},
        {"founders": value["founders"][:1] * 2}, {"seats": 0}, {"epoch_blocks": 3}, {"founders": [{"delegate": "x"}]},
        {"founders": [value["founders"][0] | {"delegate": AUTHORITY}]},
        {"founders": [value["founders"][0], value["founders"][0] | {"delegate": ident("another")}]},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(GenesisInvalid):
            Genesis.from_bytes(canonical.dumps(value | change))
    for data in (b"", b" " + bytes(genesis()), b"x" * (MAX_GENESIS_BYTES + 1)):
        with pytest.raises(GenesisInvalid):
            Genesis.from_bytes(data)
    with pytest.raises(GenesisInvalid):
        Genesis.create(authority="me", verifying=bytes(32), created=START, founders=genesis().founders)


def _reread(entry: Entry) -> Entry:
    return replace(entry, transaction=SignedTransaction.from_bytes(bytes(entry.transaction)))
