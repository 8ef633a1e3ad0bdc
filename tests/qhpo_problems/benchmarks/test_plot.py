"""The picture shows the mean regret of every sampler, and other suites as dots."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks import Record, Results, draw, load_suite, suite_names
from qhpo_problems.benchmarks.plot import check_plot_path
from qhpo_problems.benchmarks.results import LOG_FLOOR
from qhpo_problems.benchmarks.sampling.tables import SUITE

MakeRecord = Callable[..., Record]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures instead of their files."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: figures.append(figure))
    return figures


def test_lines_are_means_and_bands_are_standard_errors(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    records = [
        make_record([0.9, end, 0.9], method=method, seed=seed)
        for method, ends in (("qubo", (0.1, 0.3)), ("tpe", (0.5, 0.7)))
        for seed, end in enumerate(ends)
    ]
    draw(SUITE, Results.of(records), tmp_path / "plot.png")
    (figure,) = drawn
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    qubo, tpe = axes.get_lines()
    assert np.asarray(qubo.get_xdata()).tolist() == [1, 2, 3]
    assert qubo.get_ydata() == pytest.approx([0.9, 0.2, 0.2])
    assert tpe.get_ydata() == pytest.approx([0.9, 0.6, 0.6])
    assert qubo.get_color() != tpe.get_color()
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["qubo  0.2000", "tpe  0.6000"]
    band = axes.collections[0].get_paths()[0].vertices
    at_end = np.asarray(band)[np.isclose(np.asarray(band)[:, 0], 3), 1]
    assert (at_end.min(), at_end.max()) == (pytest.approx(0.1), pytest.approx(0.3))


@pytest.mark.parametrize(("name", "row"), [("tables", "trial"), ("curves", "training")])
def test_the_axis_is_called_what_a_row_is(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path, name: str, row: str
) -> None:
    """By the clock of trainings that are stopped early, a unit holds many trials."""
    suite = load_suite(name)
    costs = {"ended": 1, "complete": 1, "cpu_seconds": 0.0, "decision_seconds": 0.0}
    record = make_record([0.5, 0.4])
    rows = [{**costs, **one} for one in record.rows]
    draw(suite, Results.of([replace(record, rows=rows)]), tmp_path / "plot.png")
    (axes,) = drawn[0].axes
    assert axes.get_xlabel() == f"{row}s"
    assert axes.get_legend().get_title().get_text().endswith(f"2 {row}s")


def test_zero_regret_stays_on_the_axis(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(SUITE, Results.of([make_record([0.5, 0.0])]), tmp_path / "plot.png")
    axes = drawn[0].axes[0]
    assert np.asarray(axes.get_lines()[0].get_ydata()).tolist() == [0.5, LOG_FLOOR]
    assert 0 < axes.get_ylim()[0] < LOG_FLOOR
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["tpe  0.0000"]
    assert len(axes.collections) == 0


def test_each_group_has_a_panel_with_its_own_scale(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    families = [f"bbob-d{d}" for d in (2, 3, 5, 10)]
    records = [make_record([100.0, 0.01], table=f"{family}-f1") for family in families]
    draw(load_suite("functions"), Results.of(records), tmp_path / "plot.png")
    panels = drawn[0].axes
    assert [axes.get_title().partition(":")[0] for axes in panels] == families
    for axes in panels:
        assert axes.get_yscale() == "linear"
        assert np.asarray(axes.get_lines()[0].get_ydata()).tolist() == [2.0, -2.0]
        assert [t.get_text() for t in axes.get_legend().get_texts()] == ["tpe  -2.00"]


def test_recommendations_stand_at_their_numbers_of_trials(
    drawn: list[Figure], tmp_path: Path
) -> None:
    rows = tuple(
        {"trials": trials, "gap": gap, "repeated": 0.0, "cpu_seconds": 0.0}
        for trials, gap in ((25, 0.5), (50, -0.25))
    )
    records = [Record("tpe", "tree-wine", 0, {}, "f00d", rows)]
    draw(load_suite("noisy"), Results.of(records), tmp_path / "plot.png")
    (axes,) = drawn[0].axes
    (line,) = axes.get_lines()
    assert np.asarray(line.get_xdata()).tolist() == [25, 50]
    assert np.asarray(line.get_ydata()).tolist() == [0.5, -0.25]
    assert axes.get_xlim() == (25, 50)


def test_more_samplers_than_colours_are_still_told_apart(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    records = [make_record([0.5], method=str(i)) for i in range(20)]
    draw(SUITE, Results.of(records), tmp_path / "plot.png")
    lines = drawn[0].axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


def test_file_is_a_picture(make_record: MakeRecord, tmp_path: Path) -> None:
    path = tmp_path / "new" / "plot.png"
    draw(SUITE, Results.of([make_record([0.5, 0.1])]), path)
    height, width, _ = imread(path).shape
    assert width > height > 400


def test_other_suffix_is_refused(make_record: MakeRecord, tmp_path: Path) -> None:
    with pytest.raises(QhpoError, match=r"ending in \.png or \.svg; got .*plot\.jpg"):
        draw(SUITE, Results.of([make_record([0.5])]), tmp_path / "plot.jpg")


def test_every_suite_has_a_metric_to_draw() -> None:
    for name in suite_names():
        suite = load_suite(name)
        assert suite.drawn in suite.metrics


def test_what_is_known_after_each_trial_is_drawn_as_steps_between_whole_trials(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    draw(SUITE, Results.of([make_record([0.5, 0.3, 0.1])]), tmp_path / "plot.svg")
    axes = drawn[0].axes[0]
    assert axes.get_lines()[0].get_drawstyle() == "steps-post"
    assert [tick for tick in axes.get_xticks() if tick != round(tick)] == []


def test_dots_have_a_panel_for_each_group(drawn: list[Figure], tmp_path: Path) -> None:
    suite = load_suite("scale")
    names = list(suite.tables)[:4]
    row = {"CPU s": 0.5, "first s": 1.0, "MB": 100.0}
    records = [
        Record(method, name, 0, {}, "f00d", ({**row, "CPU s": seconds},))
        for name in names
        for method, seconds in (("qubo", 0.5), ("tpe", 0.25))
    ]
    draw(suite, Results.of(records), tmp_path / "plot.png")
    panels = drawn[0].axes
    assert [axes.get_title().partition(":")[0] for axes in panels] == names
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["qubo", "tpe"]
    assert np.asarray(panels[3].get_lines()[0].get_xdata()).tolist() == [0.5, 0.25]


def test_a_curve_begins_with_the_first_feasible_trial(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    records = [make_record([np.inf, 0.5, 0.25], table="layers")]
    draw(load_suite("constrained"), Results.of(records), tmp_path / "plot.png")
    known = np.asarray(drawn[0].axes[0].get_lines()[0].get_ydata())
    assert np.isnan(known[0])
    assert known[1:].tolist() == [0.5, 0.25]


def test_a_vector_file_is_one(make_record: MakeRecord, tmp_path: Path) -> None:
    draw(SUITE, Results.of([make_record([0.5, 0.1])]), tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text("utf-8")


def test_missing_matplotlib_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "qhpo\[report\]"'):
        check_plot_path(Path("plot.png"))


def test_no_legend_hides_a_curve_and_none_is_cut_off(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    families = [f"bbob-d{d}" for d in (2, 3, 5, 10)]
    records = [
        make_record([100.0, 0.01], method=f"a-rather-long-name-{number}", table=f"{family}-f1")
        for number in range(12)
        for family in families
    ]
    draw(load_suite("functions"), Results.of(records), tmp_path / "plot.png")
    (figure,) = drawn
    figure.draw_without_rendering()
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend is not None
        frame = legend.get_window_extent()
        assert not frame.overlaps(axes.get_window_extent())
        assert figure.bbox.x0 <= frame.x0 < frame.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= frame.y0 < frame.y1 <= figure.bbox.y1


def test_what_is_asked_for_after_some_trials_has_its_ticks_there(
    drawn: list[Figure], tmp_path: Path
) -> None:
    rows = tuple(
        {"trials": trials, "gap": 0.5, "repeated": 0.0, "cpu_seconds": 0.0}
        for trials in (16, 32, 64, 100)
    )
    draw(
        load_suite("noisy"),
        Results.of([Record("tpe", "tree-wine", 0, {}, "f00d", rows)]),
        tmp_path / "plot.png",
    )
    assert drawn[0].axes[0].get_xticks().tolist() == [16, 32, 64, 100]


def test_less_than_a_decade_of_a_logarithmic_axis_has_numbers_too(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    draw(SUITE, Results.of([make_record([0.09, 0.06, 0.04])]), tmp_path / "plot.png")
    (axes,) = drawn[0].axes
    drawn[0].draw_without_rendering()
    low, high = axes.get_ylim()
    assert high < 0.1
    shown = [label.get_text() for label in axes.get_yticklabels()]
    within = [
        text for tick, text in zip(axes.get_yticks(), shown, strict=True) if low < tick < high
    ]
    assert "0.05" in within


def test_a_sampler_without_a_number_has_none_in_the_legend(
    make_record: MakeRecord, drawn: list[Figure], tmp_path: Path
) -> None:
    records = [
        make_record([np.inf, np.inf], table="layers"),
        make_record([np.inf, 0.5], table="layers", method="qubo"),
    ]
    draw(load_suite("constrained"), Results.of(records), tmp_path / "plot.png")
    legend = drawn[0].axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["tpe  none", "qubo  0.5000"]


def test_bars_are_said_to_be_standard_errors_where_there_are_some(
    drawn: list[Figure], tmp_path: Path
) -> None:
    def titles(seeds: int) -> list[str]:
        row = {"bits": 1.0, "couplers": 1.0, "CPU ms": 1.0}
        records = [
            Record("one-hot", "200-levels", seed, {}, "f00d", (row,)) for seed in range(seeds)
        ]
        draw(load_suite("encodings"), Results.of(records), tmp_path / "plot.png")
        return [axes.get_title() for axes in drawn[-1].axes]

    assert "standard error" not in titles(1)[0]
    assert titles(2)[0].endswith("2 seeds\nbar: one standard error")
