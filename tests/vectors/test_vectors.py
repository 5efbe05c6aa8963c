"""Every committed vector: the generator gives it again, and ``scheme`` gives its answer or its error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from scheme import chunked, hpke, keyfile, padding, recovery, umbral, wrap
from scheme.errors import SchemeError
from scheme.keys import VerifyingKey
from tests.vectors import format_checks, generate
from tests.vectors.case import FOLDER, Case, Inputs
from tests.vectors.primitives import pattern


def _terms(case: Inputs) -> umbral.RekeyTerms:
    return umbral.RekeyTerms(case.grant_id, case.scope_id, case.until)


def _chunked(case: Inputs) -> bytes | None:
    if "size" in case:
        sealed = chunked.seal_bytes(case.key, case.context, pattern(case.size), salt=case.salt)
        assert hashlib.sha256(sealed).digest() == case.sealed_sha256
        return None
    return chunked.open_bytes(case.key, case.context, case.sealed)


def _padding(case: Inputs) -> None:
    assert padding.padded_size(case.size) == case.padded


def _wrap(case: Inputs) -> bytes:
    return wrap.unwrap(wrap.WrappingKey.from_secret_bytes(case.secret), case.wrapped, case.label)


def _hpke(case: Inputs) -> bytes:
    return hpke.open(hpke.HpkePrivateKey.from_secret_bytes(case.secret), case.info, case.sealed)


def _keyfile(case: Inputs) -> bytes:
    return keyfile.open_keyfile(case.password, case.sealed, case.context, allow_test_profile=True)


def _recovery(case: Inputs) -> bytes:
    return recovery.combine([recovery.Share.from_secret_text(text) for text in case.shares])


def _capsule(case: Inputs) -> bytes | None:
    if "material" in case:
        key = umbral.SecretKey.derive_from(case.material)
        assert (key.to_secret_bytes(), bytes(key.public_key)) == (case.secret, case.public)
        return None
    secret = umbral.SecretKey.from_secret_bytes(case.secret)
    return umbral.decapsulate(secret, umbral.Capsule.from_bytes(case.capsule), case.label)


def _key_frag(case: Inputs) -> None:
    frag = umbral.KeyFrag.from_secret_bytes(case.key_frag)
    keys = umbral.PublicKey(case.delegating), umbral.PublicKey(case.receiving)
    assert frag.verify(VerifyingKey(case.verifying_key), *keys, _terms(case)).to_secret_bytes() == case.key_frag


def _opening(case: Inputs) -> bytes:
    receiving = umbral.SecretKey.from_secret_bytes(case.receiving_secret)
    delegating, capsule = umbral.PublicKey(case.delegating), umbral.Capsule.from_bytes(case.capsule)
    opener = umbral.Opener(receiving, delegating, VerifyingKey(case.verifying_key), _terms(case))
    frags = [umbral.CapsuleFrag.from_bytes(bytes.fromhex(frag)) for frag in case.capsule_frags]
    verified = [opener.verify(capsule, case.label, frag) for frag in frags]
    key = opener.open(capsule, case.label, verified)
    assert umbral.decapsulate_reencrypted(receiving, delegating, capsule, case.label, verified) == key
    return key


CHECKS: dict[str, Callable[[Inputs], bytes | None]] = {
    "chunked.json": _chunked,
    "padding.json": _padding,
    "wrap.json": _wrap,
    "hpke.json": _hpke,
    "keyfile.json": _keyfile,
    "recovery.json": _recovery,
    "umbral_capsule.json": _capsule,
    "umbral_key_frag.json": _key_frag,
    "umbral_opening.json": _opening,
    **format_checks.CHECKS,
}


def _committed() -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name[:-5]}: {case['name']}")
        for name in CHECKS
        for case in json.loads((FOLDER / name).read_text())
    ]


@pytest.mark.parametrize("name", CHECKS)
def test_the_generator_gives_the_committed_file(name: str) -> None:
    assert generate.text(generate.FILES[name]()) == (FOLDER / name).read_text()


def test_every_file_has_a_generator() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(generate.FILES)


@pytest.mark.parametrize(("name", "case"), _committed())
def test_vector(name: str, case: Case) -> None:
    if "error" in case:
        with pytest.raises(SchemeError) as caught:
            CHECKS[name](Inputs(case))
        assert caught.value.code == case["error"]
    else:
        answer = CHECKS[name](Inputs(case))
        assert answer == (bytes.fromhex(case["answer"]) if "answer" in case else None)
