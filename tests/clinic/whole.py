"""Whether all that was sealed is there, once, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable

from clinic.verification import verify_patient
from cloud.simulated import SimulatedStore
from tests.clinic.scene import Scene


def everything_is_in_once(scene: Scene, texts: Iterable[str], *, store: SimulatedStore | None = None) -> None:
    """Each record once; chain and store verify; the store holds what is anchored and nothing else; no batch waits."""
    blocks = scene.site.state().blocks(patient=scene.patient.member_id)
    assert sorted(scene.own().values()) == sorted(text.encode() for text in texts)
    assert [block.index for block in blocks] == list(range(len(blocks)))
    assert (store or scene.store).blocks.keys() == {block.locator for block in blocks}
    assert [(report.blocks, report.problem) for report in verify_patient(scene.site, scene.patient.member_id)] == [
        (len(blocks), None)
    ]
    assert scene.site.engine.verify().entries == scene.site.engine.view().position + 1
    assert scene.home.outbox.pending() == []
