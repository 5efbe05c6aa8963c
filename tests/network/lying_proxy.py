"""A proxy that signs wrong fragments, in a process of its own: ``python -m tests.network.lying_proxy proxy serve``."""

import sys
from typing import Any

from clinic import proxy
from network.cli.main import main

_reencrypt = proxy.reencrypt


def _wrong(*words: Any) -> bytes:
    fragment = bytes(_reencrypt(*words))
    return fragment[:-1] + bytes((fragment[-1] ^ 1,))


proxy.reencrypt = _wrong  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(main())
