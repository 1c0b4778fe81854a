from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.detection.control import permuted_scores
from rethinking_backdoors.io import job, write_npz
from rethinking_backdoors.training.margins import open_with_masks

with job(snakemake.log[0], snakemake.params.device):
    params, output = snakemake.params, list(snakemake.output)
    shards, rules = len(snakemake.input.margins) // len(params.seeds), list(params.rules)
    for i in range(len(params.seeds)):
        masks, margins, common = open_with_masks(snakemake.input.margins[i * shards : (i + 1) * shards])
        estimator, root = weights_of(params.estimator, params.device), int(common["root"])
        scores = permuted_scores(masks, margins, estimator, params.rules, params.permutations, root, params.device)
        # The output paths are ordered seed by seed, within a seed rule by rule.
        for rule, path in zip(rules, output[i * len(rules) : (i + 1) * len(rules)], strict=True):
            write_npz(path, score=scores[rule])
