# The whole replication: config in, tables and figures out. What depends on what and where every file lies stands in rules/, the work
# is done by the library in src/. `snakemake --cores all` makes everything of config/digits.yaml.
import os
import shlex
import sys

from snakemake.utils import min_version

# The checkout, also where another workflow uses this one as a module. The library needs no installation here; scripts and the jobs of a cluster find it in the same way.
HERE = str(workflow.current_basedir)
sys.path.insert(0, os.path.join(HERE, "src"))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [sys.path[0], dict(os.environ).get("PYTHONPATH")])))
# Snakemake 9 runs scripts by an unquoted path: every job fails where the environment lies in a folder with a space in its name.
sys.executable = shlex.quote(sys.executable)

from rethinking_backdoors import kernels, running
from rethinking_backdoors.attacks import registry as attack_registry
from rethinking_backdoors.attacks import triggers
from rethinking_backdoors.config import (
    adversary_network,
    attack_of,
    attacked,
    check,
    count_of,
    defense_of,
    detectors_of,
    experiments,
    first_of,
    suspected,
    tabled,
    target_class,
    training_of,
)
from rethinking_backdoors.data import image_shape
from rethinking_backdoors.defenses import registry
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation import yardsticks

min_version("9.0")

if "dataset" not in config:

    configfile: os.path.join(HERE, "config/digits.yaml")


try:
    config.update(check(config))
    attack_registry.check(config)
    triggers.check(config["triggers"], image_shape(config["images"]))
    for name in config.get("defenses", {}):
        for number in tabled(config):
            registry.check(defense_of(config, name, number))
except InputError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(2)

# Every job inherits which vector instructions its libraries use.
os.environ.update(kernels.environment(config["kernels"]))

# One thread a job: Snakemake runs as many jobs as there are cores.
for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

DATASET, SEEDS, DETECTORS = config["dataset"], config["seeds"], list(config["detectors"])
EXPERIMENTS = tabled(config)
ATTACKED = attacked(EXPERIMENTS)
BASELINES = config.get("defenses", {})
YARDSTICKS = yardsticks.NAMES
# Rows of the tables, each with what it removes; those with scores of suspicion.
DEFENSES = ["none", *YARDSTICKS[:2], *BASELINES, *YARDSTICKS[2:], *DETECTORS]
SUSPICIOUS = [*BASELINES, *YARDSTICKS]
COMPARISONS = config.get("comparisons", {})
STUDIES = [name for name in ("control", "lasso", "convergence", "growth", "laws") if name in COMPARISONS]
# Tables on request, and the experiments they need: all; the first plain attack of either kind.
FIRST = first_of(EXPERIMENTS, "dirty_label", "clean_label")
ON_REQUEST = dict.fromkeys(("attacks", "certificates", "removal", "scan", "scan_others"), EXPERIMENTS)
ON_REQUEST |= dict.fromkeys(("scan_power", "scan_growth"), FIRST) | {"scan_price": ATTACKED}
LARGEST = first_of(dict(sorted(EXPERIMENTS.items(), key=lambda line: -line[1]["poisoned"])), "dirty_label", "clean_label")
ON_REQUEST["clients"] = [e for e in EXPERIMENTS if e not in ATTACKED or e in LARGEST]
ON_REQUEST["scan_trusted"] = [e for e in EXPERIMENTS if e not in ATTACKED]
TABLES = ["table1", "table2", "table3", "table4", "table6", "defenses"]


# The limit on gpu (workflow/profiles/default) is one machine's: a cluster counts its own.
resource_scopes:
    gpu="local",


include: "workflow/common.smk"
include: "workflow/pages.smk"
include: "workflow/resources.py"
include: "workflow/timers.py"
include: "rules/poison.smk"
include: "rules/train.smk"
include: "rules/datamodels.smk"
include: "rules/detect.smk"
include: "rules/defend.smk"
include: "rules/evaluate.smk"
include: "rules/studies.smk"
include: "rules/scan.smk"
include: "rules/report.smk"


# Below the rules, which take one another's paths without constraints.
wildcard_constraints:
    dataset=DATASET,
    experiment="|".join(map(str, PLANNED)),
    seed=r"\d+",
    alpha=r"\d+",
    shard=r"\d{5}",
    detector="|".join(DETECTORS),
    defense="|".join(DEFENSES),
    comparison="|".join(COMPARISONS) or "none",


report: os.path.abspath(f"results/{DATASET}/report/overview.rst")


rule all:
    """Every file between the images and the tables is asked for, so that one that is deleted is made again."""
    default_target: True
    input:
        expand([*rules.images.output, *rules.record.input, *rules.record.output], seed=SEEDS, dataset=DATASET),
        planned([*rules.poison.output, *rules.datamodel.output, *rules.detect.output]),
        planned(rules.train.output),
        [at(-1, CONTROL), planned(CONTROL, UNPLANTED)],
        planned(rules.strength.output, ATTACKED),
        planned([BETON] if config["loader"] == "ffcv" else [], EXPERIMENTS),
        planned([REMOVED, SUSPICION, REPRESENTATIONS], EXPERIMENTS, defense=SUSPICIOUS),
        planned([REMOVED], EXPERIMENTS, defense=DETECTORS),
        planned([RETRAINED], EXPERIMENTS, defense=DEFENSES),


rule report_pages:
    """What `make report` puts into Snakemake's report, with everything that the default makes."""
    input:
        rules.all.input,
        rules.pages.output.pages,
        rules.pages.output.captions,
        rules.pages.output.overview,


onstart:
    try:
        running.begin(os.getcwd())
    except InputError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(2)
    if config["kernels"] == "portable" and not kernels.available():
        print(kernels.WARNING, file=sys.stderr)


onsuccess:
    cancel_timers()


onerror:
    cancel_timers()
