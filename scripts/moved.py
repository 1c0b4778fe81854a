from functools import partial

import pandas as pd

from rethinking_backdoors.config import FIGURE2
from rethinking_backdoors.io import job, read_npz, write_npz, write_text
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features
from rethinking_backdoors.unplanted import Scene, frame, natural_effect, object_effect

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, numbers = snakemake.params, snakemake.input, []
    for i, seed in enumerate(params.seeds):
        sets = read_npz(inputs.images[i])
        represent = {}
        if inputs.features:
            represent = {"represent": partial(features.extract, extractor=features.load(inputs.features[i], params.features))}
        scene = Scene(
            train=(sets["train_image"], sets["train_label"]),
            test=(sets["test_image"][: params.tested], sets["test_label"][: params.tested]),
            training=params.training,
            models=params.models,
            root=root(params.dataset, FIGURE2, seed),
            device=params.device,
            **represent,
        )
        planted, with_object = object_effect(scene, params.attack, params.counts)
        natural, with_pattern = natural_effect(scene, **params.natural)
        numbers.append(frame([*planted, *natural], seed))
        if i == 0:
            parts = {"object": with_object, "natural": with_pattern}
            pictures = {f"{part}_{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
            pictures |= {"object_class": params.attack["target_class"], "natural_class": params.natural["target_class"]}
            pictures |= {"detected": params.attack["count"], "removed": params.removed}
    write_text(snakemake.output.rows, pd.concat(numbers).to_csv(index=False))
    write_npz(snakemake.output.pictures, **pictures)
