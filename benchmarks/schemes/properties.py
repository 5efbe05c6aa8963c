"""What each scheme holds and breaks: a claim, and the tests in ``tests/benchmarks/test_schemes.py`` that show it.

The case hands them in with its results, so that a report has what a scheme holds beside what it costs.

A test shows an attack that works, or that what is built refuses one; that no attack exists is for the papers' proofs,
and ``assumption`` and ``moved`` say what is left of those here. ``docs/schemes.md`` has this as a table, and a test
compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.schemes.afgh import Afgh
from benchmarks.schemes.bbs98 import Bbs98
from benchmarks.schemes.green_ateniese import GreenAteniese
from benchmarks.schemes.libert_vergnaud import LibertVergnaud
from benchmarks.schemes.own import Umbral
from benchmarks.schemes.peers import ProxyRecrypt, UmbralPre
from benchmarks.schemes.type_and_identity import TypeAndIdentity


@dataclass(frozen=True)
class Claim:
    """What is said, and the functions that show it."""

    says: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Properties:
    """Of one scheme, as it is built here."""

    scheme: str
    direction: Claim
    hops: Claim
    keys: Claim
    """Whose keys sealing and rekeying need, and who else could open."""
    attacks: Claim
    """CPA, HRA (honest re-encryption, Cohen 2019), CCA."""
    collusion: Claim
    """What a proxy and a delegatee have together."""
    assumption: str
    """What the paper's proof stands on."""
    moved: str
    """What moving it to a type 3 group and making it an encapsulation doubled, and lost."""

    def claims(self) -> Mapping[str, Claim]:
        """By the name of the property."""
        return {
            "direction": self.direction,
            "hops": self.hops,
            "keys": self.keys,
            "attacks": self.attacks,
            "collusion": self.collusion,
        }


_ONE_WAY = Claim("one way", ("test_a_rekey_does_not_turn_back",))
_ONE_HOP = Claim("one", ("test_a_reencapsulated_capsule_is_not_turned_again",))
_PUBLIC_KEYS = Claim("public keys only", ("test_rekey_and_sealing_need_public_keys_only",))
_CHANGED = "test_a_changed_capsule_passes_the_proxy_and_gives_the_key_away"
_NOT_CCA = "not CCA: the proxy turns a changed capsule, which gives the key of the first away"
_SIMULATED = "towards HRA: what the proxy sends can be simulated without the rekey"

