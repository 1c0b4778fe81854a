"""What other detectors flag on the sets that were scanned, by thresholds of their own and told nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.defenses.registry import run
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies.scanned import Row, strange

_CLUSTERS = {"method": "activation_clustering", "reduction": "principal", "dimensions": 10}
# The three analyses of Activation Clustering with its paper's thresholds; the share of every class that the released code of
# Spectral Signatures removes. Their paper's rule for Spectral Signatures, and SPECTRE, have to be told how many are poisoned.
DETECTORS: dict[str, dict[str, Any]] = {
    "ac, size": {**_CLUSTERS, "analysis": "relative_size", "threshold": 0.35},
    "ac, silhouette": {**_CLUSTERS, "analysis": "silhouette", "threshold": 0.1},
    "ac, exclusionary": {**_CLUSTERS, "analysis": "exclusionary", "threshold": 1.0},
    "ss, released": {"method": "spectral_signatures", "variant": "released", "removed": 0.15},
}
Represent = Callable[[np.ndarray], np.ndarray]


def by_others(data: Labelled, poison: np.ndarray, training: dict[str, Any], represent: Represent, root: int) -> Iterator[Row]:
    """Rows of every detector: of a poisoned set, or of the sets that nobody attacked where nothing is poisoned.

    Args:
        data: images (n, H, W, C) uint8. poison: (p,) the poisoned examples. training: of the network whose last hidden layer they
            look at. represent: maps images to what it takes. root: of the experiment and seed, as in ``scanned``.
    """
    sets = {"": data} if len(poison) else strange(data, generator(root, "strange sets"))
    for kind, part in sets.items():
        for name, found in _removed(part, training, represent, root).items():
            hit = len(np.intersect1d(found, poison))
            counts = {"flagged": len(found), "alarm": 100.0 * (len(found) > 0)}
            counts |= {"poison_left": len(poison) - hit, "clean_flagged": len(found) - hit} if len(poison) else {}
            yield {"row": f"{name}, nobody attacked: {kind}" if kind else name} | counts


def _removed(data: Labelled, training: dict[str, Any], represent: Represent, root: int) -> dict[str, np.ndarray]:
    """What each detector removes, (r,) int64."""
    from rethinking_backdoors.training.learner import Learner, representations

    inputs = represent(data.values)
    learned = representations(inputs, data.labels, root=root, training=training)

    def learner(values: np.ndarray, labels: np.ndarray) -> Learner:
        return Learner(represent(values), labels, training)

    examples = TrainingSet(data.values, data.labels, learned, learner)
    rngs = {name: generator(root, "flagged", name) for name in DETECTORS}
    return {name: run({**line, "oracle": []}, examples, Oracle(), rngs[name]).removed for name, line in DETECTORS.items()}
