"""PostgreSQL from Debian, in a temporary folder and on a port of its own; one server a process, a database a test.

It refuses to run as root, so root starts it as ``postgres`` (the package makes that user) or ``nobody``. It writes
durably, as in earnest, and stops with the process that started it, even a killed one.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.servers.running import LOOPBACK, free_ports, server_process, wait_until
from tests import needs

USER = "chartseal"
_DEBIAN = Path("/usr/lib/postgresql")
_STOP_S = 20


class Postgresql:
    """A server that is up; its files lie in ``folder``, ``secrets`` are the words that must never show."""

    def __init__(self, psycopg: ModuleType, folder: Path, port: int, password: str) -> None:
        self.folder = folder
        self._psycopg = psycopg
        self._port = port
        self._password = password
        self._count = 0
        self.secrets = (password,)

    def fresh_database(self) -> str:
        """SQLAlchemy URL of a new, empty database; about 50 ms."""
        self._count += 1
        name = f"ledger_{self._count}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"postgresql+psycopg://{USER}:{self._password}@{LOOPBACK}:{self._port}/{name}"

    def answers(self) -> bool:
        """Whether it takes a connection."""
        try:
            self._connect().close()
        except self._psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> Any:
        return self._psycopg.connect(
            host=LOOPBACK, port=self._port, user=USER, password=self._password, dbname="postgres", autocommit=True
        )


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A server of its own; half a second."""
    psycopg = needs.module("psycopg", feature="postgresql")
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    postgres = needs.program("postgres", feature="postgresql", folders=folders)
    initdb = needs.program("initdb", feature="postgresql", folders=folders)
    folder = Path(tempfile.mkdtemp(prefix="chartseal-postgresql-"))
    log, data, port, password = folder / "log", folder / "data", free_ports(1)[0], secrets.token_hex(16)
    try:
        (folder / "password").write_text(password)
        as_owner = _owned_by_server(folder)
        create = [initdb, f"--pgdata={data}", f"--username={USER}", f"--pwfile={folder / 'password'}", "--no-sync"]
        create += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        subprocess.run([*as_owner, *create], check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = {"listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": "", "fsync": "on"}
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with server_process([*as_owner, "--pdeathsig=INT", postgres, f"-D{data}", *options], log) as process:
            server = Postgresql(psycopg, folder, port, password)
            wait_until(server.answers, 30, "PostgreSQL", log)
            try:
                yield server
            finally:
                process.send_signal(signal.SIGQUIT)  # at once: what it would still write is deleted below
                process.wait(_STOP_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def shared() -> Postgresql:
    """The server of this process, started at the first call and stopped at its end."""
    stack = ExitStack()
    server = stack.enter_context(postgresql())
    atexit.register(stack.close)
    return server


def fresh_database() -> str:
    """SQLAlchemy URL of an empty database on the shared server; skips where PostgreSQL is not installed."""
    return shared().fresh_database()


def _owned_by_server(folder: Path) -> list[str]:
    """Give ``folder`` to the user whom the server runs as; returns the command that starts a program as that user."""
    setpriv = needs.program("setpriv", feature="postgresql")
    if os.geteuid() != 0:
        return [setpriv]
    users = {user.pw_name: user for user in pwd.getpwall()}
    owner = users.get("postgres") or users["nobody"]
    for path in (folder, folder / "password"):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return [setpriv, f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
