"""HTTP/1.1 by uvicorn and h11, with three limits that they lack.

An address has so many connections. A request's head has to arrive within some seconds. A connection that the server
closes is closed, also when the client does not answer the end of TLS (for which asyncio waits half a minute): a stop
does not wait for idle clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from network.errors import MessageInvalid
from network.server.limits import Limits, address_key

_CLOSE_S = 0.5
_CUT_S = 30.0


def protocol_class(limits: Limits) -> type[H11Protocol]:
    """The protocol, of which an address has ``max_connections_of_address`` open.

    They wait no longer than ``head_timeout_s`` for a head once they wait for one.
    """

    class LimitedProtocol(H11Protocol):
        _address = ""
        _timer: asyncio.TimerHandle | None = None
        _socket: socket.socket

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._socket = transport.get_extra_info("socket")
            self._address = address_key(self.client[0] if self.client else "")
            of_address = sum(getattr(other, "_address", "") == self._address for other in self.connections)
            if of_address > limits.max_connections_of_address:
                transport.abort()
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._wait_for_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait_for_head()
            self._close_soon()

        def shutdown(self) -> None:
            super().shutdown()
            self._close_soon()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's name)
            body = json.dumps({"error": MessageInvalid.code, "message": "this is no HTTP request; send HTTP/1.1"})
            if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                headers = [("content-type", "application/json"), ("connection", "close")]
                for event in (
                    h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                    h11.Data(data=body.encode()),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()
            self._close_soon()

        def _close_soon(self) -> None:
            """What is to be sent still goes out; after ``_CUT_S`` not even that."""
            if self.transport.is_closing():
                self.loop.call_later(_CLOSE_S, self._hang_up, socket.SHUT_RD)
                self.loop.call_later(_CUT_S, self._hang_up, socket.SHUT_RDWR)

        def _hang_up(self, how: int) -> None:
            if self in self.connections:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(how)

        def _wait_for_head(self) -> None:
            """Between requests uvicorn limits how long a connection is idle; the first head and one begun, we do."""
            waiting = self.cycle is None or self.cycle.response_complete
            if not waiting or self.timeout_keep_alive_task is not None:
                self._stop_waiting()
            elif self._timer is None:
                self._timer = self.loop.call_later(limits.head_timeout_s, self._give_up)

        def _stop_waiting(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self._timer = None
            if not self.transport.is_closing():
                self.transport.abort()

    return LimitedProtocol
