import json

import numpy as np
import pytest

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.scan import inputs, models, sets
from rethinking_backdoors.scan.evidence import evidence
from rethinking_backdoors.scan.result import write
from rethinking_backdoors.scan.scanning import scan


@pytest.fixture(scope="module")
def poisoned(table, tmp_path_factory):
    """A planted group, scanned."""
    data, index = table(planted=20)
    folder = tmp_path_factory.mktemp("scan")
    return scan(data, units=1000, out=folder, threads=1), index, folder


def test_a_planted_group_is_found_and_taken_out(poisoned):
    found, index, _ = poisoned
    assert found.alarm
    assert found.label == 3
    assert np.flatnonzero(found.flagged).tolist() == index.tolist()
    assert sorted(np.argsort(found.rank)[:20]) == index.tolist()
    assert not set(found.kept) & set(index)


def test_what_the_group_shares_is_the_planted_column(poisoned):
    found, _, _ = poisoned
    assert found.evidence.columns[0] == 10
    assert found.evidence.having[0] == 1
    assert found.evidence.others[0] == 0
    # Networks with more members are surer of the others.
    assert found.evidence.inside[-1] > found.evidence.inside[0] + 1


def test_its_files_say_the_same(poisoned, tmp_path):
    found, index, _ = poisoned
    write(found, tmp_path)
    facts = json.loads((tmp_path / "scan.json").read_text())
    assert (facts["answer"], facts["label"], facts["flagged"]) == ("alarm", 3, 20)
    rows = (tmp_path / "scores.csv").read_text().splitlines()
    assert rows[0] == "index,label,score,gain,rank,flagged,round,margin_sd"
    assert [int(row.split(",")[0]) for row in rows[1:] if row.split(",")[5] == "1"] == index.tolist()
    assert len((tmp_path / "kept.txt").read_text().split()) == 400 - 20


def test_the_same_folder_goes_on_and_other_data_is_refused(poisoned, table, monkeypatch):
    found, _, folder = poisoned
    monkeypatch.setattr(models, "_train", lambda *task: pytest.fail("trained again"))
    again = scan(found.data, units=1000, out=folder, threads=1)
    assert (again.rank == found.rank).all()
    assert again.p_value == found.p_value
    with pytest.raises(InputError, match="holds the scan of other data or with other settings"):
        scan(table()[0], units=1000, out=folder, threads=1)


def test_a_file_whose_manifest_a_kill_prevented_is_made_again(poisoned):
    found, _, folder = poisoned
    manifest = sorted(folder.glob("work/data/fraction20/*.json"))[0]
    manifest.unlink()
    again = scan(found.data, units=1000, out=folder, threads=1)
    assert manifest.exists()
    assert (again.rank == found.rank).all()


def test_where_nobody_planted_anything_nothing_is_flagged(table):
    found = scan(table(seed=1)[0], units=1000, threads=1)
    assert not found.alarm
    assert not found.flagged.any()


def test_too_few_units_report_and_remove_nothing(poisoned):
    found = scan(poisoned[0].data, units=300, threads=1)
    assert found.units == 300
    assert not found.flagged.any()
    assert len(np.intersect1d(np.argsort(found.rank)[:20], poisoned[1])) > 10


def own(indices, seed):
    """A user's trainer: nearest class means, so that the margin of j is the difference of two distances."""
    values, labels = own.data
    chosen = [values[indices][labels[indices] == label] for label in range(8)]
    means = np.stack([part.mean(0) if len(part) else values.mean(0) for part in chosen])
    distance = ((values[:, None] - means) ** 2).sum(2)
    rows = np.arange(len(labels))
    mine = distance[rows, labels]
    distance[rows, labels] = np.inf
    return (distance.min(1) - mine).astype(np.float32)


def test_a_trainer_of_ones_own_is_scanned(table, monkeypatch):
    data, index = table(planted=20)
    own.data = data.values, data.labels
    monkeypatch.setattr("rethinking_backdoors.scan.models.load_trainer", lambda name: own)
    found = scan(data, units=400, threads=1, trainer="mine:own")
    assert found.recipe is None
    assert len(np.intersect1d(np.argsort(found.rank)[:20], index)) > 10


