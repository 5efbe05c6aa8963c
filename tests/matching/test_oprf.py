"""The OPRF wrapper: official vectors, proofs, and every malformed input as an error of ``matching``."""

from __future__ import annotations

import json
import pickle
import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.errors import BatchInvalid, ElementInvalid, MatchingError, ProofInvalid
from matching.oprf import MAX_BATCH_ELEMENTS, Blinding, Evaluation, OprfKey, OprfPublicKey
from tests import needs

ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
KEY = OprfKey.from_seed(bytes(range(32)), b"test")
OTHER = OprfKey.from_seed(bytes(32), b"test")

MALFORMED = {
    "empty": b"",
    "identity": bytes(32),
    "one byte short": bytes(KEY.public_key)[:31],
    "a byte behind": bytes(KEY.public_key) + b"\0",
    "not canonical: the field's prime": FIELD.to_bytes(32, "little"),
    "not canonical: an element plus the prime": (2 + FIELD).to_bytes(32, "little"),
    "negative": (1).to_bytes(32, "little"),
    "all ones": b"\xff" * 32,
}


def vectors() -> dict[str, Any]:
    path = needs.data("crypto_vectors") / "voprf_rfc9497" / "allVectors.json"
    suites = json.loads(path.read_text())
    found = [suite for suite in suites if suite["identifier"] == "ristretto255-SHA512" and suite["mode"] == 1]
    assert len(found) == 1
    return dict(found[0])


def split(field: str) -> list[bytes]:
    return [bytes.fromhex(part) for part in field.split(",")]


def test_the_rfcs_seed_gives_the_rfcs_public_key() -> None:
    suite = vectors()
    key = OprfKey.from_seed(bytes.fromhex(suite["seed"]), bytes.fromhex(suite["keyInfo"]))
    assert bytes(key.public_key).hex() == suite["pkSm"]


def test_the_rfcs_blinded_elements_and_inputs_evaluate_as_in_the_rfc() -> None:
    suite = vectors()
    key = OprfKey.from_seed(bytes.fromhex(suite["seed"]), bytes.fromhex(suite["keyInfo"]))
    assert sorted(vector["Batch"] for vector in suite["vectors"]) == [1, 1, 2]
    for vector in suite["vectors"]:
        inputs, outputs = split(vector["Input"]), split(vector["Output"])
        assert list(key.evaluate(split(vector["BlindedElement"])).elements) == split(vector["EvaluationElement"])
        assert [key.evaluate_known(known) for known in inputs] == outputs
        blinding = Blinding(inputs)
        assert blinding.finalize(key.evaluate(blinding.elements), key.public_key) == outputs


@settings(max_examples=20)
@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=5))
def test_blind_evaluate_finalize_gives_what_the_key_alone_computes(inputs: list[bytes]) -> None:
    blinding = Blinding(inputs)
    evaluation = Evaluation.from_bytes(bytes(KEY.evaluate(blinding.elements)))
    assert blinding.finalize(evaluation, KEY.public_key) == [KEY.evaluate_known(each) for each in inputs]


def test_one_input_is_blinded_differently_each_time() -> None:
    elements = [element for _ in range(5) for element in Blinding([b"same", b"same"]).elements]
    assert len(set(elements)) == 10


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_elements_are_refused_wherever_they_come_in(data: bytes) -> None:
    good = Blinding([b"one"])
    with pytest.raises(ElementInvalid):
        KEY.evaluate([*good.elements, data])
    with pytest.raises(ElementInvalid):
        OprfPublicKey(data)
    with pytest.raises(ElementInvalid):
        good.finalize(Evaluation((data,), KEY.evaluate(good.elements).proof), KEY.public_key)


def test_a_scalar_of_the_proof_that_is_not_canonical_is_refused() -> None:
    blinding = Blinding([b"one"])
    evaluation = KEY.evaluate(blinding.elements)
    for at in (0, 32):
        scalar = int.from_bytes(evaluation.proof[at : at + 32], "little") + ORDER
        proof = evaluation.proof[:at] + scalar.to_bytes(32, "little") + evaluation.proof[at + 32 :]
        with pytest.raises(ElementInvalid):
            blinding.finalize(Evaluation(evaluation.elements, proof), KEY.public_key)


