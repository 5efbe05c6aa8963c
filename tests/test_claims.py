"""Every claim of docs/claims.md names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLAIMS = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")


def _rows() -> list[list[str]]:
    lines = [line for line in CLAIMS.splitlines() if line.startswith("|")]
    rows = [line for line in lines if not re.match(r"^\|[-| ]+\|$", line)]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_claim_names_its_evidence() -> None:
    claims = [row for row in _rows() if row[0] != "claim"]
    assert len(claims) >= 20
    for row in claims:
        assert len(row) == 3, row
        assert re.search(r"`tests/\S+`|\]\(", row[2]), f"no evidence for: {row[0]}"


def test_the_named_tests_exist() -> None:
    named = re.findall(r"`(tests/[^`:]+\.py)(?:::([A-Za-z0-9_]+))?`", CLAIMS)
    assert named
    for file, function in named:
        path = ROOT / file
        assert path.is_file(), f"{file} does not exist"
        if function:
            assert function.startswith("test_"), f"{function} is no test"
            assert function in _functions(path), f"{file} has no {function}"
