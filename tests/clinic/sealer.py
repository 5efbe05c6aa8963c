"""A process that seals in one home, to be killed or raced: ``HOME SEED COUNT STEP``; says ready, waits for a line.

``STEP`` is where it kills itself, one of ``STEPS``; ``never``; or ``none``, which seals one by one in an outbox of its
own.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from clinic.home import Home
from clinic.outbox import Outbox
from clinic.sealing import seal_records
from scheme import keyfile
from tests.clinic.scene import AUTHOR, PASSWORD, PATIENT, RIVERSIDE, START, draft
from tests.clinic.stubs import HospitalStub, StoreStub, at_hospital

STEPS = ("sealing", "before-link", "after-link", "first-upload", "after-first-upload", "before-anchor", "after-anchor")


def main() -> None:
    folder, seed, count, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    home = Home(folder, clock=lambda: START, profile=keyfile.TEST)
    author = home.unlock(AUTHOR, PASSWORD)
    hospital_id = home.directory.find(RIVERSIDE).member_id
    patient_id = home.directory.find(PATIENT).member_id
    outbox = Outbox(folder / f"outbox-{seed}") if step == "none" else home.outbox

    def die(_subject: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(stage: str, done: int, _total: int) -> None:
        if step == "sealing" and stage == "sealing" and done == 2:
            die(stage)

    with home.site() as site:
        store = site.store
        if step == "first-upload":
            store = StoreStub(store, before_put=die)
        elif step == "after-first-upload":
            store = StoreStub(store, after_put=die)
        hospital = site.hospitals[hospital_id]
        if step == "before-link":
            hospital = HospitalStub(hospital, before_link=die)
        elif step == "after-link":
            hospital = HospitalStub(hospital, after_link=die)
        elif step == "before-anchor":
            hospital = HospitalStub(hospital, before_anchor=die)
        elif step == "after-anchor":
            hospital = HospitalStub(hospital, after_anchor=die)
        dangerous = replace(at_hospital(site, hospital_id, hospital), store=store, progress=dying)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        drafts = [draft(text=f"{seed} {number}") for number in range(count)]
        for batch in [drafts] if step != "none" else [[each] for each in drafts]:
            seal_records(dangerous, outbox, batch, patient_id=patient_id, author=author, hospital_id=hospital_id)


if __name__ == "__main__":
    main()
