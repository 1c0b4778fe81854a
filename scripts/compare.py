import pandas as pd

from rethinking_backdoors.comparison import COMPARISONS, Setting
from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.tables import truth
from rethinking_backdoors.training.margins import open_with_masks

with job(snakemake.log[0]):
    params, inputs, rows = snakemake.params, snakemake.input, []
    shards, compare = len(inputs.margins) // len(params.seeds), COMPARISONS[snakemake.wildcards.comparison]
    for i, seed in enumerate(params.seeds):
        masks, margins, common = open_with_masks(inputs.margins[i * shards : (i + 1) * shards])
        poisoned, target = truth(inputs.poison[i], inputs.images[i], params.target_class).values()
        setting = Setting(masks, margins, poisoned, target, params.removed, int(common["root"]))
        start = {"experiment": int(snakemake.wildcards.e), "seed": seed}
        rows += [{**start, **row} for row in compare(setting, **params.settings)]
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
