"""A hospital's home, served by a process of its own, and members who join it with homes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from clinic.home import Home
from ledger.bodies import Role
from network.admission import INVITATIONS
from network.invitation import Invitation, Invitations
from network.server.app import identity_of
from scheme import keyfile
from tests.clinic.command import ROOT
from tests.clinic.scene import PASSWORD

HOSPITAL = "Riverside Infirmary"
START_S = 60


@dataclass
class Hospital:
    """A home without proxies, with one hospital; ``serve`` starts its server, which ``stop`` ends."""

    folder: Path
    url: str
    process: subprocess.Popen[str] | None = None

    @classmethod
    def create(cls, folder: Path) -> Hospital:
        """A new one, not served yet; all passwords are ``PASSWORD``."""
        store = folder.with_name(f"{folder.name}-store")
        store.mkdir(parents=True)
        home = Home.create(
            folder, stores=[store.as_uri()], password=PASSWORD, proxies=0, threshold=2, profile=keyfile.TEST
        )
        with home.site() as site:
            home.enrol(site, home.authority(PASSWORD), Role.HOSPITAL, HOSPITAL, hospital=None, password="")
        (folder.parent / "authority").write_text(PASSWORD)
        return cls(folder, free_url())

    @property
    def home(self) -> Home:
        """The hospital's home, opened beside its server."""
        return Home(self.folder, profile=keyfile.TEST)

    def serve(self, *, admitting: bool = True) -> None:
        """Start the server; returns when it takes connections. ``admitting``: whoever is invited, at once."""
        admit = ["--authority-password-file", str(self.folder.parent / "authority")] if admitting else []
        words = ["serve", "--home", str(self.folder), "--url", self.url, "--listen", self.url.removeprefix("https://")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CHARTSEAL_")}
        with (self.folder.parent / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.network.weak_chartseal", *words, "--json", *admit],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert json.loads(told or "{}").get("url") == self.url, (told, (self.folder.parent / "log").read_text()[-2000:])

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(START_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return status

    def invitation(self, role: Role, name: str) -> str:
        """A link for one to join."""
        home = self.home
        (hospital,) = home.hospitals()
        of = hospital if role in {Role.DOCTOR, Role.PATIENT} else None
        code, _ = Invitations(home.folder / INVITATIONS, home.clock).create(role, name, of)
        return str(Invitation(self.url, code, home.genesis, identity_of(home, self.url).ca_sha256))


def free_url() -> str:
    """A URL of this machine with a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{probe.getsockname()[1]}"
