"""Did it replicate? The answer in one table, for the README."""

import pandas as pd

from rethinking_backdoors.verification.verdicts import VERDICTS


def answer(claims: dict[str, pd.DataFrame], verified: dict[str, pd.DataFrame]) -> str:
    """One line a claim and one for the published numbers, one column a data set.

    Args:
        claims: by data set, see ``claims.judge``. verified: by data set, see ``verdicts.verify``.
    """
    lines = [["claim", "", *claims], ["---"] * (2 + len(claims))]
    whole = {name: table[table["experiment"] == "all"].set_index(["claim", "row"]) for name, table in claims.items()}
    first = next(iter(whole.values()))
    for claim, row in first.index:
        says, claimed = first.loc[(claim, row), ["says", "claimed"]]
        name = claim if claimed else f"({claim})"
        named = f"{says}, `{row}`" if row in ("ours", "refined") else says
        lines.append([name, named, *(_cell(table.loc[(claim, row)]) for table in whole.values())])
    tally = [table["verdict"].value_counts() for table in verified.values()]
    numbers = len(next(iter(verified.values())))
    counted = [", ".join(f"{count.get(verdict, 0)} {verdict}" for verdict in VERDICTS) for count in tally]
    lines.append(["numbers", f"the {numbers} published numbers", *counted])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(claim: pd.Series) -> str:
    """ "**holds**, 8 of 8: 0.51 [0.40, 0.62] logits in 3", or why there is no number."""
    if pd.isna(claim["value"]):
        return f"{claim['verdict']}: {'not run' if claim['statistic'] else 'no test'}"
    verdict = f"**{claim['verdict']}**" if claim["claimed"] else claim["verdict"]
    text = f"{verdict}, {claim['passed']} of {claim['asked']}: {claim['value']:.3g}"
    if not pd.isna(claim["low"]):
        text += f" [{claim['low']:.3g}, {claim['high']:.3g}]"
    return f"{text} in {int(claim['weakest'])}"
