from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation import retrain
from rethinking_backdoors.io import job, read_json, read_npz, write_json
from rethinking_backdoors.seeds import root

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    for i, seed in enumerate(params.seeds):
        test = read_npz(inputs.images[i], "test_image", "test_label")
        measured = retrain(
            read_poisoned(inputs.images[i], inputs.poison[i]),
            (test["test_image"], test["test_label"]),
            read_json(inputs.defense[i])["removed"] if inputs.defense else [],
            trigger=params.trigger,
            target_class=params.target_class,
            root=root(params.dataset, int(snakemake.wildcards.e), seed),
            models=params.models,
            training=params.training,
            device=params.device,
        )
        write_json(snakemake.output[i], {**measured, "models": params.models, "recipe": params.training})
