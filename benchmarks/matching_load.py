"""The match index of very many patients: its SQLite file, opened in a process of its own as when the index starts.

The file is written by ``IndexStore`` in the records of ``MatchIndex``: a slot a patient, and what her pseudonym used.
One patient is real and asks; pseudonyms and certificates of the others are unsigned bytes of the same sizes, for at
start the index reads no certificate. The file was written just before, so the system may have it in memory.

``python -m benchmarks.matching_load FILE`` opens it and searches once: a request as JSON on standard input, what was
found as JSON on standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import memory
from benchmarks.bench import Bench
from benchmarks.cast import NOW
from benchmarks.errors import CaseFailed
from clinic.match_epoch import EPOCH_DAYS, pseudonym_check, pseudonym_role
from matching.index import MatchIndex
from matching.index_request import Action, IndexRequest
from matching.index_store import IndexStore
from matching.loaded import Entry
from matching.postings import Postings, Rows
from matching.score import SIMGIC, Frequencies
from matching.tags import TAG_SIZE
from scheme import certificates
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SigningKey, VerifyingKey

PATIENTS: Mapping[str, int] = {"smoke": 2_000, "paper": 1_000_000, "full": 1_000_000}
"""By profile."""
TOP = 5
EPOCH = 7
_SEED = 6
_PSEUDONYM_SIZE = 16

Found = list[tuple[str, float]]
"""Certificate in hex and score, best first."""


@dataclass(frozen=True)
class Loading:
    """What the process found; memory in bytes, resident, if it is known."""

    seconds: float
    cpu_seconds: float
    before_bytes: int | None
    peak_bytes: int | None
    """Until the file was loaded."""
    search_seconds: float
    found: Found


class Patients:
    """Who has which features, numbered as in ``rows``, as an index keeps them; the first of them asks."""

    def __init__(self, rows: Rows, features: int) -> None:
        self._rows = rows
        self.authority, self.key = SigningKey.generate(), SigningKey.generate()
        pseudonym = self.key.verifying_key.key_id
        self._certificate = certificates.issue(
            self.authority, "ff" * 16, member_id=pseudonym, role=pseudonym_role(EPOCH), key=self.key.verifying_key,
            now=NOW, days=EPOCH_DAYS,
        )  # fmt: skip
        rng = np.random.default_rng(_SEED)
        self._tags = [rng.bytes(TAG_SIZE) for _ in range(features)]
        others = rng.bytes((len(rows.offsets) - 2) * _PSEUDONYM_SIZE)
        self._pseudonyms = bytes.fromhex(pseudonym) + others

    def __len__(self) -> int:
        return len(self._rows.offsets) - 1

    def write(self, path: Path) -> None:
        """A new index of all of them at ``path``, as if each had opted in once."""
        store = IndexStore.open(path)
        with store.writing():
            for patient, (start, end) in enumerate(pairwise(self._rows.offsets.tolist())):
                tags = frozenset(map(self._tags.__getitem__, self._rows.features[start:end].tolist()))
                pseudonym = self._pseudonym(patient)
                store.put(bytes(Entry(EPOCH, pseudonym, self.certificate(patient), tags)))
                fingerprint = tagged_hash(Tag.INDEX_USE, EPOCH.to_bytes(8, "big"), pseudonym)
                store.set_used(fingerprint, EPOCH, 1, 1, 0)
        store.close()

    def certificate(self, patient: int) -> bytes:
        """Hers; but for the first patient's, bytes of its size."""
        return self._certificate if not patient else self._certificate[:-_PSEUDONYM_SIZE] + self._pseudonym(patient)

    def question(self) -> str:
        """A search by the first patient, and whom the index is to trust."""
        request = IndexRequest.create(Action.FIND, self.key, self._certificate, epoch=EPOCH, sequence=2)
        question = {
            "authority": bytes(self.authority.verifying_key).hex(),
            "certificate": request.certificate.hex(),
            "signature": request.signature.hex(),
            "sequence": request.sequence,
        }
        return json.dumps(question)

    def found(self) -> Found:
        """What lists that were made in memory answer."""
        counts = np.bincount(self._rows.features, minlength=len(self._tags)).tolist()
        frequencies = Frequencies(len(self) + 1, dict(enumerate(counts)))  # as ``Loaded.build`` counts
        weights = [SIMGIC.weight(frequencies.bits(each)) for each in range(len(self._tags))]
        own = self._rows.features[: self._rows.offsets[1]].tolist()
        asking = self._pseudonym(0)

        def tie(other: int) -> bytes:
            return tagged_hash(Tag.MATCH_ORDER, asking, self._pseudonym(other))

        ranked = Postings(self._rows, weights, SIMGIC).search(own, top=TOP, skip=[0], tie=tie)
        return [(self.certificate(each.patient).hex(), each.score) for each in ranked]

    def _pseudonym(self, patient: int) -> bytes:
        return self._pseudonyms[patient * _PSEUDONYM_SIZE : (patient + 1) * _PSEUDONYM_SIZE]


