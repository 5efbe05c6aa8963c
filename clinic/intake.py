"""Intake: files handed to ``seal`` become drafts; a FHIR bundle is split, anything else is one record."""

from __future__ import annotations

import contextlib
import io
import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path

from clinic import durable
from clinic.errors import InputInvalid
from clinic.fhir.bundle import parse_bundle
from clinic.fhir.errors import NotFhir
from clinic.fhir.split import RecordGroup, split
from clinic.sealing import Draft
from scheme.record import FHIR_MEDIA_TYPE
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource

MAX_BUNDLE_BYTES = 256 << 20
"""Larger JSON files are sealed as files; a bundle is parsed in memory."""
_DICOM_MAGIC = b"DICM"
_DICOM_OFFSET = 128
_DEFAULT_MEDIA_TYPE = "application/octet-stream"


def drafts_of(path: Path, *, category: Category | None = None, amends: str | None = None) -> list[Draft]:
    """Drafts of one file. ``category`` is for files that are no FHIR bundle; without it images are imaging, the rest
    clinical. Raises ``InputInvalid`` on what is not a readable file, ``FhirInvalid`` on a broken bundle.
    """
    if path.is_dir():
        raise InputInvalid(f"{path.name} is a folder; name the files in it")
    if not path.is_file():
        raise InputInvalid(f"there is no file {path.name}")
    with durable.full_disk_told():
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_DICOM_OFFSET + len(_DICOM_MAGIC))
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and size <= MAX_BUNDLE_BYTES:
        try:
            return bundle_drafts(durable.read(path), amends=amends)
        except NotFhir:
            pass
    return [_file_draft(path, size, head, category, amends)]


def bundle_drafts(data: bytes, *, amends: str | None = None) -> list[Draft]:
    """Drafts of a FHIR R4 bundle: one block for each visit and scope. Raises ``NotFhir``, ``FhirInvalid``."""
    groups = split(parse_bundle(data))
    if not groups:
        raise InputInvalid("the FHIR bundle holds no resources; there is nothing to seal")
    return [_group_draft(group, amends) for group in groups]


def _group_draft(group: RecordGroup, amends: str | None) -> Draft:
    parts = [
        Part(record.full_url or "", FHIR_MEDIA_TYPE, len(record.data), record.resource_type, record.time)
        for record in group.records
    ]

    @contextlib.contextmanager
    def opened() -> Iterator[Sequence[PayloadSource]]:
        yield [PayloadSource(io.BytesIO(b"".join(record.data for record in group.records)), parts)]

    return Draft(group.category, group.year, opened, sum(part.size or 0 for part in parts), len(parts), amends)


def _file_draft(path: Path, size: int, head: bytes, category: Category | None, amends: str | None) -> Draft:
    is_dicom = head[_DICOM_OFFSET:] == _DICOM_MAGIC
    media_type = "application/dicom" if is_dicom else mimetypes.guess_type(path.name)[0] or _DEFAULT_MEDIA_TYPE
    default = Category.IMAGING if is_dicom or media_type.startswith("image/") else Category.CLINICAL
    part = Part(path.name, media_type)

    @contextlib.contextmanager
    def opened() -> Iterator[Sequence[PayloadSource]]:
        with durable.full_disk_told(), path.open("rb") as file:
            yield [PayloadSource(file, [part])]

    return Draft(category or default, None, opened, size, 1, amends)