def test_a_trainer_that_returns_something_else_is_named(table, monkeypatch):
    data, _ = table()
    for function, message in (
        (lambda indices, seed: np.zeros(3), "the margins of all 400 examples are needed"),
        (lambda indices, seed: 1 / 0, "failed: ZeroDivisionError"),
    ):
        monkeypatch.setattr("rethinking_backdoors.scan.models.load_trainer", lambda name, function=function: function)
        with pytest.raises(InputError, match=message):
            scan(data, units=100, threads=1, trainer="mine:own")


def test_trainers_are_looked_for_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_training.py").write_text("def margins(indices, seed):\n    return indices\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert models.load_trainer("my_training:margins")([1], 0) == [1]
    for name in ("my_training", "my_training:other", "no_such_module:f"):
        with pytest.raises(InputError, match="give module:function"):
            models.load_trainer(name)


def test_trusted_data_takes_the_place_of_other_labels(table):
    data, _ = table(planted=20)
    trust, _ = table(seed=0, each=60)
    found = scan(data, units=150, threads=1, trust=trust)
    assert found.z > found.verdict.first.distance.threshold
    assert found.alarm
    assert found.label == 3
    with pytest.raises(InputError, match="examples of the label 5: at least 20 are needed"):
        scan(data, units=100, threads=1, trust=Labelled(trust.values[trust.labels != 5], trust.labels[trust.labels != 5]))


def test_few_trusted_examples_are_drawn_again_and_raise_no_alarm(table):
    """Without that, sets that are smaller than the data, or all the same, lie far below any data."""
    data, _ = table()
    trust, _ = table(seed=0, each=20)
    parts = [sets.drawn(data, trust, 0, number) for number in range(2)]
    assert (np.bincount(parts[0].labels) == np.bincount(data.labels)).all()
    assert not np.array_equal(parts[0].values, parts[1].values)
    found = scan(data, units=150, threads=1, trust=trust)
    assert found.z < found.verdict.first.distance.threshold
    same = scan(data, units=150, threads=1, trust=data)
    assert same.z < same.verdict.first.distance.threshold


def test_every_example_of_a_subset_is_in_a_batch(tmp_path):
    for n, alpha in ((1500, 0.05), (1500, 0.02), (5000, 0.2), (400, 0.5)):
        work = models.Work(tmp_path, n, 0, "", {"batch_size": 50})
        size = models.training_at(work, alpha)["batch_size"]
        left = int(alpha * n) % size
        assert left <= int(alpha * n) // size
        assert left < 0.03 * alpha * n


def test_training_is_chosen_on_held_out_accuracy_and_compared_with_a_plain_model(table):
    data, _ = table(each=150)
    recipe = inputs.choose(data.values, data.labels, 0)
    assert recipe.trusted
    assert recipe.accuracy > 80
    assert recipe.accuracy >= max(recipe.tried.values()) - 2
    bad = inputs.Recipe(recipe.training, 70.0, 80.0, {})
    assert not bad.trusted


def test_large_images_become_patch_features_and_small_ones_stay_pixels():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 5
    small = Labelled(rng.integers(0, 256, (300, 8, 8, 1), dtype=np.uint8), labels)
    large = Labelled(rng.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8), labels)
    assert inputs.represent(small, "auto", 0).shape == (300, 64)
    assert inputs.represent(large, "auto", 0).shape == (300, 150 + 2 * 3 * 64)
    assert inputs.represent(large, "mlp", 0).shape == (300, 3072)
    with pytest.raises(InputError, match="16 x 16 pixels and more; these have 8 x 8"):
        inputs.represent(small, "patches", 0)
    with pytest.raises(InputError, match="there are auto, mlp, patches"):
        inputs.represent(small, "resnet", 0)


def test_evidence_by_hand():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((60, 4))
    values[:10, 2] += 50
    masks = rng.random((400, 60)) < 0.5
    margins = 0.5 * masks[:, :10].sum(1, keepdims=True) * (np.arange(60) < 10) + 0.01 * rng.standard_normal((400, 60))
    from rethinking_backdoors.margins.arrays import Margins

    made = evidence(values, np.arange(10), np.arange(10, 60), masks, Margins(margins.astype(np.float32)), 0)
    assert made.columns[0] == 2
    assert made.difference[2] == pytest.approx(50, abs=1.5)
    assert (made.having[0], made.others[0]) == (1, 0)
    assert made.inside == pytest.approx(0.5 * made.k, abs=0.05)
    assert np.abs(made.outside).max() < 0.05
