"""What the scan's networks take in place of a data set, and how their training is chosen: on held-out accuracy."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import features
from rethinking_backdoors.training.engine import drawn
from rethinking_backdoors.training.registry import trainer

MODELS = ("auto", "mlp", "patches")
# Images of more values than this are not shown to a perceptron as they are.
_PIXELS = 1024
_FITTED_ON = 10_000
_PATCHES = {"patches": 128, "size": 6, "stride": 2, "grid": 3, "threshold": 0.5, "whitening": 0.1, "components": 150}
# Rates are tried in this order, on so many networks; a later one must be half a point more accurate to be taken, and twice the
# epochs, which cost twice as much, a whole point.
_RATES, _EPOCHS, _TRIED, _BETTER, _WORTH_TWICE = (0.05, 0.1, 0.2, 0.02), 10, 16, 0.5, 1.0
_BASELINE_ON = 5000
# So many points the networks' accuracy may lie below that of logistic regression.
_WORSE = 5.0


def represent(data: Labelled, model: str, seed: int, *, fitted_on: Labelled | None = None) -> np.ndarray:
    """The networks' inputs (n, d) float32.

    Args:
        model: "mlp" takes pixels in [0, 1] or features as they are; "patches" random-patch features and extremes, fitted on
            the data itself, or on ``fitted_on``; "auto" takes patches for images of more than 1,024 values.

    Raises:
        InputError: there is no such model, or it takes images only.
    """
    if model not in MODELS:
        raise InputError(f"--model {model}: there are {', '.join(MODELS)}.")
    values = data.values
    if values.ndim == 2:
        if model == "patches":
            raise InputError("--model patches is for images; these are features.")
        return np.ascontiguousarray(values, dtype=np.float32)
    side = min(values.shape[1:3])
    if model == "mlp" or (model == "auto" and values[0].size <= _PIXELS):
        return values.reshape(len(values), -1).astype(np.float32) / 255
    if side < 16:
        raise InputError(
            f"--model patches is for images of 16 x 16 pixels and more; these have {values.shape[1]} x {values.shape[2]}."
        )
    shown = (fitted_on or data).values
    some = shown[np.sort(generator(seed, "fitted on").permutation(len(shown))[:_FITTED_ON])]
    settings = features.FeatureSettings(**_PATCHES, extremes=True)
    extractor = features.Extractor(features.fit(some, settings, generator(seed, "features")), settings)
    return features.extract(values, extractor)


@dataclass(frozen=True)
class Recipe:
    """How the scan's networks are trained, and how good they are.

    Attributes:
        training: settings of ``training.mlp``. accuracy: held-out accuracy of a network trained on half of the data, percent.
        baseline: that of logistic regression. tried: accuracy by learning rate and epochs.
    """

    training: dict[str, Any]
    accuracy: float
    baseline: float
    tried: dict[str, float]

    @property
    def trusted(self) -> bool:
        """Whether the networks hold their own against the plain baseline."""
        return self.accuracy >= self.baseline - _WORSE


def choose(inputs: np.ndarray, labels: np.ndarray, seed: int) -> Recipe:
    """Tries learning rates and epochs on a few networks each, by the accuracy on what they were not trained on.

    Args:
        inputs: (n, d) float32. labels: (n,) int64.
    """
    tried: dict[str, float] = {}

    def accuracy(epochs: int, rate: float) -> float:
        tried[f"rate {rate}, {epochs} epochs"] = round(held_out(inputs, labels, settings(inputs, epochs, rate), seed), 2)
        return tried[f"rate {rate}, {epochs} epochs"]

    best, rate, epochs = accuracy(_EPOCHS, _RATES[0]), _RATES[0], _EPOCHS
    for other in _RATES[1:]:
        if (found := accuracy(_EPOCHS, other)) > best + _BETTER:
            best, rate = found, other
    if (found := accuracy(2 * _EPOCHS, rate)) > best + _WORTH_TWICE:
        best, epochs = found, 2 * _EPOCHS
    chosen = settings(inputs, epochs, rate)
    return Recipe(chosen, best, baseline(inputs, labels, seed), tried)


def settings(inputs: np.ndarray, epochs: int, rate: float) -> dict[str, Any]:
    """A section ``training`` for inputs (n, d)."""
    small = inputs.shape[1] <= 128  # blocks of more networks fit into the cache
    chosen = {"hidden": 32, "epochs": epochs, "batch_size": 50 if len(inputs) <= 3000 else 100, "peak_lr": rate}
    fixed = {"peak_epoch": epochs / 5, "momentum": 0.9, "weight_decay": 5e-4, "models_at_once": 32 if small else 16}
    return {"network": "mlp", **chosen, **fixed}


def held_out(inputs: np.ndarray, labels: np.ndarray, training: dict[str, Any], seed: int) -> float:
    """Mean accuracy (percent) of networks trained on random halves, on the other halves."""
    kind = trainer(training, "cpu")
    x, y = kind.prepare(inputs), torch.from_numpy(labels)
    subsets, streams = drawn(seed, 0.5, range(_TRIED), len(inputs))
    right = (kind.train(x, y, subsets, streams).margins(x, y) > 0).numpy()
    for row, subset in zip(right, subsets, strict=True):
        row[subset] = False
    return 100 * float(right.sum() / (right.size - subsets.size))


def baseline(inputs: np.ndarray, labels: np.ndarray, seed: int) -> float:
    """Accuracy (percent) of logistic regression on one half, on the other; on 5,000 examples at most."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    order = generator(seed, "baseline").permutation(len(labels))
    train, test = order[: len(order) // 2][:_BASELINE_ON], order[len(order) // 2 :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=100)).fit(inputs[train], labels[train])
    return 100 * float(model.score(inputs[test], labels[test]))
