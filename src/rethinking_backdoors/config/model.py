"""What a configuration may say: a class for every section, for every value its range. Unknown keys are errors.

``python -m rethinking_backdoors.config.model`` prints the same as a JSON schema, for editors.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from rethinking_backdoors.config.images import Images
from rethinking_backdoors.config.triggers import Section, Trigger
from rethinking_backdoors.config.values import (
    BelowOne,
    Count,
    Counts,
    NotNegative,
    NotNegativeInteger,
    Positive,
    Share,
    different,
    whole_percent,
)

Estimator = Literal["difference", "difference_centred", "difference_centred_models", "ridge", "lasso"]


class Experiment(Section):
    experiment: NotNegativeInteger
    attack: str
    settings: dict[str, Any] = Field(default={})
    trigger: str
    poisoned: NotNegativeInteger
    target_class: NotNegativeInteger | None = None
    models: Annotated[Count, Field(ge=2)] | None = None
    restarts: Count | None = None
    alphas: Annotated[
        list[Annotated[Share, AfterValidator(whole_percent)]], Field(min_length=1, max_length=2), AfterValidator(different)
    ]
    removed: Share


class Ascent(Section):
    radius: Positive
    steps: Count
    step_size: Positive


class Robust(Section):
    radius: Positive
    steps: Count
    epochs: Count
    batch_size: Count
    learning_rate: Positive


class Adversary(Section):
    precision: Literal["bf16", "float32", "float64"] = "float64"
    training: Robust
    attack: Ascent


class Natural(Section):
    target_class: NotNegativeInteger
    sizes: Annotated[Counts, Field(min_length=2, max_length=2)]
    candidates: Count
    tried: Count


class Figure2(Section):
    experiment: NotNegativeInteger
    counts: Annotated[list[NotNegativeInteger], Field(min_length=1), AfterValidator(different)]
    tested: Count
    natural: Natural


class Features(Section):
    patches: Count
    size: Count
    stride: Count
    grid: Count
    threshold: NotNegative
    whitening: Positive
    components: Count
    extremes: StrictBool = False


class Recipe(Section):
    epochs: Count
    batch_size: Count
    peak_lr: Positive
    peak_epoch: Positive
    momentum: BelowOne
    weight_decay: NotNegative
    models_at_once: Count


class Mlp(Recipe):
    network: Literal["mlp"]
    hidden: Count


class Resnet9(Recipe):
    network: Literal["resnet9"]
    label_smoothing: BelowOne
    cutout: dict[str, NotNegativeInteger]
    precision: Literal["bf16", "fp32"]
    compile: StrictBool
    graph: StrictBool = True


class Models(Section):
    # One model in ten is kept from a fit to measure its fidelity, which takes two.
    count: Annotated[Count, Field(ge=20)]
    shard: Count


class Detector(Section):
    sizes: Counts
    restarts: Count
    starts: Literal["random", "partners"]
    kept: Annotated[Positive, Field(le=1)]
    self_influence: StrictBool


class Detectors(Section):
    paper: Detector
    refined: Detector


class Controls(Section):
    permutations: Count


class Grid(Section):
    experiments: Counts
    estimators: Annotated[list[Estimator], Field(min_length=1), AfterValidator(different)]
    models: Counts
    detector: Literal["paper", "refined"]
    restarts: Count


class Searched(Section):
    experiments: Counts
    sizes: Counts
    restarts: Count


class Explained(Section):
    experiments: Counts
    detectors: Annotated[list[Literal["paper", "refined"]], Field(min_length=1), AfterValidator(different)]


class Converging(Explained):
    models: Counts


class Laws(Section):
    experiments: Counts


class Comparisons(Section):
    compute: Grid | None = None
    compute_full: Grid | None = None
    choices: Searched | None = None
    released: Searched | None = None
    control: Explained | None = None
    lasso: Explained | None = None
    convergence: Converging | None = None
    growth: Converging | None = None
    laws: Laws | None = None


class Defense(BaseModel):
    """Its other keys are the settings of its method, which the method itself checks."""

    model_config = ConfigDict(extra="allow")
    method: str
    oracle: Annotated[list[Literal["target_class", "poisoned", "clean"]], AfterValidator(different)]


class Deployed(Section):
    models: Count


# What a person names stands in paths and pages.
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=60)]


class Configuration(Section):
    """One replication."""

    dataset: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    images: Images
    loader: Literal["ffcv", "tensor"]
    device: Annotated[str, Field(pattern="^(cpu|cuda(:[0-9]+)?)$")]
    kernels: Literal["portable", "fastest"]
    seeds: Annotated[list[NotNegativeInteger], Field(min_length=1), AfterValidator(different)]
    target_class: NotNegativeInteger
    triggers: dict[Name, Trigger]
    experiments: Annotated[list[Experiment], Field(min_length=1)]
    only: Annotated[list[NotNegativeInteger], Field(min_length=1), AfterValidator(different)] | None = None
    adversary: Adversary | None = None
    figure2: Figure2 | None = None
    features: Features | None = None
    training: Annotated[Mlp | Resnet9, Field(discriminator="network")]
    models: Models
    estimator: Estimator
    storage: Literal["float32", "float16"] = "float32"
    detectors: Detectors
    controls: Controls
    comparisons: Comparisons = Comparisons()
    defenses: dict[Name, Defense] = Field(default={})
    deployed: Deployed


if __name__ == "__main__":
    print(json.dumps(Configuration.model_json_schema(), indent=1))
