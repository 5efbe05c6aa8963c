"""A ledger in PostgreSQL: the server goes on after its connection was cut."""

import secrets
from pathlib import Path

import pytest
import sqlalchemy

from clinic.home import Home
from ledger.bodies import Request, Role
from ledger.transactions import sign
from network import wire
from network.server.app import create_app
from network.server.authentication import Admitting
from network.server.services import opened
from scheme import keyfile
from tests.clinic.scene import PASSWORD, FakeClock
from tests.network.server.serving import HOST, Served
from tests.servers.postgresql import fresh_database


def test_a_lost_connection_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = fresh_database()
    given = sqlalchemy.make_url(url)
    monkeypatch.setenv("PGPASSWORD", str(given.password))
    store = tmp_path / "store"
    store.mkdir()
    clock = FakeClock()
    home = Home.create(
        tmp_path / "home", stores=[store.as_uri()], password=PASSWORD, proxies=1, threshold=1,
        ledger=f"postgresql://{given.username}@{given.host}:{given.port}/{given.database}",
        clock=clock, profile=keyfile.TEST,
    )  # fmt: skip
    authority = home.authority(PASSWORD)
    with home.site() as site:
        for role, name, hospital in (
            (Role.HOSPITAL, "Riverside", None),
            (Role.DOCTOR, "Okafor", "Riverside"),
            (Role.PATIENT, "Abernathy", "Riverside"),
        ):
            home.enrol(site, authority, role, name, hospital=hospital, password=PASSWORD)
    doctor, patient = (home.unlock(name, PASSWORD) for name in ("Okafor", "Abernathy"))
    with opened(home, "PEM") as services:
        served = Served(
            create_app(services, Admitting(services.site.state, clock, HOST, clock() - 1)), services, clock, {}
        )
        for cut in (False, True, True):
            if cut:
                _cut_all_connections(url)
            body = Request(secrets.token_hex(16), patient.member_id, doctor.member_id, "ab" * 32)
            data = bytes(sign(body, signer_id=doctor.member_id, key=doctor.signing, ledger=home.genesis, time=clock()))
            answer = served.call("POST", wire.TRANSACTIONS, data, by=doctor)
            assert answer.status_code == 200, answer.text
            assert served.public("GET", wire.HEALTH).status_code == 200
        _cut_all_connections(url)
        assert len(served.public("GET", wire.LEDGER_BLOCKS).content.splitlines()) == services.site.engine.view().height


def _cut_all_connections(url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()
