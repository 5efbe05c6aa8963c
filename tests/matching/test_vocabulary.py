"""The vocabulary: terms, hierarchy, ids that were merged or are not known, and the files it is read from."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.errors import SymptomInvalid, VocabularyInvalid, VocabularyMissing
from matching.obo import read_obo
from matching.obographs import read_obographs
from matching.vocabulary import ROOT, Vocabulary
from tests.matching.small_vocabulary import random_vocabularies
from tests.needs import data

SEIZURE = "HP:0001250"

OBO = """format-version: 1.2
data-version: hp/releases/2030-01-02

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000002
name: Knee \\"click\\"
alt_id: HP:0000012
def: "A click. Of the knee." [PMID:1]
synonym: "Clicking knee" EXACT layperson []
synonym: "Genu clicans" EXACT []
synonym: "Genua" EXACT plural_form [x:1]
synonym: "old name" EXACT obsolete_synonym []
xref: SNOMEDCT_US:123
xref: ICD-10:M25.3 "Knee"
is_a: HP:0000001 ! All
is_a: HP:0000004 {source="x"} ! Joint

[Term]
id: HP:0000003
name: obsolete Click
is_obsolete: true
replaced_by: HP:0000012

[Term]
id: HP:0000004
name: Joint
is_a: HP:0000001 ! All

