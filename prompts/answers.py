"""What a model must answer: one class a prompt, the schema that guides decoding and the check on what comes back.

Every string and list is bounded, so that guided decoding comes to an end. Which facets and tag ids are allowed is
known only at run time and checked by the agents.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

TagId = Annotated[str, StringConstraints(pattern=r"^t[0-9]{1,2}$")]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Proposed(Answer):
    """One tag the model names."""

    facet: str = Field(max_length=20)
    en: str = Field(min_length=2, max_length=40)
    zh: str = Field(min_length=1, max_length=20)
    polarity: Literal["likes", "dislikes", "is"]


class ProposeAnswer(Answer):
    """Answer to the `propose` prompts."""

    tags: list[Proposed] = Field(max_length=6)


class PersonaSentence(Answer):
    text: str = Field(min_length=8, max_length=240)
    tags: list[TagId] = Field(min_length=1, max_length=4)
    """Ids of the facts it renders, as the prompt numbered them: t1, t2, …"""


class PersonaAnswer(Answer):
    """Answer to the `persona` prompts."""

    sentences: list[PersonaSentence] = Field(min_length=1, max_length=6)
