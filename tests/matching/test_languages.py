"""Labels in other languages, from the translation files of HPO."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.errors import VocabularyInvalid, VocabularyMissing
from matching.languages import Languages, read_translations
from matching.vocabulary import Vocabulary
from tests.needs import data

HEADER = "source_language\tsubject_id\tpredicate_id\ttranslation_language\ttranslation_value\ttranslation_status\n"


@pytest.fixture(name="languages", scope="module")
def languages_fixture() -> Languages:
    return Languages.from_folder(data("hpo") / "translations")


def test_all_languages_are_found(languages: Languages) -> None:
    assert list(languages) == ["en", "de", "es", "fr", "it", "ja", "nl", "pt", "zh"]


@pytest.mark.parametrize(
    ("language", "label"),
    [("en", "Headache"), ("es", "Cefalea"), ("fr", "Céphalée"), ("ja", "頭痛"), ("zh", "头痛")],
)
def test_a_label_is_shown_and_looked_up_in_its_language(languages: Languages, language: str, label: str) -> None:
    hpo = Vocabulary.default()
    shown = languages.label(hpo, "HP:0002315", language)
    found = languages.lookup(hpo, language).search(shown)
    assert found[0].term.id == "HP:0002315"
    assert found[0].term.label == shown
    assert shown.casefold() == label.casefold()


def test_accents_may_be_left_out(languages: Languages) -> None:
    hpo = Vocabulary.default()
    found = languages.lookup(hpo, "es").search("displasia renal multiquistica")
    assert found[0].term.id == "HP:0000003"
    assert found[0].name == "Displasia renal multiquística"


def test_every_language_translates_known_terms(languages: Languages) -> None:
    hpo = Vocabulary.default()
    for language in list(languages)[1:]:
        translated = [term for term in hpo if languages.translation(hpo, term.id, language)]
        assert len(translated) > 3000


def test_a_term_nobody_translated_has_its_english_label_and_an_unknown_one_its_id(languages: Languages) -> None:
    hpo = Vocabulary.default()
    missing = next(term for term in hpo if languages.translation(hpo, term.id, "de") is None)
    assert languages.label(hpo, missing.id, "de") == missing.label
    assert languages.label(hpo, "hp:9999999", "de") == "HP:9999999"


def test_candidates_of_a_machine_are_told_from_confirmed_labels(languages: Languages) -> None:
    hpo = Vocabulary.default()
    candidate, official = (languages.translation(hpo, "HP:0000003", language) for language in ("de", "es"))
    assert candidate is not None
    assert not candidate.official
    assert official is not None
    assert official.official


def test_a_language_without_a_file_is_refused_with_those_at_hand(languages: Languages) -> None:
    with pytest.raises(VocabularyMissing, match="en, de, es"):
        languages.label(Vocabulary.default(), "HP:0002315", "xx")
    with pytest.raises(VocabularyMissing):
        Languages.from_folder(Path("no such folder"))


def test_only_labels_of_the_language_are_read() -> None:
    rows = ["en\tHP:1\trdfs:label\tde\tEins\tOFFICIAL", "en\tHP:1\tIAO:0000115\tde\tErklaerung\tOFFICIAL"]
    rows += ["en\tHP:2\trdfs:label\tfr\tDeux\tOFFICIAL", "en\tHP:3\trdfs:label\tde\t \tCANDIDATE", "the rest of a note"]
    assert [term for term, _ in read_translations(HEADER + "\n".join(rows), "de")] == ["HP:1"]
    with pytest.raises(VocabularyInvalid):
        list(read_translations("<html>", "de"))
