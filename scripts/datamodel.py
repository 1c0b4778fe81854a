from rethinking_backdoors.datamodels import estimator_of, fit_with_fidelity
from rethinking_backdoors.experiment import asked
from rethinking_backdoors.io import job, write_array
from rethinking_backdoors.margins.shards import open_with_masks

with job(snakemake.log[0], snakemake.params.device, snakemake.resources.mem_mb):
    params = snakemake.params
    masks, margins, common = open_with_masks(snakemake.input.margins, asked(snakemake.wildcards))
    estimator = estimator_of(params.estimator, params.device, storage=params.storage)
    fitted, fidelity = fit_with_fidelity(estimator, masks, margins)
    manifest = {"estimator": params.estimator, "m": masks.shape[0], "alpha": common["alpha"], "root": common["root"]}
    manifest |= {"fidelity": fidelity, "orientation": "rows are training examples"}
    write_array(snakemake.output.weights, fitted.coef_, manifest)
