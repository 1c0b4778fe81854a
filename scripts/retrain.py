from functools import partial

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation import retrain
from rethinking_backdoors.io import job, read_json, read_npz, write_json
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, output = snakemake.params, snakemake.input, iter(snakemake.output)
    # Inputs and outputs are ordered seed by seed, within a seed defense by defense; "none" removes nothing and has no file.
    removals = iter(inputs.defenses)
    for i, seed in enumerate(params.seeds):
        represent = {}
        if inputs.features:
            represent = {"represent": partial(features.extract, extractor=features.load(inputs.features[i], params.features))}
        measured = retrain(
            read_poisoned(inputs.images[i], inputs.poison[i]),
            tuple(read_npz(inputs.images[i], "test_image", "test_label").values()),
            {name: [] if name == "none" else read_json(next(removals))["removed"] for name in params.defenses},
            trigger=params.trigger,
            target_class=params.target_class,
            root=root(params.dataset, int(snakemake.wildcards.e), seed),
            models=params.models,
            training=params.training,
            device=params.device,
            **represent,
        )
        for name in params.defenses:
            write_json(next(output), {**measured[name], "models": params.models, "recipe": params.training})
