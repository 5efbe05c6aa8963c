"""The permit that every scheme here asks for, so that none is used by accident."""

from __future__ import annotations

from dataclasses import dataclass

from matching.errors import PublishedSchemeRefused


@dataclass(frozen=True)
class ResearchPermit:
    """Says in words what a published scheme is run for: a benchmark or a test, with symptoms of nobody.

    Raises ``PublishedSchemeRefused`` without words.
    """

    purpose: str

    def __post_init__(self) -> None:
        if not self.purpose.strip():
            raise PublishedSchemeRefused("say what the published scheme is run for; patients are matched by tags")


def require_permit(permit: object) -> None:
    """Return if ``permit`` is one (``True`` is none). Raises ``PublishedSchemeRefused``."""
    if not isinstance(permit, ResearchPermit):
        raise PublishedSchemeRefused("a table of symptoms breaks this scheme; use matching.tags, or a ResearchPermit")
