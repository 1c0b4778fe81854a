"""Did it replicate? All verdicts in one table, for the README."""

import pandas as pd

from rethinking_backdoors.reporting.verification.verdicts import VERDICTS
from rethinking_backdoors.reporting.words import markdown

JUDGEMENTS = ("holds", "fails", "not decided")


def scorecard(claims: dict[str, pd.DataFrame], verified: dict[str, pd.DataFrame]) -> str:
    """One line a statement of the paper, one for all of them and one for the published numbers; one column a data set.

    Args:
        claims: by data set, see ``claims.judge``. verified: by data set, see ``verdicts.verify``.
    """
    lines = []
    whole = {name: table[(table["experiment"] == "all") & table["claimed"]] for name, table in claims.items()}
    indexed = [table.set_index(["claim", "row"]) for table in whole.values()]
    for claim, row in indexed[0].index:
        lines.append([claim, indexed[0].loc[(claim, row), "says"], *(_cell(table.loc[(claim, row)]) for table in indexed)])
    judged = [table["verdict"].value_counts() for table in indexed]
    lines.append(["all", f"the {len(indexed[0])} statements", *(_tally(count, JUDGEMENTS) for count in judged)])
    counted = [table["verdict"].value_counts() for table in verified.values()]
    numbers = len(next(iter(verified.values())))
    lines.append(["numbers", f"the {numbers} published numbers", *(_tally(count, VERDICTS) for count in counted)])
    return markdown(["claim", "", *claims], lines)


def _tally(counted: pd.Series, verdicts: tuple[str, ...]) -> str:
    return ", ".join(f"{counted.get(verdict, 0)} {verdict}" for verdict in verdicts)


def _cell(claim: pd.Series) -> str:
    """ "**holds**, 8 of 8", or why there is no test."""
    if pd.isna(claim["value"]):
        return f"{claim['verdict']}: {'not run' if claim['statistic'] else 'no test'}"
    return f"**{claim['verdict']}**, {claim['passed']:.0f} of {claim['asked']:.0f}"
