"""rethinking-backdoors scan: is there a planted feature in my data?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rethinking_backdoors import kernels
from rethinking_backdoors.cli.common import checked, one_sentence, use_device
from rethinking_backdoors.errors import InputError


def scan(
    data: Annotated[
        Path,
        typer.Argument(
            help="a folder with a folder of images a class, .npz, .npy, a table (.csv, .tsv, .parquet), a configuration (.yaml)"
        ),
    ],
    out: Annotated[Path, typer.Option(help="the folder for report.html, scan.json, scores.csv and kept.txt")],
    label: Annotated[str | None, typer.Option(help="the column of a table that is the label")] = None,
    labels: Annotated[Path | None, typer.Option(help="an .npy file of labels, for an .npy file of examples")] = None,
    budget: Annotated[str, typer.Option(help="how long it may take: 90s, 30m, 2h")] = "30m",
    threads: Annotated[int, typer.Option(min=1, help="processes that train networks")] = 2,
    model: Annotated[str, typer.Option(help="what networks see: auto, mlp (pixels, features), patches (larger images)")] = "auto",
    trainer: Annotated[str | None, typer.Option(help="module:function, your own train(indices, seed) -> margins (n,)")] = None,
    trusted: Annotated[
        Path | None, typer.Option(help="examples of the same kind that you are sure of; six times the work")
    ] = None,
    side: Annotated[int, typer.Option(min=8, help="pixels to which the shorter side of a folder's images is scaled")] = 32,
    experiment: Annotated[int, typer.Option(min=0, help="of a configuration; 0 is the set that nobody attacked")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="of subsets and networks, and of a configuration's images and poison")] = 0,
) -> None:
    """Looks for a group of examples that act as one strong feature, as a backdoor's do.

    It trains many small networks on random parts of the data, within the budget, and compares the labels with one another.
    Stopped, the same command goes on. An alarm is a group that a person has to look at: planted or natural; no alarm is no proof.

    Example: rethinking-backdoors scan photos/ --out scanned --budget 30m
    """
    with one_sentence():
        kernels.restart("portable")  # so that the same data gives the same answer on every processor
        from rethinking_backdoors.data import labelled
        from rethinking_backdoors.reporting import scan_page
        from rethinking_backdoors.scan.result import write
        from rethinking_backdoors.scan.scanning import scan as run

        use_device("cpu", 1)
        if data.suffix in (".yaml", ".yml") and data.is_file():
            read = _configured(data, experiment, seed, label or labels)
        elif experiment:
            raise InputError(f"--experiment is for a configuration; {data} is none.")
        else:
            read = labelled.read(data, label=label, labels=labels, side=side)
        if read.note:
            print(read.note, file=sys.stderr)
        if trusted and trusted.suffix in labelled.TABLES:
            raise InputError("--trusted does not take tables: each would be standardised by itself. Give arrays, .npz.")
        trust = labelled.read(trusted, side=side) if trusted else None
        try:
            found = run(
                read, budget=budget, out=out, threads=threads, model=model, trainer=trainer, trust=trust, seed=seed, say=_say
            )
        except KeyboardInterrupt:
            print("\ninterrupted: the same command goes on where it stopped", file=sys.stderr)
            raise typer.Exit(130) from None
        write(found, out)
        scan_page.write(found, out / "report.html")
        for line in _lines(found, out):
            print(line)


def _configured(path: Path, experiment: int, seed: int, labels: object):
    """The training set of an experiment of a configuration."""
    from rethinking_backdoors.config import load
    from rethinking_backdoors.scan.configured import training_set

    if labels:
        raise InputError("--label and --labels are not for a configuration.")
    return training_set(checked(load(path)), experiment, seed)


def _say(text: str) -> None:
    """Progress, on a terminal only; a line that begins with a carriage return is written over."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text.lstrip()}", end="" if text.startswith("\r") else "\n", file=sys.stderr, flush=True)


def _lines(found, out: Path) -> list[str]:
    """The answer in five lines."""
    about = f" {found.size} examples labelled {found.data.class_name(found.label)}" if found.label is not None else ""
    p = f"p = {found.p_value:.2g}" if found.p_value is not None else "no p-value: fewer than five labels"
    z = f", {found.z:.1f} standard deviations above the trusted sets" if found.z is not None else ""
    advice = {
        "alarm": "look at report.html and decide whether it was planted or is natural"
        + (
            f"; without the {found.flagged.sum()} flagged: kept.txt"
            if found.flagged.any()
            else "; --budget buys too little to remove"
        ),
        "look": "look at report.html; nothing is flagged, because it does not stand apart within its label",
        "nothing stands out": "nothing; that is no proof (report.html says what a scan cannot see)",
    }.get(found.answer, "look at the top of scores.csv; with fewer than five labels there is no alarm")
    return [
        f"answer: {found.answer}{':' if about else ''}{about}",
        f"evidence: {p}{z}",
        f"scanned: {len(found.score)} examples, {found.units} units of models, {found.seconds / 60:.1f} minutes",
        f"next: {advice}",
        f"files: {out / 'report.html'}, scores.csv, kept.txt, scan.json",
    ]
