"""FTP and FTPS on pyftpdlib, in a thread of this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.servers.certificate import make_certificate, write_netrc
from benchmarks.servers.running import LOOPBACK, Running, free_ports, module

USER = "clinic"
PASSWORD = "pyftpdlib-password-of-the-tests"  # noqa: S105 - of a server on loopback


@contextmanager
def pyftpdlib(folder: Path, *, tls: bool, listen: str = LOOPBACK) -> Iterator[Running]:
    """A store URL on a server whose files lie in ``folder``."""
    authorizers, handlers, ioloop, servers = (
        module(f"pyftpdlib.{name}", feature="ftp") for name in ("authorizers", "handlers", "ioloop", "servers")
    )
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())  # else it would set up one of its own
    authorizer = authorizers.DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(root), perm="elradfmwMT")
    control, *passive = free_ports(9)
    settings: dict[str, Any] = {
        "authorizer": authorizer,
        "passive_ports": passive,
        "tcp_no_delay": True,
        "permit_foreign_addresses": True,
    }
    option = ""
    if tls:
        cert_file, key_file = make_certificate(folder)
        settings |= {
            "certfile": str(cert_file),
            "keyfile": str(key_file),
            "tls_control_required": True,
            "tls_data_required": True,
        }
        option = f"?ca={cert_file}"
    base = handlers.TLS_FTPHandler if tls else handlers.FTPHandler
    handler = type("Handler", (base,), settings)
    loop = ioloop.IOLoop()
    server = servers.FTPServer((listen, control), handler, ioloop=loop)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            loop.loop(timeout=0.02, blocking=False)
        server.close_all()
        loop.close()

    thread = threading.Thread(target=serve, name="pyftpdlib", daemon=True)
    thread.start()
    try:
        yield Running(
            f"{'ftps' if tls else 'ftp'}://{USER}@{LOOPBACK}:{control}/clinic{option}",
            {"NETRC": str(write_netrc(folder, USER, PASSWORD))},
            root=root / "clinic",
            secrets=(PASSWORD,),
            ports=(control, *passive),
        )
    finally:
        stop.set()
        thread.join(10)
