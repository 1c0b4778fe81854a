"""Plans: what a stretch of time on a GPU is spent on, piece by piece, in the order in which the file lists it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rethinking_backdoors.attacks import registry
from rethinking_backdoors.attacks.poisoning import poisoned_set, write_poison
from rethinking_backdoors.config import attack_of, canonical, check, experiments, load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.retraining import outcome, retrain
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import read_npz, write_json
from rethinking_backdoors.margins.shards import missing
from rethinking_backdoors.margins.store import shard_name
from rethinking_backdoors.margins.subsets import subset
from rethinking_backdoors.training.deadline import Deadline
from rethinking_backdoors.training.engine import train_deployed, train_shard

ROOT = Path(__file__).parents[2]
SHARD = 25  # models: few enough that little is lost with the machine
KEYS = {
    "poison": {"experiments"},
    "deployed": {"experiments"},
    "changed": {"experiments", "settings"},
    "learnt": {"experiments", "alpha", "training"},
    "margins": {"experiments", "alpha", "models", "training"},
}


@dataclass(frozen=True)
class Piece:
    """What is done or not done as a whole: one network, or one shard of margins, which ends early if it must.

    Attributes:
        name: what it is called in the record.
        kind: pieces of one kind take about as long as each other.
        seconds: a first guess of what it needs at least; the last measured one of its kind takes its place.
        models: a shard's; 0 for anything else.
        work: does it, and returns what the record says of it.
    """

    name: str
    kind: str
    seconds: float
    work: Callable[[], dict[str, Any]]
    models: int = 0


@dataclass(frozen=True)
class Plan:
    """A plan file with the configuration that it names.

    Attributes:
        folder: where the files lie, laid out as the workflow's ``results/{dataset}``.
    """

    config: dict[str, Any]
    seed: int
    tasks: list[dict[str, Any]]
    folder: Path
    device: str
    deadline: Deadline = field(default_factory=Deadline)

    def pieces(self) -> Iterator[Piece]:
        """All pieces that are not done yet."""
        for task in self.tasks:
            yield from getattr(self, f"_{task['task']}")(**{key: value for key, value in task.items() if key != "task"})

    @cached_property
    def images(self) -> dict[str, np.ndarray]:
        """See ``Experiment.draw``."""
        return self.experiment(next(iter(experiments(self.config)))).draw()[0]

    def experiment(self, number: int) -> Experiment:
        """One of the configuration's, at the plan's seed."""
        return Experiment.of(self.config, number, self.seed, self.device)

    def place(self, experiment: int) -> Path:
        """The folder of one experiment."""
        return self.folder / f"exp{experiment}" / f"seed{self.seed}"

    def _poison(self, experiments: list[int], seconds: float) -> Iterator[Piece]:
        lacking = [number for number in experiments if not (self.place(number) / "attack.json").exists()]
        if lacking:
            yield Piece(f"poison {lacking}", "poison", seconds, partial(self._make_poison, lacking))

    def _make_poison(self, numbers: list[int]) -> dict[str, Any]:
        images, labels = self.images["train_image"], self.images["train_label"]
        networks: list[Any] = []

        def adversary() -> Any:  # one for all experiments
            if not networks:
                networks.append(self.experiment(numbers[0]).train_adversary(images, labels, None))
            return networks[0]

        for number in numbers:
            experiment = self.experiment(number)
            write_poison(self.place(number), experiment.poison(images, labels, adversary), experiment.attack, self.seed)
        return {"experiments": numbers}

    def _poisoned(self, experiment: int) -> tuple[np.ndarray, np.ndarray]:
        if not (self.place(experiment) / "attack.json").exists():
            if registry.needs_adversary(attack_of(self.config, experiment)["attack"]):
                raise InputError(f"{self.place(experiment)} holds no poison.npz: a task 'poison' must come first.")
            self._make_poison([experiment])
        made = read_npz(self.place(experiment) / "poison.npz")
        return poisoned_set(self.images["train_image"], self.images["train_label"], made)

    def _deployed(self, experiments: list[int], seconds: float) -> Iterator[Piece]:
        for number in experiments:
            path = self.place(number) / "retrain" / "none.json"
            if not path.exists():
                yield Piece(f"deployed {number}", "deployed", seconds, partial(self._deploy, number, path))

    def _deploy(self, number: int, path: Path) -> dict[str, Any]:
        experiment = self.experiment(number)
        measured = retrain(
            self._poisoned(number),
            (self.images["test_image"], self.images["test_label"]),
            {"none": []},
            attack=experiment.attack,
            root=experiment.root,
            models=1,
            training=experiment.training,
            device=self.device,
        )["none"]
        write_json(path, {**measured, "models": 1, "recipe": experiment.training})
        return measured

    def _changed(self, experiments: list[int], settings: list[dict[str, Any]], seconds: float) -> Iterator[Piece]:
        """Table 1 with other settings than the configuration's: keys of its top level, or of ``training``."""
        for number in experiments:
            for setting in settings:
                name = ", ".join(f"{key} {value}" for key, value in setting.items())
                training = self.config["training"] | {
                    key: value for key, value in setting.items() if key in self.config["training"]
                }
                attack = {key: value for key, value in setting.items() if key in self.config}
                folder = self.folder / "changed" / name.replace(" ", "_").replace(",", "")
                other = replace(
                    self, config=self.config | attack | {"training": training}, folder=folder if attack else self.folder
                )
                other.__dict__["images"] = self.images
                path = folder / f"exp{number}" / f"seed{self.seed}" / "retrain" / "none.json"
                if not path.exists():
                    yield Piece(f"deployed {number} with {name}", "deployed", seconds, partial(other._deploy, number, path))

    def _learnt(self, experiments: list[int], alpha: int, seconds: float, training: dict | None = None) -> Iterator[Piece]:
        for number in experiments:
            work = partial(self._learn, number, alpha, training or {})
            yield Piece(f"learnt {number} at {alpha} %", f"learnt {alpha}", seconds, work)

    def _learn(self, number: int, alpha: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Whether one network trained on a random part learns the trigger; its part is none of those that margins come from."""
        (images, labels), experiment = self._poisoned(number), self.experiment(number)
        key = experiment.root + 1
        kept = subset(key, alpha / 100, 0, len(labels))
        training = experiment.training | changes
        network = train_deployed(images, labels, kept, root=key, models=1, training=training, device=self.device)
        test, truth = self.images["test_image"], self.images["test_label"]
        attack = experiment.attack
        shown = registry.triggered(test, attack["trigger"], attack["attack"], attack.get("settings"))
        return outcome(network.predict(test), network.predict(shown), truth, attack)

    def _margins(
        self, experiments: list[int], alpha: int, models: list[int], seconds: float, training: dict | None = None
    ) -> Iterator[Piece]:
        for number in experiments:
            folder = self.place(number) / f"alpha{alpha}" / "margins"
            for part in missing(folder, tuple(models), SHARD):
                work = partial(self._train, number, alpha, part, training or {}, folder)
                name = f"margins {number} at {alpha} %, {part[0]} to {part[1] - 1}"
                yield Piece(name, f"margins {alpha}", 2 * seconds, work, part[1] - part[0])

    def _train(self, number: int, alpha: int, part: tuple[int, int], changes: dict[str, Any], folder: Path) -> dict[str, Any]:
        (images, labels), experiment = self._poisoned(number), self.experiment(number)
        end = train_shard(
            images,
            labels,
            folder / f"{shard_name(part, SHARD)}.npy",
            root=experiment.root,
            alpha=alpha / 100,
            models=part,
            training=experiment.training | changes,
            device=self.device,
            deadline=self.deadline,
        )
        return {"models": end - part[0]}


def read(path: Path, folder: Path, device: str | None, deadline: Deadline) -> Plan:
    """The plan of a file; ``folder`` gets its files.

    Raises:
        InputError: a key or a task that there is not, an experiment that the configuration lacks, or no such file.
    """
    try:
        plan = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = canonical({**load(ROOT / plan["config"]), **plan.get("change", {})})
        tasks, seed = plan["tasks"], plan["seed"]
    except OSError:
        raise InputError(f"{path} cannot be read: give a plan such as config/gpu/first.yaml.") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is no plan: it needs config, seed and tasks, as config/gpu/first.yaml has them.") from None
    config = check(config)
    for number, task in enumerate(tasks, 1):
        if task.get("task") not in KEYS:
            raise InputError(f"{path}: task {number} is '{task.get('task')}'; there are {', '.join(KEYS)}.")
        known = KEYS[task["task"]] | {"task", "seconds"}
        if unknown := set(task) - known:
            raise InputError(f"{path}: task {number} has a key {min(unknown)}; {task['task']} knows {', '.join(sorted(known))}.")
        if lacking := known - {"training"} - set(task):
            raise InputError(f"{path}: task {number} lacks {min(lacking)}.")
        if absent := set(task["experiments"]) - set(experiments(config)):
            raise InputError(f"{path}: task {number} names experiment {min(absent)}, which the configuration lacks.")
    return Plan(config, seed, tasks, folder, device or config["device"], deadline)
