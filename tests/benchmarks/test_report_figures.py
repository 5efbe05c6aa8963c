"""What figures draw is what the result lines say."""

import dataclasses

import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from benchmarks.report.figures import leakage, ledger, matching, network, phases, ratios, schemes, storage, times
from benchmarks.report.figures.curves import Curve, draw_curves, spread
from benchmarks.report.figures.dots import Chart, Dot, pages
from benchmarks.report.figures.dots import drawings as drawings_of
from benchmarks.report.figures.scales import digits, numbers
from benchmarks.report.figures.style import COLOURS, HATCHES, LINES, MARKERS
from benchmarks.runs import runs
from benchmarks.summary import summarise
from tests.benchmarks import lines, report_lines


def drawn(module, case, name):
    """The figure that ``module`` draws of the made-up results, with the axes in it."""
    (run,) = [run for run in runs(report_lines.every_case()) if run.case == case]
    (drawing,) = [drawing for drawing in module.drawings(run) if drawing.name == name]
    return drawing, picture_of(drawing)


def picture_of(drawing):
    (picture,) = Figure(layout="constrained").subfigures(1, 1, squeeze=False).flat
    drawing.draw(picture)
    return picture


def curves(axes):
    """By label; whiskers' lines have none of their own."""
    found = {each.get_label(): each.lines[0] for each in bars(axes)}
    return {curve.get_label(): curve for curve in axes.lines if not curve.get_label().startswith("_")} | found


def bars(axes):
    return [each for each in axes.containers if isinstance(each, ErrorbarContainer)]


def dots(axes):
    """Values by row, from top to bottom."""
    rows = [text.get_text() for text in axes.get_yticklabels()]
    return [(rows[int(dot.lines[0].get_ydata()[0])], dot.lines[0].get_xdata()[0]) for dot in bars(axes)]


def ratios_of(*compared):
    """The figures of ratios with these titles, ``of`` and security levels."""
    every = []
    for title, levels in compared:
        one, other = (
            dataclasses.replace(lines.series(f"{title}: {side}", seconds), security_bits=bits)
            for side, seconds, bits in zip(("one", "other"), ((1.0,), (2.0,)), levels, strict=True)
        )
        every += [one, other, lines.comparison(title, one.name, other.name, None)]
    (run,) = runs(every)
    return list(ratios.drawings(run))


def legend(picture):
    return [text.get_text() for text in picture.legends[0].get_texts()]


def test_growth_shows_measured_and_extrapolated_apart():
    drawing, picture = drawn(matching, "matching", "growth")
    (axes,) = picture.axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    found = curves(axes)
    search = found["one search, closure near"]
    assert list(search.get_xdata()) == [1_000, 1_000_000]
    assert list(search.get_ydata()) == pytest.approx([1e-5, 1e-2])
    (pairs,) = [label for label in found if "all pairs of patients, 1 symptom" in label]
    assert "extrapolated, not run" in pairs
    assert found[pairs].get_markerfacecolor() == "white" != search.get_markerfacecolor()
    assert any(label.startswith("openmined-psi") for label in legend(picture))
    assert "Hollow markers were not run" in drawing.caption


def test_accuracy_stands_against_the_strongest_statistical_attack():
    drawing, picture = drawn(leakage, "leakage", "accuracy-against-leakage")
    assert "1,200 patients: made up" in drawing.title
    assert "1,200 patients: made up" in drawing.caption
    tags, symptoms = picture.axes
    for axes in (tags, symptoms):
        spots = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines}
        assert spots == {(10.0, 80.0), (5.0, 75.0), (0.0, 70.0)}
    assert legend(picture) == ["closure exact", "closure near", "defence: none", "defence: 5 decoys"]


def test_results_that_do_not_say_whose_symptoms_they_are_of_are_drawn_too():
    left_out = {"source", "patients"}
    every = [
        dataclasses.replace(line, settings={name: line.settings[name] for name in line.settings.keys() - left_out})
        for line in report_lines.every_case()
        if line.case == "leakage"
    ]
    (run,) = runs(every)
    (drawing,) = leakage.drawings(run)
    assert drawing.title == "leakage: accuracy against leakage"
    assert drawing.caption.startswith("Each point is a closure")


