"""Writing opened blocks out: one FHIR bundle of all resources, and every other record as a file, byte for byte."""

from __future__ import annotations

import io
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clinic import durable
from clinic.errors import DiskFull, InputInvalid
from clinic.fhir.assemble import assemble
from clinic.opened import OpenedBlock
from scheme.record import Record

MAX_NAME_BYTES = 200
MAX_RESOURCES_BYTES = 256 << 20
"""FHIR resources of one member are unpacked in memory; files are not."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
"""Control characters, what Windows forbids, and what turns the direction of text (``exe`` that reads as ``jpg``)."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *(\.|$)", re.IGNORECASE)
_BUNDLE_NAME = "bundle.json"


@dataclass
class ExportReport:
    """What was written: ``bytes`` of records in clear; ``resources`` in the bundle; ``files`` beside it."""

    blocks: int = 0
    chapters: int = 0
    records: int = 0
    resources: int = 0
    files: int = 0
    bytes: int = 0


def prepare_folder(folder: Path) -> Path:
    """An empty folder to write to. Raises ``InputInvalid`` when there is something in it already."""
    with durable.full_disk_told():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputInvalid(f"the output folder {folder.name} exists and is not empty; name a new one")
        folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
    return folder


def export(opened_blocks: Iterable[OpenedBlock], folder: Path) -> ExportReport:
    """Write ``folder/bundle.json`` and ``folder/files/NAME``; ``folder`` must be new or empty.

    Nothing half-written gets its final name. A name that a file system would not take, or that stands twice, is
    changed; it never leads outside of ``folder``. Raises ``InputInvalid``, ``DiskFull``, and what opening raises.
    """
    writer = _Writer(prepare_folder(folder))
    with durable.writing(folder / _BUNDLE_NAME) as bundle:
        writer.report.resources = assemble(writer.resources(opened_blocks), bundle)
    return writer.report


class _Writer:
    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._names: set[str] = set()
        self._chapters: set[str] = set()
        self.report = ExportReport()

    def resources(self, opened_blocks: Iterable[OpenedBlock]) -> Iterator[tuple[str | None, bytes]]:
        """The FHIR resources in order; files are written on the way."""
        for opened in opened_blocks:
            self.report.blocks += 1
            self._chapters.add(opened.anchored.chapter)
            self.report.chapters = len(self._chapters)
            for index in range(1, len(opened.manifest.payloads) + 1):
                records = [record for record in opened.manifest.records if record.member == index]
                self.report.records += len(records)
                self.report.bytes += sum(record.size for record in records)
                if len(records) == 1 and not records[0].is_resource:
                    self._write_file(opened, index, records[0])
                else:
                    yield from self._slices(opened, index, records)

    def _slices(self, opened: OpenedBlock, index: int, records: list[Record]) -> Iterator[tuple[str | None, bytes]]:
        if opened.manifest.payloads[index - 1].plain_size > MAX_RESOURCES_BYTES:
            raise InputInvalid(
                f"a block claims more than {MAX_RESOURCES_BYTES} bytes of FHIR resources; it was not unpacked"
            )
        plain = io.BytesIO()
        opened.block.open_payload(opened.key, opened.manifest, index, plain)
        view = plain.getbuffer()
        for record in records:
            data = bytes(view[record.offset : record.offset + record.size])
            if record.is_resource:
                yield record.name or None, data
            else:
                self.report.files += 1
                durable.write(self._files / self._free_name(record.name), data)

    def _write_file(self, opened: OpenedBlock, index: int, record: Record) -> None:
        if shutil.disk_usage(self._files.parent).free < record.size:
            raise DiskFull(f"a record of {record.size:,} bytes does not fit into the output folder; free some space")
        with durable.writing(self._files / self._free_name(record.name)) as file:
            opened.block.open_payload(opened.key, opened.manifest, index, file)
        self.report.files += 1

    def _free_name(self, name: str) -> str:
        safe = safe_name(name)
        stem, dot, suffix = safe.rpartition(".")
        number = 1
        candidate = safe
        while candidate.casefold() in self._names:
            number += 1
            candidate = f"{stem} ({number}).{suffix}" if dot and stem else f"{safe} ({number})"
        self._names.add(candidate.casefold())
        return candidate


def safe_name(name: str) -> str:
    """A file name that stays in its folder on every file system; scripts of all languages are kept."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    cleaned = _FORBIDDEN.sub("_", last).strip(" .")
    if _RESERVED.match(cleaned):
        cleaned = f"_{cleaned}"
    encoded = cleaned.encode("utf-8", "replace")
    if len(encoded) > MAX_NAME_BYTES:
        stem, dot, suffix = cleaned.rpartition(".")
        tail = f".{suffix}" if dot and len(suffix) <= 16 else ""
        head = (stem if tail else cleaned).encode("utf-8", "replace")[: MAX_NAME_BYTES - len(tail.encode())]
        cleaned = head.decode("utf-8", "ignore") + tail
    return cleaned or "record"
