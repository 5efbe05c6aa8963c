"""A process that is killed right before its n-th database statement, for every n in turn."""

import os
import signal
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

Work = Callable[[], str]


def killed_before(number: int, work: Work) -> str | None:
    """What ``work`` returns in a process of its own, which kills itself before its statement ``number`` (from 1).

    ``None`` when it got so far; number 0 lets all statements pass and kills it before it can say what it has done.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _count_statements(number)
            said = work()
            if number:
                os.write(writing, b"done " + said.encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said.removeprefix("done ") if said else None


def _count_statements(last: int) -> None:
    passed = 0

    def statement(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def connected(connection: Any, _record: object) -> None:
        if hasattr(connection, "set_trace_callback"):
            connection.set_trace_callback(statement)
        else:
            connection.cursor_factory = _counting(connection.cursor_factory, statement)

    sa.event.listen(sa.pool.Pool, "connect", connected)


def _counting(cursor: Any, statement: Callable[[], None]) -> Any:
    class Counting(cursor):  # type: ignore[misc]
        def execute(self, *arguments: Any, **options: Any) -> Any:
            statement()
            return super().execute(*arguments, **options)

        def executemany(self, *arguments: Any, **options: Any) -> Any:
            statement()
            return super().executemany(*arguments, **options)

    return Counting
