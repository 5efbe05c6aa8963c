"""The binding: which shared symptoms count, and what the proofs are bound to."""

from __future__ import annotations

import secrets
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from matching.binding import BindingRule, HeldTag, Strength, held_by_tag, proof, proves, shared_secret, transcript
from matching.errors import TooLittleShared, VocabularyDiffers
from matching.offer import Role
from matching.session import Session
from matching.tags import TagSecret
from matching.vocabulary import Vocabulary
from tests.matching.issuing import OTHER_MEMBER, Issuing
from tests.matching.pairing import (
    ALL,
    ATAXIA,
    COMMON,
    FOCAL,
    NERVES,
    RARE,
    RULE,
    SEIZURE,
    TOP,
    VOICE,
    World,
    matches,
)

UNKNOWN = "HP:9999999"


def held(*terms: str) -> list[HeldTag]:
    return [HeldTag(term, TagSecret.from_secret_bytes(secrets.token_bytes(48))) for term in terms]


def counted(*terms: str) -> set[str]:
    return {each.term for each in RULE.counted(held(*terms))}


def test_common_terms_top_level_terms_and_terms_of_no_known_parent_do_not_count() -> None:
    assert RULE.information(VOICE) > RULE.floor_bits
    assert counted(SEIZURE, COMMON, NERVES, VOICE, TOP, ALL, UNKNOWN, RARE) == {SEIZURE, RARE}


def test_a_symptom_and_its_ancestor_are_one_symptom() -> None:
    assert RULE.independent(held(FOCAL, SEIZURE)) == 1
    assert RULE.independent(held(FOCAL, SEIZURE, ATAXIA)) == 2
    with pytest.raises(TooLittleShared):
        RULE.require(held(FOCAL, SEIZURE), single=False)


@pytest.mark.parametrize(
    ("terms", "single", "strength"),
    [
        ((SEIZURE, ATAXIA), False, Strength.SEVERAL),
        ((SEIZURE, ATAXIA), True, Strength.SEVERAL),
        ((SEIZURE, NERVES), True, Strength.SINGLE),
        ((SEIZURE, COMMON), False, None),
        ((SEIZURE,), True, Strength.SINGLE),
        ((SEIZURE,), False, None),
        ((NERVES, VOICE, TOP), True, None),
        ((NERVES, VOICE, TOP), False, None),
        ((), True, None),
    ],
)
def test_two_symptoms_are_needed_and_one_only_by_consent(
    terms: tuple[str, ...], single: bool, strength: Strength | None
) -> None:
    if strength is None:
        with pytest.raises(TooLittleShared):
            RULE.require(held(*terms), single=single)
        return
    found = RULE.require(held(*terms), single=single)[1]
    assert found is strength
    assert (found.warning is None) == (strength is Strength.SEVERAL)


def test_a_rule_that_demands_more_is_obeyed() -> None:
    with pytest.raises(TooLittleShared):
        replace(RULE, minimum=3).require(held(SEIZURE, ATAXIA), single=False)


def test_single_takes_the_consent_of_both() -> None:
    one, two = World().patients((SEIZURE,), (SEIZURE, ATAXIA))
    for single in ((False, False), (True, False), (False, True)):
        for match in matches(one, two, single=single):
            with pytest.raises(TooLittleShared):
                Session.start(match, RULE)
    started = [Session.start(match, RULE)[0] for match in matches(one, two, single=(True, True))]
    assert [session.strength for session in started] == [Strength.SINGLE, Strength.SINGLE]


def test_patients_with_different_releases_or_floors_are_told_so() -> None:
    match = matches(*World().patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))[0]
    for other in (replace(RULE, release="made-up 2"), replace(RULE, floor_bits=3.5)):
        with pytest.raises(VocabularyDiffers):
            Session.start(match, other)


def test_the_shared_secret_is_of_the_set_and_not_of_its_order_and_of_every_member() -> None:
    tags = held(SEIZURE, ATAXIA, RARE, FOCAL)
    assert shared_secret(tags) == shared_secret(tags[::-1])
    subsets = [subset for size in range(5) for subset in combinations(tags, size)]
    assert len({shared_secret(subset) for subset in subsets}) == len(subsets)


def test_a_proof_is_bound_to_role_secret_and_everything_in_the_transcript() -> None:
    parts = {"offer": b"offer", "initiator": b"one", "responder": b"two", "olm_session_id": b"id"}
    secret = secrets.token_bytes(32)
    abouts = [transcript(**parts)]
    abouts += [transcript(**(parts | {name: value + b"!"})) for name, value in parts.items()]
    abouts.append(transcript(**(parts | {"initiator": b"two", "responder": b"one"})))
    proofs = {proof(key, role, about) for key in (secret, bytes(32)) for role in Role for about in abouts}
    assert len(proofs) == 2 * 2 * 6
    first = proof(secret, Role.INITIATOR, abouts[0])
    assert proves(first, proof(secret, Role.INITIATOR, abouts[0]))
    assert not proves(first, proof(secret, Role.RESPONDER, abouts[0]))


def test_nothing_secret_is_shown() -> None:
    (one,) = held(SEIZURE)
    shown = f"{one!r} {one.secret!r} {[one]}"
    assert SEIZURE not in shown
    assert one.secret.session_secret.hex() not in shown


def test_tags_of_two_real_issuers_bind_two_patients(tmp_path: Path) -> None:
    issuing = Issuing(tmp_path)
    one = held_by_tag(issuing.tags([SEIZURE, ATAXIA, RARE]))
    two = held_by_tag(issuing.tags([ATAXIA, SEIZURE, FOCAL], OTHER_MEMBER))
    shared = one.keys() & two.keys()
    assert {one[tag].term for tag in shared} == {SEIZURE, ATAXIA}
    assert shared_secret(one[tag] for tag in shared) == shared_secret(two[tag] for tag in shared)


def test_no_top_level_term_of_hpo_counts_and_specific_ones_do() -> None:
    rule = BindingRule.of(Vocabulary.default())
    vocabulary = Vocabulary.default()
    top = [term.id for term in vocabulary if set(vocabulary.parents(term.id)) <= {ALL, TOP}]
    assert len(top) > 20
    assert rule.counted(held(*top)) == ()
    onset, recessive = "HP:0003577", "HP:0000007"
    assert rule.counted(held(onset, recessive)) == ()
    assert len(rule.counted(held("R51.9"))) == 1
    febrile, focal, seizure = "HP:0002373", "HP:0007359", "HP:0001250"
    assert rule.independent(rule.counted(held(febrile, focal, seizure))) == 2
    assert rule.independent(rule.counted(held(seizure))) == 1
