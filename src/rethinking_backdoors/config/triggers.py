"""What a configuration may say of triggers: rectangles of one colour, or an object that is drawn anew on every image."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from rethinking_backdoors.config.values import Color, Coordinate, NotNegative, NotNegativeInteger, Positive, Range, UpToOne


class Section(BaseModel):
    """A part of a configuration."""

    model_config = ConfigDict(extra="forbid")


class Rectangle(Section):
    rows: Annotated[list[NotNegativeInteger], Field(min_length=2, max_length=2)]
    columns: Annotated[list[NotNegativeInteger], Field(min_length=2, max_length=2)]
    color: Color


class Shape(Section):
    shape: Literal["line", "ellipse", "polygon"]
    points: Annotated[list[Annotated[list[Coordinate], Field(min_length=2, max_length=2)]], Field(min_length=2)]
    width: Positive | None = None
    color: Color
    shade: UpToOne


class Object(Section):
    parts: Annotated[list[Shape], Field(min_length=1)]
    rows: Range
    columns: Range
    size: Range
    tilt: Annotated[NotNegative, Field(le=180)]


Variant = Annotated[list[Rectangle], Field(min_length=1)]
# A mapping is an object, a list the variants of a trigger made of rectangles.
Trigger = Annotated[
    Annotated[Annotated[list[Variant], Field(min_length=1)], Tag("variants")] | Annotated[Object, Tag("object")],
    Discriminator(lambda trigger: "object" if isinstance(trigger, dict | Object) else "variants"),
]
