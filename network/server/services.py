"""What the hospital's server works with: the home's collaborators, opened once and shared by all requests."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from clinic.home import Home
from clinic.hospital import OwnHospitals
from clinic.keystore import MemberSecrets
from clinic.match_service import MatchPlace
from clinic.proxy_fault import FaultFolder
from clinic.site import Site
from network.admission import Admission
from network.endpoint import EndpointBook
from network.server.hospitals import Hospitals
from network.server.lasting_engine import LastingEngine
from network.server.limits import Limits
from network.server.match_desk import MatchDesk

SERVER = "server"
"""The folder of a home in which its server keeps what is its own: TLS identity, uploads, endpoint cards."""


@dataclass(frozen=True)
class HospitalServices:
    """One home, being served. ``incoming`` is for uploads until they are checked; ``ca_pem`` is what clients pin."""

    home: Home
    site: Site
    admission: Admission
    endpoints: EndpointBook
    faults: FaultFolder
    matching: MatchDesk
    limits: Limits
    incoming: Path
    ca_pem: str
    writing: threading.Lock
    """Held while a letter or a card is compared with what is there and put."""
    hospitals: Hospitals


@contextmanager
def opened(
    home: Home, ca_pem: str, *, authority: MemberSecrets | None = None, limits: Limits | None = None
) -> Iterator[HospitalServices]:
    """The services of ``home``, closed at the end.

    ``authority`` admits at once whoever applies, and certifies pseudonyms.

    Raises as ``Home.site``.
    """
    folder = home.folder / SERVER
    incoming = folder / "incoming"
    shutil.rmtree(incoming, ignore_errors=True)  # uploads that no receipt was given for
    incoming.mkdir(parents=True, mode=0o700)
    limits = limits or Limits()
    with home.site() as opened_site, closing(LastingEngine(home)) as engine:
        hospitals = OwnHospitals(home.hospitals, engine, home.clock)
        site = replace(opened_site, engine=engine, hospitals=hospitals)
        place = MatchPlace.of(home.folder, home.directory, home.config.match_index)
        with closing(MatchDesk(place, site, authority, limits)) as matching:
            yield HospitalServices(
                home,
                site,
                Admission(home, authority),
                EndpointBook(folder / "endpoints"),
                FaultFolder(home.folder / "evidence"),
                matching,
                limits,
                incoming,
                ca_pem,
                threading.Lock(),
                Hospitals(home.directory),
            )


def _services(request: Request) -> HospitalServices:
    found: HospitalServices = request.app.state.services
    return found


Services = Annotated[HospitalServices, Depends(_services)]
