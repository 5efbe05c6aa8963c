"""A report's folder: every table and figure in every form, from the result files alone."""

import csv
import html.parser
import re
import shutil
import subprocess
import warnings
from collections import Counter

import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks import command, results
from benchmarks.errors import OutputUnwritable, ResultInvalid
from benchmarks.report.write import write
from tests.benchmarks import report_lines

FIGURES = (
    "made-up-ratios", "made-up-times", "matching-growth", "leakage-accuracy-against-leakage", "ledger-delegates",
    "ledger-entries", "phases-by-role", "phases-growth", "schemes-times", "schemes-predicted", "storage-upload",
    "storage-upload-together", "storage-download", "storage-download-together", "network-latency",
    "network-round-trips",
)  # fmt: skip
TABLES = (
    "made-up-measured", "made-up-ratios", "made-up-figures", "made-up-missing", "made-up-published",
    "made-up-profile-1", "matching-measured", "matching-figures", "leakage-figures", "ledger-measured",
    "ledger-figures", "phases-measured", "phases-computation-10", "phases-computation-1000",
    "phases-communication-10-sent", "phases-communication-1000-received", "schemes-measured", "schemes-operations",
    "schemes-predicted", "storage-measured",
)  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # matplotlib's, when a figure has no room for its axes
        write(report_lines.every_case(), folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # names of a hundred letters leave no room
        write(report_lines.hostile(), folder)
    return folder


def test_every_figure_is_there_as_png_and_svg(out):
    found = {path.name: path.read_bytes() for path in (out / "figures").iterdir()}
    assert set(found) >= {f"{name}.{form}" for name in FIGURES for form in ("png", "svg")}
    for name, content in found.items():
        assert content.startswith(b"\x89PNG" if name.endswith(".png") else b"<?xml")
        assert len(content) > 5_000


def test_the_same_results_give_the_same_bytes(out, tmp_path):
    write([line for line in report_lines.every_case() if line.case in {"made-up", "storage"}], tmp_path)
    again = sorted((tmp_path / "figures").iterdir())
    assert len(again) == 12
    for path in again:
        assert path.read_bytes() == (out / "figures" / path.name).read_bytes(), path.name


def test_every_table_is_there_in_latex_with_booktabs(out):
    for name in TABLES:
        text = (out / "tables" / f"{name}.tex").read_text()
        assert re.match(r"\\begin\{(tabular|longtable)\}", text), name
        assert text.count(r"\toprule") >= 1
        assert r"\bottomrule" in text


def test_latex_holds_values_and_marks_what_was_missed(out):
    text = (out / "tables" / "made-up-ratios.tex").read_text()
    assert r"fast over slow & 4.00 & — (n = 3) & 4.00--4.00 & \textgreater{}= 2.00 & reached & " in text
    assert re.search(r"slow blocks a second & 250\.0 blocks/s & .* & MISSED & ", text)


def test_latex_specials_are_escaped(hostile):
    (name,) = [path for path in (hostile / "tables").iterdir() if path.name.endswith("-missing.tex")]
    text = name.read_text()
    assert r"\& 100 \% \$x\_1\textasciicircum 2\$ \#1 \{a\} \textasciitilde b \textbackslash end\{tabular\}" in text
    assert r"\textless{}script\textgreater{}" in text
    assert text.count(r"\end{tabular}") == 1


@pytest.mark.parametrize("which", ["out", "hostile"])
def test_latex_compiles(which, request, tmp_path):
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed; only this test needs it")
    folder = shutil.copytree(request.getfixturevalue(which), tmp_path / "report")
    arguments = [program, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "report.pdf").stat().st_size > 20_000


def test_csv_holds_numbers_in_base_units_with_settings_and_provenance(out):
    measured = pd.read_csv(out / "tables" / "measured.csv")
    (row,) = measured[measured.name == "proof, {'delegates': 4, 'handovers': 10}"].to_dict("records")
    assert row["measure"] == "seconds"
    assert row["median"] == pytest.approx(0.0044)
    assert row["settings.handovers"] == 10
    assert row["provenance.commit"] == "0123456789abcdef"
    assert row["security_bits"] == 128
    ratios = pd.read_csv(out / "tables" / "ratios.csv")
    assert ratios.set_index("title").reached.to_dict() == {"fast over slow": True, "slow blocks a second": False}
    assert len(pd.read_csv(out / "tables" / "samples.csv")) == 3 * len(measured)
    assert measured.interval_low.isna().all()
    (each,) = measured[measured.name == report_lines.SHARED].to_dict("records")
    assert pd.isna(each["cpu_over_wall"])


def test_bytes_of_phases_are_said_to_be_handed_over_in_one_process(out):
    assert "bytes handed over, sent" in (out / "tables" / "phases-communication-10-sent.tex").read_text()
    assert "handed over from role to role in one process" in (out / "index.html").read_text()


def test_published_figures_are_never_among_the_measured(out):
    assert list(pd.read_csv(out / "tables" / "published.csv").system) == ["another ledger"]
    for name in ("measured.csv", "ratios.csv", "figures.csv", "samples.csv", "missing.csv"):
        assert "another ledger" not in (out / "tables" / name).read_text()
    page = (out / "index.html").read_text()
    assert page.index("was not measured\nhere and is not to be put in a ratio") < page.index("another ledger")
    assert "as published, not measured here" in (out / "report.md").read_text()


def test_what_is_missing_low_or_extrapolated_is_said_in_every_form(out):
    for name in ("index.html", "report.md"):
        text = (out / name).read_text()
        assert "80 BITS, LOW" in text
        assert "not measured" in text
        assert re.search(r"not installed: pip install chartseal\\?\[bench\\?\]", text)
        assert "10 % is Python" in text
        assert "ts numbers say nothing" in text
    assert "80 BITS, LOW" in (out / "tables" / "made-up-measured.tex").read_text()


def test_markdown_tables_have_one_cell_a_column(out, hostile):
    for folder in (out, hostile):
        text = (folder / "report.md").read_text()
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            cells = {len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(cells) == 1, table
    assert not re.search(r"(?<!\\)[<`*]", (hostile / "report.md").read_text())


class Page(html.parser.HTMLParser):
    """Counts elements and remembers the files that are referred to."""

    def __init__(self, text):
        super().__init__()
        self.elements = Counter()
        self.files = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        assert all(not name.startswith("on") for name, _ in attrs)
        self.files |= {value for name, value in attrs if name in {"src", "href"} and not value.startswith("#")}


def test_the_page_shows_every_figure_and_table_and_refers_to_files_that_exist(out):
    page = Page((out / "index.html").read_text())
    assert page.elements["img"] == len(list((out / "figures").glob("*.svg")))
    assert page.elements["table"] == len(list((out / "tables").glob("*.tex")))
    assert page.elements["h2"] == 8
    assert all((out / file).is_file() for file in page.files)
    named = {path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.name != "index.html"}
    assert page.files == named


def test_the_page_escapes_hostile_names(hostile):
    text = (hostile / "index.html").read_text()
    page = Page(text)
    assert not page.elements["script"]
    assert page.elements["img"] == len(list((hostile / "figures").glob("*.svg")))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; 100 %" in text


def test_hostile_names_make_files_in_the_folder_only(hostile):
    names = [path.name for path in hostile.rglob("*.*")]
    assert names
    assert all(re.fullmatch(r"[a-z0-9-]+\.(png|svg|tex|csv|md|html)", name) for name in names)


def test_two_runs_of_a_case_are_kept_apart(tmp_path):
    lines = report_lines.every_case()[:4]
    later = [results.from_json(results.to_json(line).replace("2026-11-21", "2026-11-22")) for line in lines]
    write([*lines, *later], tmp_path)
    rows = list(csv.DictReader((tmp_path / "tables" / "ratios.csv").open()))
    assert sorted(row["provenance.time"][:10] for row in rows) == ["2026-11-21"] * 2 + ["2026-11-22"] * 2
    assert {path.name for path in (tmp_path / "figures").glob("*.svg")} == {
        "made-up-ratios.svg",
        "made-up-2-ratios.svg",
    }
    with pytest.raises(ResultInvalid, match="twice"):
        write([*lines, *lines], tmp_path)


def test_the_command_writes_the_report(tmp_path):
    path = tmp_path / "result.jsonl"
    path.write_text("".join(f"{results.to_json(line)}\n" for line in report_lines.every_case()[:4]))
    done = CliRunner().invoke(command.main, ["report", str(path), "--out", str(tmp_path / "a" / "b")])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(tmp_path / "a" / "b" / "index.html")
    assert (tmp_path / "a" / "b" / "index.html").is_file()


@pytest.mark.parametrize("package", ["matplotlib", "pandas", "jinja2"])
def test_without_its_packages_a_report_says_how_to_get_them(package, tmp_path, monkeypatch):
    path = tmp_path / "result.jsonl"
    path.write_text("".join(f"{results.to_json(line)}\n" for line in report_lines.every_case()[:4]))
    monkeypatch.setitem(command.sys.modules, package, None)
    done = CliRunner().invoke(command.main, ["report", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert f"not installed: {package}; pip install chartseal[bench]" in done.output
    assert CliRunner().invoke(command.main, ["report", str(path)]).exit_code == 0


def test_nothing_to_report_and_nowhere_to_write_are_errors(tmp_path):
    with pytest.raises(ResultInvalid, match="no results"):
        write([], tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        write(report_lines.every_case()[:4], tmp_path / "file")
