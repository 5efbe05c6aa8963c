"""Keys of the delegates that this home runs: one file each, mode 0600, named by the delegate's id."""

from __future__ import annotations

from pathlib import Path

from clinic import durable
from clinic.requests import new_id
from ledger.delegate import Delegate
from ledger.genesis import Founder
from scheme.keys import SigningKey

_SUFFIX = ".key"


class DelegateKeys:
    """The folder with the keys. They are not sealed: a delegate votes without anybody at the keyboard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def generate(self) -> tuple[str, SigningKey]:
        """A new delegate id with its key, kept here from now on."""
        delegate, key = new_id(), SigningKey.generate()
        self.keep(delegate, key)
        return delegate, key

    def keep(self, delegate: str, key: SigningKey) -> None:
        """Keep the key with which ``delegate`` votes from now on, in place of an older one."""
        durable.write(self._path(delegate), key.to_secret_bytes())

    def find(self, delegate: str) -> SigningKey | None:
        """The key of ``delegate``, if this home has it."""
        path = self._path(delegate)
        return SigningKey.from_secret_bytes(durable.read(path)) if path.exists() else None

    def forget(self, delegate: str) -> None:
        """Delete the key of a delegate that never came to stand."""
        self._path(delegate).unlink(missing_ok=True)

    def found(self, count: int) -> list[Founder]:
        """``count`` new founders for a genesis."""
        return [Founder(delegate, key.verifying_key.data) for delegate, key in (self.generate() for _ in range(count))]

    def delegates(self) -> list[Delegate]:
        """The delegates of this home, ready to vote."""
        return [
            Delegate(path.stem, SigningKey.from_secret_bytes(durable.read(path)))
            for path in sorted(self._folder.glob(f"*{_SUFFIX}"))
        ]

    def _path(self, delegate: str) -> Path:
        return self._folder / f"{delegate}{_SUFFIX}"
