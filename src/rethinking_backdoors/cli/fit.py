"""rethinking-backdoors fit: margins of many models to a weight matrix."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rethinking_backdoors.cli.common import TRAIN_ROWS, one_sentence, read_models, use_device
from rethinking_backdoors.cli.outputs import Force, check_outputs
from rethinking_backdoors.datamodels import ESTIMATORS, estimator_of, fit_with_fidelity
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_array

# An Enum as a call: its names are the registry's.
Estimator: Any = StrEnum("Estimator", {name: name for name in ESTIMATORS})
DEFAULT = Estimator("difference")
# Weights that predict nothing: their error is above that of a constant, and their rank correlation about 0.
_CHANCE = 0.02
_TOO_FEW = "The models are too few to keep a tenth of them from a second fit, so how well the weights predict is not known."
_UNRELATED = (
    "The weights predict held-out models worse than a constant does: are the rows of masks and margins the same models, in the "
    "same order? With few models it may be noise alone."
)


def fit(
    margins: Annotated[Path, typer.Option(help="(models, targets) floats, .npy or torch's; or a folder of shards by train")],
    out: Annotated[Path, typer.Option(help=".npy file for W; a .json of the same name lies beside it")],
    masks: Annotated[
        Path | None,
        typer.Option(help="(models, examples) bool, .npy or torch's, or their bits; not for a folder"),
    ] = None,
    estimator: Annotated[Estimator, typer.Option(help="how weights are estimated")] = DEFAULT,  # pyright: ignore[reportInvalidTypeForm]
    threads: Annotated[int, typer.Option(min=1, help="on a CPU; other numbers may change last bits")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    force: Force = False,
) -> None:
    """Fits a datamodel to every target: which training examples move its margin?

    W[i, j] is the effect of training on example i on the margin of target j, in units of the margin: rows are training examples,
    positive raises. The manifest beside W says so, and how well such weights predict models that they were not fitted to.

    Example: rethinking-backdoors fit --masks masks.npy --margins margins.npy --estimator ridge --out W.npy
    """
    with one_sentence():
        if out.suffix != ".npy":
            raise InputError(f"--out {out}: give a name that ends in .npy.")
        check_outputs([out, out.with_suffix(".json")], [margins, masks], force)
        use_device(device, threads)
        chosen, values = read_models(margins, masks)
        fitted, fidelity = fit_with_fidelity(estimator_of(estimator, device, threads), chosen, values, required=False)
        facts = {"estimator": estimator.value, "m": chosen.shape[0], "fidelity": fidelity}
        units = {"unit": "margin per added training example", "sign": "positive raises the margin"}
        if not fidelity:
            print(_TOO_FEW, file=sys.stderr)
        elif fidelity["mse"] > fidelity["variance"] and fidelity["lds"] < _CHANCE:
            print(_UNRELATED, file=sys.stderr)
        write_array(out, fitted.coef_, {**facts, "orientation": TRAIN_ROWS, **units})
        if sys.stdout.isatty():
            print(f"{out}: {fitted.coef_.shape[0]} training examples (rows) x {fitted.coef_.shape[1]} targets (columns)")
            print(f"on held-out models: {json.dumps(fidelity)}")
