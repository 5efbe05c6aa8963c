"""A process that puts a file and stands still half-way, to be killed: ``python -m tests.cloud.killed_put URL FILE``."""

import sys
import threading
import time
from pathlib import Path

from cloud.open import open_store
from cloud.streams import view
from tests.cloud.backends import ONCE
from tests.cloud.samples import locator_of


def main(url: str, path: Path) -> None:
    size = path.stat().st_size

    def on_position(position: int) -> None:
        if position > size // 2:
            sys.stdout.write("half\n")
            sys.stdout.flush()
            time.sleep(60)

    with path.open("rb") as opened:
        # a folder would link a named file at once
        file = Unnamed(opened) if url.startswith("file:") else opened
        open_store(url, ONCE).put(locator_of(path.read_bytes()), view(file, threading.Lock(), on_position))


class Unnamed:
    """Hides name and descriptor."""

    def __init__(self, file: object) -> None:
        self.read = file.read  # type: ignore[attr-defined]
        self.seek = file.seek  # type: ignore[attr-defined]
        self.tell = file.tell  # type: ignore[attr-defined]

    def fileno(self) -> int:
        raise OSError


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
