"""Known answers for ``scheme.umbral``; every negative case has one fault and names its error's code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scheme import umbral
from scheme.keys import SigningKey
from tests.vectors.case import Case, Fault, entropy, flipped, hexed, with_faults

_LABEL = b"suite, chain, scope, hospital, chapter"
_UNTIL = 1_900_000_000
_DRAW = entropy("umbral keys")
_PATIENT, _SCOPE, _DOCTOR, _COLLEAGUE = (umbral.SecretKey.derive_from(_DRAW(48)) for _ in range(4))
_SIGNER, _STRANGER = (SigningKey.from_secret_bytes(_DRAW(32)) for _ in range(2))
_TERMS = umbral.RekeyTerms(_DRAW(16), _DRAW(16), _UNTIL)
_OTHER_TERMS = replace(_TERMS, grant_id=_DRAW(16))
_HYBRID = b"\x06" + bytes(_PATIENT.public_key)[1:] + bytes(32)


def _terms(terms: umbral.RekeyTerms) -> dict[str, Any]:
    return {"grant_id": terms.grant_id, "scope_id": terms.scope_id, "until": terms.until}


def capsule_cases() -> list[Case]:
    """The delegator opens her capsule; and key derivation."""
    material = entropy("umbral derive")(48)
    derived = umbral.SecretKey.derive_from(material)
    derivation = {"name": "key derivation", "material": material, "secret": derived.to_secret_bytes()}
    capsule, key = umbral.encapsulate(_PATIENT.public_key, _LABEL, entropy=entropy("umbral capsule"))
    data = bytes(capsule)
    good = {"name": "a capsule", "secret": _PATIENT.to_secret_bytes(), "label": _LABEL, "capsule": data, "answer": key}
    uncompressed = b"\x04" + data[1:33] + bytes(32)
    faults: list[Fault] = [
        ("another label", {"label": b"another header"}, "capsule-invalid"),
        ("points swapped", {"capsule": data[33:66] + data[:33] + data[66:]}, "capsule-invalid"),
        ("changed sign of E", {"capsule": flipped(data, 0)}, "capsule-invalid"),
        ("changed proof", {"capsule": flipped(data, -1)}, "capsule-invalid"),
        ("cut by a byte", {"capsule": data[:-1]}, "capsule-invalid"),
        ("an uncompressed point", {"capsule": uncompressed + data[33:]}, "capsule-invalid"),
        ("the identity", {"capsule": bytes(33) + data[33:]}, "encoding-invalid"),
        ("a proof of the order", {"capsule": data[:66] + b"\xff" * 32}, "encoding-invalid"),
        ("a short secret", {"secret": _PATIENT.to_secret_bytes()[:31]}, "encoding-invalid"),
        ("a secret of zero", {"secret": bytes(32)}, "encoding-invalid"),
    ]
    return [hexed(derivation | {"public": bytes(derived.public_key)}), hexed(good), *with_faults(good, faults)]


def key_frag_cases() -> list[Case]:
    """A proxy verifies its key fragment."""
    args = _PATIENT, _DOCTOR.public_key
    frags = umbral.generate_rekey(*args, _SIGNER, _TERMS, 2, 3, entropy=entropy("umbral rekey"))
    forged = umbral.generate_rekey(*args, _STRANGER, _TERMS, 2, 3, entropy=entropy("umbral forged"))
    first, second = (frag.to_secret_bytes() for frag in frags[:2])
    inputs = {"verifying_key": bytes(_SIGNER.verifying_key), "delegating": bytes(_PATIENT.public_key)}
    inputs |= {"receiving": bytes(_DOCTOR.public_key)} | _terms(_TERMS)
    good: dict[str, Any] = {"name": "a key fragment"} | inputs | {"key_frag": first}
    faults: list[Fault] = [
        ("signed by a stranger", {"key_frag": forged[0].to_secret_bytes()}, "fragment-invalid"),
        ("changed id", {"key_frag": flipped(first, 0)}, "fragment-invalid"),
        ("changed threshold", {"key_frag": flipped(first, 16)}, "fragment-invalid"),
        ("changed signature", {"key_frag": flipped(first, 162)}, "fragment-invalid"),
        ("the share of another fragment", {"key_frag": first[:163] + second[163:]}, "fragment-invalid"),
        ("another grant", {"grant_id": _OTHER_TERMS.grant_id}, "fragment-foreign"),
        ("another scope", {"scope_id": bytes(16)}, "fragment-foreign"),
        ("another end", {"until": 0}, "fragment-foreign"),
        ("another scope key", {"delegating": bytes(_SCOPE.public_key)}, "fragment-foreign"),
        ("another delegatee", {"receiving": bytes(_COLLEAGUE.public_key)}, "fragment-foreign"),
        ("cut by a byte", {"key_frag": first[:-1]}, "encoding-invalid"),
        ("a share of zero", {"key_frag": first[:163] + bytes(32)}, "encoding-invalid"),
        ("a hybrid public key", {"receiving": _HYBRID}, "encoding-invalid"),
    ]
    return [hexed(good), *with_faults(good, faults)]


def opening_cases() -> list[Case]:
    """A delegatee verifies the proxies' capsule fragments and opens."""
    draw = entropy("umbral opening")
    capsule, key = umbral.encapsulate(_PATIENT.public_key, _LABEL, entropy=draw)
    another, _ = umbral.encapsulate(_PATIENT.public_key, _LABEL, entropy=draw)

    def answers(signer: SigningKey, terms: umbral.RekeyTerms, on: umbral.Capsule = capsule) -> list[bytes]:
        frags = umbral.generate_rekey(_PATIENT, _DOCTOR.public_key, signer, terms, 2, 3, entropy=draw)
        return [bytes(umbral.reencrypt(on, _LABEL, frag, entropy=draw)) for frag in frags]

    one, two, three = (answer.hex() for answer in answers(_SIGNER, _TERMS))
    inputs = {"receiving_secret": _DOCTOR.to_secret_bytes(), "delegating": bytes(_PATIENT.public_key), "label": _LABEL}
    inputs |= {"verifying_key": bytes(_SIGNER.verifying_key)} | _terms(_TERMS) | {"capsule": bytes(capsule)}
    good: dict[str, Any] = {"name": "first and second"} | inputs | {"capsule_frags": [one, two], "answer": key}
    more = [
        good | {"name": "third and first", "capsule_frags": [three, one]},
        good | {"name": "all three", "capsule_frags": [one, two, three]},
    ]
    elsewhere = answers(_SIGNER, _TERMS, another)[0].hex()
    changed = flipped(bytes.fromhex(two), -1).hex()
    faults: list[Fault] = [
        ("one fragment", {"capsule_frags": [one]}, "fragments-too-few"),
        ("no fragment", {"capsule_frags": []}, "fragments-too-few"),
        ("a fragment twice", {"capsule_frags": [one, one]}, "fragment-duplicate"),
        ("two rekeys mixed", {"capsule_frags": [one, answers(_SIGNER, _TERMS)[1].hex()]}, "fragments-mixed"),
        ("another grant's", {"capsule_frags": [one, answers(_SIGNER, _OTHER_TERMS)[1].hex()]}, "fragment-foreign"),
        ("signed by a stranger", {"capsule_frags": [answers(_STRANGER, _TERMS)[0].hex(), two]}, "fragment-invalid"),
        ("of another capsule", {"capsule_frags": [elsewhere, two]}, "fragment-invalid"),
        ("changed proof", {"capsule_frags": [one, changed]}, "fragment-invalid"),
        ("proof of another", {"capsule_frags": [one[:-128] + two[-128:], two]}, "fragment-invalid"),
        ("another label", {"label": b"another header"}, "capsule-invalid"),
        ("another delegatee", {"receiving_secret": _COLLEAGUE.to_secret_bytes()}, "fragment-foreign"),
        ("another scope key", {"delegating": bytes(_SCOPE.public_key)}, "fragment-foreign"),
        ("cut by a byte", {"capsule_frags": [one, two[:-2]]}, "encoding-invalid"),
    ]
    return [hexed(good), *map(hexed, more), *with_faults(good, faults)]