def loaded(bench: Bench, closure: str, rows: Rows, features: int) -> None:
    """Write the index, load it in a fresh process, search. Raises ``CaseFailed`` unless it finds what memory finds."""
    patients = Patients(rows, features)
    expected = patients.found()
    with TemporaryDirectory(prefix="chartseal-bench-") as scratch:
        path = Path(scratch) / "index.sqlite"
        patients.write(path)
        file_bytes = path.stat().st_size
        loading = _run(path, patients.question())
    if loading.found != expected:
        raise CaseFailed("an index that was read from SQLite finds other patients than lists made in memory")
    what = f"{closure}, {len(patients):,} patients"
    settings = {"patients": len(patients), "closure": closure, "tags_each": len(rows.features) / len(patients)}
    bench.figure(f"index file: {what}", file_bytes, "bytes", **settings)
    bench.figure(f"index read from SQLite in: {what}", loading.seconds, "s", cpu=loading.cpu_seconds, **settings)
    name = f"peak memory of an index read: {what}"
    bench.memory(name, loading.peak_bytes, before_bytes=loading.before_bytes, **settings)
    bench.figure(f"first top {TOP} of an index read: {what}", loading.search_seconds * 1000, "ms", **settings)


def _run(path: Path, question: str) -> Loading:
    command = [sys.executable, "-m", "benchmarks.matching_load", str(path)]
    done = subprocess.run(command, input=question, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        raise CaseFailed("the process that opens a match index ended; its error stands above")
    answer: dict[str, Any] = json.loads(done.stdout)
    return Loading(**answer | {"found": [(certificate, score) for certificate, score in answer["found"]]})


def _load(path: Path, question: Mapping[str, Any]) -> Loading:
    authority = VerifyingKey(bytes.fromhex(question["authority"]))
    own = bytes.fromhex(question["certificate"])
    signature = bytes.fromhex(question["signature"])
    request = IndexRequest(Action.FIND, EPOCH, question["sequence"], own, signature=signature)
    before = memory.resident_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    certified = pseudonym_check(authority, lambda: NOW)
    index = MatchIndex.open(path, epoch=EPOCH, certified=certified, clock=lambda: NOW)
    seconds, cpu_seconds, peak = time.perf_counter() - wall, time.process_time() - cpu, memory.peak_bytes()
    wall = time.perf_counter()
    alike = index.find(request, top=TOP)
    search_seconds = time.perf_counter() - wall
    found = []
    for each in alike:
        (other,) = set(each.offer.certificates) - {own}
        found.append((other.hex(), each.score))
    index.close()
    return Loading(seconds, cpu_seconds, before, peak, search_seconds, found)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_load(Path(sys.argv[1]), json.load(sys.stdin)))) + "\n")
