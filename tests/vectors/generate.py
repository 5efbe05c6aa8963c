"""Writes the known-answer files beside this one: ``python -m tests.vectors.generate``. A test runs it and compares."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.vectors import formats, primitives, proxy_reencryption
from tests.vectors.case import FOLDER, Case

FILES: dict[str, Callable[[], list[Case]]] = {
    "chunked.json": primitives.chunked_cases,
    "padding.json": primitives.padding_cases,
    "wrap.json": primitives.wrap_cases,
    "hpke.json": primitives.hpke_cases,
    "keyfile.json": primitives.keyfile_cases,
    "recovery.json": primitives.recovery_cases,
    "umbral_capsule.json": proxy_reencryption.capsule_cases,
    "umbral_key_frag.json": proxy_reencryption.key_frag_cases,
    "umbral_opening.json": proxy_reencryption.opening_cases,
    "scopes.json": formats.scope_cases,
    "key_card.json": formats.key_card_cases,
    "chapter.json": formats.chapter_cases,
    "header.json": formats.header_cases,
    "manifest.json": formats.manifest_cases,
    "block.json": formats.block_cases,
    "chain.json": formats.chain_cases,
}


def text(cases: list[Case]) -> str:
    """The file for ``cases``."""
    return json.dumps(cases, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for name, make in FILES.items():
        (FOLDER / name).write_text(text(make()))
