"""What a scan found, as arrays and as files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rethinking_backdoors
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.detection import alarm
from rethinking_backdoors.detection.scores import ranking
from rethinking_backdoors.io import write_json, write_text
from rethinking_backdoors.margins.arrays import Margins, moments
from rethinking_backdoors.scan import models
from rethinking_backdoors.scan import plan as planning
from rethinking_backdoors.scan.evidence import Evidence, evidence
from rethinking_backdoors.scan.inputs import Recipe
from rethinking_backdoors.scan.sets import Sets


@dataclass(frozen=True)
class Scan:
    """What came out.

    Attributes:
        answer: "alarm": a group acts as one strong feature, as no other label has one (or no trusted set); "look": one label
            stands out, perhaps by nature; "nothing stands out"; "ranking only": too few labels to compare.
        p_value: of the label that stands out most; None where labels could not be compared. apart: the share of the variance of
            its examples' gains that lies between two humps; None likewise. z: the distance from trusted sets, None without them.
        label: where the first group is, alpha: at which fraction it stood out, size: of the group with what later rounds found in
            its label; None without one. members: (g,) int64, that group.
        score: (n,) float64, how much more an example gains from the group of its label than from the label; rank: (n,) int64 from
            1 on; flagged: (n,) bool, to be removed; round: (n,) int64, 0 where it is not.
        spread: (n,) float64, standard deviation of an example's margin over the models on the largest subsets: a plain baseline.
        verdict, recipe, plan, evidence: how it came to that; recipe is None where the user trained, evidence without a group.
        data: what was scanned. units: of models that were used. seconds: in all. settings: what was asked for.
    """

    answer: str
    p_value: float | None
    apart: float | None
    z: float | None
    label: int | None
    alpha: float | None
    size: int | None
    members: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    flagged: np.ndarray
    round: np.ndarray
    spread: np.ndarray
    verdict: alarm.Verdict
    recipe: Recipe | None
    plan: planning.Plan
    evidence: Evidence | None
    data: Labelled
    units: int
    seconds: float
    settings: dict[str, Any]

    @property
    def alarm(self) -> bool:
        """Whether the answer is an alarm."""
        return self.answer == alarm.ALARM

    @property
    def kept(self) -> np.ndarray:
        """(r,) int64, the examples that are not flagged."""
        return np.flatnonzero(~self.flagged)


def result(
    made: Sets, plan: planning.Plan, units: tuple[int, int], verdict: alarm.Verdict, seconds: float, settings: dict[str, Any]
) -> Scan:
    """Everything that is known in the end; ``units`` of models that were asked for, and that there are."""
    data, first = made.parts[0], verdict.first
    found: dict[str, Any] = {"label": None, "alpha": None, "size": None, "members": np.empty(0, dtype=np.int64), "evidence": None}
    if verdict.rounds:
        one = verdict.rounds[0]
        fraction = plan.fractions[one.judgement.cell[0]]
        masks, rows = models.read(made.works[0], fraction, plan.counts(units[0])[one.judgement.cell[0]])
        # Later rounds go on in the same label as a rule: one group in several pieces.
        group = np.intersect1d(one.members, np.flatnonzero(verdict.round)) if verdict.round.any() else one.removed
        shown = evidence(data.values, group, np.setdiff1d(one.members, group), masks, Margins(rows), made.seed)
        label = int(data.labels[one.members[0]])
        found = {"label": label, "alpha": fraction, "size": len(group), "members": group, "evidence": shown}
    # Removed examples first, those of earlier rounds before those of later ones.
    urgency = np.where(verdict.round > 0, verdict.round, len(verdict.rounds) + 1)
    order = ranking(verdict.score, seed=0)
    order = order[np.argsort(urgency[order], kind="stable")]
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return Scan(
        answer=_answer(made, verdict),
        p_value=first.p if first.comparison else None,
        apart=first.apart,
        z=float(first.distance.z[first.distance.cell]) if first.distance else None,
        score=verdict.score,
        rank=rank,
        flagged=verdict.round > 0,
        round=verdict.round,
        spread=moments(Margins(models.read(made.works[0], plan.fractions[0], plan.counts(units[0])[0])[1]))[1],
        verdict=verdict,
        recipe=made.recipe,
        plan=plan,
        data=data,
        units=units[1],
        seconds=seconds,
        settings=settings,
        **found,
    )


def _answer(made: Sets, verdict: alarm.Verdict) -> str:
    """The verdict's, but no alarm from networks that lose to a plain baseline."""
    refused = verdict.answer == alarm.ALARM and made.recipe is not None and not made.recipe.trusted
    return alarm.LOOK if refused else verdict.answer


def write(scan: Scan, folder: str | Path) -> None:
    """Writes scan.json, scores.csv and kept.txt."""
    folder = Path(folder)
    files = scan.data.files or [""] * len(scan.score)
    head = "index,label,score,gain,rank,flagged,round,margin_sd" + (",file" if scan.data.files else "")
    scores = _within(scan)
    lines = [
        f"{i},{scan.data.labels[i]},{scores[i]:.6g},{scan.score[i]:.6g},{scan.rank[i]},{int(scan.flagged[i])},{scan.round[i]},{scan.spread[i]:.6g}"
        + (f',"{files[i]}"' if scan.data.files else "")
        for i in range(len(files))
    ]
    write_text(folder / "scores.csv", "\n".join([head, *lines]) + "\n")
    write_text(folder / "kept.txt", "\n".join(map(str, scan.kept)) + "\n")
    rounds = [
        {"label": int(scan.data.labels[r.members[0]]), "size": len(r.removed), "p_value": r.judgement.p}
        for r in scan.verdict.rounds
    ]
    facts = {
        "answer": scan.answer,
        "alarm": scan.alarm,
        "p_value": scan.p_value,
        "apart": scan.apart,
        "z": scan.z,
        "label": scan.label,
        "class": scan.data.class_name(scan.label) if scan.label is not None else None,
        "alpha": scan.alpha,
        "size": scan.size,
        "flagged": int(scan.flagged.sum()),
        "rounds": rounds,
        "examples": len(scan.score),
        "units": scan.units,
        "models": dict(zip(map(str, scan.plan.fractions), scan.plan.counts(scan.units), strict=True)),
        "networks": scan.recipe
        and {"accuracy": scan.recipe.accuracy, "baseline": scan.recipe.baseline, "tried": scan.recipe.tried},
        "training": scan.recipe and scan.recipe.training,
        "settings": scan.settings,
        "seconds": round(scan.seconds, 1),
        "version": rethinking_backdoors.__version__,
    }
    write_json(folder / "scan.json", facts)


def _within(scan: Scan) -> np.ndarray:
    """The gains in standard deviations of their label's, (n,) float64, so that labels can be compared."""
    scores = np.full(len(scan.score), -np.inf)
    for label in np.unique(scan.data.labels):
        at = (scan.data.labels == label) & np.isfinite(scan.score)
        if at.any():
            gain = scan.score[at]
            scores[at] = (gain - gain.mean()) / (gain.std() or 1)
    return scores
