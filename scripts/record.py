from rethinking_backdoors.io import job, read_json, write_json, write_text
from rethinking_backdoors.reporting.provenance import cost, describe

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    record = describe(snakemake.config, params.root, list(inputs.results), params.benchmarks, read_json(inputs.source))
    write_text(snakemake.output.cost, cost(params.benchmarks).to_csv(index=False))
    write_json(snakemake.output.provenance, record)
