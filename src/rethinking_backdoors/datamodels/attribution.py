"""Gradient-based attribution in place of thousands of trained models: TRAK (Park et al. 2023) through the package traker."""

import contextlib
import copy
import io
import logging
import tempfile
from collections.abc import Sequence

import numpy as np
import torch

from rethinking_backdoors.errors import InputError

_EXAMPLES_AT_ONCE = 256


def trak(
    networks: Sequence[torch.nn.Module], images: torch.Tensor, labels: torch.Tensor, *, dimensions: int = 512, seed: int = 0
) -> np.ndarray:
    """TRAK scores of every training example for the margin of every training example.

    Args:
        networks: trained networks of one architecture, best each on its own random subset; a handful is enough.
        images: (n, ...) float32, as the networks take them. labels: (n,) int64, on the processor, all three.
        dimensions: to which gradients are projected; fewer than n.
        seed: of the projection.

    Returns:
        W (n, n) float32, rows are training examples, columns are targets, as in ``Datamodel.coef_``. Its margin is the label's
        logit minus the log-sum-exp of the others. The scale is TRAK's own and not that of the margin per example: ranks, and so
        the linear datamodeling score and the search, can be compared with other estimators, mean squared errors cannot.

    Raises:
        InputError: traker is not installed, there is no network, or ``dimensions`` is not below n.
    """
    try:
        from trak import TRAKer
        from trak.projectors import BasicProjector, ProjectionType
    except ImportError:
        raise InputError("TRAK needs the package traker, which is not installed: pip install traker==0.3.2.") from None
    if not networks:
        raise InputError("TRAK needs at least one trained network.")
    if dimensions >= len(images):
        raise InputError(f"TRAK's dimensions must be fewer than the {len(images)} training examples; given: {dimensions}.")
    parameters = sum(parameter.numel() for parameter in networks[0].parameters())
    # traker computes in the network that it is given: a copy of its own, so that none of the caller's changes.
    network = copy.deepcopy(networks[0])
    projector = BasicProjector(
        grad_dim=parameters,
        proj_dim=dimensions,
        seed=seed,
        proj_type=ProjectionType.rademacher,
        device="cpu",
        dtype=torch.float32,
        block_size=max(1, min(128, dimensions // 2)),  # of one block alone traker forgets its matrix
    )
    # traker's progress bars cannot be turned off.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        # With load_from_save_dir=False traker cannot score what it has just featurised; the folder is fresh in any case.
        attribution = TRAKer(
            model=network,
            task="image_classification",
            train_set_size=len(images),
            save_dir=folder,
            load_from_save_dir=True,
            device="cpu",
            projector=projector,
            use_half_precision=False,
            logging_level=logging.ERROR,
        )
        batches = list(zip(images.split(_EXAMPLES_AT_ONCE), labels.split(_EXAMPLES_AT_ONCE), strict=True))
        for number, trained in enumerate(networks):
            attribution.load_checkpoint(trained.state_dict(), model_id=number)
            for batch in batches:
                attribution.featurize(batch=batch, num_samples=len(batch[1]))
        attribution.finalize_features()
        for number, trained in enumerate(networks):
            attribution.start_scoring_checkpoint("margins", trained.state_dict(), model_id=number, num_targets=len(images))
            for batch in batches:
                attribution.score(batch=batch, num_samples=len(batch[1]))
        return np.array(attribution.finalize_scores("margins"), dtype=np.float32)
