"""Tables in LaTeX (packages booktabs and longtable), each in a file to be read into a paper, and a document with all.

All that comes from result files passes pandas' escaping, also titles and captions, which are tables of one column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from benchmarks.report.section import Section
from benchmarks.table import Table

_ROWS, _LETTERS = 30, 3000
"""Of a table on one page; larger ones are broken over pages."""
_NARROWEST, _WIDEST = 10, 70
"""Letters that a column of text is made for, at least and at most."""
_LEFT_BY_PANDAS = {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", " .. ": "--"}
"""What old font encodings show as something else; and a range as printers set it."""
_HEAD = r"""\documentclass[9pt,landscape]{extarticle}
\usepackage[a4paper,margin=15mm]{geometry}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{textcomp,booktabs,longtable,graphicx}
\setlength{\parindent}{0pt}
\begin{document}
\footnotesize
"""
_PICTURE = r"width=0.65\linewidth,height=0.7\textheight,keepaspectratio"
_FOOT = r"\end{document}"


def latex(table: Table) -> str:
    """A ``tabular``, or a ``longtable`` when it does not fit on a page."""
    frame = pd.DataFrame(table.rows, columns=list(table.columns))
    styler = frame.style.hide(axis="index")
    styler = styler.format(_finished, escape="latex").format_index(_finished, axis="columns", escape="latex")
    return styler.to_latex(
        hrules=True,
        column_format=_columns(table),
        environment="longtable" if _is_long(table) else None,
    )


def _columns(table: Table) -> str:
    """Names in a line each; where there are several columns of text, lines are broken."""
    numbers = "r" * (len(table.columns) - table.left)
    if table.left == 1:
        return "l" + numbers
    texts = list(zip(table.columns, *table.rows, strict=True))[: table.left]
    widths = [min(max(_NARROWEST, *map(len, each)), _WIDEST) for each in texts]
    share = (0.9 - 0.08 * len(numbers)) / sum(widths)
    return "".join(rf"p{{{width * share:.3f}\linewidth}}" for width in widths) + numbers


def _is_long(table: Table) -> bool:
    return len(table.rows) > _ROWS or sum(len(cell) for row in table.rows for cell in row) > _LETTERS


def document(sections: Iterable[Section]) -> str:
    """Everything on pages, to be compiled in the report's folder: tables and figures are read from their files."""
    return "\n".join([_HEAD, *(line for section in sections for line in _section(section)), _FOOT, ""])


def _section(section: Section) -> Iterator[str]:
    yield _words(section.title, section.origin)
    for drawing in section.drawings:
        file = f"figures/{section.slug}-{drawing.name}.png"
        yield rf"\includegraphics[{_PICTURE}]{{{file}}}\par"
        yield _words(drawing.title, [drawing.caption])
        yield r"\bigskip"
    for table in section.tables:
        yield rf"\input{{tables/{section.slug}-{table.name}.tex}}\bigskip\par"
    yield r"\clearpage"


def _words(title: str, lines: Iterable[str]) -> str:
    return latex(Table("", (title, ""), tuple((line, "") for line in lines), left=2)) + r"\par"


def _finished(escaped: object) -> str:
    finished = str(escaped)
    for sign, replacement in _LEFT_BY_PANDAS.items():
        finished = finished.replace(sign, replacement)
    return finished
