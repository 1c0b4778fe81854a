from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_npz, write_text
from rethinking_backdoors.studies.plausible import Scene, frame, natural_effect, object_effect

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, sets = snakemake.params, snakemake.input, read_npz(snakemake.input.images)
    experiment = Experiment.of_job(snakemake.wildcards, params, number=params.experiment)
    scene = Scene(
        train=(sets["train_image"], sets["train_label"]),
        test=(sets["test_image"][: params.tested], sets["test_label"][: params.tested]),
        training=experiment.training,
        models=params.models,
        root=experiment.root,
        device=experiment.device,
        represent=experiment.represent(inputs.features),
    )
    planted, with_object = object_effect(scene, experiment.attack, params.counts)
    natural, with_pattern = natural_effect(scene, **params.natural)
    write_text(snakemake.output.rows, frame([*planted, *natural], experiment.seed).to_csv(index=False))
    parts = {"object": with_object, "natural": with_pattern}
    pictures = {f"{part}_{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
    pictures |= {"object_class": experiment.attack["target_class"], "natural_class": params.natural["target_class"]}
    write_npz(snakemake.output.pictures, **pictures, detected=experiment.attack["count"], removed=params.removed)
