"""What others use to find who has the same symptoms: the papers' pairing test on each pair, and ``openmined-psi``.

The pairing test (``matching.published.equality``) compares two symptoms at a time, so that its cost grows with the
square of the patients: it is run on a few hundred pairs, and what more patients would take is worked out from that, in
rows that say so. From there on each ciphertext counts as read and checked once, which is kinder to it than
``same_symptom``, which reads bytes each time.

``openmined-psi`` (Diffie-Hellman, P-256) intersects the lists of two parties, who must both be there; it is run anew
for every pair of parties.
"""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import combinations
from typing import Any

from benchmarks.bench import Bench
from benchmarks.groups import mcl
from benchmarks.optional import NOT_INSTALLED
from benchmarks.timing import Subject, interleave
from matching.errors import PairingUnavailable
from matching.published import equality
from matching.published.permit import ResearchPermit

PSI_SECURITY_BITS = 128
"""Of P-256; the pairing test's curve has what ``groups.mcl`` says."""
CIPHERTEXTS: Mapping[str, int] = {"smoke": 4, "paper": 25, "full": 50}
"""By profile; 25 are 300 pairs, 50 are 1,225."""
ITEMS: Mapping[str, tuple[int, ...]] = {"smoke": (50, 100), "paper": (1_000, 10_000), "full": (1_000, 10_000, 100_000)}
"""By profile, of each of the two parties."""
PAIRING_TEST = "pairwise pairing test"
PSI = "openmined-psi"
_TERMS = 5
_FALSE_POSITIVES = 1e-9


def pairing_test(bench: Bench, patients: Iterable[int], symptoms: int) -> None:
    """One pair measured; then, worked out from it, all pairs and one search by number of ``patients``."""
    try:
        some = Ciphertexts.made(CIPHERTEXTS[bench.sizes.name])
    except PairingUnavailable:
        bench.absent(PAIRING_TEST, NOT_INSTALLED)
        return
    pairs = len(some.pairs)
    whole = Subject(f"{PAIRING_TEST}, ciphertexts from bytes", some.equal_from_bytes, pairs, "pairs of symptoms")
    read = Subject(f"{PAIRING_TEST}, ciphertexts read before", some.equal, pairs, "pairs of symptoms")
    interleave([whole, read], bench.sizes.repeats)
    for subject in (whole, read):
        bench.series(subject, security_bits=mcl.SECURITY_BITS, pymcl=version("pymcl"))
    bench.compare("pairs of symptoms compared by pairings, on one core", read, None)
    one_pair = statistics.median(read.seconds) / pairs
    for count in patients:
        settings = {"patients": count, "extrapolated": True, "measured_pairs": pairs, "seconds_a_pair": one_pair}
        everybody = count * (count - 1) // 2 * one_pair
        name = f"extrapolated, not run: {PAIRING_TEST}"
        bench.figure(f"{name}, {count:,} patients, 1 symptom each, all pairs", everybody, "s", symptoms=1, **settings)
        search = count * symptoms**2 * one_pair
        what = f"{count:,} patients, {symptoms} symptoms each, one search"
        bench.figure(f"{name}, {what}", search, "s", symptoms=symptoms, **settings)


@dataclass(frozen=True)
class Ciphertexts:
    """Symptoms encrypted to a key each; the terms take turns."""

    pairs: Sequence[tuple[equality.Ciphertext, equality.Ciphertext]]
    points: Sequence[tuple[tuple[Any, Any], tuple[Any, Any]]]
    """For the same pairs V and U of each, read."""
    pairing: Any

    @classmethod
    def made(cls, count: int) -> Ciphertexts:
        """``count`` of them, each beside each other. Raises ``PairingUnavailable``."""
        equality.require_pairings()
        pymcl = importlib.import_module("pymcl")
        permit = ResearchPermit("a benchmark")
        made = [
            equality.encrypt(f"HP:{number % _TERMS:07}", equality.EqualityKey(permit).public_key, permit)
            for number in range(count)
        ]
        points = [(pymcl.G1.deserialize(each.v), pymcl.G2.deserialize(each.u)) for each in made]
        return cls(list(combinations(made, 2)), list(combinations(points, 2)), pymcl.pairing)

    def equal_from_bytes(self) -> int:
        """How many pairs hide one symptom."""
        return sum(equality.same_symptom(one, other) for one, other in self.pairs)

    def equal(self) -> int:
        """As ``equal_from_bytes``, by the two pairings alone."""
        pairing = self.pairing
        return sum(pairing(v, other_u) == pairing(other_v, u) for (v, u), (other_v, other_u) in self.points)


def intersection(bench: Bench) -> None:
    """Lists of two parties intersected, both on one core, every message made and read; and its size."""
    try:
        psi = importlib.import_module("private_set_intersection.python")
    except ImportError:
        bench.absent(PSI, NOT_INSTALLED)
        return
    installed = version("openmined-psi")
    for items in ITEMS[bench.sizes.name]:
        run = Intersection(psi, items)
        subject = Subject(f"{PSI}, two lists of {items:,}", run, items, "items of each")
        interleave([subject], bench.sizes.repeats)
        bench.series(subject, security_bits=PSI_SECURITY_BITS, items=items, openmined_psi=installed)
        bench.compare(f"{PSI}, two lists of {items:,}, both parties on one core", subject, None)
        name = f"messages of {PSI}, two lists of {items:,}"
        bench.figure(name, run.message_bytes, "bytes", items=items, openmined_psi=installed)


class Intersection:
    """Two lists of ``items``, half of them in both; a call intersects them with new keys."""

    def __init__(self, psi: Any, items: int) -> None:
        self._psi = psi
        self._asked = [f"HP:{number:07}" for number in range(items)]
        self._held = [f"HP:{number + items // 2:07}" for number in range(items)]
        self.message_bytes = 0
        """Of the last call."""

    def __call__(self) -> int:
        """How many items were found in both lists."""
        psi = self._psi
        client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)
        setup = server.CreateSetupMessage(_FALSE_POSITIVES, len(self._asked), self._held, psi.DataStructure.RAW)
        messages = [setup.SerializeToString(), client.CreateRequest(self._asked).SerializeToString()]
        request = psi.Request()
        request.ParseFromString(messages[1])
        messages.append(server.ProcessRequest(request).SerializeToString())
        setup, response = psi.ServerSetup(), psi.Response()
        setup.ParseFromString(messages[0])
        response.ParseFromString(messages[2])
        self.message_bytes = sum(map(len, messages))
        return len(client.GetIntersection(setup, response))
