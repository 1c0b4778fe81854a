import pandas as pd

from rethinking_backdoors.evaluation.tables import COLUMNS, Files, numbers
from rethinking_backdoors.io import job, write_text

with job(snakemake.log[0]):
    inputs, params, seed, lines = snakemake.input, snakemake.params, int(snakemake.wildcards.seed), []
    kinds = ("poison", "retrained", "removed", "suspicion", "strength", "detection", "control")
    take = {kind: iter(inputs[kind]) for kind in kinds}
    for experiment, percents in params.percents.items():
        known = percents if experiment in params.attacked else []
        files = Files(
            images=inputs.images,
            poison=next(take["poison"]),
            retrained={name: next(take["retrained"]) for name in params.defenses},
            removed={name: next(take["removed"]) for name in params.defenses[1:]},
            suspicion={name: next(take["suspicion"]) for name in params.suspicious},
            strength={percent: next(take["strength"]) for percent in known},
            detection={(detector, percent): next(take["detection"]) for percent in percents for detector in params.detectors},
            control={detector: next(take["control"]) for detector in params.detectors} if known else {},
        )
        found = numbers(files, params.target_class[experiment])
        lines += [(t, experiment, row, column, seed, value) for t, row, column, value in found]
    write_text(snakemake.output[0], pd.DataFrame(lines, columns=COLUMNS).to_csv(index=False))
