"""The cast of a benchmark: a temporary home with its ledger and proxies, a hospital, two doctors, patients.

Passwords are stretched with the test profile: unlocking is not what is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clinic import enrolment
from clinic.home import Home
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.bodies import OF_A_HOSPITAL, Role
from scheme import keyfile

PROXIES = 3
THRESHOLD = 2
_PASSWORD = "benchmark"  # noqa: S105 - protects nothing


@dataclass(frozen=True)
class Scene:
    """Who and what there is; ``folder`` is on the file system that is measured, and removed at the end."""

    folder: Path
    home: Home
    site: Site
    hospital: MemberSecrets
    author: MemberSecrets
    reader: MemberSecrets

    def enrol_patient(self, name: str) -> MemberSecrets:
        """A new patient with keys and a key card of her own."""
        authority = self.home.authority(_PASSWORD)
        person = self.home.enrol(self.site, authority, Role.PATIENT, name, hospital="Riverside", password=_PASSWORD)
        return self.home.keystore.unlock(person.member_id, _PASSWORD)

    def admit(self, secrets: MemberSecrets) -> None:
        """Enrol a member whose keys are elsewhere; a patient's first key card is published."""
        hospital = self.hospital if secrets.role in OF_A_HOSPITAL else None
        enrolment.enrol_with_keys(self.site, self.home.authority(_PASSWORD), secrets, hospital)


@contextmanager
def scene(proxies: int = PROXIES) -> Iterator[Scene]:
    """A new scene below the folder for temporary files (``$TMPDIR``), with so many proxies in its home."""
    with tempfile.TemporaryDirectory(prefix="chartseal-bench-") as scratch:
        folder = Path(scratch)
        home = Home.create(
            folder / "home",
            stores=[f"file://{folder}/store"],
            password=_PASSWORD,
            proxies=proxies,
            threshold=THRESHOLD,
            profile=keyfile.TEST,
        )
        with home.site() as site:
            authority = home.authority(_PASSWORD)
            for role, name, hospital in (
                (Role.HOSPITAL, "Riverside", None),
                (Role.DOCTOR, "Dr. Okafor", "Riverside"),
                (Role.DOCTOR, "Dr. Lindqvist", "Riverside"),
            ):
                home.enrol(site, authority, role, name, hospital=hospital, password=_PASSWORD)
            yield Scene(
                folder,
                home,
                site,
                home.hospital(home.directory.find("Riverside").member_id),
                home.unlock("Dr. Okafor", _PASSWORD),
                home.unlock("Dr. Lindqvist", _PASSWORD),
            )
