"""What reading costs: proxy re-encryption beside a peer, and a doctor's read of a long history from end to end."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from benchmarks import peer
from benchmarks.bench import Bench
from benchmarks.bulk_history import bundle
from benchmarks.optional import NOT_INSTALLED
from benchmarks.profiling import profiled
from benchmarks.scene import PROXIES, THRESHOLD, Scene, scene
from benchmarks.timing import Subject, interleave
from clinic.export import ExportReport, export
from clinic.fetching import fetch
from clinic.grants import Decision, grant
from clinic.held_grants import HeldGrant
from clinic.history import ReadingPlan, plan, read_history
from clinic.intake import bundle_drafts
from clinic.key_fragments import rekey_terms
from clinic.keystore import MemberSecrets
from clinic.proxy_answer import Ask
from clinic.requests import Access, member_of, new_id
from clinic.sealing import seal_records
from ledger.bodies import Release
from scheme.chapter import Chapter, ChapterKey
from scheme.keys import VerifyingKey
from scheme.umbral import CapsuleFrag, Opener

SECURITY_BITS = 128
_OPENING = "umbral-pre: opening one record"
_REPEATS_OF_OPERATIONS = 5
"""Operations of microseconds get this many times the samples of a read."""


def measure(bench: Bench) -> None:
    """Proxy re-encryption beside umbral-pre; a doctor's read of a history, from the request's grant to the files."""
    module = _peer()
    _operations(bench, module)
    with scene() as cast:
        patient = cast.enrol_patient("the patient")
        reading = _granted_history(bench, cast, patient)
        _read(bench, cast, patient, reading, module)


def _peer() -> ModuleType | None:
    try:
        return importlib.import_module("umbral_pre")
    except ImportError:
        return None


def _operations(bench: Bench, module: ModuleType | None) -> None:
    ours, theirs = peer.ours(), peer.theirs(module) if module else {}
    for name, run in ours.items():
        mine = Subject(f"scheme.umbral: {name}", run)
        other = Subject(f"umbral-pre: {name}", theirs[name]) if module else None
        subjects = [mine, other] if other else [mine]
        interleave(subjects, bench.sizes.repeats * _REPEATS_OF_OPERATIONS)
        for subject in subjects:
            bench.series(subject, security_bits=SECURITY_BITS, threshold=peer.THRESHOLD, shares=peer.SHARES)
        if other:
            bench.compare(f"{name}, over umbral-pre", mine, other, at_least=1.0)
        else:
            bench.absent(f"umbral-pre: {name}", NOT_INSTALLED)


@dataclass(frozen=True)
class _Reading:
    """What there is to read: blocks, records, and chapters with the proxies' answers for them."""

    plan: ReadingPlan
    records: int
    plain_bytes: int
    chapters: Sequence[Chapter]
    answers: Sequence[Sequence[bytes]]
    """For each chapter a threshold of capsule fragments."""

    @property
    def held(self) -> HeldGrant:
        return next(iter(self.plan.grants.values()))


def _granted_history(bench: Bench, cast: Scene, patient: MemberSecrets) -> _Reading:
    site, reader = cast.site, cast.reader
    data = bundle(bench.sizes.visits)
    drafts = bundle_drafts(data)
    seal_records(
        site,
        cast.home.outbox,
        drafts,
        patient_id=patient.member_id,
        author=cast.author,
        hospital_id=cast.hospital.member_id,
    )
    everything = Decision(Access(frozenset(), None))
    grant_id = grant(site, patient, reader.member_id, everything, request_id=None)
    reading = plan(site, reader, patient.member_id)
    state = site.state()
    firsts = {block.chapter: block for blocks in reading.by_grant.values() for block in blocks}
    chapters = [fetch(site, state, block).block.header.chapter for block in firsts.values()]
    release = Release(new_id(), grant_id, patient.member_id, tuple(firsts))
    site.submit(release, reader)
    asks = [Ask(chapter.context, chapter.capsule) for chapter in chapters]
    proxies = list(site.proxies.values())[:THRESHOLD]
    answers = list(zip(*(proxy.reencrypt(release.release, asks).fragments for proxy in proxies), strict=True))
    return _Reading(reading, sum(draft.records for draft in drafts), len(data), chapters, answers)


def _read(bench: Bench, cast: Scene, patient: MemberSecrets, reading: _Reading, module: ModuleType | None) -> None:
    numbers = iter(range(1 << 30))

    def read() -> ExportReport:
        opened = read_history(cast.site, cast.reader, plan(cast.site, cast.reader, patient.member_id))
        return export(opened, cast.folder / f"out-{next(numbers)}")

    records, chapters, blocks = reading.records, len(reading.chapters), reading.plan.readable
    public_key = Subject(
        "public-key part of a doctor's read", lambda: _open_chapters(cast, patient, reading), records, "records"
    )
    end_to_end = Subject("a doctor's read, end to end", read, records, "records")
    subjects = [public_key, end_to_end]
    opening = Subject(_OPENING, peer.opening_of_a_record(module), 1, "records") if module else None
    interleave([*subjects, opening] if opening else subjects, bench.sizes.repeats)
    settings = {
        "records": records,
        "blocks": blocks,
        "chapters": chapters,
        "plain_bytes": reading.plain_bytes,
        "proxies": PROXIES,
        "threshold": THRESHOLD,
        "store": "folder",
    }
    for subject in subjects:
        bench.series(subject, security_bits=SECURITY_BITS, **settings)
    if opening:
        bench.series(opening, security_bits=SECURITY_BITS, threshold=THRESHOLD)
        bench.compare("public-key part, over one opening a record", public_key, opening, at_least=50)
        bench.compare("end to end, over one opening a record", end_to_end, opening, at_least=5)
    else:
        bench.absent(_OPENING, NOT_INSTALLED)
    bench.profile("a doctor's read, end to end", *profiled(read))


def _open_chapters(cast: Scene, patient: MemberSecrets, reading: _Reading) -> dict[str, ChapterKey]:
    """All that a delegatee computes with points: capsules and fragments from bytes, checked, opened; nothing kept."""
    held = reading.held
    record = held.record
    patient_key = VerifyingKey(member_of(cast.site.state(), patient.member_id).keys.verifying)
    openers: dict[str, Opener] = {}
    keys = {}
    for chapter, frags in zip(reading.chapters, reading.answers, strict=True):
        context = chapter.context
        if context.scope not in openers:
            terms = rekey_terms(record.grant, context.scope, record.until)
            delegating_key = held.delegating_keys[context.scope]
            openers[context.scope] = Opener(cast.reader.receiving, delegating_key, patient_key, terms)
        opener = openers[context.scope]
        capsule = type(chapter.capsule).from_bytes(bytes(chapter.capsule)).verify(context.label)
        verified = [opener.verify(capsule, context.label, CapsuleFrag.from_bytes(data)) for data in frags]
        key = opener.open(capsule, context.label, verified)
        keys[context.chapter] = ChapterKey.from_kem(key, context, chapter.capsule)
    return keys
