"""One page with everything: figures, tables, and where each number comes from."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from benchmarks.report.section import Section
from benchmarks.summary import FEWEST

_TEMPLATE = "index.html.j2"


def page(sections: Sequence[Section], downloads: Sequence[str]) -> str:
    """HTML; figures and ``downloads`` are files beside it. All that comes from result files is escaped."""
    environment = Environment(
        loader=PackageLoader("benchmarks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(sections=sections, downloads=downloads, fewest=FEWEST)
