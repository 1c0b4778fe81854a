"""rethinking-backdoors detect: which training examples support one another most."""

import sys
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from tqdm import tqdm

from rethinking_backdoors.cli.arrays import is_torch
from rethinking_backdoors.cli.common import Orientation, one_sentence, read_models, read_weights, use_device
from rethinking_backdoors.cli.outputs import Force, check_outputs
from rethinking_backdoors.detection.factors import Factors, difference_factors
from rethinking_backdoors.detection.scores import detect as search
from rethinking_backdoors.detection.scores import number_of, ranking
from rethinking_backdoors.detection.search import check
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_json, write_text

# The smallest and the largest size of the paper; its sizes double.
SMALLEST, LARGEST = 10, 5120


class Detector(StrEnum):
    """What differs between the detectors, see docs/reading.md."""

    paper = "paper"
    refined = "refined"


class Storage(StrEnum):
    """How W + W' is stored during the search."""

    float32 = "float32"
    float16 = "float16"


DETECTORS = {
    Detector.paper: {"step": 2.0, "starts": "random", "kept": 1.0, "self_influence": True},
    Detector.refined: {"step": 2**0.5, "starts": "partners", "kept": 0.1, "self_influence": False},
}


def detect(
    weights: Annotated[Path, typer.Argument(help="the weight matrix, .npy, or .pt of the public datamodels code")],
    orientation: Annotated[Orientation | None, typer.Option(help="needed where the file does not say it")] = None,
    detector: Annotated[Detector, typer.Option(help="paper: the paper's, eq. 7 and 8; refined: this project's")] = Detector.paper,
    factors: Annotated[bool, typer.Option("--factors", help="no matrix: the argument is margins, as for fit")] = False,
    masks: Annotated[Path | None, typer.Option(help="with --factors and a file of margins, as for fit")] = None,
    sizes: Annotated[str | None, typer.Option(help="solution sizes, 10,20,40; if not given, from 10 up to half of n")] = None,
    restarts: Annotated[int, typer.Option(min=1, help="starts for each size; 1,000 in the paper")] = 100,
    flag: Annotated[float, typer.Option(help="share of the examples to flag")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="draws the starts")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="restarts that are searched at once on a CPU")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    storage: Annotated[Storage, typer.Option(help="float16 halves the memory")] = Storage.float32,
    out: Annotated[Path, typer.Option(help="CSV file for the scores; a .json of the same name lies beside it")] = Path(
        "scores.csv"
    ),
    figure: Annotated[Path | None, typer.Option(help="a picture: the scores, and the matrix ordered by them (.png)")] = None,
    force: Force = False,
) -> None:
    """Scores training examples by how often they are in maximum-sum submatrices (eq. 7 and 8); higher is more suspicious.

    W[i, j] is the effect of training on example i on the margin of target j; nothing else is looked at. A high score says that
    an example belongs to a strong feature; whether that feature is a backdoor is for you to find out.

    With --factors, W are differences in means that are never stored: slower, but n x n numbers need not fit into memory.

    Example: rethinking-backdoors detect W.npy --orientation train-rows --threads 2 --out scores.csv --figure scores.png
    """
    with one_sentence():
        if not 0 < flag < 1:
            raise InputError(f"--flag {flag}: give a share between 0 and 1.")
        _check_out(out, weights)
        check_outputs([out, out.with_suffix(".json"), figure], [weights, masks], force)
        if factors:
            _check_factors(orientation, threads, device, storage, figure)
        elif masks is not None:
            raise InputError("--masks goes with --factors.")
        if device != "cpu":
            use_device(device, threads)
        matrix = difference_factors(*read_models(weights, masks)) if factors else read_weights(weights, orientation)
        started, n = time.perf_counter(), len(matrix.scale if isinstance(matrix, Factors) else matrix)
        settings = DETECTORS[detector]
        chosen = {**settings, "sizes": _sizes(sizes, n, settings["step"]), "restarts": restarts}
        bar = partial(tqdm, desc="sizes", disable=None)
        found = search(matrix, chosen, seed, device, threads=threads, storage=storage, progress=bar)
        order = ranking(found["score"], seed)
        flagged = order[: number_of(flag, n)]
        _write(out, found["score"], order, len(flagged))
        facts = {"weights": str(weights), "factors": factors, "detector": detector, "restarts": restarts, "seed": seed}
        facts |= {"flag": flag, "score": "higher is more suspicious; counts of solutions, each over its size"}
        seconds = round(time.perf_counter() - started, 1)
        write_json(out.with_suffix(".json"), {**facts, "sizes": _by_size(found), "seconds": seconds})
        if figure is not None and not isinstance(matrix, Factors):
            from rethinking_backdoors.reporting.figures import scores, style

            style.save(scores.draw(found["score"], matrix, order, len(flagged)), figure)
        if sys.stdout.isatty():
            _print(found["score"], order, len(flagged), out)


