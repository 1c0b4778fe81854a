"""The drawing of the workflow's graph: what is read, put together, left out and drawn, on a graph made by hand."""

import numpy as np

from rethinking_backdoors.figures import rulegraph, style

NAMES = ["all", "images", "train", "figure10", "figure9", "table"]
ARROWS = [("images", "train"), ("train", "figure9"), ("train", "figure10"), ("images", "table"), ("train", "table")]
ARROWS += [("figure9", "all"), ("figure10", "all"), ("table", "all"), ("images", "all")]
DOT = "digraph snakemake_dag {\n" + "".join(f'\t{i}[label = "{name}", style="rounded"];\n' for i, name in enumerate(NAMES))
DOT += "".join(f"\t{NAMES.index(before)} -> {NAMES.index(after)}\n" for before, after in ARROWS) + "}\n"
GRAPH = {"images": set(), "train": {"images"}, "figure10": {"train"}, "figure9": {"train"}, "table": {"images", "train"}}


def test_the_target_is_left_out():
    assert rulegraph.read(DOT) == GRAPH


def test_rules_with_the_same_neighbours_share_a_box_and_implied_arrows_go():
    boxed = rulegraph.together(GRAPH)
    assert boxed == {"images": set(), "train": {"images"}, "figure9\nfigure10": {"train"}, "table": {"images", "train"}}
    assert rulegraph.reduced(boxed)["table"] == {"train"}


def test_every_box_is_drawn_below_what_it_reads_and_beside_its_layer():
    figure = rulegraph.draw(DOT)
    texts = {text.get_text(): text.get_position() for text in figure.axes[0].texts if text.get_text()}
    assert set(texts) == {"images", "train", "figure9\nfigure10", "table"}
    assert texts["images"][1] > texts["train"][1] > texts["table"][1] == texts["figure9\nfigure10"][1]
    assert abs(texts["table"][0] - texts["figure9\nfigure10"][0]) >= rulegraph.WIDTH - 1e-9


def test_an_arrow_that_crosses_a_layer_keeps_clear_of_its_boxes():
    graph = {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"c"}, "e": {"a"}, "f": {"d", "e"}}
    found, arrows = rulegraph.layers(graph)
    assert ["e", ("e", "f", 2), ("e", "f", 3), "f"] in arrows
    x = rulegraph.positions(found, arrows)
    apart = [abs(x[one] - x[other]) for layer in found for one in layer for other in layer if one is not other]
    assert np.min(apart) >= (rulegraph.WIDTH + rulegraph.NARROW) / 2 - 1e-9


def test_two_drawings_are_byte_identical(tmp_path):
    for folder in ("one", "two"):
        style.save(rulegraph.draw(DOT), tmp_path / folder / "graph")
    assert (tmp_path / "one/graph.png").read_bytes() == (tmp_path / "two/graph.png").read_bytes()
