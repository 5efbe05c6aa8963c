"""What figures draw is what the result lines say."""

import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from benchmarks.report.figures import leakage, ledger, matching, network, phases, ratios, schemes, storage, times
from benchmarks.report.figures.bars import Bar, draw_bars, pages
from benchmarks.report.figures.style import COLOURS, HATCHES, LINES, MARKERS
from benchmarks.runs import runs
from benchmarks.summary import summarise
from tests.benchmarks import lines, report_lines


def drawn(module, case, name):
    """The figure that ``module`` draws of the made-up results, with the axes in it."""
    (run,) = [run for run in runs(report_lines.every_case()) if run.case == case]
    (drawing,) = [drawing for drawing in module.drawings(run) if drawing.name == name]
    (picture,) = Figure(layout="constrained").subfigures(1, 1, squeeze=False).flat
    drawing.draw(picture)
    return drawing, picture


def curves(axes):
    return {curve.get_label(): curve for curve in axes.lines}


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


def test_the_ledger_by_delegates_and_entries():
    _, picture = drawn(ledger, "ledger", "delegates")
    rates, verified, sizes = picture.axes
    assert list(rates.lines[0].get_xdata()) == [4, 21]
    assert rates.lines[0].get_ydata()[0] == pytest.approx(250)
    assert list(curves(verified)["10 handovers"].get_ydata()) == pytest.approx([0.0044, 0.0231])
    assert list(curves(sizes)["0 handovers"].get_ydata()) == [1200, 6300]
    _, picture = drawn(ledger, "ledger", "entries")
    rates, memory = picture.axes
    assert set(curves(rates)) == {"verify", "verify: floor"}
    assert list(curves(memory)["verify"].get_ydata()) == [80, 80]


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


def test_the_networks_latency_may_be_none():
    _, picture = drawn(network, "network", "latency")
    found = curves(picture.axes[0])
    assert list(found["1 reader, 10 blocks"].get_xdata()) == [0, 100]
    assert list(found["50 readers, 10 blocks"].get_ydata()) == pytest.approx([5.0, 6.0])
    assert list(found["1 reader, 1,000 blocks, every link"].get_ydata()) == pytest.approx([3.0])
    drawing, picture = drawn(network, "network", "round-trips")
    assert "while 20 ms were added to each round trip" in drawing.caption
    assert list(curves(picture.axes[0])["the hospital"].get_ydata()) == [6, 6]


def test_ratios_have_intervals_and_goals():
    _, picture = drawn(ratios, "made-up", "ratios")
    (axes,) = picture.axes
    assert [bar.get_width() for bar in axes.patches] == [4.0]
    assert [text.get_text() for text in axes.texts] == ["4.00"]
    assert [2.0, 2.0] in [list(line.get_xdata()) for line in axes.lines]
    assert legend(picture) == ["goal"]


def test_a_case_without_a_figure_of_its_own_gets_its_times():
    _, picture = drawn(times, "made-up", "times")
    (axes,) = picture.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["an operation on an old curve [80 BITS, LOW]"]
    assert [text.get_text() for text in axes.texts] == ["500.0 ms"]
    assert axes.xaxis.get_major_formatter()(0.25) == "250 ms"


def test_values_far_apart_are_points_on_a_logarithmic_scale():
    axes = Figure().subplots()
    draw_bars(axes, [Bar("a", 1.0, 0.9, 1.1), Bar("b", 1000.0, 900.0, 1100.0)])
    assert axes.get_xscale() == "log"
    assert not axes.patches
    assert [text.get_text() for text in axes.get_xticklabels()][1:4] == ["1", "10", "100"]


def test_whiskers_are_of_six_samples_or_more():
    axes = Figure().subplots()
    draw_bars(axes, [Bar.of("five", summarise([1.0, 2.0, 3.0, 4.0, 5.0]), 0)])
    assert not [each for each in axes.containers if isinstance(each, ErrorbarContainer)]
    draw_bars(axes, [Bar.of("six", summarise([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 0)])
    assert len([each for each in axes.containers if isinstance(each, ErrorbarContainer)]) == 1
    for module in (times, ratios):
        assert (
            "no whiskers: fewer than 6 samples" in drawn(module, "made-up", module.__name__.split(".")[-1])[0].caption
        )


def test_bars_are_split_over_pages():
    bars = [Bar(f"bar {number}", 1.0, 1.0, 1.0) for number in range(100)]
    parts = pages(bars)
    assert [bar for part in parts for bar in part] == bars
    assert 10 < len(parts[0]) < 60
    assert pages([]) == []


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
