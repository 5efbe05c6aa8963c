"""The command symptoms search: from words to terms of the vocabulary."""

from __future__ import annotations

from pathlib import Path

import click

from clinic.cli.session import Session, command
from clinic.cli.tables import add_row, plain_table
from matching.languages import ENGLISH, Languages
from matching.lookup import DEFAULT_OFFERED
from matching.vocabulary import Vocabulary

TRANSLATIONS_VARIABLE = "CHARTSEAL_TRANSLATIONS"
_FOLDER = "translations"


@click.group()
def symptoms() -> None:
    """Find the terms that symptoms are matched by."""


@symptoms.command()
@click.argument("text")
@click.option("--language", default=ENGLISH, show_default=True, metavar="XX", help="Language of TEXT (ISO 639-1).")
@click.option("--top", type=click.IntRange(1, 50), default=DEFAULT_OFFERED, show_default=True, help="At most so many.")
@click.option(
    "--translations", metavar="DIR", envvar=TRANSLATIONS_VARIABLE, type=click.Path(path_type=Path),
    help=f"Folder of hp-XX*.babelon.tsv files (default: ${TRANSLATIONS_VARIABLE}, else HOME/{_FOLDER}).",
)  # fmt: skip
@command(password=False)
def search(session: Session, text: str, language: str, top: int, translations: Path | None) -> None:
    """Look up symptoms by everyday words, such as "bad headache".

    Nothing leaves this machine.
    """
    vocabulary = Vocabulary.default()
    folder = translations or session.folder / _FOLDER
    languages = Languages({}) if translations is None and not folder.is_dir() else Languages.from_folder(folder)
    found = languages.lookup(vocabulary, language.lower()).search(text, top=top)
    table = plain_table("ID", "TERM", "FOUND AS", "SCORE")
    for match in found:
        add_row(table, match.term.id, match.term.label, match.name, f"{match.score:.2f}")
    value = {
        "language": language.lower(), "source": vocabulary.attribution,
        "terms": [
            {"id": match.term.id, "label": match.term.label, "name": match.name, "score": round(match.score, 6)}
            for match in found
        ],
    }  # fmt: skip
    session.tell(value, table=table, empty="No term is near that; try fewer or other words.")
    if found and not session.as_json:
        click.echo(f"\n{vocabulary.attribution}")
