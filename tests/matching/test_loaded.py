"""The index in memory: who came or left since the lists were made counts at once, by the weights of the last load."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.errors import IndexDamaged, OtherEpoch
from matching.loaded import Entry, Loaded
from matching.score import SIMGIC, Frequencies, rank

_TAGS = [bytes([number]) * 16 for number in range(8)]
_SETS = st.lists(st.frozensets(st.sampled_from(_TAGS), min_size=1), min_size=1, max_size=12)


def _entry(number: int, tags: frozenset[bytes], epoch: int = 1) -> Entry:
    return Entry(epoch, number.to_bytes(16, "big"), b"certificate", tags)


def _identity(pseudonym: bytes) -> bytes:
    return pseudonym


@dataclass
class Changed:
    """Patients in the lists, those who came since, and who left."""

    kept: list[frozenset[bytes]]
    came: list[frozenset[bytes]] = field(default_factory=list)

    def loaded(self) -> Loaded:
        loaded = Loaded(1, SIMGIC)
        for number, tags in enumerate(self.kept):
            assert loaded.take(number, bytes(_entry(number, tags)))
        loaded.build()
        for number, tags in enumerate(self.came, len(self.kept)):
            loaded.add(number, _entry(number, tags))
        return loaded


@given(_SETS, _SETS, st.data())
def test_newcomers_and_leavers_count_at_once(
    kept: list[frozenset[bytes]], came: list[frozenset[bytes]], data: st.DataObject
) -> None:
    loaded = Changed(kept, came).loaded()
    everybody = kept + came
    places = st.integers(0, len(everybody) - 1)
    asks = data.draw(places)
    left = data.draw(st.sets(places.filter(lambda each: each != asks)))
    for number in left:
        loaded.remove(number.to_bytes(16, "big"))
    frequencies = Frequencies.of([*kept, frozenset()])
    ranked = rank(everybody[asks], everybody, frequencies, top=99, tie=lambda number: number.to_bytes(16, "big"))
    expected = [(each.patient, each.score) for each in ranked if each.patient not in {*left, asks}][:3]
    own = loaded.entry(asks.to_bytes(16, "big"))
    assert own == _entry(asks, everybody[asks])
    found = loaded.search(own, top=3, least=0.0, tie=_identity)
    assert [(int.from_bytes(pseudonym, "big"), score) for pseudonym, score in found] == expected
    assert len(loaded) == len(everybody) - len(left)


def test_two_alone_are_like_each_other_for_what_both_have() -> None:
    """Though a tag that all have weighs nothing."""
    loaded = Changed([frozenset(_TAGS[:1]), frozenset(_TAGS[:1])]).loaded()
    own = loaded.entry((0).to_bytes(16, "big"))
    assert [score for _, score in loaded.search(own, top=3, least=0.0, tie=_identity)] == [1.0]
    assert len(loaded) == 2


def test_a_record_of_an_earlier_epoch_is_not_taken_and_one_of_a_later_refused() -> None:
    loaded = Loaded(2, SIMGIC)
    assert not loaded.take(1, bytes(_entry(1, frozenset(_TAGS), epoch=1)))
    with pytest.raises(OtherEpoch):
        loaded.take(1, bytes(_entry(1, frozenset(_TAGS), epoch=3)))


@pytest.mark.parametrize("cut", [1, 15, 16 * len(_TAGS), 150])
def test_a_cut_record_is_damaged(cut: int) -> None:
    with pytest.raises(IndexDamaged):
        Entry.from_bytes(bytes(_entry(1, frozenset(_TAGS)))[:-cut])


def test_a_record_with_a_tag_twice_or_none_is_damaged() -> None:
    good = bytes(_entry(1, frozenset(_TAGS)))
    with pytest.raises(IndexDamaged):
        Loaded(1, SIMGIC).take(1, good + _TAGS[0])
    with pytest.raises(IndexDamaged):
        Loaded(1, SIMGIC).take(1, good[: -16 * len(_TAGS)])
