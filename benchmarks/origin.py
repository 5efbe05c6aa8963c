"""Where the numbers of a run come from, in words, from its lines' provenance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.results import Provenance
from benchmarks.runs import Run


def origin(run: Run) -> list[str]:
    """When and of which commit; machine; software. Unknown facts are left out."""
    found = run.provenance
    says_nothing = " (only shows that all runs; its numbers say nothing)" if run.is_smoke else ""
    load = found.get("load")
    versions = found.get("versions") or {}
    facts = (
        [
            found.get("time"),
            _commit(found),
            f"profile {found.get('profile')}{says_nothing}",
            None if load is None else f"load {load:.1f} at the start",
        ],
        [
            found.get("cpu"),
            _cores(found),
            f"{(found.get('memory_bytes') or 0) / 2**30:.0f} GiB",
            f"governor {found.get('governor') or 'unknown'}",
            found.get("system"),
        ],
        [
            *(found.get(name) for name in ("python", "openssl", "sqlite")),
            *(f"{name} {each}" for name, each in versions.items() if each),
        ],
    )
    return [_joined(each) for each in facts]


def footer(run: Run) -> str:
    """In one line, for a figure."""
    found = run.provenance
    says_nothing = ": ITS NUMBERS SAY NOTHING" if run.is_smoke else ""
    profile = f"profile {found.get('profile')}{says_nothing}"
    return _joined([run.title, found.get("time"), _commit(found), profile, found.get("cpu"), _cores(found)])


def _commit(found: Provenance) -> str:
    return f"commit {str(found.get('commit'))[:12]}{' with changes' if found.get('modified') else ''}"


def _cores(found: Provenance) -> str:
    return f"{found.get('cores')} cores"


def _joined(facts: Iterable[Any]) -> str:
    return ", ".join(str(fact) for fact in facts if fact)
