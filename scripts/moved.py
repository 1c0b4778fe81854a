from functools import partial

from rethinking_backdoors.config import FIGURE2
from rethinking_backdoors.io import job, read_npz, write_npz, write_text
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features
from rethinking_backdoors.unplanted import Scene, frame, natural_effect, object_effect

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, seed = snakemake.params, snakemake.input, int(snakemake.wildcards.seed)
    sets, represent = read_npz(inputs.images), {}
    if inputs.features:
        represent = {"represent": partial(features.extract, extractor=features.load(inputs.features, params.features))}
    scene = Scene(
        train=(sets["train_image"], sets["train_label"]),
        test=(sets["test_image"][: params.tested], sets["test_label"][: params.tested]),
        training=params.training,
        models=params.models,
        root=root(snakemake.wildcards.dataset, FIGURE2, seed),
        device=params.device,
        **represent,
    )
    planted, with_object = object_effect(scene, params.attack, params.counts)
    natural, with_pattern = natural_effect(scene, **params.natural)
    write_text(snakemake.output.rows, frame([*planted, *natural], seed).to_csv(index=False))
    parts = {"object": with_object, "natural": with_pattern}
    pictures = {f"{part}_{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
    pictures |= {"object_class": params.attack["target_class"], "natural_class": params.natural["target_class"]}
    write_npz(snakemake.output.pictures, **pictures, detected=params.attack["count"], removed=params.removed)
