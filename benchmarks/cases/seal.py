"""What sealing costs: a large file beside hashing and copying it, whole histories beside bare durable puts."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import histories
from benchmarks.bench import Bench
from benchmarks.null_store import NullSink, NullStore
from benchmarks.scene import Scene, scene
from benchmarks.timing import Subject, interleave, one_core
from clinic import durable
from clinic.cards import current_card
from clinic.delivery import UPLOAD_THREADS
from clinic.intake import bundle_drafts, drafts_of
from clinic.keystore import MemberSecrets
from clinic.sealing import Draft, Sealed, seal_records
from cloud.open import open_store
from cloud.store import Store
from scheme import chain, chapter, seal
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource

SECURITY_BITS = 128
_SEED = 8
_SEALED_AT = "2026-11-21T00:00:00Z"


def measure(bench: Bench) -> None:
    """A large incompressible file, and FHIR histories: sealed into nothing, and into a folder."""
    with scene() as cast:
        path = cast.folder / "scan.bin"
        rng = random.Random(_SEED)
        path.write_bytes(b"".join(rng.randbytes(1 << 20) for _ in range(bench.sizes.file_bytes >> 20)))
        patient = cast.enrol_patient("the patient of the file")
        _file_into_nothing(bench, cast, patient, path)
        _file_into_folder(bench, cast, patient, path)
        path.unlink()
        bundles = histories.load(bench.sizes.histories)
        patients = [cast.enrol_patient(f"patient {number}") for number in range(len(bundles.bundles))]
        work = _Histories(cast, patients, bundles)
        _histories_into_nothing(bench, work)
        _histories_into_folder(bench, work)


def _file_into_nothing(bench: Bench, cast: Scene, patient: MemberSecrets, path: Path) -> None:
    card = current_card(cast.site.cards, cast.site.state(), patient.member_id)
    scope = card.scope_for(Category.IMAGING, 2026)
    chain_id = chain.chain_id(patient.member_id, cast.hospital.member_id)
    hospital = cast.hospital.signing
    data = path.read_bytes()

    def sealed() -> object:
        current, key = chapter.begin(
            scope.public_key, card.wrapping_key, chain=chain_id, scope=scope.id, hospital=hospital.verifying_key.key_id
        )
        sink = NullSink()
        with path.open("rb") as file:
            block = seal.seal_members(
                sink,
                current,
                key,
                [PayloadSource(file, [Part(path.name, "application/dicom")])],
                author_id=cast.author.member_id,
                author=cast.author.signing,
                sealed_at=_SEALED_AT,
            )
        sink.write(seal.tail(block, block.draft.sign(hospital)))
        return sink

    size = len(data)
    hashing = Subject("file: SHA-256, one thread", lambda: hashlib.sha256(data).digest(), size, "bytes")
    sealing = Subject("file: sealed into nothing", sealed, size, "bytes")
    interleave([hashing, sealing], bench.sizes.repeats)
    bench.series(hashing, security_bits=SECURITY_BITS)
    bench.series(sealing, security_bits=SECURITY_BITS)
    bench.compare("a file sealed into nothing, over hashing it", sealing, hashing, at_least=0.45)


def _file_into_folder(bench: Bench, cast: Scene, patient: MemberSecrets, path: Path) -> None:
    folder = cast.folder / "large"
    copy = folder / "copy.bin"
    store = open_store(f"file://{folder}")
    kept: list[Sealed] = []

    def copied() -> None:
        with path.open("rb") as source, copy.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
            sink.flush()
            os.fsync(sink.fileno())
        durable.sync_folder(folder)

    def forget() -> None:
        for locator in (locator for sealed in kept for locator in sealed.blocks):
            store.delete(locator)
        kept.clear()

    size = path.stat().st_size
    copying = Subject("file: copied with fsync", copied, size, "bytes", copy.unlink)
    sealing = Subject(
        "file: sealed and anchored into a folder",
        lambda: kept.extend(_seal(cast, store, patient, drafts_of(path))),
        size,
        "bytes",
        forget,
    )
    interleave([copying, sealing], bench.sizes.repeats)
    bench.series(copying)
    bench.series(sealing, security_bits=SECURITY_BITS)
    bench.compare("a file sealed into a folder, over copying it with fsync", sealing, copying, at_least=0.50)


def _seal(cast: Scene, store: Store, patient: MemberSecrets, drafts: Sequence[Draft]) -> list[Sealed]:
    return seal_records(
        replace(cast.site, store=store),
        cast.home.outbox,
        drafts,
        patient_id=patient.member_id,
        author=cast.author,
        hospital_id=cast.hospital.member_id,
    )


@dataclass
class _Histories:
    """Histories ready to be sealed, each for a patient of its own, as one visit to the hospital's import would."""

    cast: Scene
    patients: Sequence[MemberSecrets]
    bundles: histories.Histories
    drafts: list[list[Draft]] = field(init=False)

    def __post_init__(self) -> None:
        self.drafts = [bundle_drafts(bundle) for bundle in self.bundles.bundles]

    def split(self) -> None:
        for bundle in self.bundles.bundles:
            bundle_drafts(bundle)

    def split_and_sealed(self, store: Store) -> None:
        for patient, bundle in zip(self.patients, self.bundles.bundles, strict=True):
            _seal(self.cast, store, patient, bundle_drafts(bundle))

    def sealed(self, store: Store) -> list[Sealed]:
        return [
            sealed
            for patient, drafts in zip(self.patients, self.drafts, strict=True)
            for sealed in _seal(self.cast, store, patient, drafts)
        ]

    def settings(self, blocks: int) -> dict[str, object]:
        return {
            "source": self.bundles.source,
            "histories": len(self.patients),
            "blocks": blocks,
            "records": sum(draft.records for drafts in self.drafts for draft in drafts),
            "plain_bytes": sum(map(len, self.bundles.bundles)),
        }


