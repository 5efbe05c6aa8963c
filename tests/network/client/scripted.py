"""A TLS server that answers by script, for what a real one never does: lies, cuts, overlong answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from network.tls import ServerIdentity


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; ``port`` is the client's, the same for all of one connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int = 0


@dataclass(frozen=True)
class Reply:
    """An answer; ``cut``: the connection ends after so many bytes of the body that was announced."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class ScriptedServer:
    """Each request gets what ``answer`` says; all are kept in ``asked``."""

    url: str
    ca_pem: str
    answer: Callable[[Asked], Reply] = lambda _asked: Reply()
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted(folder: Path) -> Iterator[ScriptedServer]:
    """A server on a free port of this machine, until the end of the block."""
    identity = ServerIdentity.load_or_create(folder, "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def _answer(self) -> None:
            if self.headers.get("transfer-encoding"):
                raise AssertionError("bodies are sent with their length")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {k.lower(): v for k, v in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body, self.client_address[1])
            server.asked.append(asked)
            reply = server.answer(asked)
            self.send_response(reply.status)
            for name, value in ({"content-length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 (the library's names)

        def log_message(self, *_words: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.socket = identity.server_context().wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server = ScriptedServer(f"https://127.0.0.1:{http.server_port}", identity.ca_pem)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
