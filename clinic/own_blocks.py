"""A patient opens her own records: by her RSA key, compared with her scope keys, without any proxy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clinic.errors import NotPermitted
from clinic.fetching import FetchedBlock, fetch_all
from clinic.keystore import MemberSecrets
from clinic.opened import KeyedBlock, OpenedBlock, open_block
from clinic.own_scopes import master_of, own_scopes
from clinic.site import Site
from ledger.records import AnchoredBlock
from scheme import chapter
from scheme.chapter import ChapterKey
from scheme.keycard import CardScope


class _ChapterKeys:
    """Chapter keys of one patient, each chapter opened once, both ways."""

    def __init__(self, patient: MemberSecrets, lines: dict[str, CardScope]) -> None:
        if patient.wrapping is None:
            raise NotPermitted("only a patient can open her own records")
        self._wrapping = patient.wrapping
        self._master = master_of(patient)
        self._lines = lines
        self._keys: dict[str, ChapterKey] = {}

    def of(self, fetched: FetchedBlock) -> ChapterKey:
        current = fetched.block.header.chapter
        identity = current.context.chapter
        if identity not in self._keys:
            line = self._lines.get(current.context.scope)
            if line is None:
                raise NotPermitted("a block was sealed to a scope that is on none of the patient's key cards")
            self._keys[identity] = chapter.open_both_ways(current, self._wrapping, self._master.scope_key(line.scope))
        return self._keys[identity]


def _keyed(
    site: Site, patient: MemberSecrets, blocks: Sequence[AnchoredBlock]
) -> Iterator[tuple[FetchedBlock, KeyedBlock]]:
    state = site.state()
    site = site.counted("opening", sum(block.size for block in blocks))
    keys = _ChapterKeys(patient, own_scopes(site, state, patient))
    for fetched in fetch_all(site, state, blocks):
        key = keys.of(fetched).block_key(fetched.block.header.nonce)
        yield fetched, KeyedBlock(fetched.anchored, key)


def own_chapter_keys(site: Site, patient: MemberSecrets, blocks: Sequence[AnchoredBlock]) -> Iterator[KeyedBlock]:
    """Keys of the patient's own blocks. Raises ``ChapterKeyMismatch`` when a chapter's two ways differ."""
    return (keyed for _, keyed in _keyed(site, patient, blocks))


def open_own(site: Site, patient: MemberSecrets, blocks: Sequence[AnchoredBlock]) -> Iterator[OpenedBlock]:
    """The patient's own blocks, opened in order; each is valid until the next one is asked for."""
    state = site.state()
    for fetched, keyed in _keyed(site, patient, blocks):
        yield open_block(state, fetched, keyed.key)
