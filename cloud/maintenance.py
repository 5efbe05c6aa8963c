"""Work on whole stores: check what is there, repair mirrors, copy to another store, find and collect orphans."""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from cloud.checked import Verify
from cloud.errors import BlockNotFound, CloudTransient
from cloud.store import Listed, Store
from cloud.streams import rewind, seek_to
from scheme.errors import ChartSealError

_IN_MEMORY_BYTES = 8 << 20


@dataclass(frozen=True)
class Finding:
    """A block that is not as it should be in the store of that URL; ``code`` is that of the error it met."""

    url: str
    locator: str
    code: str


@dataclass(frozen=True)
class CheckReport:
    """What a check saw. ``unreachable`` blocks may be sound: ask again later."""

    blocks: int
    bytes: int
    missing: tuple[Finding, ...]
    damaged: tuple[Finding, ...]
    unreachable: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether every expected block was read and found good."""
        return not (self.missing or self.damaged or self.unreachable)


@dataclass(frozen=True)
class RepairReport:
    """``restored`` blocks were put into a mirror that lacked them or held them damaged; ``lost`` are good nowhere."""

    blocks: int
    bytes: int
    restored: tuple[Finding, ...]
    failed: tuple[Finding, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class CopyReport:
    """``present`` blocks were there already; ``failed`` ones are named with the store and the error they met."""

    copied: int
    bytes: int
    present: int
    failed: tuple[Finding, ...]


def _scratch() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)


def _fetch(store: Store, locator: str, verify: Verify | None, file: BinaryIO) -> int:
    rewind(file, 0)
    count = store.get(locator, file)
    seek_to(file, 0)
    if verify is not None:
        verify(locator, file)
        seek_to(file, 0)
    return count


def check(store: Store, expected_locators: Iterable[str], verify: Verify | None = None) -> CheckReport:
    """Read every expected block in full and ``verify`` it. One block at a time, in flat memory."""
    blocks = bytes_ = 0
    findings: dict[str, list[Finding]] = {"missing": [], "damaged": [], "unreachable": []}
    with _scratch() as file:
        for locator in expected_locators:
            try:
                bytes_ += _fetch(store, locator, verify, cast("BinaryIO", file))
                blocks += 1
            except BlockNotFound as error:
                findings["missing"].append(Finding(store.url, locator, error.code))
            except CloudTransient as error:
                findings["unreachable"].append(Finding(store.url, locator, error.code))
            except ChartSealError as error:
                findings["damaged"].append(Finding(store.url, locator, error.code))
    return CheckReport(blocks, bytes_, **{name: tuple(found) for name, found in findings.items()})


def repair(
    mirrors: Sequence[Store],
    expected_locators: Iterable[str],
    verify: Verify | None = None,
    on_block: Callable[[str], None] | None = None,
) -> RepairReport:
    """Give every mirror each expected block from one that has it sound.

    Without ``verify`` only absent blocks are put back. With it every copy is read, and a damaged one is replaced: the
    one case in which a block is removed before it is written, with the verified copy at hand.
    """
    blocks = bytes_ = 0
    restored: list[Finding] = []
    failed: list[Finding] = []
    lost: list[str] = []
    for locator in expected_locators:
        with _scratch() as good, _scratch() as other:
            state = _survey(mirrors, locator, verify, cast("BinaryIO", good), cast("BinaryIO", other))
            sound = any(error is None for error in state.values())
            if not sound:
                lost.append(locator)
            for mirror in mirrors:
                error = state[mirror.url]
                if error is None or (not sound and isinstance(error, BlockNotFound)):
                    continue
                try:
                    if not sound or isinstance(error, CloudTransient):
                        raise error
                    if not isinstance(error, BlockNotFound):
                        mirror.delete(locator)
                    seek_to(cast("BinaryIO", good), 0)
                    bytes_ += mirror.put(locator, cast("BinaryIO", good)).size_bytes
                    restored.append(Finding(mirror.url, locator, error.code))
                except ChartSealError as failure:
                    failed.append(Finding(mirror.url, locator, failure.code))
        blocks += 1
        if on_block is not None:
            on_block(locator)
    return RepairReport(blocks, bytes_, tuple(restored), tuple(failed), tuple(lost))


def _survey(
    mirrors: Sequence[Store], locator: str, verify: Verify | None, good: BinaryIO, other: BinaryIO
) -> dict[str, ChartSealError | None]:
    """State of the block in each mirror (``None``: sound); the first sound copy is left in ``good``."""
    state: dict[str, ChartSealError | None] = {}
    have_good = False
    for mirror in mirrors:
        try:
            if have_good and verify is None:
                state[mirror.url] = None if mirror.exists(locator) else BlockNotFound(f"{locator} is not there")
                continue
            _fetch(mirror, locator, verify, other if have_good else good)
            have_good = True
            state[mirror.url] = None
        except ChartSealError as error:
            state[mirror.url] = error
    return state


def copy(
    source: Store,
    target: Store,
    locators: Iterable[str] | None = None,
    verify: Verify | None = None,
    on_block: Callable[[str], None] | None = None,
) -> CopyReport:
    """Copy all blocks (or those of ``locators``) to ``target``; after a cut, run again: it copies what is absent."""
    copied = bytes_ = present = 0
    failed: list[Finding] = []
    for locator in locators if locators is not None else (entry.locator for entry in source.list()):
        side = target
        try:
            if target.exists(locator):
                present += 1
                continue
            with _scratch() as file:
                side = source
                _fetch(source, locator, verify, cast("BinaryIO", file))
                side = target
                bytes_ += target.put(locator, cast("BinaryIO", file)).size_bytes
            copied += 1
        except ChartSealError as error:
            failed.append(Finding(side.url, locator, error.code))
        finally:
            if on_block is not None:
                on_block(locator)
    return CopyReport(copied, bytes_, present, tuple(failed))


def orphans(store: Store, known: Collection[str]) -> Iterator[Listed]:
    """Blocks that nobody refers to. ``known`` includes what is uploaded and not anchored yet (the outbox)."""
    return (entry for entry in store.list() if entry.locator not in known)


def collect(store: Store, found: Iterable[Listed]) -> int:
    """Delete those orphans; returns how many are gone. One that is gone already is no error."""
    count = 0
    for entry in found:
        try:
            store.delete(entry.locator)
            count += 1
        except BlockNotFound:
            continue
    return count
