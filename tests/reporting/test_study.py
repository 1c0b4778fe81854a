import pandas as pd

from rethinking_backdoors.reporting.figures import study


def test_every_variant_has_its_mean_and_interval():
    """Two variants in two experiments, values written down; a number that is not shown is left out."""
    lines = [
        (e, "own", d, "auroc", 60.0 + e + 20 * (d == "refined"), 50.0, 90.0, "0 1") for e in (1, 7) for d in ("paper", "refined")
    ]
    lines += [(e, "own", "paper", "zeros", 80.0, 79.0, 81.0, "0 1") for e in (1, 7)]
    table = pd.DataFrame(lines, columns=["experiment", "penalty", "detector", "column", "value", "low", "high", "seeds"])
    figure = study.draw(table, {1: "dirty label", 7: "clean label"})
    first = figure.axes[0]
    points = [line.get_xdata()[0] for line in first.lines if line.get_marker() == "o"]
    assert points == [61.0, 81.0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["own, paper", "own, refined"]


def test_where_models_were_varied_a_variant_is_a_curve_over_them():
    lines = [
        (1, models, detector, judged, "auroc", value, value, value, "0")
        for models, detector, judged, value in (
            (4000, "paper", "same models", 90.0),
            (1000, "paper", "same models", 80.0),
            (1000, "paper", "permuted", 50.0),
            (4000, "paper", "permuted", 51.0),
        )
    ]
    names = ["experiment", "models", "detector", "judged", "column", "value", "low", "high", "seeds"]
    figure = study.draw(pd.DataFrame(lines, columns=names), {1: "dirty label"})
    drawn = {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()), line.get_linestyle()) for line in figure.axes[0].lines
    }
    assert drawn["paper, same models"] == ([1000, 4000], [80, 90], "-")
    assert drawn["paper, permuted"] == ([1000, 4000], [50, 51], ":")
