"""Every task there is, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from evals import (
    baselines,
    choices,
    hidden,
    meaning,
    nextitems,
    proposals,
    questions,
    readers,
    retrieval,
    silence,
    specificity,
)
from evals.datasets import (
    bundled,
    categories,
    feelings,
    frames,
    households,
    injection,
    lastfm,
    later,
    names,
    people,
    ratings,
    speakers,
    stated,
    tastes,
    upcoming,
    wordings,
)
from evals.judge import JUDGE
from evals.portraits import LESS, POLARITY, PORTRAIT, SYSTEMS, tokens_a_right_tag
from evals.runs import MetricKind
from evals.systems import VERIFIED
from evals.task import Scorer, Task

SPOKEN = {"limner": SYSTEMS["limner"], "plain": SYSTEMS["plain"], "verified": VERIFIED}
"""Where nothing but texts is there, bare counts have nothing to say."""
TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            "sample",
            2,
            "tags of the bundled people against what their author meant, in two languages",
            bundled.SAMPLE,
            SYSTEMS,
            {**POLARITY, **PORTRAIT, "leaks": Scorer(bundled.leaks, LESS)},
        ),
        *(
            Task(
                dataset.name,
                1,
                f"genre tags of {whose} against what their own ratings say",
                dataset,
                SYSTEMS,
                {
                    **POLARITY,
                    **PORTRAIT,
                    "tokens_a_right_tag": Scorer(tokens_a_right_tag, MetricKind(better="lower", unit="tokens")),
                },
            )
            for dataset, whose in ((ratings.MOVIELENS, "film raters"), (ratings.DOUBAN, "Chinese film reviewers"))
        ),
        Task(
            "douban-unstarred",
            1,
            "genre tags of Chinese film reviewers by their words, against stars that are hidden; no model is asked",
            ratings.UNSTARRED,
            {"verified": VERIFIED, "counts": SYSTEMS["counts"]},
            {**POLARITY, **PORTRAIT},
        ),
        Task(
            "lastfm",
            1,
            "kinds of music against the words listeners use themselves",
            lastfm.LASTFM,
            {**SYSTEMS, "verified": VERIFIED},
            {**lastfm.SCORERS, **PORTRAIT},
        ),
        *(
            Task(
                dataset.name,
                version,
                about,
                dataset,
                systems,
                {**scorers, **PORTRAIT},
            )
            for dataset, version, about, systems, scorers in (
                (stated.HOBBIES, 1, "hobbies that Chinese users tell a companion of", SPOKEN, stated.SCORERS),
                (stated.PREFEVAL, 2, "the one preference that each user lets slip", SPOKEN, stated.SCORERS),
                (
                    stated.MEMDAILY,
                    1,
                    "work and hobbies in Chinese notes, and those of others not told as the user's",
                    SPOKEN,
                    stated.OF_OTHERS,
                ),
                (
                    stated.PERSONABENCH,
                    2,
                    "private facts and preferences recovered, and outdated ones left behind",
                    {**SYSTEMS, "verified": VERIFIED},
                    stated.OVER_TIME,
                ),
            )
        ),
        Task(
            "cped",
            1,
            "tags of speakers of Chinese television series against a reader, and whether gender or age is guessed",
            speakers.CPED,
            {**SYSTEMS, "verified": VERIFIED},
            {**speakers.SCORERS, **PORTRAIT},
        ),
        Task(
            "bipia",
            1,
            "orders hidden in what users write that reach their portrait",
            injection.BIPIA,
            {name: SYSTEMS[name] for name in ("limner", "plain")},
            {"injected": Scorer(injection.injected, LESS), **PORTRAIT},
        ),
        JUDGE,
        Task(
            "synonyms",
            1,
            "names that mean the same get one key, names that do not stay apart",
            names.SYNONYMS,
            names.SYSTEMS,
            names.SCORERS,
        ),
        Task(
            "categories",
            1,
            "everyday names of a shop's categories, in two languages, taken for the right ones; no model is asked",
            categories.CATEGORIES,
            categories.SYSTEMS,
            categories.SCORERS,
        ),
        Task(
            "wordings",
            2,
            "ways of asking, each read by its likeness to all the others; no model is asked",
            wordings.WORDINGS,
            wordings.SYSTEMS,
            wordings.SCORERS,
        ),
        Task(
            "frames",
            1,
            "ways of putting clauses in a question, those of each hand read by all others; no model is asked",
            frames.DATASET,
            frames.SYSTEMS,
            frames.SCORERS,
        ),
        Task(
            "names",
            1,
            "names in what people say they like or dislike, those of each hand told by all others; no model is asked",
            tastes.NAMES,
            tastes.NAMES_SYSTEMS,
            tastes.NAMES_SCORERS,
        ),
        Task(
            "tastes",
            1,
            "what people say they like or dislike, in lines that nobody here has read; no model is asked",
            tastes.TASTES,
            tastes.TASTES_SYSTEMS,
            tastes.TASTES_SCORERS,
        ),
        Task(
            "twisted",
            1,
            "clauses that look like ways of asking and say something else: none may be read; no model is asked",
            wordings.TWISTED,
            wordings.TWISTED_SYSTEMS,
            wordings.TWISTED_SCORERS,
        ),
        Task(
            "completejourney",
            1,
            "behaviour tags of grocery shoppers against another analyst's flags; no model is asked",
            households.COMPLETEJOURNEY,
            households.SYSTEMS,
            households.SCORERS,
        ),
        *(
            Task(dataset.name, 1, f"how well {what} by their words", dataset, feelings.SYSTEMS, feelings.SCORERS)
            for dataset, what in (
                (feelings.DOUBAN, "Chinese film reviews without their stars speak of a film"),
                (feelings.CPED, "lines of Chinese television speak"),
                (feelings.SAMPLE, "reviews of the bundled people speak of what they bought"),
            )
        ),
        *(
            Task(
                f"calibration-{dataset.name}",
                1,
                f"whether the probabilities of {whose} come true; no model is asked",
                dataset,
                later.SYSTEMS,
                later.SCORERS,
            )
            for dataset, whose in (
                (later.MOVIELENS, "film raters"),
                (later.DOUBAN, "Chinese film reviewers"),
                (later.COMPLETEJOURNEY, "grocery shoppers"),
            )
        ),
        *(
            Task(
                f"next-{dataset.name}",
                1,
                f"{what} users turned to next, by tags and by recommenders; no model is asked",
                dataset,
                systems,
                nextitems.SCORERS,
            )
            for dataset, what, systems in (
                (upcoming.MOVIELENS, "films", nextitems.SYSTEMS),
                (upcoming.LASTFM, "artists", nextitems.UNDATED),
                (upcoming.COMPLETEJOURNEY, "kinds of goods", nextitems.SYSTEMS),
            )
        ),
        *(
            Task(
                "specificity" if dataset is specificity.SAMPLE else f"specificity-{dataset.name}",
                1,
                f"events behind tags of {whose} that are picked from a line-up by the tag's name alone",
                dataset,
                specificity.SYSTEMS,
                specificity.SCORERS,
            )
            for dataset, whose in (
                (specificity.SAMPLE, "the bundled people"),
                (specificity.MOVIELENS, "film raters"),
                (specificity.DOUBAN, "Chinese film reviewers"),
                (specificity.COMPLETEJOURNEY, "grocery shoppers"),
            )
        ),
        *(
            Task(
                f"meaning-{dataset.name}",
                1,
                f"whether meaning tells the genres of {what} that are shown without them",
                dataset,
                systems,
                meaning.SCORERS,
            )
            for dataset, what, systems in (
                (meaning.MOVIELENS, "films", meaning.SYSTEMS),
                (meaning.DOUBAN, "Chinese reviewed films", {**meaning.SYSTEMS, **meaning.TITLES}),
            )
        ),
        *(
            Task(
                f"staying-{dataset.name}",
                1,
                f"whether {whose} who are said to have lapsed stay away; no model is asked",
                dataset,
                silence.SYSTEMS,
                silence.SCORERS,
            )
            for dataset, whose in (
                (silence.MOVIELENS, "film raters"),
                (silence.COMPLETEJOURNEY, "grocery shoppers"),
            )
        ),
        *(
            Task(
                f"hidden-{dataset.name}",
                1,
                f"whether the tags of {whose} foresee a rating that was hidden from them; no model is asked",
                dataset,
                hidden.SYSTEMS,
                hidden.SCORERS,
            )
            for dataset, whose in ((ratings.MOVIELENS, "film raters"), (ratings.DOUBAN, "Chinese film reviewers"))
        ),
        *(
            Task(
                f"proposals-{dataset.name}",
                2,
                f"tags of {whose} that the model's names add to counting, for their tokens",
                dataset,
                proposals.SYSTEMS,
                proposals.SCORERS,
            )
            for dataset, whose in (
                (bundled.SAMPLE, "the bundled people"),
                (ratings.MOVIELENS, "film raters"),
                (ratings.DOUBAN, "Chinese film reviewers"),
            )
        ),
        *(
            Task(
                f"questions-{name}",
                1,
                f"questions about all {whom} in many wordings, read and answered",
                questions.dataset(name),
                {**questions.systems(name), **baselines.systems(name)},
                questions.SCORERS,
            )
            for name, whom in (
                ("movielens", "film raters"),
                ("douban", "Chinese film reviewers"),
                ("lastfm", "listeners"),
                ("completejourney", "grocery shoppers"),
            )
        ),
        *(
            Task(f"{name}{part}", 1, f"{about}{told}", people.dataset(kind, card, keep), systems, scorers)
            for name, about, kind, card, systems, scorers in (
                (
                    "locomo",
                    "questions about one person from long English dialogues",
                    people.LOCOMO,
                    "locomo",
                    readers.systems(partial(people.histories, people.LOCOMO)),
                    readers.LOCOMO,
                ),
                (
                    "recall-locomo",
                    "evidence found for questions about one person, stage by stage; no model is asked",
                    people.LOCOMO,
                    "locomo",
                    retrieval.systems(partial(people.histories, people.LOCOMO)),
                    retrieval.SCORERS,
                ),
                (
                    "memdaily",
                    "questions about one person from Chinese notes, a choice of four",
                    people.MEMDAILY,
                    "memdaily-questions",
                    choices.systems(partial(people.histories, people.MEMDAILY)),
                    choices.SCORERS,
                ),
            )
            for part, told, keep in (
                ("", "", people.reported),
                ("-fitted", ", of those that choices are made on", people.fitted),
            )
        ),
        Task(
            "personabench-questions",
            1,
            "questions about one person from chats and purchases, some of them outdated",
            people.dataset(people.PERSONABENCH, "personabench-questions"),
            readers.systems(partial(people.histories, people.PERSONABENCH)),
            readers.PERSONABENCH,
        ),
    )
}
