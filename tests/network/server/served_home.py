"""Serve a home in a process of its own: ``python -m tests.network.server.served_home HOME PORT``; tests kill it."""

import sys
from pathlib import Path

from clinic.home import Home
from network.server.app import serve_home
from network.server.limits import Limits
from network.server.process import Listen

HEAD_TIMEOUT_S = 1.0
MAX_CONNECTIONS = 12


def main() -> None:
    home, port = sys.argv[1:]
    serve_home(
        Home(Path(home)),
        f"https://127.0.0.1:{port}",
        Listen("127.0.0.1", int(port)),
        limits=Limits(head_timeout_s=HEAD_TIMEOUT_S, max_connections_of_address=MAX_CONNECTIONS),
        on_ready=lambda address: print(address, flush=True),  # noqa: T201 (the test waits for it)
    )


if __name__ == "__main__":
    main()
