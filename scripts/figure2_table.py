import pandas as pd

from rethinking_backdoors.evaluation.tables import truth
from rethinking_backdoors.io import job, read_array, read_npz, write_text
from rethinking_backdoors.strength import estimate
from rethinking_backdoors.studies.plausible import flagged, frame, table

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    numbers, detection, control = [*map(pd.read_csv, inputs.effects)], iter(inputs.detection), iter(inputs.control)
    for seed, images, poison, path in zip(params.seeds, inputs.images, inputs.poison, inputs.weights, strict=True):
        facts = truth(poison, images, params.target_class)
        weights, _ = read_array(path)
        scores = {"oracle": [estimate(weights, facts["poisoned"].nonzero()[0], self_influence=False)]}
        for detector in params.detectors:
            scores[detector] = [read_npz(next(detection), "score")["score"]]
            judged = read_npz(next(control), "score", "permuted")
            scores[f"{detector}, cross-fitted"] = list(judged["score"])
            scores[f"{detector}, permuted masks"] = list(judged["permuted"][0])
        found = flagged(scores, facts["poisoned"], facts["target"], params.removed)
        numbers.append(frame(list(found), seed))
    every = pd.concat(numbers)
    write_text(snakemake.output.seeds, every.to_csv(index=False))
    write_text(snakemake.output.table, table(every).to_csv(index=False))