PROPERTIES: tuple[Properties, ...] = (
    Properties(
        Bbs98.name,
        direction=Claim("both ways: a rekey inverts", ("test_bbs98_rekey_inverted_turns_the_other_way",)),
        hops=Claim(
            "many; transitive: proxies multiply their rekeys",
            ("test_bbs98_rekeys_multiply_to_a_rekey_that_nobody_granted",),
        ),
        keys=Claim("interactive: a rekey needs both secrets", ("test_bbs98_needs_the_delegatees_secret",)),
        attacks=Claim(f"CPA; {_NOT_CCA}", (_CHANGED,)),
        collusion=Claim("the delegator's secret", ("test_bbs98_proxy_and_delegatee_recover_the_delegators_secret",)),
        assumption="DDH in its group, argued and not reduced in a model of today",
        moved=(
            "nothing doubled; DDH has to hold in G1 beside the pairing (XDH). In SS512 it does not: a guess at the "
            "shared element is confirmed there (`test_bbs98_a_guess_is_confirmed_where_the_key_is_in_both_groups`), "
            "and only hashing it to a key, in the random oracle model, is left"
        ),
    ),
    Properties(
        Afgh.name,
        direction=_ONE_WAY,
        hops=_ONE_HOP,
        keys=_PUBLIC_KEYS,
        attacks=Claim(f"CPA; {_SIMULATED}; {_NOT_CCA}", ("test_afgh_reencapsulation_can_be_simulated", _CHANGED)),
        collusion=Claim(
            "h^a1, which opens everything re-encryptable of hers; not a1, and not her first levels",
            (
                "test_afgh_proxy_and_delegatee_open_all_second_levels",
                "test_afgh_first_levels_stay_closed_to_the_weak_secret",
            ),
        ),
        assumption="extended decisional bilinear Diffie-Hellman, discrete logarithm; type 1, standard model",
        moved=(
            "nothing doubled; rekeys and the half of the public key that they are made from are in G2. The assumption "
            "says its powers in one group; in which of two each is needed was not worked out: the proof is lost until "
            "then"
        ),
    ),
    Properties(
        GreenAteniese.name,
        direction=_ONE_WAY,
        hops=Claim("one as built", _ONE_HOP.tests),
        keys=Claim(
            "identities only; the key generation centre opens everything",
            ("test_rekey_and_sealing_need_public_keys_only", "test_the_generation_centre_opens_everything"),
        ),
        attacks=Claim(
            f"CPA; {_SIMULATED}; {_NOT_CCA}", ("test_identity_based_reencapsulation_can_be_simulated", _CHANGED)
        ),
        collusion=Claim(
            "the delegator's whole key", ("test_green_ateniese_proxy_and_delegatee_recover_the_delegators_key",)
        ),
        assumption="decisional bilinear Diffie-Hellman; type 1, random oracles",
        moved=(
            "nothing doubled; identities are hashed to G2. The reduction takes g^s both for the parameters and for "
            "identities' keys, which are in two groups now: the assumption has to give it in both (co-DBDH), which was "
            "not worked out"
        ),
    ),
    Properties(
        LibertVergnaud.name,
        direction=_ONE_WAY,
        hops=_ONE_HOP,
        keys=_PUBLIC_KEYS,
        attacks=Claim(
            f"RCCA: changed capsules are refused, but first levels can be re-randomised and open alike; {_SIMULATED}",
            (
                "test_libert_vergnaud_refuses_every_changed_part",
                "test_libert_vergnaud_first_levels_refuse_what_was_changed",
                "test_libert_vergnaud_first_levels_can_be_rerandomised_and_open_alike",
                "test_libert_vergnaud_reencapsulation_can_be_simulated",
            ),
        ),
        collusion=Claim(
            "h^(1/x), which opens everything re-encryptable of hers; not x, and not what was delegated to her",
            (
                "test_libert_vergnaud_proxy_and_delegatee_open_all_second_levels",
                "test_libert_vergnaud_what_was_delegated_to_her_stays_closed_to_the_weak_secret",
            ),
        ),
        assumption="3-weak decisional bilinear Diffie-Hellman inversion; type 1, standard model, static corruption",
        moved=(
            "the public key is doubled (G1 and G2); whoever takes one has to hold its halves against each other "
            "(`test_libert_vergnaud_halves_of_a_public_key_that_differ_are_seen_by_two_pairings`), which no phase "
            "contains. X_i is public, and not among the rekey's bytes. The assumption's powers are needed in both "
            "groups, which was not worked out; without C3 the signature is of C4 alone: the proof is lost until both "
            "are redone"
        ),
    ),
    Properties(
        TypeAndIdentity.name,
        direction=_ONE_WAY,
        hops=_ONE_HOP,
        keys=Claim(
            "only the delegator seals; rekeys are for one type; the key generation centre opens everything",
            (
                "test_ibraimi_only_the_delegator_seals",
                "test_ibraimi_a_rekey_turns_its_own_type_only",
                "test_the_generation_centre_opens_everything",
            ),
        ),
        attacks=Claim(
            f"CPA; {_SIMULATED}; {_NOT_CCA}", ("test_identity_based_reencapsulation_can_be_simulated", _CHANGED)
        ),
        collusion=Claim(
            "the delegator's key of that type, and of no other",
            ("test_ibraimi_proxy_and_delegatee_open_all_of_the_type_and_no_other",),
        ),
        assumption="as Boneh and Franklin's encryption; type 1, random oracles",
        moved="as Green-Ateniese; two key generation centres became one",
    ),
    Properties(
        Umbral.name,
        direction=_ONE_WAY,
        hops=_ONE_HOP,
        keys=_PUBLIC_KEYS,
        attacks=Claim(
            "changed capsules, fragments and labels are refused by proofs",
            ("test_umbral_refuses_a_changed_capsule_and_a_changed_fragment",),
        ),
        collusion=Claim(
            "a threshold of proxies: the delegator's secret, which is one scope's",
            ("test_umbral_proxies_and_delegatee_recover_the_secret",),
        ),
        assumption="the argument of Nunez 2018; random oracles",
        moved="needs no pairing; one proxy of one here, two of three for records",
    ),
    Properties(
        UmbralPre.name,
        direction=_ONE_WAY,
        hops=_ONE_HOP,
        keys=_PUBLIC_KEYS,
        attacks=Claim("refuses the wrong key", ("test_a_checked_scheme_refuses_the_wrong_key",)),
        collusion=Claim(
            "as scheme.umbral, whose scheme it is", ("test_umbral_proxies_and_delegatee_recover_the_secret",)
        ),
        assumption="as scheme.umbral",
        moved="needs no pairing",
    ),
    Properties(
        ProxyRecrypt.name,
        direction=_ONE_WAY,
        hops=_ONE_HOP,
        keys=_PUBLIC_KEYS,
        attacks=Claim("the wrong key gives other bytes, without an error", ("test_nobody_else_opens",)),
        collusion=Claim(
            f"as {Afgh.name}, whose scheme it is", ("test_afgh_proxy_and_delegatee_open_all_second_levels",)
        ),
        assumption=f"as {Afgh.name}",
        moved="nothing: a type 1 curve, at 80 bits",
    ),
)


def markdown() -> Iterator[str]:
    """The lines of the document's tables: what is claimed with its tests, and what the proofs stand on."""
    yield "| scheme | property | as built here | shown by |"
    yield "|---|---|---|---|"
    for each in PROPERTIES:
        for name, claim in each.claims().items():
            shown = ", ".join(f"`{test}`" for test in claim.tests)
            yield f"| {each.scheme} | {name} | {claim.says} | {shown} |"
    yield "| scheme | the paper's proof stands on | moved to BLS12-381 and made an encapsulation |"
    yield "|---|---|---|"
    for each in PROPERTIES:
        yield f"| {each.scheme} | {each.assumption} | {each.moved} |"
