import numpy as np
import pytest

from rethinking_backdoors.defenses import activation_clustering as ac
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet


class Activations:
    """What the other implementation asks of a classifier: its "inputs" are the activations already."""

    layer_names = ("last",)

    def get_activations(self, x, layer, batch_size):
        return x


def removed(examples, analysis, threshold, reduction="principal", dimensions=10):
    settings = ac.Settings(reduction, dimensions, analysis, threshold)
    return ac.defend(examples, settings, Oracle(), np.random.default_rng(1)).removed


@pytest.fixture(scope="module")
def two_groups():
    """Classes of 100, 90, 80 and 70 in 30 dimensions, with groups of 30, 40, 20 and 0 far from the rest."""
    rng = np.random.default_rng(0)
    sizes, apart = (100, 90, 80, 70), (30, 40, 20, 0)
    labels = np.repeat([0, 1, 2, 3], sizes)
    values = rng.standard_normal((340, 30))
    for label, count in enumerate(apart):
        values[np.flatnonzero(labels == label)[:count]] += 5
    order = rng.permutation(340)
    return TrainingSet(values[order], labels[order], values[order], None)


def compared(examples, classes, analysis, reduce, dimensions):
    """What the other implementation makes of some of the classes: its defence after the analysis, the set, and its report."""
    pytest.importorskip("art", reason="adversarial-robustness-toolbox is not installed")
    from art.defences.detector.poison import ActivationDefence

    kept = np.isin(examples.labels, classes)
    values, labels = examples.representations[kept], np.unique(examples.labels[kept], return_inverse=True)[1]
    np.random.seed(0)  # noqa: NPY002 (theirs starts 2-means once, from the global generator, and can get stuck)
    classifier = Activations()
    classifier.nb_classes = len(classes)
    defence = ActivationDefence(classifier, values, labels)
    report, _ = defence.detect_poison(nb_clusters=2, nb_dims=dimensions, reduce=reduce, cluster_analysis=analysis)
    return defence, TrainingSet(values, labels, values, None), report


# Theirs keeps turning components that mine stops turning too, and says so.
@pytest.mark.filterwarnings("ignore:FastICA did not converge")
@pytest.mark.parametrize(("reduce", "reduction", "dimensions"), [("PCA", "principal", 10), ("FastICA", "independent", 2)])
class TestAgainstAnIndependentImplementation:
    def test_relative_size(self, two_groups, reduce, reduction, dimensions):
        # Theirs fails on a class neither of whose clusters is suspicious.
        defence, examples, _ = compared(two_groups, [0, 2], "relative-size", reduce, dimensions)
        own = removed(examples, "relative_size", 0.35, reduction, dimensions)
        assert np.sort(own).tolist() == np.flatnonzero(np.array(defence.is_clean_lst) == 0).tolist()
        assert len(own) == 50

    def test_silhouette(self, two_groups, reduce, reduction, dimensions):
        # Theirs wants a small size as well, so class 1 is left out. It says rightly which classes are suspicious, but of a
        # suspicious class it leaves most examples without a verdict: the smaller of its clusters is taken.
        defence, examples, report = compared(two_groups, [0, 2, 3], "silhouette-scores", reduce, dimensions)
        expected = []
        for label, cluster in enumerate(defence.clusters_by_class):
            if report[f"class_{label}"]["suspicious"]:
                expected += np.flatnonzero(examples.labels == label)[cluster == np.bincount(cluster).argmin()].tolist()
        own = removed(examples, "silhouette", 0.4, reduction, dimensions)
        assert np.sort(own).tolist() == sorted(expected)
        assert len(own) == 50


def test_the_analyses_differ_as_the_paper_says(two_groups):
    groups = [np.flatnonzero((two_groups.labels == label) & (two_groups.representations.mean(1) > 2.5)) for label in range(3)]
    assert [len(group) for group in groups] == [30, 40, 20]
    both = np.sort(np.concatenate([groups[0], groups[2]]))
    assert np.sort(removed(two_groups, "relative_size", 0.35)).tolist() == both.tolist()
    assert np.sort(removed(two_groups, "relative_size", 0.27)).tolist() == np.sort(groups[2]).tolist()
    # Silhouettes look at the shape alone, so the two halves of class 1 are suspicious too.
    assert np.sort(removed(two_groups, "silhouette", 0.1)).tolist() == np.sort(np.concatenate(groups)).tolist()
    assert removed(two_groups, "silhouette", 0.9).tolist() == []


def test_a_class_in_one_piece_has_a_low_silhouette():
    values = np.random.default_rng(2).standard_normal((200, 30))
    examples = TrainingSet(values, np.zeros(200, dtype=np.int64), values, None)
    assert removed(examples, "silhouette", 0.15).tolist() == []


def test_exclusionary_reclassification_finds_the_relabelled(blobs):
    examples, poison = blobs
    # A group of class 2 that is far from its class, but further from every other one, is legitimate.
    inputs = examples.inputs.copy()
    inputs[120:135] += 8 * np.eye(12)[2]
    examples = TrainingSet(inputs, examples.labels, inputs, examples.learner)
    assert set(range(120, 135)) <= set(removed(examples, "relative_size", 0.35))
    found = removed(examples, "exclusionary", 1.0)
    assert found.tolist() == poison.tolist()


def test_reclassification_by_hand():
    class Fixed:
        def fit(self, subset, rng):
            assert subset.tolist() == [0, 1, 2]
            return "network"

        def evaluate(self, network):
            return None, np.array([0, 0, 0, 0, 1, 1, 0, 1, 2, 1])

    labels = np.array([0, 1, 2, 0, 0, 0, 1, 1, 1, 1])
    groups = [np.array([3, 4, 5]), np.array([6, 7, 8, 9])]
    # The first group: once its own label, twice class 1. The second: twice its own, once class 0, once class 2.
    assert ac.reclassified(Fixed(), labels, groups, 1.0, None) == [True, False]
    assert ac.reclassified(Fixed(), labels, groups, 0.4, None) == [False, False]
    assert ac.reclassified(Fixed(), labels, groups, 2.0, None) == [True, True]


@pytest.mark.parametrize("reduction", ["principal", "independent"])
def test_units_that_never_fire_are_no_obstacle(two_groups, reduction):
    values = two_groups.representations.copy()
    values[:, 4:] = 0
    values[two_groups.labels == 2] = 1
    examples = TrainingSet(values, two_groups.labels, values, None)
    found = removed(examples, "relative_size", 0.35, reduction)
    assert 25 <= len(found) <= 35
    assert (two_groups.labels[found] == 0).all()


@pytest.mark.parametrize("change", [{"reduction": "tsne"}, {"analysis": "distance"}])
def test_unknown_variants_are_refused(two_groups, change):
    settings = ac.Settings(**{"reduction": "principal", "dimensions": 10, "analysis": "silhouette", "threshold": 0.1, **change})
    with pytest.raises(ValueError, match=next(iter(change.values()))):
        ac.defend(two_groups, settings, Oracle(), np.random.default_rng(0))