def test_a_batch_by_another_key_is_refused_as_an_ordinary_error() -> None:
    blinding = Blinding([b"one", b"two"])
    with pytest.raises(ProofInvalid) as raised:
        blinding.finalize(OTHER.evaluate(blinding.elements), KEY.public_key)
    assert isinstance(raised.value, Exception)  # the package's own is not, and would pass every handler


def test_one_element_by_another_key_spoils_the_batch() -> None:
    blinding = Blinding([b"one", b"two"])
    right, wrong = KEY.evaluate(blinding.elements), OTHER.evaluate(blinding.elements)
    with pytest.raises(ProofInvalid):
        blinding.finalize(Evaluation((right.elements[0], wrong.elements[1]), right.proof), KEY.public_key)
    assert len(blinding.finalize(right, KEY.public_key)) == 2


def test_reordered_elements_and_a_proof_of_another_batch_are_refused() -> None:
    blinding, another = Blinding([b"one", b"two"]), Blinding([b"one", b"two"])
    right = KEY.evaluate(blinding.elements)
    for wrong in (Evaluation(right.elements[::-1], right.proof), KEY.evaluate(another.elements)):
        with pytest.raises(ProofInvalid):
            blinding.finalize(wrong, KEY.public_key)


@settings(max_examples=60)
@given(st.integers(min_value=0, max_value=8 * 128 - 1))
def test_every_flipped_bit_of_an_answer_is_refused(bit: int) -> None:
    blinding = Blinding([b"one", b"two"])
    answer = bytearray(bytes(KEY.evaluate(blinding.elements)))
    answer[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises((ElementInvalid, ProofInvalid)):
        blinding.finalize(Evaluation.from_bytes(bytes(answer)), KEY.public_key)


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_answer_are_refused(data: bytes) -> None:
    with pytest.raises(MatchingError):
        Blinding([b"one"]).finalize(Evaluation.from_bytes(data), KEY.public_key)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_answer_with_another_number_of_elements_is_refused(count: int) -> None:
    blinding = Blinding([b"one", b"two"])
    right = KEY.evaluate(blinding.elements)
    elements = (right.elements * 2)[:count]
    with pytest.raises(ElementInvalid):
        blinding.finalize(Evaluation(elements, right.proof), KEY.public_key)


def test_batches_have_a_limit_and_are_not_empty() -> None:
    full = Blinding([b"x"] * MAX_BATCH_ELEMENTS)
    assert len(full.finalize(KEY.evaluate(full.elements), KEY.public_key)) == MAX_BATCH_ELEMENTS
    for inputs in ([], [b"x"] * (MAX_BATCH_ELEMENTS + 1)):
        with pytest.raises(BatchInvalid):
            Blinding(inputs)
    for elements in ((), (*full.elements, Blinding([b"x"]).elements[0])):
        with pytest.raises(BatchInvalid):
            KEY.evaluate(elements)


@pytest.mark.parametrize("size", [0, 2**16])
def test_inputs_that_the_rfc_does_not_allow_are_refused(size: int) -> None:
    with pytest.raises(ElementInvalid):
        Blinding([bytes(size)])
    with pytest.raises(ElementInvalid):
        KEY.evaluate_known(bytes(size))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(ElementInvalid):
        OprfKey.from_seed(bytes(size), b"")


def test_seed_and_info_both_make_the_key() -> None:
    seed = secrets.token_bytes(32)
    keys = [OprfKey.from_seed(seed, b"a"), OprfKey.from_seed(seed, b"a"), OprfKey.from_seed(seed, b"b"), OTHER]
    assert len({bytes(key.public_key) for key in keys}) == 3
    with pytest.raises(ElementInvalid):
        OprfKey.from_seed(seed, bytes(2**16))


def test_state_and_keys_cannot_be_written_down_or_shown() -> None:
    blinding = Blinding([b"HP:0001250"])
    for secret in (blinding, KEY):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    assert "HP" not in repr(blinding)
    assert bytes(range(32)).hex() not in repr(KEY)