def test_the_ledger_by_delegates_and_entries():
    _, picture = drawn(ledger, "ledger", "delegates")
    rates, verified, sizes = picture.axes
    assert list(rates.lines[0].get_xdata()) == [4, 21]
    assert rates.lines[0].get_ydata()[0] == pytest.approx(250)
    assert list(curves(verified)["10 handovers"].get_ydata()) == pytest.approx([0.0044, 0.0231])
    assert list(curves(sizes)["0 handovers"].get_ydata()) == [1200, 6300]
    _, picture = drawn(ledger, "ledger", "entries")
    rates, memory = picture.axes
    assert set(curves(rates)) == {"verify", "verify: its signatures and hashes alone"}
    assert list(curves(memory)["verify"].get_ydata()) == [80, 80]
    assert legend(picture) == ["verify", "verify: its signatures and hashes alone"]


def test_costs_are_stacked_by_role_with_the_whole_beside():
    _, picture = drawn(phases, "phases", "by-role")
    computation, communication = picture.axes
    widths = sorted(bar.get_width() for bar in computation.patches)
    assert widths == pytest.approx([25, 75, 100])
    assert [text.get_text() for text in computation.texts] == ["4,000 ms", "200.0 s"]
    assert [text.get_text() for text in communication.texts] == ["1,000 KiB", "500 KiB"]
    assert legend(picture) == ["doctor", "hospital", "patient"]


def test_costs_grow_with_the_history():
    _, picture = drawn(phases, "phases", "growth")
    computation, communication = picture.axes
    assert list(curves(computation)["block"].get_ydata()) == pytest.approx([0.04, 4.0])
    assert list(curves(communication)["setup"].get_ydata()) == [5120, 512_000]


def test_an_old_curves_bars_are_marked():
    _, picture = drawn(schemes, "schemes", "times")
    encapsulate, opened = picture.axes
    assert [text.get_text() for text in encapsulate.get_yticklabels()] == [
        "umbral, secp256k1",
        "AFGH 2006, SS512 [80 bits]",
    ]
    strong, weak = opened.patches
    assert not strong.get_hatch()
    assert weak.get_hatch()
    assert weak.get_facecolor() != strong.get_facecolor()
    assert weak.get_width() == pytest.approx(3.0)


def test_predicted_stands_against_measured():
    _, picture = drawn(schemes, "schemes", "predicted")
    found = curves(picture.axes[0])
    assert list(found["umbral, secp256k1"].get_xdata()) == pytest.approx([0.0009, 0.0027])
    assert list(found["umbral, secp256k1"].get_ydata()) == pytest.approx([0.0008, 0.0024])
    assert [picture.axes[0].get_xlabel(), picture.axes[0].get_ylabel()] == ["CPU time, predicted", "CPU time, measured"]


def test_storage_by_size_and_at_once():
    _, picture = drawn(storage, "storage", "upload")
    found = curves(picture.axes[0])
    assert set(found) == {"chartseal library", "restic"}
    assert list(found["restic"].get_xdata()) == [4096, 1 << 20]
    assert [text.get_text() for text in picture.axes[0].get_xticklabels()] == ["4 KiB", "1 MiB"]
    _, picture = drawn(storage, "storage", "upload-together")
    assert list(curves(picture.axes[0])["restic"].get_xdata()) == [1, 8]


def test_backends_with_peers_have_a_figure_of_their_own():
    every = [line for line in report_lines.every_case() if line.case == "storage"]
    every += [
        dataclasses.replace(line, name=f"{line.name} {backend}", settings=line.settings | changed)
        for line in every
        for backend, changed in (
            ("another", {"backend": "another"}),
            ("peer", {"system": "rclone crypt"} if line.settings["system"] == "restic" else {"backend": "third"}),
        )
    ]
    (run,) = runs(every)
    found = {drawing.name: picture_of(drawing) for drawing in storage.drawings(run)}
    assert [axes.get_title() for axes in found["upload"].axes] == ["folder"]
    assert [axes.get_title() for axes in found["upload-alone"].axes] == ["another", "third"]
    assert legend(found["upload"]) == ["chartseal library", "restic", "rclone crypt"]
    assert found["upload-together"].get_supxlabel() == "transfers at once"


