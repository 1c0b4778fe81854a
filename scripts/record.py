from pathlib import Path

from rethinking_backdoors.io import job, read_json, write_json, write_text
from rethinking_backdoors.provenance import cost, describe, same_results

with job(snakemake.log[0]):
    output, benchmarks = snakemake.output, snakemake.params.benchmarks
    fresh = describe(snakemake.config, list(snakemake.input.results), benchmarks, read_json(snakemake.input.source))
    if same_results(output.provenance, fresh):
        print("the same results on like hardware: the record of the run that first made them is kept")
        Path(output.cost).touch()
        Path(output.provenance).touch()
    else:
        write_text(output.cost, cost(benchmarks).to_csv(index=False))
        write_json(output.provenance, fresh)
