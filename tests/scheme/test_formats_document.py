"""docs/formats.md names what the code has: tags, sizes, limits, and the fields of each object."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from clinic import letters
from clinic.batch import Target
from clinic.key_fragments import Parties, seal_fragments
from clinic.keystore import MemberSecrets
from clinic.outbox import BatchWriter
from clinic.requests import Access
from clinic.selection import Selection
from ledger.bodies import Remove
from ledger.genesis import Founder, Genesis
from ledger.transactions import sign
from scheme import chunked, hpke, keyfile, recovery, umbral
from scheme.canonical import dumps
from scheme.hashing import Tag, tagged_hash
from scheme.header import MAX_MEMBERS
from scheme.scopes import Category
from scheme.umbral.capsule import CAPSULE_SIZE
from scheme.umbral.group import U
from scheme.umbral.reencrypt import CAPSULE_FRAG_SIZE
from scheme.umbral.rekey import KEY_FRAG_SIZE, ORIGIN_SIZE
from tests.scheme import scene
from tests.vectors.case import FOLDER

DOCUMENT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
EXAMPLES = {
    value.get("type"): value for value in map(json.loads, re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL))
}


@pytest.mark.parametrize("word", [*Tag, *Category])
def test_every_tag_and_category_is_in_it(word: str) -> None:
    assert f"`{word.value}`" in DOCUMENT


def vector(name: str, field: str) -> dict[str, Any]:
    return dict(json.loads(bytes.fromhex(json.loads((FOLDER / name).read_text())[0][field])))


@pytest.mark.parametrize(
    ("kind", "real"),
    [
        ("chartseal/key-card", vector("key_card.json", "card")),
        ("chartseal/block-header", vector("header.json", "header")),
        ("chartseal/manifest", vector("manifest.json", "manifest")),
        ("chartseal/block-header", json.loads(bytes(scene.make().verified.header))),
    ],
)
def test_an_example_has_the_fields_of_the_real_thing(kind: str, real: dict[str, Any]) -> None:
    example = EXAMPLES[kind]
    assert list(example) == list(real)
    for name, value in real.items():
        if isinstance(value, list):
            assert list(example[name][0]) == list(value[0])
        assert type(example[name]) is type(value) or value is None or example[name] is None


def test_every_example_is_canonical() -> None:
    for text in re.findall(r"```json\n(.*?)\n```", DOCUMENT, re.DOTALL):
        assert dumps(json.loads(text)) == text.encode()


def test_numbers_are_those_of_the_code() -> None:
    origin, head = ORIGIN_SIZE, ORIGIN_SIZE + 66
    for text in (
        f"**Capsule**, {CAPSULE_SIZE}:",
        f"origin ({origin}) ",
        f"key fragment ({KEY_FRAG_SIZE})",
        f"**Capsule fragment**, {CAPSULE_FRAG_SIZE}:",
        f"the third of {head} bytes",
        f"**Recovery share**, {recovery.SHARE_SIZE}:",
        f"salt ({chunked.SALT_SIZE}, random) || commitment ({chunked.COMMITMENT_SIZE})",
        f"the first {len(keyfile._MAGIC) + 12 + keyfile.SALT_SIZE} bytes",
        f"1 to {MAX_MEMBERS:,}",
        U.format().hex(),
        tagged_hash(Tag.MEMBER, b"a", b"bc").hex(),
    ):
        assert text in DOCUMENT, text


def test_sizes_of_the_document_are_those_of_real_keys() -> None:
    assert len(bytes(scene.wrapping().public_key)) == 422
    assert len(recovery.split(1, 1)[1][0].to_secret_text().replace("-", "")) == 71
    assert len(bytes(umbral.RekeyTerms(bytes(16), bytes(16), 0))) == 40


def test_objects_of_the_clinic_and_the_ledger_have_the_fields_of_their_examples(tmp_path: Path) -> None:
    shapes = {frozenset(json.loads(text)) for text in re.findall(r"```json\n(.*?)\n```", DOCUMENT, re.DOTALL)}
    member = MemberSecrets.generate("a1" * 16, "doctor")
    public = scene.SCOPE_SECRET.public_key
    made, _ = scene.begun()
    selection = Selection(made.context, public, made.capsule, frozenset(), b"")
    genesis = Genesis.create(
        authority="a1" * 16, verifying=bytes(32), created=1, founders=[Founder("d4" * 16, bytes(32))]
    )
    transaction = sign(Remove("b2" * 16), signer_id="a1" * 16, key=scene.PATIENT, ledger=genesis.digest, time=1)
    batch = BatchWriter(tmp_path, Target("a1" * 16, "b2" * 16, "c3" * 16, scene.CHAIN))
    with batch.block(10):
        batch.add(scene.make().sealed)
    batch.commit(None)
    parties = Parties("0f" * 16, scene.PATIENT.verifying_key, public)
    fragments = seal_fragments([], parties, until=None, proxy=member.hpke.public_key)
    info = f"chartseal/1/key-fragments/{'0f' * 16}/{scene.PATIENT.verifying_key.key_id}/{public.key_id}".encode()
    for real in (
        member.to_secret_bytes(),
        letters.write("refusal", "x", {"reason": ""}, scene.PATIENT).data,
        dumps(Access().to_json() | {"purpose": ""}),
        dumps(selection.to_json()),
        hpke.open(member.hpke, info, fragments),
        bytes(genesis),
        bytes(transaction),
        (tmp_path / "batch.json").read_bytes(),
        made.context.label,
    ):
        assert frozenset(json.loads(real)) in shapes
