"""Phenopackets: observed and excluded terms, beside the table that was made of the same packets by others."""

from __future__ import annotations

import csv
import gzip
import json
import tarfile

import pytest

from matching.errors import PhenopacketInvalid, SymptomsEmpty
from matching.phenopacket import MAX_PHENOPACKET_BYTES, read_phenopacket
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary
from tests.needs import data


def test_published_packets_give_the_terms_of_the_published_table() -> None:
    known = Vocabulary.default()
    folder = data("phenopackets")
    with gzip.open(folder / "cases.tsv.gz", "rt", encoding="utf-8") as file:
        table = {(row["cohort"], row["id"]): row for row in csv.DictReader(file, delimiter="\t")}
    compared = 0
    with tarfile.open(folder / "phenopackets_200.tar.xz") as archive:
        for member in archive:
            packet = archive.extractfile(member)
            if packet is None:
                continue
            content = packet.read()
            row = table.get((member.name.split("/")[0], json.loads(content)["id"]))
            if row is None:
                continue
            expected = Symptoms.of(
                known, filter(None, row["observed_hpo"].split(",")), filter(None, row["excluded_hpo"].split(","))
            )
            assert read_phenopacket(content, known) == expected, member.name
            compared += 1
    assert compared > 20


def test_each_published_packet_reads_with_as_many_terms_as_it_has() -> None:
    known = Vocabulary.default()
    packets, observed, excluded = 0, 0, 0
    with tarfile.open(data("phenopackets") / "phenopackets_200.tar.xz") as archive:
        for member in archive:
            packet = archive.extractfile(member)
            if packet is None:
                continue
            content = packet.read()
            said: dict[bool, set[str]] = {False: set(), True: set()}
            for feature in json.loads(content)["phenotypicFeatures"]:
                said[feature.get("excluded", False)].add(feature["type"]["id"])
            found = read_phenopacket(content, known)
            counts = len(said[False]), len(said[True] - said[False])
            assert (len(found.observed), len(found.excluded)) == counts, member.name
            packets, observed, excluded = packets + 1, observed + counts[0], excluded + counts[1]
    assert (packets, observed, excluded) == (200, 1803, 2649)


def packet(*features: object) -> bytes:
    return json.dumps({"id": "p", "phenotypicFeatures": features}).encode()


def test_negated_of_version_1_is_excluded() -> None:
    content = packet({"type": {"id": "HP:0001250"}}, {"type": {"id": "HP:0002315"}, "negated": True})
    assert read_phenopacket(content, Vocabulary.default()) == Symptoms(
        frozenset({"HP:0001250"}), frozenset({"HP:0002315"})
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"3",
        b"\xff\xff",
        b"[" * 100_000,
        b'{"phenotypicFeatures": {}}',
        packet("HP:0001250"),
        packet({"type": "HP:0001250"}),
        packet({"type": {}}),
        packet({"type": {"id": 7}}),
        packet({"type": {"id": "HP:0001250"}, "excluded": "yes"}),
        b" " * (MAX_PHENOPACKET_BYTES + 1),
    ],
)
def test_what_is_no_phenopacket_is_refused(content: bytes) -> None:
    with pytest.raises(PhenopacketInvalid) as refused:
        read_phenopacket(content, Vocabulary.default())
    assert "HP:" not in str(refused.value)


def test_a_packet_without_observed_features_has_no_symptoms() -> None:
    with pytest.raises(SymptomsEmpty):
        read_phenopacket(b'{"id": "p"}', Vocabulary.default())
