"""The index's patients in memory: lists over those of the last load, and the few who came since."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from matching.epoch import epoch_bytes
from matching.errors import IndexDamaged, OtherEpoch
from matching.postings import Postings, Rows
from matching.score import Frequencies, Measure
from matching.tags import TAG_SIZE

_LENGTH_SIZE = 2
_HEAD = struct.Struct(">Q16sH")
"""Epoch, pseudonym, length of the certificate."""
_CHANGES_SHARE = 1024
"""Lists are made anew after one change in so many patients: so many are compared one by one in about 10 ms."""


@dataclass(frozen=True)
class Entry:
    """One patient as the index has her."""

    epoch: int
    pseudonym: bytes
    certificate: bytes = field(repr=False)
    tags: frozenset[bytes] = field(repr=False)

    def __bytes__(self) -> bytes:
        certificate = len(self.certificate).to_bytes(_LENGTH_SIZE, "big") + self.certificate
        return epoch_bytes(self.epoch) + self.pseudonym + certificate + b"".join(sorted(self.tags))

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """Inverse of ``bytes``. Raises ``IndexDamaged``."""
        epoch, pseudonym, certificate, tags = _parts(data)
        return cls(epoch, pseudonym, certificate, frozenset(tags))


class Loaded:
    """Who is in the index; filled by ``take`` and ``build``, then kept up by ``add`` and ``remove``."""

    def __init__(self, epoch: int, measure: Measure) -> None:
        self._epoch = epoch
        self._measure = measure
        self._slots: dict[bytes, int] = {}
        self._numbers = _Numbers()
        self._pseudonyms: list[bytes] = []
        self._certificates: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._recent: dict[bytes, Entry] = {}
        self._changes = 0
        self._features = array("i")
        self._ends = array("q", [0])

    def __contains__(self, pseudonym: bytes) -> bool:
        return pseudonym in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def is_stale(self) -> bool:
        """Whether so much changed that lists and counts should be made anew."""
        return self._changes > len(self._slots) // _CHANGES_SHARE

    def take(self, slot: int, record: bytes) -> bool:
        """Take a kept record in; ``False`` if it is of an epoch before. Raises ``IndexDamaged``, ``OtherEpoch``."""
        # A million of these are read at start: no ``Entry`` is made, and tags are numbered without a loop of Python's.
        epoch, pseudonym, certificate, tags = _parts(record)
        if epoch > self._epoch:
            raise OtherEpoch(f"the index holds patients of epoch {epoch}; it cannot go back to {self._epoch}")
        if epoch < self._epoch:
            return False
        self._slots[pseudonym] = slot
        self._places[pseudonym] = len(self._pseudonyms)
        self._pseudonyms.append(pseudonym)
        self._certificates.append(certificate)
        self._features.extend(map(self._numbers.__getitem__, tags))
        self._ends.append(len(self._features))
        return True

    def build(self) -> None:
        """Count, weigh, and make the lists. One more is counted who has nothing that anybody has.

        For a tag that all have weighs nothing: of two patients alone neither would be found for what both have.
        """
        self._tags = list(self._numbers)
        features = np.frombuffer(self._features, np.int32) if self._features else np.zeros(0, np.int32)
        counts = np.bincount(features, minlength=len(self._tags)).tolist()
        self._frequencies = Frequencies(len(self._pseudonyms) + 1, dict(zip(self._tags, counts, strict=True)))
        weights = [self._weight(tag) for tag in self._tags]
        self._postings = Postings(Rows(np.frombuffer(self._ends, np.int64), features), weights, self._measure)
        self._features, self._ends = array("i"), array("q", [0])

    def slot(self, pseudonym: bytes) -> int:
        """Where the store keeps her."""
        return self._slots[pseudonym]

    def entry(self, pseudonym: bytes) -> Entry:
        """What she handed in."""
        recent = self._recent.get(pseudonym)
        if recent is not None:
            return recent
        place = self._places[pseudonym]
        tags = frozenset(self._tags[number] for number in self._postings.features(place))
        return Entry(self._epoch, pseudonym, self._certificates[place], tags)

    def add(self, slot: int, entry: Entry) -> None:
        """Somebody who opted in."""
        self._slots[entry.pseudonym] = slot
        self._recent[entry.pseudonym] = entry
        self._changes += 1

    def remove(self, pseudonym: bytes) -> None:
        """Somebody who opted out, or is about to change."""
        del self._slots[pseudonym]
        if self._recent.pop(pseudonym, None) is None:
            place = self._places.pop(pseudonym)
            self._postings.remove(place)
            self._pseudonyms[place] = self._certificates[place] = b""
        self._changes += 1

    def search(self, own: Entry, *, top: int, least: float, tie: Callable[[bytes], bytes]) -> list[tuple[bytes, float]]:
        """The ``top`` pseudonyms like ``own``, never her own, with their scores; see ``matching.score.rank``."""
        known = [self._numbers[tag] for tag in own.tags if tag in self._numbers]
        unseen = [self._weight(tag) for tag in own.tags if tag not in self._numbers]
        place = self._places.get(own.pseudonym)
        listed = self._postings.search(
            known,
            top=top,
            least=least,
            unseen=unseen,
            skip=[] if place is None else [place],
            tie=lambda each: tie(self._pseudonyms[each]),
        )
        found = [(-each.score, tie(self._pseudonyms[each.patient]), self._pseudonyms[each.patient]) for each in listed]
        for entry in self._recent.values():
            score = self._measure.score(own.tags, entry.tags, self._weight)
            if entry.pseudonym != own.pseudonym and score > 0 and score >= least:
                found.append((-score, tie(entry.pseudonym), entry.pseudonym))
        return [(pseudonym, -score) for score, _, pseudonym in sorted(found)[:top]]

    def _weight(self, tag: bytes) -> float:
        return self._measure.weight(self._frequencies.bits(tag))


class _Numbers(dict[bytes, int]):
    """Tags, numbered from 0 in the order in which they are first asked for."""

    def __missing__(self, tag: bytes) -> int:
        number = self[tag] = len(self)
        return number


def _parts(record: bytes) -> tuple[int, bytes, bytes, tuple[bytes, ...]]:
    """Epoch, pseudonym, certificate and tags, none twice. Raises ``IndexDamaged``."""
    if len(record) > _HEAD.size:
        epoch, pseudonym, length = _HEAD.unpack_from(record)
        start = _HEAD.size + length
        count, left_over = divmod(len(record) - start, TAG_SIZE)
        if count > 0 and not left_over:
            tags = _tags(count).unpack_from(record, start)
            if len(set(tags)) == count:
                return epoch, pseudonym, record[_HEAD.size : start], tags
    raise IndexDamaged("a patient's record in the index is damaged; restore the index from a good copy")


@lru_cache
def _tags(count: int) -> struct.Struct:
    return struct.Struct(f"{TAG_SIZE}s" * count)
