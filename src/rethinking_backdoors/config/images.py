"""Where the images come from: the configuration's section ``images``."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from rethinking_backdoors.config.triggers import Section
from rethinking_backdoors.config.values import Count, NotNegativeInteger


class Digits(Section):
    source: Literal["digits"]
    train: Count


class Stored(Section):
    """What is drawn from files of a folder."""

    train: Count
    test: Count
    spare: NotNegativeInteger
    folder: Annotated[str, Field(min_length=1)]


class Cifar10(Stored):
    source: Literal["cifar10"]
    train: Annotated[Count, Field(le=50_000)]
    test: Annotated[Count, Field(le=10_000)]
    download: StrictBool


class FashionMnist(Stored):
    source: Literal["fashion_mnist"]
    train: Annotated[Count, Field(le=60_000)]
    test: Annotated[Count, Field(le=10_000)]
    download: StrictBool


class Folder(Stored):
    source: Literal["folder"]
    side: Annotated[Count, Field(ge=12)]


class Records(Stored):
    source: Literal["records"]
    kind: Annotated[str, Field(pattern="^[a-z_]+$")]
    name: str | None = None
    columns: Count


Images = Annotated[Digits | Cifar10 | FashionMnist | Folder | Records, Field(discriminator="source")]
