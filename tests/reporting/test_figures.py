"""The figures show what they claim: known slopes, heights, line styles, pixels and bytes."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from rethinking_backdoors.attacks.triggers import stamp_test, stamp_train
from rethinking_backdoors.io import write_array, write_npz
from rethinking_backdoors.reporting.figures import (
    figure2,
    figure3,
    figure4,
    figure5,
    figure6,
    figure7,
    figure8,
    figure9,
    figure11,
    style,
)

N, P = 60, 12
TITLES = {number: f"attack {number}, a trigger" for number in range(1, 9)}
PIXEL = [[{"rows": [0, 0], "columns": [0, 0], "color": [255]}]]
TWO_WAY = [
    [{"rows": [2, 3], "columns": [4, 5], "color": [255]}],
    [{"rows": [5, 5], "columns": [0, 1], "color": [77]}],
]


def strength(seed: int, slope: float = 0.5) -> dict[str, np.ndarray]:
    """A strength.npz: measured is exactly slope * estimate + 1 on poisoned examples and noise on clean ones."""
    rng = np.random.default_rng(seed)
    poisoned, estimate, k = np.arange(N) < P, rng.normal(size=N), np.arange(20, 30)
    g = rng.normal(size=(10, len(k)))
    return {
        "poisoned": poisoned,
        "estimate_half": estimate,
        "measured_half": np.where(poisoned, slope * estimate + 1, rng.normal(size=N)),
        "k": k,
        "g_poisoned": np.linspace(1, 2, len(k)),
        "g_clean": np.zeros(len(k)),
        "g_example": g,
    }


@pytest.fixture(scope="module")
def strengths() -> dict[int, dict[str, np.ndarray]]:
    return {number: strength(number, slope=number / 4) for number in range(1, 9)}


def headings(figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_visible()]


def lines(axes, label: str) -> list:
    return [line for line in axes.lines if line.get_label().startswith(label)]


def test_curves_are_the_examples_and_means_of_each_group(strengths):
    (axes,) = figure3.draw(strengths, TITLES).axes
    g = strengths[5]["g_example"]
    dashed = [line for line in axes.lines if line.is_dashed()]
    solid = [line for line in axes.lines if not line.is_dashed()]
    for drawn, color, single, mean in (
        (dashed, style.POISONED, g[:5], "g_poisoned"),
        (solid, style.CLEAN, g[5:], "g_clean"),
    ):
        assert {to_hex(line.get_color()).upper() for line in drawn} == {color.upper()}
        np.testing.assert_array_equal([line.get_ydata() for line in drawn[:-1]], single)
        np.testing.assert_array_equal(drawn[-1].get_ydata(), strengths[5][mean])
        assert drawn[-1].get_linewidth() > 2 * drawn[0].get_linewidth()


@pytest.mark.parametrize(("module", "number"), [(figure3, 5), (figure4, 8), (figure5, 2)])
def test_single_figures_show_the_papers_experiment_or_the_first(module, number, strengths):
    assert headings(module.draw(strengths, TITLES)) == [f"Exp. {number}\nattack {number}, a trigger"]
    others = {other: strengths[other] for other in (7, 4)}
    assert headings(module.draw(others, TITLES)) == ["Exp. 4\nattack 4, a trigger"]


def test_scatter_fits_the_planted_slope_and_separates_the_groups(strengths):
    for number, axes in enumerate(figure8.draw(strengths, TITLES).axes, 1):
        (line,) = lines(axes, "fit")
        (x0, x1), (y0, y1) = line.get_data()
        assert (y1 - y0) / (x1 - x0) == pytest.approx(number / 4)
        assert y0 == pytest.approx(number / 4 * x0 + 1)
        assert line.is_dashed()
        arrays = strengths[number]
        # The line goes no further than the points that it is fitted to.
        assert (x0, x1) == (arrays["estimate_half"][:P].min(), arrays["estimate_half"][:P].max())
        everything = np.polyfit(arrays["estimate_half"], arrays["measured_half"], 1)[0]
        correlation = np.corrcoef(arrays["estimate_half"], arrays["measured_half"])[0, 1]
        note = f"all / poisoned\nslope {everything:.2f} / {number / 4:.2f}\nr {correlation:.2f} / 1.00"
        assert axes.texts[0].get_text() == note
        for points in axes.collections:
            group = arrays["poisoned"] == (points.get_label() == "poisoned")
            expected = np.column_stack([arrays["estimate_half"][group], arrays["measured_half"][group]])
            np.testing.assert_array_equal(points.get_offsets(), expected)
            assert points.get_rasterized()


@pytest.mark.parametrize("numbers", [[3], [2, 6], [1, 2, 3, 4, 5], list(range(1, 9))])
@pytest.mark.parametrize("module", [figure7, figure8])
def test_grids_have_one_titled_panel_an_experiment(module, numbers, strengths, tmp_path):
    figure = module.draw({number: strengths[number] for number in reversed(numbers)}, TITLES)
    assert [title.split("\n")[0] for title in headings(figure)] == [f"Exp. {number}" for number in numbers]
    assert len(figure.legends) == 1
    assert figure.get_size_inches()[0] <= 7
    style.save(figure, tmp_path / "figure")


def weights() -> tuple[np.ndarray, np.ndarray]:
    """W with a known mean for each kind of pair, rows on columns, and a diagonal that would ruin them."""
    w, poisoned = np.random.default_rng(0).normal(scale=0.1, size=(N, N)), np.arange(3, 3 + P)
    clean = np.setdiff1d(np.arange(N), poisoned)
    for rows, columns, mean in ((poisoned, poisoned, 1.0), (poisoned, clean, -0.5), (clean, poisoned, 50.0)):
        w[np.ix_(rows, columns)] += mean
    np.fill_diagonal(w, 1000)
    return w, poisoned


def test_histograms_sum_to_one_and_mark_the_means():
    w, poisoned = weights()
    figure = figure9.draw({4: w, 2: w}, {4: poisoned, 2: poisoned}, TITLES)
    assert [title.split("\n")[0] for title in headings(figure)] == ["Exp. 2", "Exp. 4"]
    axes = figure.axes[0]
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    means = {"clean to clean": 0.0, "poison to clean": -0.5, "poison to poison": 1.0}
    assert [line.get_label() for line in axes.lines] == list(means)
    assert len(axes.patches) - len(outlines) == 2
    for patch, line in zip(outlines, axes.lines, strict=True):
        heights, edges, _ = patch.get_data()
        assert len(heights) == 100
        assert heights.sum() == pytest.approx(1)
        assert line.get_xdata()[0] == pytest.approx(means[line.get_label()], abs=0.02)
        # The bars stand where the mean is, in the same colour.
        assert heights @ (edges[:-1] + edges[1:]) / 2 == pytest.approx(line.get_xdata()[0], abs=0.02)
        assert to_hex(patch.get_edgecolor()) == to_hex(line.get_color())
        assert -1.5 < edges[0] < edges[-1] < 2


def test_files_are_those_of_the_experiments(tmp_path):
    for experiment in (2, 5):
        write_array(tmp_path / f"{experiment}.npy", np.full((3, 3), float(experiment)), {})
        write_npz(tmp_path / f"{experiment}.npz", index=np.arange(experiment))
    files = SimpleNamespace(
        **{kind: [tmp_path / f"{e}.{end}" for e in (2, 5)] for kind, end in (("weights", "npy"), ("poison", "npz"))}
    )
    experiments = {e: {"attack": "dirty_label", "trigger": "one_pixel"} for e in (2, 5)}
    read = figure9.load(files, SimpleNamespace(experiments=experiments))
    assert [int(read["weights"][e][0, 0]) for e in (2, 5)] == [2, 5]
    assert [len(read["poisoned"][e]) for e in (2, 5)] == [2, 5]
    assert read["titles"] == {2: "dirty label, one pixel", 5: "dirty label, one pixel"}


def test_histogram_is_the_same_in_blocks_and_at_once(monkeypatch):
    w, poisoned = weights()
    rows, columns = figure9.groups(w, poisoned)["clean to clean"]
    edges = np.linspace(-0.2, 0.2, 101)
    at_once = figure9.histogram(w, rows, columns, edges)
    monkeypatch.setattr(figure9, "BLOCK", 7)
    in_blocks = figure9.histogram(w, rows, columns, edges)
    np.testing.assert_allclose(in_blocks[0], at_once[0])
    values = w[np.ix_(rows, columns)][~np.eye(len(rows), dtype=bool)]
    assert in_blocks[1] == pytest.approx(values.mean())
    assert at_once[0][0] >= (values < -0.2).mean() > 0


def shown(axes, columns: int, side: int = 8) -> np.ndarray:
    """The images of a panel of Figure 6 in their own resolution: (2, columns, side, side, 3)."""
    image, gap = axes.images[0].get_array(), figure6.GAP
    factor = figure6.SIDE // side
    step = side * factor + gap
    parts = [
        [image[gap + r * step : (r + 1) * step : factor, gap + c * step : (c + 1) * step : factor] for c in range(columns)]
        for r in range(2)
    ]
    return np.array(parts)


def test_trigger_images_carry_exactly_the_triggers_pixels():
    images = np.random.default_rng(0).integers(0, 50, (30, 8, 8, 1), dtype=np.uint8)
    index, variant = np.arange(4, 20), np.arange(16) % 2
    poisons, triggers = {}, {1: PIXEL, 2: PIXEL, 3: TWO_WAY}
    for number, trigger in triggers.items():
        stamped = stamp_train(images[index], trigger, variant % len(trigger))
        poisons[number] = {"index": index, "image": stamped, "label": np.ones(16, dtype=np.int64)}
    titles = {1: "dirty label, one pixel", 2: "dirty label, one pixel", 3: "dirty label, two way"}
    figure = figure6.draw(images, poisons, triggers, titles)
    assert headings(figure) == ["Exp. 1, 2\ndirty label, one pixel", "Exp. 3\ndirty label, two way"]
    one, two = shown(figure.axes[0], 4)[..., :1], shown(figure.axes[1], 3)[..., :1]
    labels = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes]
    assert labels == [["Exp. 1", "Exp. 1", "Exp. 2", "Exp. 2"], ["variant 1", "variant 2", "all, at test time"]]
    np.testing.assert_array_equal(one[0], images[[4, 8, 12, 16]])
    np.testing.assert_array_equal(one[1], stamp_test(one[0], PIXEL))
    np.testing.assert_array_equal(two[1], [*stamp_train(two[0, :2], TWO_WAY, np.arange(2)), stamp_test(two[0], TWO_WAY)[2]])
    assert (one[0] != one[1]).sum() == 4
    assert (two[0] != two[1]).sum((1, 2, 3)).tolist() == [4, 2, 6]
    assert [len(axes.patches) for axes in figure.axes] == [4, 4]
    # The first outline of the two-way trigger: centre between columns 4 and 5, rows 2 and 3 of the lower left image.
    factor, (x, y) = figure6.SIDE // 8, figure.axes[1].patches[0].get_center()
    origin = figure6.GAP - 0.5
    assert (x - origin, y - 2 * figure6.GAP - 8 * factor + 0.5) == (5 * factor, 3 * factor)


def test_colour_images_keep_their_channels():
    images = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)
    trigger = [[{"rows": [0, 0], "columns": [0, 0], "color": [1, 0, 0]}]]
    poisons = {1: {"index": np.arange(4), "image": stamp_test(images[:4], trigger), "label": np.zeros(4, dtype=int)}}
    (axes,) = figure6.draw(images, poisons, {1: trigger}, TITLES).axes
    drawn = shown(axes, 4, side=32)
    np.testing.assert_array_equal(drawn[0], images[:4])
    assert drawn[1, :, 0, 0].tolist() == [[1, 0, 0]] * 4


POISONED = np.array([True, True, False, False])


def test_roc_curves_by_hand():
    best, worst, ties = np.array([4.0, 3, 2, 1]), np.array([1.0, 2, 3, 4]), np.ones(4)
    assert (figure11.roc([(best, POISONED)]) == 1).all()
    assert (figure11.roc([(worst, POISONED)])[:-1] == 0).all()
    np.testing.assert_allclose(figure11.roc([(ties, POISONED)]), figure11.GRID)
    # One poisoned example first, then a clean one: half is found before any error, all after half of the clean ones.
    curve = figure11.roc([(np.array([4.0, 2, 3, 1]), POISONED)])
    assert (curve[figure11.GRID < 0.49] <= 1).all()
    assert curve[0] == 0.5
    assert (curve[figure11.GRID >= 0.5] == 1).all()
    np.testing.assert_allclose(figure11.roc([(best, POISONED), (ties, POISONED)]), (1 + figure11.GRID) / 2)


def test_the_roc_figure_has_a_curve_for_each_defense():
    score = np.array([4.0, 2, 3, 1])
    scores = {1: {"ss": [(score, POISONED)], "refined": [(score, POISONED)] * 2}, 5: {"refined": [(score, POISONED)]}}
    figure = figure11.draw(scores, TITLES)
    assert [title.split("\n")[0] for title in headings(figure)] == ["Exp. 1", "Exp. 5"]
    assert [[line.get_label() for line in axes.lines[1:]] for axes in figure.axes] == [["ss", "refined"], ["refined"]]
    expected = np.append(0, 100 * figure11.roc([(score, POISONED)]))  # a curve starts at the corner
    np.testing.assert_allclose(figure.axes[1].lines[1].get_ydata(), expected)
    assert figure.axes[0].lines[2].get_color() == style.POISONED


@pytest.mark.parametrize("name", ["figure4", "figure4.png", "version.2"])
def test_two_saves_are_byte_identical(name, strengths, tmp_path):
    for folder in ("one", "two"):
        style.save(figure4.draw(strengths, TITLES), tmp_path / folder / name)
    stem = name.removesuffix(".png")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [f"{stem}.pdf", f"{stem}.png"]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    pdf = (tmp_path / "one" / f"{stem}.pdf").read_bytes()
    assert b"Date" not in pdf
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf


def test_drawing_leaves_matplotlibs_settings_alone(strengths):
    before = dict(matplotlib.rcParams)
    figure3.draw(strengths, TITLES)
    assert dict(matplotlib.rcParams) == before
    with style.theme():
        assert matplotlib.rcParams["pdf.fonttype"] == 42


def unplanted_table() -> pd.DataFrame:
    """Every number of Figure 2: the share grows with the count; the pattern moves 5 and 60 percent; ours finds 20, refined 90."""
    rows = [("object", str(count), name, value) for count in (0, 5, 10) for name, value in (("assigned", 4.0 * count),)]
    rows += [("object", str(count), "assigned_without", 1.0) for count in (0, 5, 10)]
    moved = {"before": 1, "size 3": 5, "control 3": 2, "size 4": 60, "control 4": 3}
    rows += [("natural", row, "assigned", value) for row, value in moved.items()]
    for column in ("auroc_within_class", "modified_caught"):
        found = {"oracle": 100, "paper": 20, "refined": 90}
        found |= {
            "paper, permuted masks": 15,
            "refined, permuted masks": 55,
            "paper, cross-fitted": 19,
            "refined, cross-fitted": 80,
        }
        rows += [("detection", row, column, value) for row, value in found.items()]
    table = pd.DataFrame(rows, columns=["part", "row", "column", "value"])
    return table.assign(low=table["value"] - 1, high=table["value"] + 2)


def test_figure_2_shows_its_numbers_and_pictures(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    pictures = {"object_class": 1, "natural_class": 2, "detected": 5, "removed": 0.1, "object_trained": images}
    for part, keys in (("object", ["after"]), ("natural", ["after_3", "after_4"])):
        for key in ["before", *keys]:
            pictures |= {f"{part}_{key}": images, f"{part}_predicted_{key}": np.array([0, 1, 2, 2])}
    figure = figure2.draw(unplanted_table(), pictures, ["zero", "one", "two"])
    *_, one, two, three = [axes for part in figure.subfigs for axes in (*(a for s in part.subfigs for a in s.axes), *part.axes)]
    curves = {line.get_label(): list(line.get_ydata()) for line in one.lines[:2]}
    assert curves == {"with the object": [0, 20, 40], "without": [1, 1, 1]}
    assert one.lines[2].get_xdata()[0] == 5
    heights = [[bar.get_height() for bar in container] for container in two.containers if hasattr(container, "patches")]
    assert heights[0] == [1, 5, 60]
    assert heights[1][1:] == [2, 3]
    heights = [[bar.get_height() for bar in container] for container in three.containers if hasattr(container, "patches")]
    assert heights[0] == [100, 20, 90] * 2
    assert [label.get_text() for label in three.get_xticklabels()] == ["oracle", "paper", "refined"] * 2
    titles = [axes.get_title() for axes in figure.subfigs[0].subfigs[0].axes]
    assert titles == ["one"] * 4 + ["zero", "one", "two", "two"] * 2
    moved = [to_hex(axes.title.get_color()).upper() for axes in figure.subfigs[0].subfigs[1].axes[:4]]
    assert moved == ["#000000", "#000000", style.POISONED.upper(), style.POISONED.upper()]
    style.save(figure, tmp_path / "figure2")
