"""Files to be stored and fetched: so many of one size, incompressible, and the check that they came back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks.errors import CaseFailed
from benchmarks.quantities import size

LARGE_BYTES = 128 << 20
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Load:
    """``files`` files of ``file_bytes`` bytes, moved over up to ``connections`` connections at once."""

    files: int
    file_bytes: int
    connections: int

    @property
    def total_bytes(self) -> int:
        """Bytes in clear."""
        return self.files * self.file_bytes

    @property
    def is_large(self) -> bool:
        """Whether it takes seconds and much of a disk."""
        return self.total_bytes >= LARGE_BYTES

    @property
    def size(self) -> str:
        """How many files of which size, for people."""
        return f"{self.files} x {size(self.file_bytes)}"

    def __str__(self) -> str:
        return f"{self.size}, {self.connections} at once"


def expansion(counted_bytes: int, load: Load) -> float:
    """Bytes that there are beyond those in clear, in per cent of these."""
    return (counted_bytes / load.total_bytes - 1) * 100


class Payload:
    """The files of one load in ``folder``, under new names with new content after each ``renew``; same every run."""

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder = folder
        self._load = load
        self._generation = 0
        folder.mkdir()
        self.renew()

    def renew(self) -> None:
        """Other files of the same sizes, so that nobody can skip what it has stored before."""
        for path in self.folder.iterdir():
            path.unlink()
        self._generation += 1
        for number in range(self._load.files):
            nonce = (self._generation << 96 | number << 64).to_bytes(16, "big")  # 2**64 blocks to each file
            stream = Cipher(algorithms.AES(bytes(16)), modes.CTR(nonce)).encryptor()
            with (self.folder / f"{self._generation}-{number}.bin").open("wb") as file:
                for start in range(0, self._load.file_bytes, _PIECE_BYTES):
                    file.write(stream.update(bytes(min(_PIECE_BYTES, self._load.file_bytes - start))))

    def digests(self) -> Mapping[str, bytes]:
        """SHA-256 of each file by name."""
        return _digests(self.folder)


def require_all(out: Path, expected: Mapping[str, bytes], system: str) -> None:
    """Raises ``CaseFailed`` unless every expected file lies somewhere below ``out``, byte for byte."""
    found = _digests(out)
    if any(found.get(name) != digest for name, digest in expected.items()):
        raise CaseFailed(f"{system} did not bring back what it had stored; its times count for nothing")


def _digests(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").digest()
    return found
