import pandas as pd

from rethinking_backdoors.io import job, read_array, read_npz, write_text
from rethinking_backdoors.strength import estimate
from rethinking_backdoors.tables import truth
from rethinking_backdoors.unplanted import flagged, frame, table

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    numbers, rules = [pd.read_csv(inputs.moved)], list(params.rules)
    for i, seed in enumerate(params.seeds):
        facts = truth(inputs.poison[i], inputs.images[i], params.target_class)
        weights, _ = read_array(inputs.weights[i])
        scores = {"oracle": [estimate(weights, facts["poisoned"].nonzero()[0], self_influence=False)]}
        # Detections are ordered seed by seed, within a seed rule by rule.
        for place, rule in enumerate(rules, i * len(rules)):
            scores[rule] = [read_npz(inputs.detection[place], "score")["score"]]
            scores[f"{rule}, permuted masks"] = list(read_npz(inputs.control[place], "score")["score"])
        found = flagged(scores, facts["poisoned"], facts["target"], params.removed)
        numbers.append(frame(list(found), seed))
    every = pd.concat(numbers)
    write_text(snakemake.output.seeds, every.to_csv(index=False))
    write_text(snakemake.output.table, table(every).to_csv(index=False))