def test_the_networks_latency_may_be_none():
    _, picture = drawn(network, "network", "latency")
    found = curves(picture.axes[0])
    assert list(found["1 reader, 10 blocks"].get_xdata()) == [0, 100]
    assert list(found["50 readers, 10 blocks"].get_ydata()) == pytest.approx([5.0, 6.0])
    assert list(found["1 reader, 1,000 blocks, every link"].get_ydata()) == pytest.approx([3.0])
    drawing, picture = drawn(network, "network", "round-trips")
    assert "while 20 ms were added to each round trip" in drawing.caption
    (axes,) = picture.axes
    assert list(curves(axes)["the hospital"].get_ydata()) == [6, 6]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0


def test_whiskers_of_curves_are_of_six_samples_or_more_and_lines_of_three_places():
    axes = Figure().subplots()
    five, six = [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    few = Curve.of("five", 0, [(1, five), (2, five)])
    many = Curve.of("six", 1, [(1, six), (2, six), (3, five)])
    draw_curves(axes, [few, many])
    found = {each.get_label(): each for each in bars(axes)}
    assert [found["five"].has_yerr, found["six"].has_yerr] == [False, True]
    assert found["five"].lines[0].get_linestyle() == "None" != found["six"].lines[0].get_linestyle()
    (whiskers,) = found["six"].lines[2]
    assert [len(segment) for segment in whiskers.get_segments()] == [2, 2, 0]
    assert spread([few]) == "Medians, n = 5; no whiskers."
    assert spread([few, many]) == "Medians, n = 5 to 6; whiskers from the 5th to the 95th percentile, none for n < 6."
    assert spread([Curve.counted("counted", 0, [(1, 2.0)])]) == ""
    bottom, top = axes.get_ylim()
    assert bottom <= 1.25
    assert top >= 5.75


def test_ratios_have_intervals_and_goals():
    _, picture = drawn(ratios, "made-up", "ratios")
    (axes,) = picture.axes
    assert dots(axes) == [("fast over slow", 4.0)]
    assert [text.get_text() for text in axes.texts] == ["4.00"]
    (goal,) = [line for line in axes.lines if line.get_marker() == "^"]
    assert [*goal.get_xdata(), *goal.get_ydata()] == [2.0, 0.36]
    assert legend(picture) == ["goal"]


def test_ratios_that_share_a_side_or_a_phase_share_a_panel():
    (drawing,) = ratios_of(
        ("open, A over B on c (d)", (128, 120)),
        ("a file, over copying it", (128, 128)),
        ("open, A over C", (128, 128)),
        ("one caller, 7 delegates, over 4", (128, 128)),
        ("SHA-256, 64 B: fast, over slow", (128, 128)),
        ("one caller, 9 delegates, over 4", (128, 128)),
        ("SHA-256, 4 KiB: fast, over slow", (128, 80)),
    )
    picture = picture_of(drawing)
    found = {axes.get_title(loc="left"): [row for row, _ in dots(axes)] for axes in picture.axes}
    assert found == {
        "open, A over \N{HORIZONTAL ELLIPSIS}": ["B on c (d)", "C"],
        "": ["a file, over copying it"],
        "over 4": ["one caller, 7 delegates", "one caller, 9 delegates"],
        "fast, over slow": ["SHA-256, 64 B", "SHA-256, 4 KiB"],
    }
    assert legend(picture) == ["128 bits against 120 bits", "128 bits", "128 bits against 80 BITS, LOW"]
    assert "Hollow: a single sample" in drawing.caption
    assert "triangle" not in drawing.caption


def test_what_is_compared_with_itself_is_not_drawn():
    series = lines.series("four", (1.0, 2.0))
    (run,) = runs([series, lines.comparison("four, over four", "four", "four", None)])
    assert list(ratios.drawings(run)) == []


def test_ratios_of_several_backends_are_told_apart_by_looks():
    every = []
    for backend in ("folder", "s3"):
        for system in ("library", "store"):
            line = lines.series(f"{backend}, upload: {system}", (1.0, 2.0))
            every.append(dataclasses.replace(line, settings={"backend": backend}))
        title = f"{backend}, upload: library, over store"
        every.append(lines.comparison(title, every[-2].name, every[-1].name, None))
    (run,) = runs(every)
    (drawing,) = ratios.drawings(run)
    picture = picture_of(drawing)
    (axes,) = picture.axes
    assert dots(axes) == [("upload", 1.0), ("upload", 1.0)]
    assert legend(picture) == ["folder", "s3"]
    assert not axes.texts


def test_a_case_without_a_figure_of_its_own_gets_its_times():
    _, picture = drawn(times, "made-up", "times")
    (axes,) = picture.axes
    assert dots(axes) == [("an operation on an old curve [80 BITS, LOW]", 0.5)]
    assert axes.xaxis.get_major_formatter()(0.25) == "250 ms"


def test_times_of_one_operation_stand_in_one_row():
    named = ("A: seal", "A: open", "B: open")
    (run,) = runs([lines.series(name, (1.0, 2.0), unit="operations") for name in named])
    (drawing,) = times.drawings(run)
    picture = picture_of(drawing)
    assert {axes.get_title(loc="left"): [row for row, _ in dots(axes)] for axes in picture.axes} == {
        "A": ["seal"],
        "A, B": ["open", "open"],
    }
    assert legend(picture) == ["A", "B"]


def chart_of(*panels):
    """Of so many rows in each panel, with values that grow from row to row."""
    every = [
        Dot(f"panel {nth}", f"row {nth}, {row}", "", summarise([1.0 + row])) for nth, rows in enumerate(panels)
        for row in range(rows)
    ]  # fmt: skip
    return Chart(every, "", numbers, digits, at=1)


def test_values_have_three_digits_beside_their_rows():
    assert [digits(value) for value in (0.09482, 0.368, 1.0, 11.885, 220.94, 999.7, 66_750.7)] == [
        "0.0948", "0.368", "1.00", "11.9", "221", "1,000", "66,751",
    ]  # fmt: skip


def test_values_far_apart_are_on_a_logarithmic_scale():
    every = [Dot("", f"{value}", "", summarise([value])) for value in (1.0, 1000.0)]
    (drawing,) = drawings_of(Chart(every, "", numbers), "a", "b", "c")
    (axes,) = picture_of(drawing).axes
    assert axes.get_xscale() == "log"
    assert not axes.patches
    assert [text.get_text() for text in axes.get_xticklabels()][1:4] == ["1", "10", "100"]


def test_whiskers_are_of_six_samples_or_more():
    every = [Dot("", f"{count}", "", summarise([1.0 + nth for nth in range(count)])) for count in (5, 6)]
    (drawing,) = drawings_of(Chart(every, "", numbers), "a", "b", "c")
    (axes,) = picture_of(drawing).axes
    assert [each.has_xerr for each in bars(axes)] == [False, True]
    for module in (times, ratios):
        name = module.__name__.rpartition(".")[2]
        assert "no whiskers: fewer than 6 samples" in drawn(module, "made-up", name)[0].caption


def test_panels_are_kept_together_on_pages_that_are_about_as_full():
    chart = chart_of(6, 10, 10, 6, 6, 10)
    parts = pages(chart.dots)
    assert [dot for part in parts for dot in part] == chart.dots
    assert [len(part) for part in parts] == [26, 22]
    assert [len(part) for part in pages(chart_of(4, 18, 1, 2, 6, 9, 12, 3).dots)] == [25, 30]
    assert [len(part) for part in pages(chart_of(100).dots)] == [34, 34, 32]
    assert pages([]) == []
    limits = {picture_of(each).axes[0].get_xlim() for each in drawings_of(chart_of(100), "a", "b", "c")}
    assert len(limits) == 1


def test_looks_are_told_apart_without_colour():
    assert len(set(COLOURS)) == len(COLOURS) == 10
    assert len(set(MARKERS)) == len(set(HATCHES)) == 10
    assert len(set(LINES)) == len(LINES) >= 6


def test_a_name_with_dollars_is_no_formula(tmp_path):
    from benchmarks.report.figures.drawing import save  # noqa: PLC0415

    (run,) = runs([
        lines.series("$\\frac{", (1.0, 2.0), unit="operations"),
        lines.series("$b", (2.0, 1.0), unit="operations"),
        lines.comparison("$\\frac{ over $b", "$\\frac{", "$b", None),
    ])  # fmt: skip
    for drawing in (*times.drawings(run), *ratios.drawings(run)):
        save(drawing, "$\\frac{", tmp_path / drawing.name)
    assert len(list(tmp_path.iterdir())) == 4
