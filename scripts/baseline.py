import time

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.defenses.registry import run
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_json, write_npz
from rethinking_backdoors.seeds import generator

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, output = snakemake.params, snakemake.input, snakemake.output
    for i, number in enumerate(params.experiments):
        experiment = Experiment.of_job(snakemake.wildcards, params, number=number, training=params.training[i])

        def learner(images, labels, experiment=experiment):
            # torch takes seconds to import: only defenses that train need it.
            from rethinking_backdoors.training.learner import Learner

            return Learner(experiment.represent(inputs.features)(images), labels, experiment.training, experiment.device)

        started, line = time.perf_counter(), params.lines[i]
        learned = read_npz(inputs.representations[i], "representations")["representations"]
        examples = TrainingSet(*read_poisoned(inputs.images, inputs.poison[i]), learned, learner)
        clean = experiment.clean_examples(read_npz(inputs.images)) if "clean" in line["oracle"] else None
        told = Oracle(**params.suspected[i], clean=clean).told(line["oracle"])
        found = run(line, examples, told, generator(experiment.root, "defense", snakemake.wildcards.defense))
        write_npz(output.score[i], score=found.score if found.score is not None else [])
        facts = {"settings": line, "oracle": told.facts(), "seconds": round(time.perf_counter() - started, 3)}
        write_json(output.removed[i], {"removed": found.removed.tolist(), **facts})