def _histories_into_nothing(bench: Bench, work: _Histories) -> None:
    blocks = sum(map(len, work.drafts))
    store = NullStore()
    splitting = Subject("histories: parsed and split", work.split, blocks, "blocks")
    sealing = Subject("histories: sealed and anchored into nothing", lambda: work.sealed(store), blocks, "blocks")
    name = "histories: parsed, split, sealed and anchored into nothing"
    both = Subject(name, lambda: work.split_and_sealed(store), blocks, "blocks")
    with one_core():
        interleave([splitting, sealing, both], bench.sizes.repeats)
    for subject in (splitting, sealing, both):
        bench.series(subject, security_bits=SECURITY_BITS, cores=1, **work.settings(blocks))
    bench.compare("blocks a second, one core, into nothing", sealing, None, at_least=1000)
    bench.compare("the same with parsing and splitting", both, None)


def _histories_into_folder(bench: Bench, work: _Histories) -> None:
    # A new folder each time, and none removed before the end: ext4 is slow to make files where many were just deleted.
    blocks = sum(map(len, work.drafts))
    numbers = iter(range(1 << 30))

    def fresh() -> Store:
        return open_store(f"file://{work.cast.folder}/store-{next(numbers)}")

    store = fresh()
    sealed = work.sealed(store)
    data = {locator: _bytes_of(store, locator) for one in sealed for locator in one.blocks}
    sealing = Subject("histories: sealed and anchored into a folder", lambda: work.sealed(fresh()), blocks, "blocks")
    single = Subject("histories: the same blocks put durably, 1 thread", _putting(fresh, data, 1), blocks, "blocks")
    name = f"histories: the same blocks put durably, {UPLOAD_THREADS} threads"
    several = Subject(name, _putting(fresh, data, UPLOAD_THREADS), blocks, "blocks")
    interleave([sealing, single, several], bench.sizes.repeats)
    settings = work.settings(blocks) | {"sealed_bytes": sum(map(len, data.values()))}
    for subject in (sealing, single, several):
        bench.series(subject, security_bits=SECURITY_BITS if subject is sealing else None, **settings)
    bench.compare("histories sealed into a folder, over bare durable puts", sealing, single, at_least=0.60)
    bench.compare(f"the same over puts by {UPLOAD_THREADS} threads at once", sealing, several)


def _bytes_of(store: Store, locator: str) -> bytes:
    sink = io.BytesIO()
    store.get(locator, sink)
    return sink.getvalue()


def _putting(fresh: Callable[[], Store], data: dict[str, bytes], threads: int) -> Callable[[], None]:
    def put() -> None:
        store = fresh()
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(lambda locator: store.put(locator, io.BytesIO(data[locator])), data):
                pass

    return put
