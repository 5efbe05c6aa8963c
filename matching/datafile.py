"""Text of a vocabulary's data file, plain or compressed with gzip or xz."""

import gzip
import lzma
from pathlib import Path
from typing import IO, cast

from matching.errors import VocabularyInvalid, VocabularyMissing

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Unpacked. The largest file of the Human Phenotype Ontology's releases has 34 MB."""


def read_text(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> str:
    """The UTF-8 text of ``path``, unpacked by its suffix (``.gz``, ``.xz``), lines ending in a newline alone.

    Raises ``VocabularyMissing`` when there is no such file, ``VocabularyInvalid`` when it is damaged, not UTF-8 or
    unpacks to more than ``max_bytes`` bytes.
    """
    try:
        with _opened(path) as file:
            data: bytes = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise VocabularyInvalid(f"{path.name} unpacks to more than {max_bytes} bytes; that is no vocabulary file")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise VocabularyMissing(f"there is no file {path.name}; give the path of a downloaded release") from None
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError):
        raise VocabularyInvalid(f"{path.name} cannot be read; download it again") from None
    return text.replace("\r\n", "\n") if "\r" in text else text


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return cast(IO[bytes], lzma.open(path, "rb")) if path.suffix == ".xz" else path.open("rb")
