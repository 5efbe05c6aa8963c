"""The whole demo with everybody in a home and a process of their own, as ``deploy/play.py`` plays it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from benchmarks.servers.seaweedfs import seaweedfs
from clinic.home_folder import LEDGER
from tests import needs
from tests.servers.postgresql import postgresql

PLAY = Path(__file__).parents[2] / "deploy" / "play.py"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_whole_demo_between_homes_on_postgresql_and_s3(tmp_path: Path) -> None:
    place, passwords = tmp_path / "play", tmp_path / "pgpass"
    with needs.servers(), seaweedfs(tmp_path / "s3") as store, postgresql() as database:
        given = sqlalchemy.make_url(database.fresh_database())
        where = f"{given.host}:{given.port}"
        passwords.write_text(f"{where}:{given.database}:{given.username}:{given.password}\n")
        passwords.chmod(0o600)
        ledger = f"postgresql://{given.username}@{where}/{given.database}"
        command = [sys.executable, PLAY, "--local", "--folder", place, "--ledger", ledger, "--store", store.url]
        done = subprocess.run(
            list(map(str, command)), env=os.environ | dict(store.env) | {"PGPASSFILE": str(passwords)},
            capture_output=True, text=True, timeout=1100, check=False,
        )  # fmt: skip
        engine = sqlalchemy.create_engine(given)
        tables = sqlalchemy.inspect(engine).get_table_names()
        engine.dispose()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    checks = done.stdout.count("  ok ")
    assert f"{checks} of {checks} checks held" in done.stdout
    assert "straight to and from the store" in done.stdout
    assert tables
    homes = {path.name for path in place.iterdir() if (path / "config.json").exists()}
    assert {"hospital", "proxy-a", "proxy-b", "proxy-c", "okafor", "lindqvist", "abernathy", "castellanos"} <= homes
    assert len(homes) >= 9
    assert not (place / "store").exists()
    assert not (place / "hospital" / LEDGER).exists()
