"""The command rethinking-backdoors: the method for people with their own data, and parts of the replication without Snakemake."""

from typing import Annotated

import typer

import rethinking_backdoors
from rethinking_backdoors.cli.detect import detect
from rethinking_backdoors.cli.fit import fit
from rethinking_backdoors.cli.scan import scan
from rethinking_backdoors.cli.strength import strength
from rethinking_backdoors.cli.train import train

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
for command in (scan, fit, detect, strength, train):
    app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        print(rethinking_backdoors.__version__)
        raise typer.Exit


@app.callback()
def commands(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="the version, and end")] = False,
) -> None:
    """Which training examples support one another most?

    `scan` asks whether there is a planted feature in a data set, and needs nothing but the data. The others are its parts:
    Margins of many models -> fit -> weight matrix -> detect -> scores. `train` makes margins of the paper's experiments.
    """