[Typedef]
id: has_part
name: has part
"""

_IRI = "http://purl.obolibrary.org/obo/HP_000000"
_OIO = "http://www.geneontology.org/formats/oboInOwl#"
OBOGRAPHS = {
    "graphs": [
        {
            "meta": {"version": "http://purl.obolibrary.org/obo/hp/releases/2030-01-02/hp.json"},
            "nodes": [
                {"id": "http://purl.obolibrary.org/obo/GO_0000016", "lbl": "lactase activity"},
                {"id": _IRI + "1", "lbl": "All", "type": "CLASS"},
                {
                    "id": _IRI + "2",
                    "lbl": 'Knee "click"',
                    "meta": {
                        "definition": {"val": "A click. Of the knee.", "xrefs": ["PMID:1"]},
                        "synonyms": [
                            {
                                "synonymType": "http://purl.obolibrary.org/obo/hp#layperson",
                                "pred": "hasExactSynonym",
                                "val": "Clicking knee",
                            },
                            {"pred": "hasExactSynonym", "val": "Genu clicans"},
                            {
                                "synonymType": "http://purl.obolibrary.org/obo/hp#plural_form",
                                "pred": "hasExactSynonym",
                                "val": "Genua",
                            },
                            {
                                "synonymType": "http://purl.obolibrary.org/obo/hp#obsolete_synonym",
                                "pred": "hasExactSynonym",
                                "val": "old name",
                            },
                        ],
                        "xrefs": [{"val": "SNOMEDCT_US:123"}, {"val": "ICD-10:M25.3"}],
                        "basicPropertyValues": [{"pred": _OIO + "hasAlternativeId", "val": "HP:0000012"}],
                    },
                },
                {
                    "id": _IRI + "3",
                    "lbl": "obsolete Click",
                    "meta": {
                        "deprecated": True,
                        "basicPropertyValues": [
                            {"pred": "http://purl.obolibrary.org/obo/IAO_0100001", "val": _IRI[:-1] + "12"}
                        ],
                    },
                },
                {"id": _IRI + "4", "lbl": "Joint"},
            ],
            "edges": [
                {"sub": _IRI + "2", "pred": "is_a", "obj": _IRI + "1"},
                {"sub": _IRI + "2", "pred": "is_a", "obj": _IRI + "4"},
                {"sub": _IRI + "2", "pred": "http://purl.obolibrary.org/obo/BFO_0000051", "obj": _IRI + "3"},
                {"sub": _IRI + "4", "pred": "is_a", "obj": _IRI + "1"},
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def hpo() -> Vocabulary:
    return Vocabulary.default()


def test_a_term_has_its_names_and_its_place(hpo: Vocabulary) -> None:
    seizure = hpo.term(SEIZURE)
    assert seizure is not None
    assert seizure.label == "Seizure"
    assert "Epileptic seizure" in seizure.synonyms
    assert seizure.xrefs
    assert {"HP:0000707", "HP:0000118", ROOT} <= hpo.ancestors(SEIZURE)
    assert SEIZURE not in hpo.ancestors(SEIZURE)
    assert set(hpo.parents(SEIZURE)) <= hpo.ancestors(SEIZURE)


def test_origin_and_release_can_be_shown(hpo: Vocabulary) -> None:
    assert "Human Phenotype Ontology" in hpo.attribution
    assert hpo.version in hpo.attribution


def test_every_ancestor_is_a_live_term_and_the_root_is_the_only_top(hpo: Vocabulary) -> None:
    assert [term.id for term in hpo if not hpo.parents(term.id)] == [ROOT]
    assert all(hpo.term(above) is not None for term in hpo for above in hpo.parents(term.id))
    assert all(ROOT in hpo.ancestors(term.id) for term in hpo if term.id != ROOT)


@pytest.mark.parametrize(
    "spelling",
    ["HP:0001250", "hp:0001250", " HP_0001250\n", "http://purl.obolibrary.org/obo/HP_0001250", "HP:0001303"],
)
def test_a_term_is_found_by_every_spelling_and_former_id(hpo: Vocabulary, spelling: str) -> None:
    found = hpo.term(spelling)
    assert found is not None
    assert hpo.canonical_id(spelling) == found.id == SEIZURE


def test_an_obsolete_id_stands_for_its_replacement(hpo: Vocabulary) -> None:
    obo = read_obo(OBO)
    assert obo.replaced == {"HP:0000012": "HP:0000002", "HP:0000003": "HP:0000012"}
    assert hpo.canonical_id("HP:0000057") == "HP:0008665"


@pytest.mark.parametrize("unknown", ["HP:9999999", "ORPHA:558", "OMIM:1", "R99.Z9", "G43.9", "x"])
def test_an_unknown_id_is_a_term_without_parents(hpo: Vocabulary, unknown: str) -> None:
    assert hpo.term(unknown) is None
    assert hpo.parents(unknown) == ()
    assert hpo.ancestors(unknown) == frozenset()
    assert hpo.information(unknown) == hpo.unknown_bits > 0
    assert hpo.canonical_id(unknown) == unknown.upper()


@pytest.mark.parametrize("wrong", ["", " ", "HP 1", "HP:1\x00", "é", "İ", "x" * 65, "x" * 10_000, "HP:1;drop", "\n"])
def test_what_cannot_be_an_id_is_refused_without_being_repeated(hpo: Vocabulary, wrong: str) -> None:
    with pytest.raises(SymptomInvalid) as refused:
        hpo.term(wrong)
    assert refused.value.code == "symptom-invalid"
    assert not wrong.strip() or wrong.strip() not in str(refused.value)


@given(st.text(max_size=80))
def test_canonical_ids_stay_as_they_are(text: str) -> None:
    hpo = Vocabulary.default()
    try:
        once = hpo.canonical_id(text)
    except SymptomInvalid:
        return
    assert hpo.canonical_id(once) == once


@given(random_vocabularies())
def test_ancestors_are_the_parents_and_theirs(known: Vocabulary) -> None:
    for term in known:
        parents = known.parents(term.id)
        assert known.ancestors(term.id) == {*parents, *(above for each in parents for above in known.ancestors(each))}


def test_files_of_a_release_give_the_same_as_the_bundled_one(hpo: Vocabulary) -> None:
    folder = data("hpo")
    read = Vocabulary.from_files(folder / "hp.obo.gz", folder / "phenotype.hpoa.xz")
    assert read.version == "2025-01-16"
    if hpo.version == read.version:
        assert list(read) == list(hpo)
        assert read.annotations == hpo.annotations


def test_obo_and_json_say_the_same(tmp_path: Path) -> None:
    assert read_obo(OBO) == read_obographs(json.dumps(OBOGRAPHS))
    (tmp_path / "hp.json.gz").write_bytes(gzip.compress(json.dumps(OBOGRAPHS).encode()))
    (tmp_path / "hp.obo").write_bytes(OBO.replace("\n", "\r\n").encode())
    one, two = (Vocabulary.from_files(tmp_path / name, tmp_path / "absent") for name in ("hp.json.gz", "hp.obo"))
    assert list(one) == list(two)
    click = two.term("HP:0000003")
    assert click is not None
    assert click.id == "HP:0000002"
    assert click.label == 'Knee "click"'
    assert (click.synonyms, click.lay_synonyms) == (("Genu clicans", "Genua"), ("Clicking knee",))
    assert click.xrefs == ("SNOMEDCT_US:123", "ICD-10:M25.3")
    assert two.parents(click.id) == ("HP:0000001", "HP:0000004")
    assert two.version == "2030-01-02"


def test_ids_replaced_in_a_circle_and_terms_above_each_other_do_not_hang(tmp_path: Path) -> None:
    circle = "format-version: 1.2\n\n[Term]\nid: HP:1\nname: a\nis_a: HP:2\n\n[Term]\nid: HP:2\nname: b\nis_a: HP:1\n"
    circle += "\n[Term]\nid: HP:3\nis_obsolete: true\nreplaced_by: HP:4\n"
    circle += "\n[Term]\nid: HP:4\nis_obsolete: true\nreplaced_by: HP:3\n"
    (tmp_path / "hp.obo").write_text(circle)
    known = Vocabulary.from_files(tmp_path / "hp.obo", tmp_path / "absent")
    assert known.ancestors("HP:1") == {"HP:2"}
    assert known.term("HP:3") is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("hp.obo", b""),
        ("hp.obo", b"<html>not found</html>"),
        ("hp.obo", b"format-version: 1.2\n"),
        ("hp.obo", b"format-version: 1.2\n\n[Term]\nname: no id\n"),
        ("hp.obo", b"\xff\xfe\x00"),
        ("hp.obo.gz", b"no gzip"),
        ("hp.obo.gz", gzip.compress(OBO.encode())[:-20]),
        ("hp.obo.xz", b"no xz"),
        ("hp.json", b"{}"),
        ("hp.json", b"[" * 100_000),
        ("hp.json", b'{"graphs": [{"nodes": [], "edges": []}]}'),
        ("hp.json", b'{"graphs": [{"nodes": [3], "edges": []}]}'),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VocabularyInvalid):
        Vocabulary.from_files(tmp_path / name, tmp_path / "phenotype.hpoa")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VocabularyMissing, match=r"hp\.obo"):
        Vocabulary.from_files(tmp_path / "hp.obo", tmp_path / "phenotype.hpoa")
