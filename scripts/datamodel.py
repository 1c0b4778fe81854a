from rethinking_backdoors.datamodels import ESTIMATORS, fit_with_fidelity
from rethinking_backdoors.io import job, write_array
from rethinking_backdoors.training.margins import load_with_masks

with job(snakemake.log[0]):
    name, shards = snakemake.params.estimator, len(snakemake.input.margins) // len(snakemake.params.seeds)
    for i, path in enumerate(snakemake.output.weights):
        masks, margins, common = load_with_masks(snakemake.input.margins[i * shards : (i + 1) * shards])
        fitted, fidelity = fit_with_fidelity(ESTIMATORS[name], masks, margins)
        manifest = {"estimator": name, "m": len(masks), "alpha": common["alpha"], "root": common["root"], "fidelity": fidelity}
        write_array(path, fitted.coef_, {**manifest, "orientation": "rows are training examples"})
