from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from limner import show
from tests.faulty_server import Body, Fault, FaultyServer
from tests.limner.terminal import ROOT, Said, environment, limner

pytestmark = pytest.mark.usefixtures("profiled")


def test_a_question_is_answered_with_who_fits() -> None:
    said = limner("ask", "Which users dislike musicals?", "--json").json
    assert said["scope"] == "population"
    assert "nell" in said["users"]
    assert said["count"] == len(said["users"])
    assert said["query"] == {
        "want": "list",
        "where": {"kind": "tagged", "keys": ["genre/musical"], "polarity": -1},
        "most": 10,
    }
    for user in said["users"]:
        tags = limner("profile", user, "--json").json["tags"]
        assert any(tag["key"] == "genre/musical" and tag["polarity"] == -1 for tag in tags)


def test_the_query_is_said_in_words_before_the_answer() -> None:
    said = limner("ask", "哪些用户讨厌歌舞片？").out.splitlines()
    assert said[0].startswith("查询：哪些用户不喜欢“歌舞片”。")
    assert "nell" in said[1]


def test_a_number_over_few_users_is_not_told() -> None:
    said = limner("ask", "How many users dislike musicals?", "--json").json
    named = limner("ask", "Which users dislike musicals?", "--json").json["users"]
    assert said["users"] is None
    assert (said["count"], said["abstained"]) == ((None, True) if len(named) < 5 else (len(named), False))


def test_what_means_nothing_known_is_named_and_not_answered() -> None:
    said = limner("ask", "Which users like musicals and flibbertigibbets?", "--json").json
    assert said["abstained"]
    assert (said["users"], said["count"], said["query"]) == (None, None, None)
    assert "“flibbertigibbets”" in said["answer"]


def test_a_question_about_one_user_that_is_asked_of_all_is_told_how_to_ask_it() -> None:
    said = limner("ask", "How many films did nell's friends rate in 2025?").words
    assert "To ask about nell alone, add `--user nell`." in said
    assert "--user" not in limner("ask", "How many films did anybody rate in 2025, perchance?").words


def test_explain_tells_the_query_the_sql_and_its_plan() -> None:
    said = limner("ask", "Which users dislike musicals?", "--explain").out
    assert '"kind": "tagged"' in said
    assert "SELECT" in said
    assert "ix_tags_served" in said
    behind = limner("ask", "Which users dislike musicals?", "--explain", "--json").json
    assert len(behind["sql"]) == len(behind["plan"]) > 0


def test_the_owners_glossary_is_used_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        'extends: starter\nglossary:\n  talker: {en: [talker], zh: [话痨], where: {events: ">= 1"}}\n', "utf-8"
    )
    monkeypatch.setenv("LIMNER_TAXONOMY", str(own))
    said = limner("ask", "Which users are talkers?", "--json").json
    assert said["query"]["glossary"] == {"talker": "events >= 1"}
    assert "By your glossary, “talker” is: events >= 1." in said["explanation"]
    assert len(said["users"]) == 14
    assert "按词汇表，“talker”即：events >= 1。" in limner("ask", "有多少话痨？").out
    assert "talker" in limner("taxonomy", "show").out
    assert limner("taxonomy", "show", "--json").json["glossary"][0]["name"] == "talker"


def test_questions_of_a_file_are_answered_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "questions.txt"
    file.write_text("Which users dislike musicals?\n\n有多少用户？\n", "utf-8")
    said = [orjson.loads(line) for line in limner("ask", "--file", file).out.splitlines()]
    assert [one["question"] for one in said] == ["Which users dislike musicals?", "有多少用户？"]
    assert limner("ask", "--file", tmp_path / "none.txt").code == 2


def test_a_question_is_needed_from_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    said = limner("ask")
    assert (said.code, said.out) == (2, "")
    assert "No question came" in said.err
    assert limner("ask", "Which users dislike musicals?", "--file", "questions.txt").code == 2


def test_acts_of_one_user_are_counted_without_a_model() -> None:
    said = limner("ask", "How many reviews did they write?", "--user", "nell", "--json").json
    assert (said["scope"], said["query"]["kinds"]) == ("user", ["review"])
    assert said["count"] == len(said["citations"]) > 0


