"""What a model must answer: one class a prompt, the schema that guides decoding and the check on what comes back.

Every string and list is bounded, so that guided decoding comes to an end. Which facets and tag ids are allowed is
known only at run time and checked by the agents.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Proposed(Answer):
    """One tag the model names."""

    facet: str = Field(max_length=20)
    en: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9 &'-]{1,38}$")
    zh: str = Field(min_length=1, max_length=20)
    polarity: Literal["likes", "dislikes", "is"]


class ProposeAnswer(Answer):
    """Answer to the `propose` prompts."""

    tags: list[Proposed] = Field(max_length=4)


Ids = Annotated[list[Annotated[str, StringConstraints(pattern=r"^e[1-9][0-9]?$")]], Field(min_length=1, max_length=6)]
"""Of the events that a prompt shows."""
Theme = tuple[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 &'-]{1,38}$")],
    Annotated[str, StringConstraints(min_length=1, max_length=20)],
    Literal["likes", "dislikes", "is"],
    Ids,
]
"""Its name in English and in Chinese, how it leans, and the events that show it."""


class ThemesAnswer(Answer):
    """Answer to the `themes` prompts."""

    themes: list[Theme] = Field(max_length=4)


class SeriesAnswer(Answer):
    """Answer to the `series` prompts: words of titles, and the titles they stand in."""

    series: list[tuple[Annotated[str, StringConstraints(min_length=2, max_length=40)], Ids]] = Field(max_length=4)


class PersonaAnswer(Answer):
    """Answer to the `persona` prompts: a sentence a point, in their order."""

    sentences: list[Annotated[str, StringConstraints(min_length=2, max_length=220)]] = Field(min_length=1, max_length=5)


class JudgeAnswer(Answer):
    """Answer to the `judge` prompts: a word, of which the log-odds are read."""

    verdict: Literal["yes", "no"]


class PreferAnswer(Answer):
    """Answer to the `preferred` prompts: a letter, of which the log-odds are read."""

    better: Literal["A", "B"]


class PlainTag(Answer):
    """One tag of the baseline, with the ids of the events it is said to rest on."""

    tag: str = Field(min_length=1, max_length=40)
    polarity: Literal["likes", "dislikes", "is"]
    evidence: list[Annotated[str, StringConstraints(pattern=r"^e[1-9][0-9]?$")]] = Field(min_length=1, max_length=6)


class PlainAnswer(Answer):
    """Answer to the `plain` prompts."""

    tags: list[PlainTag] = Field(min_length=1, max_length=8)


Named = tuple[Annotated[int, Field(ge=1, le=9)], Annotated[str, StringConstraints(min_length=1, max_length=60)]]
"""Number of a line, and words of it."""


class ListenAnswer(Answer):
    """Answer to the `listen` prompts: the names that stand in the lines."""

    names: list[Named] = Field(max_length=12)


class QuestionAnswer(Answer):
    """Answer to the `answer` prompts: what answers the question, each thing by itself; none where no line says it."""

    claims: list[Annotated[str, StringConstraints(min_length=1, max_length=120)]] = Field(max_length=8)


class FinalAnswer(QuestionAnswer):
    """Answer the question, once enough was found; in the words of the lines that say it."""


class ChosenAnswer(Answer):
    """Answer the question: ids of the answers, of those that ask_all gave, that answer it."""

    answers: list[Annotated[str, StringConstraints(pattern=r"^a[1-9]$")]] = Field(max_length=3)


class UnaidedAnswer(Answer):
    """Answer to the `unaided` prompts."""

    answer: str = Field(max_length=240)


class SelectAnswer(Answer):
    """Answer to the `select` prompts: ids of users."""

    users: list[Annotated[str, StringConstraints(pattern=r"^u[1-9][0-9]{0,4}$")]] = Field(max_length=40)


class NumberAnswer(Answer):
    """Answer to the `number` prompts: how many users."""

    number: int = Field(ge=0, le=100_000)


class ChoiceAnswer(Answer):
    """Answer to the `choose` prompts."""

    choice: Literal["A", "B", "C", "D"]


class ShapedAnswer(RootModel[Any]):
    """Answer to the `shape` prompts: what the schema of whoever asked allows; see `agents.shape`."""
