import pandas as pd

from rethinking_backdoors.evaluation.tables import truth
from rethinking_backdoors.experiment import asked
from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.margins.shards import open_with_masks
from rethinking_backdoors.studies.comparisons import COMPARISONS
from rethinking_backdoors.studies.setting import Setting

with job(snakemake.log[0], memory_mb=snakemake.resources.mem_mb):
    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    masks, margins, common = open_with_masks(inputs.margins, asked(snakemake.wildcards))
    poisoned, target = truth(inputs.poison, inputs.images, params.target_class).values()
    setting = Setting(masks, margins, poisoned, target, params.removed, int(common["root"]), params.storage)
    start = {"experiment": int(wildcards.experiment), "seed": int(wildcards.seed)}
    rows = [{**start, **row} for row in COMPARISONS[wildcards.comparison](setting, **params.settings)]
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
