"""rethinking-backdoors detect: which training examples support one another most."""

import sys
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from rethinking_backdoors.cli.common import TORCH, Orientation, one_sentence, read_weights, use_device
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.scores import ranking, summarize
from rethinking_backdoors.detection.search import Solutions, check, search_pairs
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
    sizes: Annotated[str | None, typer.Option(help="solution sizes, 10,20,40; if not given, from 10 up to half of n")] = None,
    restarts: Annotated[int, typer.Option(min=1, help="starts for each size; 1,000 in the paper")] = 100,
    flag: Annotated[float, typer.Option(help="share of the examples to flag")] = 0.1,
    seed: Annotated[int, typer.Option(help="draws the starts")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="restarts that are searched at once on a CPU")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    storage: Annotated[Storage, typer.Option(help="float16 halves the memory")] = Storage.float32,
    out: Annotated[Path, typer.Option(help="CSV file for the scores; a .json of the same name lies beside it")] = Path(
        "scores.csv"
    ),
    figure: Annotated[Path | None, typer.Option(help="a picture: the scores, and the matrix ordered by them (.png)")] = None,
) -> None:
    """Scores training examples by how often they are in maximum-sum submatrices (eq. 7 and 8); higher is more suspicious.

    W[i, j] is the effect of training on example i on the margin of target j; nothing else is looked at. A high score says that
    an example belongs to a strong feature; whether that feature is a backdoor is for you to find out.

    Example: rethinking-backdoors detect W.npy --orientation train-rows --threads 2 --out scores.csv --figure scores.png
    """
    with one_sentence():
        if not 0 < flag < 1:
            raise InputError(f"--flag {flag}: give a share between 0 and 1.")
        _check_out(out, weights)
        if device != "cpu":
            use_device(device, threads)
        matrix, started = read_weights(weights, orientation), time.perf_counter()
        settings = DETECTORS[detector]
        chosen = _sizes(sizes, len(matrix), settings["step"])
        found = _search(matrix, chosen, restarts, settings, seed, threads, device, storage)
        result = summarize(found, len(matrix), settings["kept"])
        order = ranking(result["score"], seed)
        flagged = order[: int(flag * len(order))]
        _write(out, result["score"], order, len(flagged))
        facts = {"weights": str(weights), "detector": detector, "restarts": restarts, "seed": seed, "flag": flag}
        facts |= {"score": "higher is more suspicious; counts of solutions, each over its size", "sizes": _by_size(found)}
        write_json(out.with_suffix(".json"), {**facts, "seconds": round(time.perf_counter() - started, 1)})
        if figure is not None:
            from rethinking_backdoors.reporting.figures import scores, style

            style.save(scores.draw(result["score"], matrix, order, len(flagged)), figure)
        if sys.stdout.isatty():
            _print(result["score"], order, len(flagged), out)


def _check_out(out: Path, weights: Path) -> None:
    """Refuses names by which the scores or the .json beside them would take the place of another file."""
    if out.suffix != ".csv":
        raise InputError(f"--out {out}: give a name that ends in .csv.")
    beside = out.with_suffix(".json")
    if weights.suffix not in TORCH and beside.resolve() == weights.with_suffix(".json").resolve():
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


def _search(
    matrix: np.ndarray,
    sizes: list[int],
    restarts: int,
    settings: dict[str, Any],
    seed: int,
    threads: int,
    device: str,
    storage: str,
) -> Solutions:
    """The search, with a bar over the sizes on a terminal."""
    from tqdm import tqdm

    pairs = pair_sums(matrix, out=np.empty(matrix.shape, dtype=storage), threads=threads)
    if not settings["self_influence"]:
        pairs = pairs.without_self()
    arguments = {"seed": seed, "starts": settings["starts"], "progress": partial(tqdm, desc="sizes", disable=None)}
    if device == "cpu":  # without torch, which takes seconds to import
        return search_pairs(pairs, sizes, restarts, threads=threads, **arguments)
    from rethinking_backdoors.detection.batched import search_batched

    return search_batched(pairs, sizes, restarts, device=device, **arguments)


def _by_size(found: Solutions) -> list[dict[str, Any]]:
    """For each size the best objective (eq. 7), how many restarts reached it, and whether no single swap improves it."""
    rows = []
    for size, objective, certified in zip(found.sizes, found.objective, found.certified, strict=True):
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
