"""RFC 9497 in VOPRF mode over ristretto255 with SHA-512: blind, evaluate with a proof, finalize, all in batches.

A narrow layer over the package ``voprf``, which accepts seeds of any length and elements with bytes behind them,
evaluates empty batches, and panics on a bad proof with an error that is no ``Exception``. Here each of these is an
error of ``matching``. (The panic also prints two lines about itself to standard error; they say "ProofVerification"
and nothing of the input.)

A batch has one proof, so either all of its outputs are right or none is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from voprf import ristretto

from matching.errors import BatchInvalid, ElementInvalid, MatchingError, ProofInvalid

SEED_SIZE = 32
ELEMENT_SIZE = 32
PROOF_SIZE = 64
OUTPUT_SIZE = 64
MAX_INPUT_SIZE = 2**16 - 1
MAX_INFO_SIZE = 2**16 - 4 - SEED_SIZE
MAX_BATCH_ELEMENTS = 1024

_PANIC = ("pyo3_runtime", "PanicException")


@contextmanager
def _wrapped(error: MatchingError) -> Iterator[None]:
    """Raise ``error`` for whatever the package raises within, panics too."""
    try:
        yield
    except (ValueError, TypeError, OverflowError):
        raise error from None
    except BaseException as raised:
        if (type(raised).__module__, type(raised).__name__) == _PANIC:
            raise error from None
        raise


def _require_batch(size: int) -> None:
    if not 1 <= size <= MAX_BATCH_ELEMENTS:
        raise BatchInvalid(f"a batch has 1 to {MAX_BATCH_ELEMENTS} elements, not {size}; split what is longer")


def _blinded(data: bytes) -> ristretto.BlindedInput:
    if len(data) != ELEMENT_SIZE:  # the package would read 32 bytes and ignore the rest
        raise ElementInvalid(f"a blinded element has {ELEMENT_SIZE} bytes, not {len(data)}")
    with _wrapped(ElementInvalid("a blinded element is no canonical ristretto255 element other than the identity")):
        return ristretto.BlindedInput.deserialize(data)


def require_elements(elements: Sequence[bytes]) -> None:
    """Return if each is a canonical blinded element (32 bytes). Raises ``ElementInvalid``."""
    for element in elements:
        _blinded(element)


@dataclass(frozen=True)
class OprfPublicKey:
    """An issuer's public key: 32 bytes, canonical, not the identity. Raises ``ElementInvalid``."""

    data: bytes
    ristretto: ristretto.PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.data) != ELEMENT_SIZE:
            raise ElementInvalid(f"an issuer's public key has {ELEMENT_SIZE} bytes, not {len(self.data)}")
        with _wrapped(ElementInvalid("an issuer's public key is no canonical ristretto255 element; ask its operator")):
            object.__setattr__(self, "ristretto", ristretto.PublicKey.deserialize(self.data))

    def __bytes__(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Evaluation:
    """An issuer's answer to one batch: evaluated elements (32 bytes each) in the batch's order, one proof (64 bytes).

    Raises ``ElementInvalid`` on other sizes; encodings are checked by ``Blinding.finalize``.
    """

    elements: tuple[bytes, ...]
    proof: bytes

    def __post_init__(self) -> None:
        if len(self.proof) != PROOF_SIZE or any(len(element) != ELEMENT_SIZE for element in self.elements):
            raise ElementInvalid(f"an evaluation is a proof of {PROOF_SIZE} bytes and elements of {ELEMENT_SIZE}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Evaluation:
        """From the proof with the elements behind it. Raises ``ElementInvalid``."""
        return cls(
            tuple(data[at : at + ELEMENT_SIZE] for at in range(PROOF_SIZE, len(data), ELEMENT_SIZE)), data[:PROOF_SIZE]
        )

    def __bytes__(self) -> bytes:
        return self.proof + b"".join(self.elements)


class OprfKey:
    """An issuer's private key."""

    def __init__(self, evaluator: ristretto.Evaluator) -> None:
        self._evaluator = evaluator
        self.public_key = OprfPublicKey(evaluator.public_key.serialize())

    @classmethod
    def from_seed(cls, seed: bytes, info: bytes) -> OprfKey:
        """``DeriveKeyPair`` of RFC 9497, section 3.2.1, from a secret seed (32 bytes) and public ``info``.

        Raises ``ElementInvalid``.
        """
        if len(seed) != SEED_SIZE or len(info) > MAX_INFO_SIZE:
            raise ElementInvalid(f"an issuer's seed has {SEED_SIZE} bytes, and its info at most {MAX_INFO_SIZE}")
        with _wrapped(ElementInvalid("no key can be derived from this seed; take another")):
            return cls(ristretto.Evaluator.from_seed(seed, info))

    def evaluate(self, blinded: Sequence[bytes]) -> Evaluation:
        """``BlindEvaluate`` of RFC 9497, section 3.3.2, of 1 to 1,024 blinded elements (32 bytes each).

        Raises ``BatchInvalid`` on another number, ``ElementInvalid`` if one of them is malformed: none is evaluated.
        """
        _require_batch(len(blinded))
        inputs = [_blinded(element) for element in blinded]
        with _wrapped(ElementInvalid("the batch cannot be evaluated; blind anew")):
            return Evaluation.from_bytes(self._evaluator.evaluate_batch(inputs).serialize())

    def evaluate_known(self, known: bytes) -> bytes:
        """The output (64 bytes) for an input not blinded: ``Evaluate`` of RFC 9497. Raises ``ElementInvalid``."""
        if not 1 <= len(known) <= MAX_INPUT_SIZE:
            raise ElementInvalid(f"an input has 1 to {MAX_INPUT_SIZE} bytes, not {len(known)}")
        with _wrapped(ElementInvalid("this input cannot be evaluated")):
            return self._evaluator.evaluate_known_input(known)

    def __repr__(self) -> str:
        return f"OprfKey({self.public_key.data.hex()})"


class Blinding:
    """One batch of inputs, blinded afresh, and what is needed to unblind it: that lives in this object alone.

    The package cannot write the blinds down, so a batch whose answer did not come before the process ended is asked
    anew. Use one ``Blinding`` for each issuer: two that see the same elements can tell that one member asked both.
    Raises ``BatchInvalid`` on a number of inputs other than 1 to 1,024, ``ElementInvalid`` on an input that does not
    have 1 to 65,535 bytes.
    """

    def __init__(self, inputs: Sequence[bytes]) -> None:
        _require_batch(len(inputs))
        if not all(1 <= len(each) <= MAX_INPUT_SIZE for each in inputs):
            raise ElementInvalid(f"an input has 1 to {MAX_INPUT_SIZE} bytes")
        with _wrapped(ElementInvalid("an input cannot be blinded")):
            blinded = [ristretto.Client.blind(each) for each in inputs]
        self._clients = [client for client, _ in blinded]
        self.elements = tuple(element.serialize() for _, element in blinded)
        """What the issuer sees: 32 bytes each."""

    def finalize(self, evaluation: Evaluation, public_key: OprfPublicKey) -> list[bytes]:
        """The outputs (64 bytes each) in the order of the inputs: ``Finalize`` of RFC 9497, section 3.3.2.

        ``public_key`` is the one the ledger has for the issuer, never one that came with the answer. Raises
        ``ElementInvalid`` on a malformed evaluation, ``ProofInvalid`` if its proof does not hold for this batch.
        """
        if len(evaluation.elements) != len(self._clients):
            raise ElementInvalid(f"{len(self._clients)} elements were blinded, {len(evaluation.elements)} came back")
        with _wrapped(ElementInvalid("the issuer's answer is no canonical encoding of elements and a proof")):
            output = ristretto.VerifiableBatchOutput.deserialize(bytes(evaluation))
        with _wrapped(ProofInvalid("the issuer did not use the key that is published for it; tell its operator")):
            return ristretto.Client.finalize_batch(self._clients, output, public_key.ristretto)

    def __repr__(self) -> str:
        return f"Blinding({len(self._clients)} elements)"
