"""One experiment of one configuration and one seed: its images, features, adversary, poison and training set.

The one place where a configuration becomes arrays. The workflow's scripts call it with files between the steps, the command and
the tool for GPUs without.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rethinking_backdoors import config as sections
from rethinking_backdoors.attacks.poisoning import Poison, poison
from rethinking_backdoors.attacks.registry import needs_adversary
from rethinking_backdoors.data import open_source
from rethinking_backdoors.io import read_npz
from rethinking_backdoors.seeds import generator, root

if TYPE_CHECKING:  # torch takes seconds to import: only the steps with networks need it
    from pathlib import Path

    import torch

    from rethinking_backdoors.training.features import Extractor

Arrays = dict[str, np.ndarray]
Section = dict[str, Any]
# Training images that features are fitted on where no images are left over.
_FITTED_ON = 10_000


def asked(wildcards: Any) -> Section:
    """What the manifests of the margins that a job reads have to say, by its wildcards."""
    known: Section = {"root": str(root(wildcards.dataset, int(wildcards.experiment), int(wildcards.seed)))}
    return known | ({"alpha": int(wildcards.alpha) / 100} if hasattr(wildcards, "alpha") else {})


@dataclass(frozen=True)
class Experiment:
    """What of a configuration an experiment is made from. A step needs some of it; the rest may be None.

    Attributes:
        dataset, number, seed: what every random stream is derived from. device: a torch device.
        images, features: these sections. training: see ``config.training_of``. attack: see ``config.attack_of``.
        network: see ``config.adversary_network``. robust, ascent: ``training`` and ``attack`` of the section ``adversary``.
    """

    dataset: str
    number: int
    seed: int
    device: str = "cpu"
    images: Any = None
    features: Any = None
    training: Any = None
    attack: Any = None
    network: Any = None
    robust: Any = None
    ascent: Any = None

    @classmethod
    def of(cls, config: Section, number: int, seed: int, device: str) -> Self:
        """An experiment of a whole configuration."""
        adversary = config.get("adversary", {})
        return cls(
            config["dataset"],
            number,
            seed,
            device,
            images=config["images"],
            features=config.get("features"),
            training=sections.training_of(config, number),
            attack=sections.attack_of(config, number),
            network=sections.adversary_network(config),
            robust=adversary.get("training"),
            ascent=adversary.get("attack"),
        )

    @classmethod
    def of_job(cls, wildcards: Any, params: Any, **given: Any) -> Self:
        """An experiment as a job of the workflow knows it: its ``params`` are called as the attributes here."""
        known: Section = {field.name: getattr(params, field.name, None) for field in fields(cls)}
        known["number"], known["seed"] = int(getattr(wildcards, "experiment", 0)), int(wildcards.seed)
        known["dataset"], known["device"] = wildcards.dataset, known["device"] or "cpu"
        return cls(**known | given)

    @cached_property
    def root(self) -> int:
        """The integer that the experiment's own random streams are derived from."""
        return root(self.dataset, self.number, self.seed)

    def shared(self, stream: str) -> np.random.Generator:
        """A stream of the seed, which all experiments share."""
        return generator(root(self.dataset, 0, self.seed), stream)

    def draw(self) -> tuple[Arrays, Section]:
        """The images of the seed, ``train_image`` (n, H, W, C) uint8, ``train_label`` (n,) and so on; what is known of them."""
        draw, facts = open_source(self.images)
        return draw(self.shared("images")), facts

    def clean_set(self) -> "tuple[np.ndarray, np.ndarray, Extractor | None]":
        """From nothing to the clean training images (n, H, W, C) uint8, their labels (n,) and the features of the seed."""
        arrays, _ = self.draw()
        extractor = self.extractor(self.fit_features(arrays) if self.features else None)
        return arrays["train_image"], arrays["train_label"], extractor

    def clean_examples(self, drawn: Mapping[str, np.ndarray], each: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """So many clean images of every class, and labels, for defenses that are told some: spare ones, or of the test set."""
        kind = "spare" if "spare_label" in drawn else "test"
        images, labels = drawn[f"{kind}_image"], drawn[f"{kind}_label"]
        order = self.shared("clean examples").permutation(len(labels))
        chosen = np.sort(np.concatenate([order[labels[order] == label][:each] for label in np.unique(labels)]))
        return images[chosen], labels[chosen]

    def fit_features(self, drawn: Arrays) -> Arrays:
        """See ``training.features.fit``: the features of the seed, fitted on the spare images of ``draw``.

        Where all images are trained on and none is spare, on 10,000 of these, before anything is poisoned.
        """
        from rethinking_backdoors.training.features import FeatureSettings, fit

        shown = drawn.get("spare_image")
        if shown is None:
            clean = drawn["train_image"]
            shown = clean[np.sort(self.shared("fitted on").permutation(len(clean))[:_FITTED_ON])]
        return fit(shown, FeatureSettings(**self.features), self.shared("features"))

    def extractor(self, fitted: str | Arrays | None) -> "Extractor | None":
        """The features as a module, from what ``fit_features`` returned or a file of it; None without them."""
        if not fitted:
            return None
        from rethinking_backdoors.training.features import Extractor, FeatureSettings

        return Extractor(read_npz(fitted) if isinstance(fitted, str) else fitted, FeatureSettings(**self.features))

    def represent(self, fitted: str | Arrays | None) -> Callable[[np.ndarray], np.ndarray]:
        """Maps images to what the networks take in their place: features (N, D) float32, or the images themselves."""
        if not fitted:
            return lambda images: images
        from rethinking_backdoors.training.features import extract

        extractor = self.extractor(fitted)
        assert extractor is not None
        return partial(extract, extractor=extractor)

    def train_adversary(self, images: np.ndarray, labels: np.ndarray, extractor: "Extractor | None") -> "torch.nn.Module":
        """The adversarially trained network of the seed, from its clean images (n, H, W, C) uint8 and labels (n,)."""
        from rethinking_backdoors.attacks import adversarial
        from rethinking_backdoors.training import networks

        rng = self.shared("adversary")
        network = networks.build(self.network, images.shape[1:], int(labels.max()) + 1, rng, extractor)
        return adversarial.train_robust(network, images, labels, **self.robust, rng=rng, device=self.device)

    def restore_adversary(
        self, images: np.ndarray, labels: np.ndarray, parameters: Mapping[str, np.ndarray], extractor: "Extractor | None"
    ) -> "torch.nn.Module":
        """The network of ``train_adversary`` from its parameters by name (see ``training.networks.weights``)."""
        from rethinking_backdoors.training import networks

        return networks.restore(self.network, images.shape[1:], int(labels.max()) + 1, dict(parameters), extractor)

    def poison(self, images: np.ndarray, labels: np.ndarray, adversary: Callable[[], "torch.nn.Module"]) -> Poison:
        """The poisoned examples.

        Args:
            images: (n, H, W, C) uint8, the clean training images. labels: (n,) int64.
            adversary: makes the adversarially trained network; called by the adversarial attack only.
        """
        against: Section = {}
        if needs_adversary(self.attack["attack"]):
            from rethinking_backdoors.attacks import adversarial

            network = adversarial.place(adversary(), self.device)
            perturb = partial(adversarial.perturb, network=network, device=self.device, **self.ascent)
            against = {"network": network, "perturb": perturb}
        return poison(images, labels, **self.attack, rng=generator(self.root, "poison"), **against)

    def shown(self, poison: "str | Path") -> Section:
        """``attack`` as it is at test time, with what it learnt to show, if anything, from the file of the poison."""
        made = read_npz(poison)
        return self.attack | ({"trigger": made["pattern"]} if "pattern" in made else {})
