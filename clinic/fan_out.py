"""Asking several at once: answers in the order in which they come, and nobody waits for the slow."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from scheme.errors import ChartSealError

T = TypeVar("T")


def answers(calls: Mapping[str, Callable[[], T]]) -> Iterator[tuple[str, T | ChartSealError]]:
    """Each call's name with what it returned, or the error that it raised, as they come in.

    Whoever has enough stops asking for more: a thread that still waits is a daemon, so that neither the caller nor the
    end of the program waits for it. An exception that is no ``ChartSealError`` is raised here.
    """
    came: queue.SimpleQueue[tuple[str, T | BaseException]] = queue.SimpleQueue()

    def run(name: str, call: Callable[[], T]) -> None:
        try:
            came.put((name, call()))
        except BaseException as error:  # noqa: BLE001 (told to whoever asked)
            came.put((name, error))

    for name, call in calls.items():
        threading.Thread(target=run, args=(name, call), name=f"ask-{name}", daemon=True).start()
    for _ in calls:
        name, answer = came.get()
        if isinstance(answer, BaseException) and not isinstance(answer, ChartSealError):
            raise answer
        yield name, answer
