"""The dictionary attack: a symptom is one of some 19,000 words, so whoever can test a guess has it in seconds.

Against a ciphertext of ``equality`` the test needs nothing but the ciphertext. Against a tag it needs the outputs of
both issuers; ``tag_test`` tries with the issuer keys that the attacker holds and with keys of its own for the others,
so that it succeeds with both and fails with one: the assumption that the tags stand on, in a form that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from matching.epoch import EpochKeys
from matching.oprf import SEED_SIZE, OprfKey
from matching.published.equality import Ciphertext, TrialTest
from matching.tags import combine, oprf_input


@dataclass(frozen=True)
class Recovered:
    """What the attack found, and with how many guesses."""

    term: str
    guesses: int


def dictionary(vocabulary: Iterable[str], hides: Callable[[str], bool]) -> Recovered | None:
    """The first term of ``vocabulary`` for which the test ``hides`` holds; ``None`` when there is none.

    Terms in order of their frequency in public annotations make it faster.
    """
    for guesses, term in enumerate(vocabulary, start=1):
        if hides(term):
            return Recovered(term, guesses)
    return None


def against_ciphertext(ciphertext: Ciphertext, vocabulary: Iterable[str]) -> Recovered | None:
    """Recover the symptom in ``ciphertext``: no key is needed. Raises ``PairingUnavailable``."""
    return dictionary(vocabulary, TrialTest(ciphertext))


def guessed_tag(keys: EpochKeys, held: Mapping[str, OprfKey]) -> Callable[[str], bytes]:
    """The tag of a term as somebody works it out who holds the private keys in ``held`` (by issuer id)."""
    used = {each.issuer: held.get(each.issuer, OprfKey.from_seed(bytes(SEED_SIZE), b"attacker")) for each in keys}

    def tag_of(term: str) -> bytes:
        known = oprf_input(term)
        return combine({issuer: key.evaluate_known(known) for issuer, key in used.items()}, keys).tag

    return tag_of


def tag_test(tag: bytes, keys: EpochKeys, held: Mapping[str, OprfKey]) -> Callable[[str], bool]:
    """A test of guesses against ``tag`` by the holder of ``held``, as in ``guessed_tag``."""
    tag_of = guessed_tag(keys, held)
    return lambda term: tag_of(term) == tag


def against_tag(
    tag: bytes, keys: EpochKeys, held: Mapping[str, OprfKey], vocabulary: Iterable[str]
) -> Recovered | None:
    """Recover the symptom behind ``tag`` with the issuers' private keys in ``held``: it takes both."""
    return dictionary(vocabulary, tag_test(tag, keys, held))
