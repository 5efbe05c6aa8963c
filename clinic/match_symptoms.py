"""Where a patient's symptoms come from: what she names, her own records, a phenopacket, a Matchmaker query."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clinic import durable
from clinic.errors import InputInvalid
from clinic.export import MAX_RESOURCES_BYTES
from clinic.keystore import MemberSecrets
from clinic.own_blocks import open_own
from clinic.site import Site
from matching.conditions import CodeMap, terms_of_records
from matching.matchmaker import MAX_MATCHMAKER_BYTES, read_matchmaker_patient
from matching.phenopacket import MAX_PHENOPACKET_BYTES, read_phenopacket
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary

_CONDITION = "Condition"


def gather(
    vocabulary: Vocabulary,
    named: Sequence[str],
    *,
    records: Sequence[str] = (),
    phenopacket: Path | None = None,
    matchmaker: Path | None = None,
) -> Symptoms:
    """All symptoms that were ``named`` or found, by their canonical ids.

    Raises ``SymptomsEmpty``, ``SymptomsTooMany``, ``SymptomInvalid``, ``PhenopacketInvalid``, ``MatchmakerInvalid``,
    ``InputInvalid``.
    """
    found = [*named, *records]
    if phenopacket is not None:
        found += read_phenopacket(_read(phenopacket, MAX_PHENOPACKET_BYTES), vocabulary).observed
    if matchmaker is not None:
        found += read_matchmaker_patient(_read(matchmaker, MAX_MATCHMAKER_BYTES), vocabulary).observed
    return Symptoms.of(vocabulary, found)


def _read(file: Path, most: int) -> bytes:
    """The file, one byte beyond ``most`` at the most: its reader refuses what is too long."""
    if not file.is_file():
        raise InputInvalid("there is no such file of symptoms; name a JSON file")
    with durable.full_disk_told(), file.open("rb") as opened:
        return opened.read(most + 1)


def from_records(site: Site, patient: MemberSecrets, vocabulary: Vocabulary) -> list[str]:
    """Terms of the conditions in her own sealed records, as far as codes have a map; sorted, none twice.

    Opened by her own keys on her machine. Raises what ``open_own`` raises.
    """
    return terms_of_records(_conditions(site, patient), CodeMap(vocabulary))


def _conditions(site: Site, patient: MemberSecrets) -> Iterator[dict[str, Any]]:
    for opened in open_own(site, patient, site.state().blocks(patient=patient.member_id)):
        manifest = opened.manifest
        for index, payload in enumerate(manifest.payloads, start=1):
            records = [r for r in manifest.records if r.member == index and r.resource_type == _CONDITION]
            if not records or payload.plain_size > MAX_RESOURCES_BYTES:
                continue
            plain = io.BytesIO()
            opened.block.open_payload(opened.key, manifest, index, plain)
            view = plain.getbuffer()
            for record in records:
                try:
                    value = json.loads(bytes(view[record.offset : record.offset + record.size]))
                except (ValueError, RecursionError):
                    continue  # a record that is no JSON has no code to read
                if isinstance(value, dict):
                    yield value
