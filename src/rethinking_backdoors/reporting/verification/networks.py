"""Intervals of few networks: how far networks lie apart, from all experiments together, and how many test images there are."""

import numpy as np
import pandas as pd
from scipy.stats import norm, t

# Where a share of test images is measured: the column, and the part of the test images that counts.
SHARES = {"clean_accuracy": 1.0, "poisoned_accuracy": 1.0, "asr": 0.9}
COLUMNS = ["experiment", "row", "column", "value", "low", "high", "seeds", "note"]
ALONE = "one network each: the interval is that of the test images alone"


def tables(seeds: pd.DataFrame, tested: int) -> dict[str, pd.DataFrame]:
    """Tables as ``verdicts.verify`` takes them, by name.

    The variance of a mean of k networks is spread^2 / k + p (1 - p) / N: the test images are the same for all networks. The
    spread is pooled over experiments, column by column; where no experiment has two networks it is not known, and a note says so.

    Args:
        seeds: ``table``, ``experiment``, ``row``, ``column``, ``seed`` and ``value`` (percent), a line a network.
        tested: number N of test images; of the ASR nine in ten count.
    """
    pooled = {key: _pooled(part) for key, part in seeds.groupby(["table", "column"])}
    lines = []
    for (table, experiment, row, column), cell in seeds.groupby(["table", "experiment", "row", "column"], sort=False):
        spread, freedom = pooled[table, column]
        value, count = float(cell["value"].mean()), len(cell)
        variance = value * (100 - value) / (tested * SHARES[str(column)]) + (spread**2 / count if freedom else 0)
        half = float(t.ppf(0.975, freedom) if freedom else norm.ppf(0.975)) * np.sqrt(variance)
        low, high = np.clip([value - half, value + half], 0, 100)
        known = (round(value, 4), round(float(low), 4), round(float(high), 4), count, "" if freedom else ALONE)
        lines.append((table, experiment, row, column, *known))
    whole = pd.DataFrame(lines, columns=["table", *COLUMNS])
    return {str(name): part.drop(columns="table") for name, part in whole.groupby("table")}


def _pooled(part: pd.DataFrame) -> tuple[float, int]:
    """Standard deviation between networks of one experiment, over all experiments, and its degrees of freedom."""
    groups = [group["value"].to_numpy() for _, group in part.groupby("experiment") if len(group) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return float("nan"), 0
    return float(np.sqrt(sum(((group - group.mean()) ** 2).sum() for group in groups) / freedom)), freedom


def long(networks: pd.DataFrame) -> pd.DataFrame:
    """The lines of networks.csv as ``tables`` takes them: accuracies of Table 1 and the row ``none`` of Tables 3 and 6."""
    lines = []
    for network in networks[networks["experiment"] > 0].itertuples():
        start = (network.experiment, "none")
        for column in ("clean_accuracy", "poisoned_accuracy"):
            lines += [(table, *start, column, network.seed, getattr(network, column)) for table in ("table1", "table3")]
        lines.append(("table6", *start, "asr", network.seed, network.asr))
    return pd.DataFrame(lines, columns=["table", "experiment", "row", "column", "seed", "value"])
