from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation import retrain
from rethinking_backdoors.io import job, read_json, read_npz, write_json
from rethinking_backdoors.seeds import root

with job(snakemake.log[0]):
    params, inputs, output = snakemake.params, snakemake.input, iter(snakemake.output)
    removals = iter(inputs.defenses)
    for i, seed in enumerate(params.seeds):
        test = tuple(read_npz(inputs.images[i], "test_image", "test_label").values())
        train = read_poisoned(inputs.images[i], inputs.poison[i])
        # Inputs and outputs are ordered seed by seed, within a seed defense by defense; "none" removes nothing and has no file.
        for defense in params.defenses:
            measured = retrain(
                train,
                test,
                [] if defense == "none" else read_json(next(removals))["removed"],
                trigger=params.trigger,
                target_class=params.target_class,
                root=root(params.dataset, int(snakemake.wildcards.e), seed),
                models=params.models,
                training=params.training,
                device=params.device,
            )
            write_json(next(output), {**measured, "models": params.models, "recipe": params.training})
