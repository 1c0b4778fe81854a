import numpy as np
import pytest

from rethinking_backdoors.config import check, load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.scan.configured import training_set


def test_it_is_the_workflows_training_set():
    config = check(load("digits"))
    clean, poisoned = training_set(config, 0, 3), training_set(config, 1, 3)
    arrays, _ = Experiment.of(config, 1, 3, "cpu").draw()
    assert (clean.values == arrays["train_image"]).all()
    assert (clean.labels == arrays["train_label"]).all()
    made = Experiment.of(config, 1, 3, "cpu").poison(clean.values, clean.labels, None)
    assert np.flatnonzero((poisoned.values != clean.values).any((1, 2, 3))).tolist() == made.index.tolist()
    assert (poisoned.labels[made.index] == 8).all()
    assert poisoned.class_name(8) == "8"


def test_an_experiment_that_is_not_configured_is_refused():
    with pytest.raises(InputError, match="--experiment 99: the configuration has 0, 1, 2"):
        training_set(check(load("digits")), 99, 0)
