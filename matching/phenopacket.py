"""Observed and excluded terms of a GA4GH Phenopacket (JSON).

Source: GA4GH Phenopacket Schema 2.0 (ISO 4454:2022), PhenotypicFeature; version 1 wrote ``negated``.
"""

from __future__ import annotations

import json
from typing import Any

from matching.errors import PhenopacketInvalid
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary

MAX_PHENOPACKET_BYTES = 16 * 1024 * 1024


def read_phenopacket(data: bytes, vocabulary: Vocabulary) -> Symptoms:
    """The ``phenotypicFeatures`` of the packet in ``data``, those marked excluded apart; nothing else is read.

    Raises ``PhenopacketInvalid`` on more than 16 MiB and on anything that is no phenopacket, and what
    ``Symptoms.of`` raises.
    """
    if len(data) > MAX_PHENOPACKET_BYTES:
        raise PhenopacketInvalid(f"a phenopacket has at most {MAX_PHENOPACKET_BYTES} bytes; this is something else")
    observed: list[str] = []
    excluded: list[str] = []
    for feature in _features(data):
        absent = feature.get("excluded", feature.get("negated", False))
        term_id = feature["type"].get("id") if isinstance(feature.get("type"), dict) else None
        if not isinstance(term_id, str) or not isinstance(absent, bool):
            raise PhenopacketInvalid("a phenotypic feature of this phenopacket has no term id; have it corrected")
        (excluded if absent else observed).append(term_id)
    return Symptoms.of(vocabulary, observed, excluded)


def _features(data: bytes) -> list[dict[str, Any]]:
    try:
        packet = json.loads(data)
    except (ValueError, RecursionError):
        raise PhenopacketInvalid("this is no phenopacket: it is not JSON") from None
    features = packet.get("phenotypicFeatures", []) if isinstance(packet, dict) else None
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise PhenopacketInvalid("this is no phenopacket: it has no list of phenotypic features")
    return features
