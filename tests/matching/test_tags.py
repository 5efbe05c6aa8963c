"""Tags: both issuers are needed, everything is bound, and whatever an issuer does wrong is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.epoch import EpochKeys, IssuerPublicKey, KnownKeys, epoch_bytes
from matching.errors import (
    ElementInvalid,
    EpochInvalid,
    IssuerAnswerInvalid,
    IssuerKeyChanged,
    IssuersNotIndependent,
    MatchingError,
    OtherEpoch,
    ProofInvalid,
    SymptomInvalid,
    SymptomsEmpty,
    SymptomsRepeated,
    SymptomsTooMany,
)
from matching.oprf import OprfKey
from matching.published import attack
from matching.tags import Answer, TagRequest, TagSecret, batch_size, combine, oprf_input
from tests.matching.issuing import EPOCH, ISSUERS, MEMBER, OTHER_MEMBER, Issuing, issuer_key, vocabulary

TERMS = ("HP:0001250", "HP:0002315", "R51.9")


@pytest.fixture
def issuing(tmp_path: Path) -> Issuing:
    return Issuing(tmp_path)


def answers(issuing: Issuing, request: TagRequest) -> list[Answer]:
    return [issuer.evaluate(MEMBER, EPOCH, request.elements(name)) for name, issuer in issuing.issuers.items()]


def test_two_members_get_one_tag_and_one_session_secret_for_one_symptom(issuing: Issuing) -> None:
    mine, hers = issuing.tags(TERMS), issuing.tags([TERMS[2], "HP:0000118", TERMS[0]], OTHER_MEMBER)
    assert set(mine) == set(TERMS)
    assert mine[TERMS[0]] == hers[TERMS[0]]
    assert mine[TERMS[2]] == hers[TERMS[2]]
    made = [*mine.values(), hers["HP:0000118"]]
    assert len({each.tag for each in made} | {each.session_secret[:16] for each in made}) == 8
    assert {(len(each.tag), len(each.session_secret)) for each in made} == {(16, 32)}


def test_tags_of_two_epochs_have_nothing_in_common(tmp_path: Path) -> None:
    before, after = (Issuing(tmp_path, epoch=epoch).tags(TERMS) for epoch in (1, 2))
    assert not {each.tag for each in before.values()} & {each.tag for each in after.values()}


def test_epoch_issuer_operator_and_key_are_bound_even_if_the_outputs_were_the_same(issuing: Issuing) -> None:
    one, other = issuing.public
    outputs = {ISSUERS[0]: b"\1" * 64, ISSUERS[1]: b"\2" * 64}
    bound = [
        issuing.public,
        EpochKeys(replace(one, epoch=8), replace(other, epoch=8)),
        EpochKeys(replace(one, operator="cc" * 16), other),
        EpochKeys(replace(one, key=issuer_key(0).public.key), other),
    ]
    made = [combine(outputs, keys) for keys in bound]
    made.append(combine({ISSUERS[0]: b"\2" * 64, ISSUERS[1]: b"\1" * 64}, issuing.public))
    made.append(
        combine({"33" * 16: b"\1" * 64, ISSUERS[1]: b"\2" * 64}, EpochKeys(replace(one, issuer="33" * 16), other))
    )
    assert len({each.tag for each in made}) == len({each.session_secret for each in made}) == len(made)


def test_the_order_in_which_issuers_are_named_does_not_matter(issuing: Issuing) -> None:
    one, other = issuing.public
    assert EpochKeys(other, one) == EpochKeys(one, other)
    assert EpochKeys(other, one).binding == EpochKeys(one, other).binding


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {ISSUERS[0]: bytes(64)},
        {ISSUERS[0]: bytes(64), ISSUERS[1]: bytes(63)},
        {ISSUERS[0]: bytes(64), "": bytes(64)},
    ],
)
def test_a_tag_takes_a_whole_output_of_each_issuer(issuing: Issuing, outputs: dict[str, bytes]) -> None:
    with pytest.raises(IssuerAnswerInvalid):
        combine(outputs, issuing.public)


def test_one_issuers_key_gives_no_symptom_away_and_both_give_all(issuing: Issuing) -> None:
    terms = vocabulary()
    tag = issuing.tags(["HP:0001250"])["HP:0001250"].tag
    for key in issuing.keys:
        assert attack.against_tag(tag, issuing.public, {key.public.issuer: key.oprf}, terms) is None
    both = {key.public.issuer: key.oprf for key in issuing.keys}
    found = attack.against_tag(tag, issuing.public, both, terms)
    assert found == attack.Recovered("HP:0001250", terms.index("HP:0001250") + 1)


def test_neither_issuer_sees_an_element_that_the_other_or_an_earlier_request_saw(issuing: Issuing) -> None:
    requests = [TagRequest(TERMS, issuing.public) for _ in range(3)]
    seen = [element for request in requests for name in ISSUERS for element in request.elements(name)]
    assert len(seen) == len(set(seen)) == 3 * 2 * 16


@pytest.mark.parametrize(("terms", "size"), [(1, 16), (16, 16), (17, 32), (33, 64), (1000, 1024), (1024, 1024)])
def test_issuers_see_few_sizes(issuing: Issuing, terms: int, size: int) -> None:
    assert batch_size(terms) == size
    if terms < 40:
        request = TagRequest([f"HP:{number:07}" for number in range(terms)], issuing.public)
        assert [len(request.elements(name)) for name in ISSUERS] == [size, size]


def test_padding_is_no_part_of_what_comes_out(issuing: Issuing) -> None:
    terms = [f"HP:{number:07}" for number in range(17)]
    tags = issuing.tags(terms)
    assert list(tags) == terms
    held = {key.public.issuer: key.oprf for key in issuing.keys}
    for term, made in tags.items():
        assert made == combine(
            {name: key.evaluate_known(oprf_input(term)) for name, key in held.items()}, issuing.public
        )


def test_an_answer_with_another_key_is_refused_whatever_it_claims(issuing: Issuing) -> None:
    request = TagRequest(TERMS, issuing.public)
    good, _ = answers(issuing, request)
    second = issuer_key(1)
    evaluation = second.oprf.evaluate(request.elements(ISSUERS[1]))
    with pytest.raises(IssuerKeyChanged):
        request.finish([good, Answer(second.public, evaluation)])
    with pytest.raises(ProofInvalid):
        request.finish([good, Answer(issuing.keys[1].public, evaluation)])


def test_an_answer_of_another_epoch_is_refused(issuing: Issuing) -> None:
    request = TagRequest(TERMS, issuing.public)
    good, other = answers(issuing, request)
    with pytest.raises(OtherEpoch):
        request.finish([good, replace(other, key=replace(other.key, epoch=EPOCH + 1))])


def test_answers_that_are_missing_doubled_or_foreign_are_refused(issuing: Issuing) -> None:
    request = TagRequest(TERMS, issuing.public)
    one, other = answers(issuing, request)
    foreign = replace(other, key=replace(other.key, issuer="33" * 16))
    for wrong in ([], [one], [one, one], [one, other, other], [one, foreign]):
        with pytest.raises(IssuerAnswerInvalid):
            request.finish(wrong)
    swapped = [replace(one, evaluation=other.evaluation), replace(other, evaluation=one.evaluation)]
    with pytest.raises(ProofInvalid):
        request.finish(swapped)
    assert set(request.finish([other, one])) == set(TERMS)
    with pytest.raises(IssuerAnswerInvalid):
        request.elements("33" * 16)


def test_symptom_lists_that_are_empty_huge_or_repeated_are_refused(issuing: Issuing) -> None:
    with pytest.raises(SymptomsEmpty):
        TagRequest([], issuing.public)
    with pytest.raises(SymptomsTooMany):
        TagRequest([f"HP:{number:07}" for number in range(1025)], issuing.public)
    with pytest.raises(SymptomsRepeated):
        TagRequest(["R51.9", "R51.9"], issuing.public)


@pytest.mark.parametrize("term", ["", " ", "HP:0001250 ", "a" * 65, "bad headache", "HP:\u0661", "a\n", "a\0b"])
def test_what_is_no_id_is_refused_and_not_repeated_in_the_error(term: str) -> None:
    with pytest.raises(SymptomInvalid) as raised:
        oprf_input(term)
    assert not term.strip() or term not in str(raised.value)


@given(st.from_regex(r"[!-~]{1,64}", fullmatch=True), st.from_regex(r"[!-~]{1,64}", fullmatch=True))
def test_terms_have_inputs_of_their_own(one: str, other: str) -> None:
    assert (oprf_input(one) == oprf_input(other)) == (one == other)
    assert len(oprf_input(one)) == 32


def test_secrets_are_kept_but_not_shown(issuing: Issuing) -> None:
    made = issuing.tags(["R51.9"])["R51.9"]
    assert TagSecret.from_secret_bytes(made.to_secret_bytes()) == made
    assert repr(made) == "TagSecret()"
    for size in (0, 47, 49):
        with pytest.raises(ElementInvalid):
            TagSecret.from_secret_bytes(bytes(size))


def test_two_issuers_that_are_one_party_are_refused(issuing: Issuing) -> None:
    one, other = issuing.public
    for same in (
        replace(other, issuer=one.issuer),
        replace(other, operator=one.operator),
        replace(other, key=one.key),
    ):
        with pytest.raises(IssuersNotIndependent):
            EpochKeys(one, same)
    with pytest.raises(OtherEpoch):
        EpochKeys(one, replace(other, epoch=8))


def test_a_second_key_for_an_epoch_and_one_key_for_two_are_refused() -> None:
    first, second, later = issuer_key(0).public, issuer_key(0).public, issuer_key(0, 8).public
    book = KnownKeys([first])
    book.learn(first)
    for wrong in (second, replace(first, operator="cc" * 16), replace(first, epoch=8)):
        with pytest.raises(IssuerKeyChanged):
            book.learn(wrong)
    book.learn(later)
    assert book.known() == (first, later)
    with pytest.raises(IssuerKeyChanged):
        KnownKeys([*book.known(), second])


def test_known_keys_give_the_pair_of_an_epoch(issuing: Issuing) -> None:
    book = KnownKeys(issuing.public)
    assert book.pair(EPOCH, *ISSUERS) == issuing.public
    with pytest.raises(OtherEpoch):
        book.pair(EPOCH + 1, *ISSUERS)
    with pytest.raises(IssuersNotIndependent):
        book.pair(EPOCH, ISSUERS[0], ISSUERS[0])


@pytest.mark.parametrize("epoch", [-1, 2**53, True, "7", 7.0, None])
def test_what_is_no_epoch_is_refused(epoch: object) -> None:
    with pytest.raises(EpochInvalid):
        epoch_bytes(epoch)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "11", "zz" * 16, "AA" * 16, "11" * 17, " " + "11" * 16])
def test_what_is_no_id_of_an_issuer_is_refused(text: str) -> None:
    key = OprfKey.from_seed(bytes(32), b"").public_key
    with pytest.raises(ElementInvalid):
        IssuerPublicKey(text, "aa" * 16, 1, key)
    with pytest.raises(ElementInvalid):
        IssuerPublicKey("aa" * 16, text, 1, key)


def test_no_error_of_a_request_holds_a_symptom(issuing: Issuing) -> None:
    request = TagRequest(TERMS, issuing.public)
    one, other = answers(issuing, request)
    broken = replace(other, evaluation=replace(other.evaluation, proof=bytes(64)))
    for wrong in ([one], [one, broken], [one, one]):
        with pytest.raises(MatchingError) as raised:
            request.finish(wrong)
        assert not any(term in str(raised.value) for term in TERMS)
    assert "HP" not in repr(request)
