"""A forwarder that cuts connections after so many bytes, delays, swaps or corrupts what passes, or is gone."""

import socket
import time
from collections.abc import Callable, Sequence

from benchmarks.servers.forwarder import Forwarder
from benchmarks.servers.running import BEHIND_PROXY, LOOPBACK

Change = Callable[[bytes], bytes]


class CuttingProxy(Forwarder):
    """``cut_up(n)`` and ``cut_down(n)`` break every connection, once, when ``n`` further bytes went from (to) the
    client; ``corrupt(way, n)`` and ``swap(way, n)`` damage the piece in which that byte comes. ``delay_s`` is waited
    before each piece of up to 64 KiB. While ``gone``, every connection breaks at its first byte; with
    ``stays_cut``, a cut makes it so. ``detour`` is a port to which new connections go instead.
    """

    def __init__(
        self, ports: Sequence[int], listen: str = LOOPBACK, target: str = BEHIND_PROXY, to: int | None = None
    ) -> None:
        self.delay_s = 0.0
        self.cuts = 0
        self.gone = False
        self.stays_cut = False
        self.detour: int | None = None
        self._left: dict[str, int | None] = {"up": None, "down": None}
        self._changes: dict[str, Change | None] = {"up": None, "down": None}
        super().__init__(ports, listen, target, to)

    def cut_up(self, after_bytes: int) -> None:
        """Break when the client has sent so many bytes more."""
        self._arm("up", after_bytes, None)

    def cut_down(self, after_bytes: int) -> None:
        """Break when the client has received so many bytes more."""
        self._arm("down", after_bytes, None)

    def corrupt(self, way: str, after_bytes: int) -> None:
        """Change one bit of the piece in which the byte after so many more comes."""
        self._arm(way, after_bytes, _flipped)

    def swap(self, way: str, after_bytes: int) -> None:
        """Hold back the first half of that piece until the second half went."""
        self._arm(way, after_bytes, _swapped)

    def reset(self) -> None:
        """Forward everything at full speed, and count from nothing."""
        super().reset()
        self._left = {"up": None, "down": None}
        self.delay_s = 0.0
        self.cuts = 0
        self.gone = self.stays_cut = False
        self.detour = None

    def connect(self, target: tuple[str, int]) -> socket.socket:
        """See ``Forwarder.connect``."""
        return super().connect((target[0], self.detour or target[1]))

    def passes(self, way: str, data: bytes) -> tuple[bytes, bool]:
        """See ``Forwarder.passes``."""
        if self.delay_s:
            time.sleep(self.delay_s)
        with self._lock:
            if self.gone:
                return b"", True
            left = self._left[way]
            if left is None:
                return data, False
            if len(data) < left:
                self._left[way] = left - len(data)
                return data, False
            self._left[way] = None
            self.cuts += 1
            change = self._changes[way]
            if change is not None:
                return change(data), False
            self.gone = self.stays_cut
            return data[:left], True

    def _arm(self, way: str, after_bytes: int, change: Change | None) -> None:
        with self._lock:
            self._left[way], self._changes[way] = after_bytes, change


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]


def _swapped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[middle:] + data[:middle]
