"""The starter of PostgreSQL: it answers, each database is fresh, it writes durably and it leaves nothing behind."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers.running import wait_until
from tests import needs
from tests.servers.postgresql import fresh_database, postgresql, shared

ROOT = Path(__file__).parents[2]
_STARTS_AND_WAITS = """
import time
from tests.servers.postgresql import shared
print(shared().fresh_database(), shared().folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def sqlalchemy() -> Any:
    return needs.module("sqlalchemy", feature="postgresql")


def test_each_database_is_fresh_and_durable(sqlalchemy: Any) -> None:
    first, second = (sqlalchemy.create_engine(fresh_database()) for _ in range(2))
    with first.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE rows (key bytea PRIMARY KEY)"))
        settings = [
            connection.execute(sqlalchemy.text(f"SHOW {name}")).scalar() for name in ("fsync", "synchronous_commit")
        ]
    assert settings == ["on", "on"]
    assert sqlalchemy.inspect(first).get_table_names() == ["rows"]
    assert sqlalchemy.inspect(second).get_table_names() == []
    first.dispose()
    second.dispose()


def test_password_is_needed(sqlalchemy: Any) -> None:
    url = fresh_database().replace(shared().secrets[0], "wrong")
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"):
        sqlalchemy.create_engine(url).connect()


def test_a_server_stops_and_leaves_nothing() -> None:
    with postgresql() as server:
        assert server.answers()
        assert (server.folder / "data" / "postmaster.pid").exists()
    assert not server.answers()
    assert not server.folder.exists()


def test_server_stops_with_a_killed_process(sqlalchemy: Any) -> None:
    shared()
    command = [sys.executable, "-c", _STARTS_AND_WAITS]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url, folder = process.stdout.readline().split()
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    engine.connect().close()
    process.kill()
    process.wait()
    try:
        wait_until(lambda: not _connects(sqlalchemy, engine), 10, "the end of PostgreSQL")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _connects(sqlalchemy: Any, engine: Any) -> bool:
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError:
        return False
    return True
