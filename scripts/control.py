from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.detection.control import cross_fitted
from rethinking_backdoors.experiment import asked
from rethinking_backdoors.io import job, write_npz
from rethinking_backdoors.margins.shards import open_with_masks

with job(snakemake.log[0], snakemake.params.device, snakemake.resources.mem_mb):
    params = snakemake.params
    masks, margins, common = open_with_masks(snakemake.input.margins, asked(snakemake.wildcards))
    estimator, root = weights_of(params.estimator, params.device, params.storage), int(common["root"])
    results = cross_fitted(masks, margins, estimator, params.detectors, params.permutations, root, params.device)
    for detector, path in zip(params.detectors, snakemake.output, strict=True):
        write_npz(path, **results[detector])
