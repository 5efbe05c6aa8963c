"""Reads from an SFTP file with many requests on their way, in flat memory.

Paramiko's ``prefetch`` asks in a thread that prints a traceback when the connection breaks, and its limit on requests
keeps pieces in memory that were read meanwhile (a 256 MiB file took 270 MB). Hence its private request interface here.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import paramiko
from paramiko.sftp import CMD_DATA, CMD_READ, int64

PIECE_BYTES: Final = 32 << 10
_REQUESTS_ON_THEIR_WAY: Final = 64


class _Answers:
    """Collects answers by request number: a server may answer out of order (draft-ietf-secsh-filexfer-02, 6.1)."""

    def __init__(self, sftp: paramiko.SFTPClient) -> None:
        self._sftp: Any = sftp
        self._arrived: dict[int, tuple[int, Any]] = {}

    def _async_response(self, kind: int, message: Any, number: int) -> None:  # called by paramiko
        self._arrived[number] = (kind, message)

    def ask(self, handle: Any, offset: int, length: int) -> int:
        number: int = self._sftp._async_request(self, CMD_READ, handle, int64(offset), length)
        return number

    def wait_for(self, number: int) -> bytes:
        """Up to the asked length of bytes. Raises ``EOFError`` at the end of the file, ``OSError``."""
        while number not in self._arrived:
            self._sftp._read_response()
        kind, message = self._arrived.pop(number)
        if kind != CMD_DATA:
            self._sftp._convert_status(message)
            raise EOFError
        data: bytes = message.get_string()
        return data


def read_pieces(sftp: paramiko.SFTPClient, file: paramiko.SFTPFile, offset: int, length: int) -> Iterator[bytes]:
    """``length`` bytes from ``offset`` on, fewer if the file ends, in pieces of up to 32 KiB.

    A caller that stops early has to drop the connection: answers are still on their way.
    """
    answers = _Answers(sftp)
    waiting: deque[tuple[int, int, int]] = deque()
    asked, end = offset, offset + length
    while waiting or asked < end:
        while asked < end and len(waiting) < _REQUESTS_ON_THEIR_WAY:
            size = min(PIECE_BYTES, end - asked)
            waiting.append((answers.ask(file.handle, asked, size), asked, size))
            asked += size
        number, start, size = waiting.popleft()
        try:
            data = answers.wait_for(number)
        except EOFError:
            continue
        yield data
        if 0 < len(data) < size:
            start, size = start + len(data), size - len(data)
            waiting.appendleft((answers.ask(file.handle, start, size), start, size))
