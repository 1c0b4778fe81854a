"""What a model costs, and what the engine gains over the usual way. Prints tables, asserts nothing; everything in one run.

python benchmarks/training.py                      # a toy size on a processor, the full size on a GPU
CIFAR10_ROOT=DIR python benchmarks/training.py     # with the real images (DIR/cifar10.npz); else they are random
"""

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import plain_loop
import torch
import yaml
from operations import by_hand, counted, product_rate, seconds
from tables import table

from rethinking_backdoors.config import attacked, experiments
from rethinking_backdoors.config import load as load_config
from rethinking_backdoors.data import digits
from rethinking_backdoors.margins.subsets import subset
from rethinking_backdoors.reporting.provenance import hardware
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import registry
from rethinking_backdoors.training.interface import Trainer, margin
from rethinking_backdoors.training.resnet_step import Recipe

ROOT = generator(0, "benchmark").integers(2**62).item()
# The paper's Table 5 with the choices of config/cifar10.yaml.
TABLE5 = {"peak_lr": 0.5, "momentum": 0.9, "weight_decay": 4e-5, "label_smoothing": 0.0, "precision": "bf16", "models_at_once": 1}


def options() -> argparse.Namespace:
    """The command's options; sizes that are not given depend on the device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    cuda = parser.parse_known_args()[0].device.startswith("cuda")
    sizes = {
        "images": (50000, 256, "training images; each timed model is trained on half of them, as in the replication"),
        "test": (10000, 200, "test images"),
        "epochs": (24, 1, "epochs a model"),
        "batch-size": (1024, 64, "images a step"),
        "models": (3, 2, "timed models of each way"),
        "seeds": (1, 2, "models of each way, trained on all images, for the clean accuracy"),
        "cutout": (4, 4, "side of the Cutout square: 4 is the dirty-label recipe, 0 the clean-label one"),
        "mlps": (256, 64, "networks for the comparison of many at once with one by one"),
    }
    for name, (large, small, text) in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=large if cuda else small, help=f"{text} ({large}; {small} on a CPU)")
    parser.add_argument("--no-compile", action="store_true", help="neither torch.compile nor CUDA graphs")
    return parser.parse_args()


def load(train: int, test: int) -> dict[str, np.ndarray]:
    """The first images of CIFAR-10, or random ones; the arrays of cifar10.npz."""
    path = Path(os.environ.get("CIFAR10_ROOT", "")) / "cifar10.npz"
    if "CIFAR10_ROOT" in os.environ and path.exists():
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    else:
        print("Note: CIFAR10_ROOT holds no cifar10.npz, so the images are random and accuracies mean nothing.\n")
        rng, sizes = np.random.default_rng(0), {"train": train, "test": test}
        data = {f"x_{part}": rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8) for part, size in sizes.items()}
        data |= {f"y_{part}": rng.integers(0, 10, size) for part, size in sizes.items()}
    kept = {"train": train, "test": test}
    return {name: values[: kept[name[2:]]] for name, values in data.items()}


class Engine:
    """The engine's way to a model."""

    def __init__(self, data: dict[str, np.ndarray], settings: dict, device: str):
        self.trainer: Trainer = registry.trainer({"network": "resnet9", **settings}, device)
        self.x, self.x_test = self.trainer.prepare(data["x_train"]), self.trainer.prepare(data["x_test"])
        self.y, self.y_test = torch.from_numpy(data["y_train"]).to(device), data["y_test"]

    def margins(self, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Trains a model on ``kept`` and returns the margins of all examples, (1, n) float16."""
        return self.trainer.train(self.x, self.y, kept[None], [rng]).margins(self.x, self.y).half().cpu().numpy()

    def accuracy(self, rng: np.random.Generator) -> float:
        """Clean accuracy, in percent, of a model trained on all examples."""
        models = self.trainer.train(self.x, self.y, np.arange(len(self.x))[None], [rng])
        return 100 * float((models.logits(self.x_test)[0].argmax(0).cpu().numpy() == self.y_test).mean())


class Plain:
    """The usual way to a model."""

    def __init__(self, data: dict[str, np.ndarray], settings: dict, device: str, folder: Path):
        self.recipe, self.device = Recipe(**settings), device
        self.train_set = plain_loop.source(data["x_train"], data["y_train"], folder, device)
        self.test_set = plain_loop.DataLoaderSource(data["x_test"], data["y_test"], folder, device)
        self.n, self.classes = len(data["y_train"]), int(data["y_train"].max()) + 1

    def margins(self, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``Engine``."""
        network = plain_loop.train(self.train_set, kept, self.classes, self.recipe, rng, self.device)
        logits, labels = plain_loop.logits(network, self.train_set.batches(None, self.recipe.batch_size), self.device)
        return margin(logits.T[None].contiguous(), labels).half().numpy()

    def accuracy(self, rng: np.random.Generator) -> float:
        """See ``Engine``."""
        network = plain_loop.train(self.train_set, np.arange(self.n), self.classes, self.recipe, rng, self.device)
        logits, labels = plain_loop.logits(network, self.test_set.batches(None, self.recipe.batch_size), self.device)
        return 100 * float((logits.argmax(1) == labels).float().mean())


def compare(chosen: argparse.Namespace, folder: Path) -> float:
    """Times both ways in turn and prints their table; returns the engine's seconds a model."""
    settings = {**TABLE5, "epochs": chosen.epochs, "peak_epoch": chosen.epochs * 5 / 24, "batch_size": chosen.batch_size}
    settings |= {"cutout": chosen.cutout, "compile": not chosen.no_compile}
    data = load(chosen.images, chosen.test)
    ways = {"engine": Engine(data, settings, chosen.device), "plain": Plain(data, settings, chosen.device, folder)}
    # The first model of each way compiles (the engine on a GPU, FFCV anywhere): it is shown, and not counted.
    kept = [subset(ROOT, 0.5, index, chosen.images) for index in range(chosen.models + 1)]
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for index, half in enumerate(kept):
        for name, way in ways.items():
            work = partial(way.margins, half, generator(ROOT, "model", index))
            spent[name].append(seconds(work, chosen.device))
    each = {name: float(np.mean(times[1:])) for name, times in spent.items()}
    accuracies = {
        name: np.array([way.accuracy(generator(ROOT, "deployed", seed)) for seed in range(chosen.seeds)])
        for name, way in ways.items()
    }
    ratio = each["plain"] / each["engine"]
    rows = [
        ["seconds a model", *(f"{each[name]:.2f}" for name in ways), f"{ratio:.2f}"],
        ["standard deviation", *(f"{np.std(spent[name][1:]):.2f}" for name in ways), ""],
        ["models an hour", *(f"{3600 / each[name]:,.0f}" for name in ways), f"{1 / ratio:.2f}"],
        ["seconds of the first model", *(f"{spent[name][0]:.1f}" for name in ways), ""],
        [
            f"clean accuracy, {chosen.seeds} seeds",
            *(f"{accuracies[name].mean():.2f} (sd {accuracies[name].std(ddof=int(chosen.seeds > 1)):.2f})" for name in ways),
            "",
        ],
    ]
    table(["ResNet-9", "engine", f"plain loop ({ways['plain'].train_set.name})", "plain / engine"], rows)
    return each["engine"]


def operations(chosen: argparse.Namespace, each: float) -> None:
    """Prints the operations of a model and the share of the device's measured rate that the engine reaches."""
    size = min(chosen.batch_size, chosen.images // 2)
    trained = chosen.epochs * (chosen.images // 2 // size) * size
    by_counter, total = (trained * each_step + chosen.images * each_margin for each_step, each_margin in (counted(), by_hand()))
    rate = product_rate(chosen.device)
    kind = "bf16" if chosen.device.startswith("cuda") else "float32"
    rows = [
        ["operations a model, torch's counter", f"{by_counter / 1e12:.3f} TFLOP"],
        ["operations a model, by hand", f"{total / 1e12:.3f} TFLOP"],
        ["of that, margins of all training images", f"{chosen.images * by_hand()[1] / total:.1%}"],
        [f"matrix products, {kind}, measured", f"{rate / 1e12:.3f} TFLOP/s"],
        ["the engine's rate", f"{total / each / 1e12:.3f} TFLOP/s"],
        ["share reached", f"{total / each / rate:.1%}"],
        ["seconds a model at the full rate", f"{total / rate:.2f}"],
    ]
    table(["work", "value"], rows)


def perceptrons(name: str) -> tuple[dict, np.ndarray, np.ndarray]:
    """The training settings of a configuration with perceptrons, and inputs and labels of the size of its training set."""
    config = yaml.safe_load((Path(__file__).parents[1] / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
    count, rng = config["images"]["train"], generator(ROOT, "images")
    if "features" in config:  # values do not matter to the cost, so that nothing has to be fitted
        inputs = rng.normal(size=(count, config["features"]["components"])).astype(np.float32)
        return config["training"], inputs, rng.integers(0, 10, count)
    data = digits(count, rng)
    return config["training"], data["train_image"], data["train_label"]


def many_at_once(chosen: argparse.Namespace) -> None:
    """Prints what the perceptrons of digits and of cifar10_mini cost, many at once and one by one."""
    rows = []
    for name in ("digits", "cifar10_mini"):
        training, images, labels = perceptrons(name)
        y, alone = torch.from_numpy(labels).to(chosen.device), None
        for block in (1, min(chosen.mlps, training["models_at_once"])):
            trainer = registry.trainer({**training, "models_at_once": block}, chosen.device)
            x = trainer.prepare(images)

            def work(trainer: Trainer = trainer, x: torch.Tensor = x, y: torch.Tensor = y, block: int = block) -> None:
                for start in range(0, chosen.mlps, block):
                    indices = range(start, start + block)
                    subsets = np.stack([subset(ROOT, 0.5, index, len(y)) for index in indices])
                    streams = [generator(ROOT, "model", index) for index in indices]
                    trainer.train(x, y, subsets, streams).margins(x, y).half().cpu().numpy()

            each = min(seconds(work, chosen.device) for _ in range(2)) / (-(-chosen.mlps // block) * block)
            alone = alone or each
            rows.append([name, f"{block}", f"{1000 * each:.2f}", f"{1 / each:.0f}", f"{alone / each:.2f}"])
    table(["perceptrons of", "at once", "ms a model", "models a second", "times one by one"], rows)


def whole_paper(each: float) -> None:
    """Prints what the models of config/cifar10.yaml would take at the measured seconds a model; training only."""
    config = load_config(Path(__file__).parents[1] / "config" / "cifar10.yaml")
    everyone = experiments(config)
    settings = sum(len(everyone[number]["alphas"]) for number in attacked(everyone))
    models = config["models"]["count"] * settings * len(config["seeds"])
    days = each * models / 86400
    rows = [["1", f"{days:,.1f}"], ["8", f"{days / 8:,.1f}"], ["16", f"{days / 16:,.1f}"]]
    table([f"devices like this one for {models:,} models", "days"], rows)


def main() -> None:
    """Runs everything and prints it."""
    chosen = options()
    name = torch.cuda.get_device_name(chosen.device) if chosen.device.startswith("cuda") else hardware()
    print(f"{name}; torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{chosen.images} images, {chosen.epochs} epochs of half of them, batch {chosen.batch_size}, Cutout {chosen.cutout}\n")
    with tempfile.TemporaryDirectory() as folder:
        each = compare(chosen, Path(folder))
    operations(chosen, each)
    if (chosen.images, chosen.epochs) == (50000, 24):
        whole_paper(each)
    many_at_once(chosen)


if __name__ == "__main__":
    main()