def _check_factors(orientation: Orientation | None, threads: int, device: str, storage: Storage, figure: Path | None) -> None:
    """Refuses what has no meaning without a matrix, rather than ignoring it."""
    given = {"--orientation": orientation, "--figure": figure, "--threads": threads > 1, "--device": device != "cpu"}
    given["--storage"] = storage != Storage.float32
    if names := [name for name, value in given.items() if value]:
        raise InputError(f"--factors searches without a matrix, on one thread of a CPU: leave out {', '.join(names)}.")


def _check_out(out: Path, weights: Path) -> None:
    """Refuses names by which the scores or the .json beside them would take the place of another file."""
    if out.suffix != ".csv":
        raise InputError(f"--out {out}: give a name that ends in .csv.")
    beside = out.with_suffix(".json")
    if not is_torch(weights) and beside.resolve() == weights.with_suffix(".json").resolve():
        raise InputError(f"--out {out}: {beside} is the place of the matrix's manifest; give another name.")


def _sizes(text: str | None, n: int, step: float) -> list[int]:
    """The sizes asked for, or all from 10 to the paper's largest that are at most half of n."""
    if text is None:
        count = int(np.log(LARGEST / SMALLEST) / np.log(step) + 1.5)
        sizes = [round(SMALLEST * step**i) for i in range(count)]
        text = ",".join(str(size) for size in sizes if size <= n // 2)
        if not text:
            raise InputError(
                f"The matrix has {n} examples: too few for sets of {SMALLEST}, which need {2 * SMALLEST}; give --sizes."
            )
    try:
        chosen = sorted({int(word) for word in text.split(",")})
    except ValueError:
        raise InputError(f"--sizes {text}: give whole numbers with commas between, such as 10,20,40.") from None
    check(n, chosen, "random")
    return chosen


def _by_size(found: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """For each size the best objective (eq. 7), how many restarts reached it, and whether no single swap improves it."""
    rows = []
    for size, objective, certified in zip(found["size"], found["objective"], found["certified"], strict=True):
        best = objective.max()
        reached = int((objective >= best - 1e-6 * abs(best)).sum())
        row = {"size": int(size), "objective": float(best), "reached_by": reached}
        rows.append({**row, "certified": bool(certified[objective.argmax()]), "certified_restarts": int(certified.sum())})
    return rows


def _write(out: Path, score: np.ndarray, order: np.ndarray, flagged: int) -> None:
    """The scores in the order of the examples."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    lines = [f"{i},{score[i]:.8g},{rank[i]},{int(rank[i] <= flagged)}" for i in range(len(score))]
    write_text(out, "\n".join(["index,score,rank,flagged", *lines]) + "\n")


def _print(score: np.ndarray, order: np.ndarray, flagged: int, out: Path) -> None:
    """The ten highest and a histogram."""
    print("The most suspicious examples:")
    for place, index in enumerate(order[:10], 1):
        print(f"{place:4}  example {index:<8} score {score[index]:.4g}")
    counts, edges = np.histogram(score, bins=10)
    print("All scores:")
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        print(f"{low:10.3g} to {high:<10.3g} {count:7}  {'#' * int(np.ceil(50 * count / counts.max()))}")
    print(f"{flagged} of {len(score)} examples are flagged: {out}, {out.with_suffix('.json')}")