def test_what_somebody_is_like_is_told_by_the_persona() -> None:
    said = limner("ask", "这位用户是什么样的人？", "--user", "laozhou", "--json").json
    persona = limner("profile", "laozhou", "--lang", "zh", "--json").json["persona"]
    assert said["answer"] == persona["text"]
    assert said["citations"]


def test_somebody_unknown_is_named() -> None:
    said = limner("ask", "What are they like?", "--user", "nobody")
    assert said.code == 1
    assert "nobody" in said.err


def talk(monkeypatch: pytest.MonkeyPatch, *questions: str, options: tuple[str, ...] = ()) -> Said:
    """A conversation from a pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join([*questions, "exit", "never asked"])))
    return limner("ask", *options)


def test_follow_ups_refine_the_query_before(monkeypatch: pytest.MonkeyPatch) -> None:
    said = talk(
        monkeypatch, "Which users dislike musicals?", "which of them like romance?", "how many?", options=("--json",)
    )
    first, second, third = map(orjson.loads, said.out.splitlines())
    alone = limner("ask", "Which users dislike musicals and like romance?", "--json").json
    assert set(second["users"]) == set(alone["users"]) <= set(first["users"])
    assert second["query"]["where"]["kind"] == "all"
    assert (third["query"]["want"], third["query"]["where"]) == ("count", second["query"]["where"])


def test_follow_ups_about_one_user_carry_the_question_before(monkeypatch: pytest.MonkeyPatch) -> None:
    said = talk(
        monkeypatch,
        "How many films did they rate in 2025?",
        "and in 2024?",
        options=("--user", "nell", "--json"),
    )
    second = orjson.loads(said.out.splitlines()[1])
    alone = limner("ask", "How many films did they rate in 2024?", "--user", "nell", "--json").json
    assert (second["question"], second["count"]) == ("and in 2024?", alone["count"])
    assert second["explanation"].startswith("Read as: How many films did they rate in 2024? ")


def test_a_question_of_a_conversation_that_fails_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = talk(monkeypatch, "Which users dislike musicals?", "what about flibbertigibbets?", "how many?")
    assert said.code == 0
    assert "flibbertigibbets" in said.out
    assert said.out.splitlines()[-2].startswith("Asked: how many users dislike “musicals”")
    nobody = talk(monkeypatch, "What are they like?", "How many films did they rate?", options=("--user", "nobody"))
    assert nobody.code == 1
    assert nobody.err.count("nobody is not known") == 2


SCHEMA = {"type": "object", "properties": {"said": {"type": "string", "maxLength": 200}}, "required": ["said"]}


def answers(body: Body) -> str:
    """Claims the first words of the first event it is shown; puts whatever is answered into the schema above."""
    asked = str(body["messages"][-1]["content"])
    if "<answer>" in asked:
        return json.dumps({"said": asked.partition("<answer>\n")[2].partition("\n")[0]})
    told = next(line for line in asked.splitlines() if " | " in line)
    return json.dumps({"claims": [" ".join(told.partition(": ")[2].split()[:4])]})


@pytest.fixture
def reader(profiled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A model that reads, for the profiled sample."""
    with FaultyServer(answers) as server:
        for name, value in environment(server, profiled).items():
            monkeypatch.setenv(name, value)
        yield server


def test_stages_are_plain_lines_where_there_is_no_terminal(reader: FaultyServer) -> None:
    said = limner("ask", "What did they say about the piano?", "--user", "nell")
    told = said.err.splitlines()[:-1]  # the last is the explanation
    assert told[0] == "reading the question"
    assert told[-3].endswith("lines found")
    assert told[-2:] == ["writing", "checking"]
    assert said.out.strip()
    assert reader.chats[-1]["stream"] is True


def test_json_is_one_document_and_is_not_streamed(reader: FaultyServer) -> None:
    said = limner("ask", "What did they say about the piano?", "--user", "nell", "--json")
    assert (said.json["scope"], said.err) == ("user", "")
    assert "stream" not in reader.chats[-1]


def test_a_terminal_shows_claims_that_hold_and_the_draft_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    console = show.Console(force_terminal=True, width=60, record=True)
    monkeypatch.setattr(show, "err", console)
    watch = show.Watch()
    with watch.live():
        watch.stage("writing")
        watch.seen(["a blue bowl"], "two oil")
    shown = console.export_text()
    assert "writing" in shown
    assert "✓ a blue bowl" in shown
    assert "… two oil" in shown


