"""What defenses need of training: a full-data network's representations, and networks trained on parts of a training set."""

from typing import Any

import numpy as np
import torch

from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import mlp
from rethinking_backdoors.training.interface import Models
from rethinking_backdoors.training.registry import trainer


class Learner:
    """Networks of one kind on parts of one training set, which stays on the device; a ``defenses.interface.Learner``.

    Args:
        inputs: (n, H, W, C) uint8, or features (n, D) float32 where the network takes them. labels: (n,) int64.
        training: the configuration's section of that name, for one attack (see ``config.training_of``).
    """

    def __init__(self, inputs: np.ndarray, labels: np.ndarray, training: dict[str, Any], device: str = "cpu"):
        self.trainer = trainer(training, device)
        prepared = self.trainer.prepare(inputs)
        # Perceptrons take float inputs and compute in their precision; defenses compare losses with thresholds, where a rounding
        # error in float32 decides otherwise on another processor.
        self.inputs = prepared.double() if prepared.is_floating_point() else prepared
        self.labels = torch.from_numpy(labels).to(device)

    def fit(self, subset: np.ndarray, rng: np.random.Generator, epochs: int | None = None, start: Models | None = None) -> Models:
        """One network trained on the examples ``subset`` (s,); every fit is a whole triangle of the learning rate.

        Args:
            epochs: instead of the recipe's. start: a network of an earlier fit, to be trained on; it stays as it is.
        """
        return self.trainer.train(self.inputs, self.labels, subset[None], [rng], epochs=epochs, start=start)

    def evaluate(self, network: Models) -> tuple[np.ndarray, np.ndarray]:
        """The cross-entropy (n,) float64 of every example of the training set, and the class (n,) int64 assigned to it."""
        (logits,) = network.logits(self.inputs)
        loss = torch.nn.functional.cross_entropy(logits.T.double(), self.labels, reduction="none")
        return loss.cpu().numpy(), logits.argmax(0).cpu().numpy()

    def modules(self, networks: list[Models]) -> tuple[list[torch.nn.Module], torch.Tensor, torch.Tensor]:
        """Networks of ``fit`` as ordinary modules in float32, the inputs (n, ...) as they take them, and the labels (n,).

        Raises:
            InputError: networks of this kind have no modules of their own.
        """
        return [module.float() for one in networks for module in mlp.as_modules(one)], self.inputs.float(), self.labels


def representations(
    inputs: np.ndarray, labels: np.ndarray, *, root: int, training: dict[str, Any], device: str = "cpu"
) -> np.ndarray:
    """The last hidden layer (n, d) float32 of one network that is trained on all examples, the same for all defenses.

    Args:
        inputs, labels, training: see ``Learner``. root: of the experiment and seed.
    """
    learner = Learner(inputs, labels, training, device)
    network = learner.fit(np.arange(len(labels)), generator(root, "representations"))
    return network.representations(learner.inputs)[0].float().cpu().numpy()
