"""Observed and excluded terms of a Matchmaker Exchange patient (JSON).

Source: Matchmaker Exchange API 1.1 (GA4GH, ``mme-apis``, ``search-api.md``), the ``patient`` of a search request.
"""

from __future__ import annotations

import json
from typing import Any

from matching.errors import MatchmakerInvalid
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary

MAX_MATCHMAKER_BYTES = 16 * 1024 * 1024
MAX_PATIENT_ID_CHARACTERS = 255
"""The API's limit."""

_OBSERVED, _EXCLUDED, _UNKNOWN = "yes", "no", "unknown"


def read_matchmaker_patient(data: bytes, vocabulary: Vocabulary) -> Symptoms:
    """The ``features`` of the one patient in ``data``, a search request or a patient alone; those marked ``no`` apart.

    A feature that does not say is observed, as the API has it; ``unknown`` (drafts of it, and its JSON schema) says
    nothing and is passed over. Contact, disorders, genes and ages of onset are not read, and may be left out.

    Raises ``MatchmakerInvalid`` on more than 16 MiB and on anything that is no such patient, and what ``Symptoms.of``
    raises.
    """
    if len(data) > MAX_MATCHMAKER_BYTES:
        raise MatchmakerInvalid(
            f"a Matchmaker Exchange patient has at most {MAX_MATCHMAKER_BYTES} bytes; this is something else"
        )
    said: dict[str, list[str]] = {_OBSERVED: [], _EXCLUDED: [], _UNKNOWN: []}
    for feature in _features(_patient(_parsed(data))):
        term_id = feature.get("id") if isinstance(feature, dict) else None
        if not isinstance(term_id, str):
            raise MatchmakerInvalid("a feature of this Matchmaker Exchange patient has no term id; have it corrected")
        observed = feature.get("observed", _OBSERVED)
        if not isinstance(observed, str) or observed not in said:
            raise MatchmakerInvalid("a feature is observed with `yes` or `no`; have this one corrected")
        said[observed].append(term_id)
    return Symptoms.of(vocabulary, said[_OBSERVED], said[_EXCLUDED])


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise MatchmakerInvalid("this is no Matchmaker Exchange patient: it is not JSON") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Which of the two counts differs between parsers, and half of the features would be lost in silence.
    if len(found) < len(pairs):
        raise MatchmakerInvalid("this Matchmaker Exchange patient has a field twice; have it corrected")
    return found


def _patient(parsed: object) -> dict[str, Any]:
    if isinstance(parsed, list):
        raise MatchmakerInvalid("this is a list; give a file with one Matchmaker Exchange patient")
    patient = parsed.get("patient", parsed) if isinstance(parsed, dict) else None
    if not isinstance(patient, dict):
        raise MatchmakerInvalid("this is no Matchmaker Exchange patient: it is not a JSON object")
    patient_id = patient.get("id")
    if not isinstance(patient_id, str) or not 0 < len(patient_id) <= MAX_PATIENT_ID_CHARACTERS:
        raise MatchmakerInvalid("this is no Matchmaker Exchange patient: it has no id of 1 to 255 characters")
    return patient


def _features(patient: dict[str, Any]) -> list[Any]:
    if not {"features", "genomicFeatures"} & patient.keys():
        raise MatchmakerInvalid("this is no Matchmaker Exchange patient: it has neither features nor genomicFeatures")
    features = patient.get("features", [])
    if not isinstance(features, list):
        raise MatchmakerInvalid("the features of this Matchmaker Exchange patient are no list; have it corrected")
    return features
