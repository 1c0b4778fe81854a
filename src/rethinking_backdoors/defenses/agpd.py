"""AGPD (Yuan et al., ICLR 2025): in a poisoned label gradients point two ways, and a few clean examples say which way is right.

Told a few clean examples of every class. g is the gradient of the label's logit by a layer's output, here of the hidden layer of
one network that is trained on all examples. Of every class: how far g of the most unlike example lies from the clean mean (gap);
a class whose gap stands out by more than e^2 robust deviations is poisoned. There the poison grows from that example: r compares
the distance to the mean of what was found with that to the clean mean, and whatever has a scaled r up to ``tau`` joins, until
nothing does. Of all rounds the one counts where r's histogram has come to rest.

As in its description; the released code reads one setting that it never uses, lacks another (``tau``) and ends in an error where
less than ten rounds grow; here the last one is taken then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import jensenshannon

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet

if TYPE_CHECKING:  # torch takes seconds to import: only defenses that train need it
    import torch

ORACLE = ("clean",)
_TINY = 1e-12


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        tau: up to which scaled r examples join. distance: of a class's gap from the others, in robust standard deviations.
        gap: above which classes are poisoned where none stands out. window: of rounds that r has to rest in.
    """

    tau: float
    distance: float = float(np.e**2)
    gap: float = 0.3
    window: int = 10


def gradients(module: "torch.nn.Module", inputs: "torch.Tensor", labels: "torch.Tensor") -> tuple[np.ndarray, np.ndarray]:
    """The gradient (n, d) of each label's logit by the output of the last layer but one, scaled to length 1; the classes (n,)
    that the network assigns."""
    import torch

    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    kept: list[torch.Tensor] = []
    handle = layers[-2].register_forward_hook(lambda _, given, output: kept.append(output))  # pyright: ignore[reportArgumentType]
    logits = module(inputs)
    handle.remove()
    (found,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), kept[0])
    rows = found.double().numpy()
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY), logits.argmax(1).numpy()


def gap(rows: np.ndarray, clean: np.ndarray) -> tuple[float, int]:
    """How far the most unlike of rows (m, d) lies from the clean mean (d,), and which it is.

    The root of the mean, over the others, of the squared difference between their cosines to the clean mean and to that one.
    """
    likeness = rows @ clean
    seed = int(likeness.argmin())
    others = np.delete(np.arange(len(rows)), seed)
    return float(np.sqrt(np.mean((likeness[others] - rows[others] @ rows[seed]) ** 2))), seed


def standing_out(gaps: np.ndarray, settings: Settings) -> np.ndarray:
    """Which classes are poisoned by their gaps (c,): bool."""
    middle = np.median(gaps)
    deviation = 1.4826 * np.median(np.abs(gaps - middle))
    apart = (gaps - middle) / max(deviation, _TINY) > settings.distance
    return apart if apart.any() else gaps > settings.gap


def grown(rows: np.ndarray, clean: np.ndarray, seed: int, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """What grows from one of the rows (m, d): (m,) bool; and how far each is from it, scaled r (m,) in [0, 1]."""
    among, history, moves, before = np.arange(len(rows)) == seed, [], [], None
    while True:
        r = scaled(rows, rows[among].mean(0), clean)
        bins = np.histogram(r, 50, (0, 1))[0]
        if before is not None:
            moves.append(float(jensenshannon(before, bins) ** 2))
        history.append((among, r))
        more = among | (r <= settings.tau)
        if (more == among).all():
            break
        among, before = more, bins
    if len(moves) < settings.window:
        return history[-1]
    windows = np.lib.stride_tricks.sliding_window_view(moves, settings.window)
    return history[int((windows.mean(1) + 5 * windows.std(1)).argmin()) + settings.window]


def scaled(rows: np.ndarray, found: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """r (m,) of rows (m, d) between what was found (d,) and the clean mean (d,): 0 at the one's, 1 at the other's side."""
    near, far = (1 - rows @ (one / max(float(np.linalg.norm(one)), _TINY)) for one in (found, clean))
    r = near / np.maximum(near + far, _TINY)
    return (r - r.min()) / max(float(np.ptp(r)), _TINY)


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes what grew in the classes that stand out; scores are 1 - r within each class.

    Raises:
        InputError: single networks of this kind cannot be had.
    """
    assert oracle.clean is not None, "the configuration tells it"
    learner = examples.learner(examples.inputs, examples.labels)
    (module,), inputs, labels = learner.modules([learner.fit(np.arange(len(examples.labels)), rng)])
    rows, _ = gradients(module, inputs, labels)
    _, shown, known = examples.learner(*oracle.clean).modules([])
    clean, assigned = gradients(module, shown, known)
    right, classes = assigned == oracle.clean[1], np.unique(examples.labels)
    gaps, parts, score = [], [], np.full(len(rows), -np.inf)
    for label in classes:
        members, chosen = np.flatnonzero(examples.labels == label), right & (oracle.clean[1] == label)
        mean = clean[chosen if chosen.any() else oracle.clean[1] == label].mean(0)
        distance, seed = gap(rows[members], mean / max(float(np.linalg.norm(mean)), _TINY))
        among, r = grown(rows[members], mean, seed, settings)
        gaps.append(distance)
        parts.append(members[among])
        score[members] = 1 - r
    poisoned = np.flatnonzero(standing_out(np.array(gaps), settings))
    return Removal(np.sort(np.concatenate([parts[at] for at in poisoned])) if len(poisoned) else np.empty(0, np.int64), score)
