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

        started, learned = time.perf_counter(), read_npz(inputs.representations[i], "representations")["representations"]
        examples = TrainingSet(*read_poisoned(inputs.images, inputs.poison[i]), learned, learner)
        rng = generator(experiment.root, "defense", snakemake.wildcards.defense)
        if "clean" in params.lines[i]["oracle"]:
            params.suspected[i]["clean"] = experiment.clean_examples(read_npz(inputs.images))
        found = run(params.lines[i], examples, Oracle(**params.suspected[i]), rng)
        write_npz(output.score[i], score=found.score if found.score is not None else [])
        told = {fact: value for fact, value in params.suspected[i].items() if fact in params.lines[i]["oracle"]}
        told |= {"clean": len(told["clean"][1])} if "clean" in told else {}
        facts = {"settings": params.lines[i], "oracle": told, "seconds": round(time.perf_counter() - started, 3)}
        write_json(output.removed[i], {"removed": found.removed.tolist(), **facts})