def test_an_answer_comes_in_the_schema_of_whoever_asks(reader: FaultyServer, tmp_path: Path) -> None:
    file = tmp_path / "answer.schema.json"
    file.write_text(json.dumps(SCHEMA))
    said = limner("ask", "What did they say about the piano?", "--user", "nell", "--schema", file)
    assert said.json["data"] == {"said": said.json["answer"]}
    assert said.json["citations"]
    assert reader.chats[-1]["structured_outputs"] == {"json": SCHEMA}
    about_all = limner("ask", "Which users dislike musicals?", "--schema", file).json
    assert about_all["data"] == {"said": about_all["answer"]}
    unread = limner("ask", "Which users like flibbertigibbets?", "--schema", file).json
    assert (unread["abstained"], unread["data"]) == (True, None)


def test_a_schema_that_cannot_be_used_is_wrong_use(reader: FaultyServer, tmp_path: Path) -> None:
    file = tmp_path / "answer.schema.json"
    file.write_text('{"type": "text"}')
    said = limner("ask", "Which users dislike musicals?", "--schema", file)
    assert (said.code, said.out) == (2, "")
    assert "is no JSON schema" in said.err
    file.write_text(json.dumps(SCHEMA))
    reader.always(Fault.TOO_LONG)
    said = limner("ask", "Which users dislike musicals?", "--schema", file)
    assert (said.code, said.out) == (2, "")
    assert "does not take this schema" in said.words


def test_a_file_is_asked_at_once_in_order_behind_others_and_one_bad_question_does_not_end_it(
    reader: FaultyServer, tmp_path: Path
) -> None:
    words = ("piano", "theatre", "songs", "ending", "sister", "music")
    file = tmp_path / "questions.txt"
    file.write_text("\n".join(f"What did they say about the {word}?" for word in words))
    reader.slow_seconds = 0.5
    reader.choose(
        lambda body: Fault.PROSE if "the songs?" in str(body) else Fault.SLOW if "the piano?" in str(body) else None
    )
    said = limner("ask", "--file", file, "--user", "nell")
    got = [orjson.loads(line) for line in said.out.splitlines()]
    assert [one["question"] for one in got] == file.read_text().splitlines()
    assert [one["error"] for one in got if "error" in one] == ["AnswerError"]
    assert got[2]["message"].startswith("The model's answer cannot be used")
    assert (said.code, "1 of 6 questions" in said.err) == (1, True)
    assert {body.get("priority") for body in reader.chats} == {1}
    first = next(at for at, body in enumerate(reader.chats) if "the piano?" in str(body))
    assert first < len(reader.chats) - 1, "the others did not wait for the slow one"


def test_a_batch_of_questions_ends_where_the_server_is_gone(
    reader: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "questions.txt"
    file.write_text("How many films did they rate?\n" + "What did they say about the piano?\n" * 3)
    reader.always(Fault.DENIED)
    said = limner("ask", "--file", file, "--user", "nell")
    assert said.code == 1
    assert "LIMNER_MODEL_KEY" in said.err
    assert [orjson.loads(line)["scope"] for line in said.out.splitlines()] == ["user"]


def test_ctrl_c_leaves_a_conversation_at_a_terminal(profiled: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "limner", "ask"]
    with (
        subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env={**os.environ, "TERM": "dumb"}
        ) as talking,
        contextlib.ExitStack() as ending,
    ):
        ending.callback(talking.kill)
        os.close(theirs)
        shown = b""

        def shows(words: bytes) -> bool:
            nonlocal shown
            until = time.monotonic() + 60
            while words not in shown and time.monotonic() < until:
                if select.select([ours], [], [], 0.5)[0]:
                    shown += os.read(ours, 4096)
            _, found, shown = shown.partition(words)
            return bool(found)

        assert shows(b"? ")
        os.write(ours, b"Which users dislike musicals?\n")
        assert shows(b": nell.")
        assert shows(b"? ")
        for _ in range(6):  # one that comes just before a line is waited for is heard with the next
            talking.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                talking.wait(10)
                break
        assert talking.returncode == 0
    os.close(ours)
    assert b"Traceback" not in shown
