"""What a study is given: the models of one experiment and seed, with the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rethinking_backdoors.datamodels import Margins, Masks
from rethinking_backdoors.detection.scores import ranking
from rethinking_backdoors.evaluation.metrics import auroc

Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """The models of one experiment and seed, and the truth that scores are judged by.

    Attributes:
        masks: (m, n) bool or packed. margins: (m, n) or shards of it, of the same models.
        poisoned: (n,) bool. target: (n,) bool, labelled as the target class in the poisoned set.
        removed: the share of all examples that is removed.
        root: the setting's root seed. storage: of matrices, see ``datamodels.estimator_of``.
    """

    masks: Masks
    margins: np.ndarray | Sequence[np.ndarray] | Margins
    poisoned: np.ndarray
    target: np.ndarray
    removed: float
    root: int
    storage: str = "float32"

    def judge(self, score: np.ndarray) -> Row:
        """AUROC overall and within the target class, and how many poisoned examples removal leaves."""
        taken = ranking(score, seed=0)[: int(self.removed * len(score))]
        within = auroc(score[self.target], self.poisoned[self.target])
        left = int(self.poisoned.sum() - self.poisoned[taken].sum())
        return {"auroc": auroc(score, self.poisoned), "auroc_within_target": within, "poison_left": left}
