from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer

from limner.engine import convert
from tests.tiny_models import HEADS, HIDDEN, KEY_HEADS, SPECIALS, read_safetensors, write_gguf

SCRIPT = Path(convert.__file__)
FLOATS = st.floats(-(2.0**100), 2.0**100, width=32)


def converted(tmp_path: Path, precision: str = "bf16", architecture: str = "qwen2", head: str | None = None) -> Path:
    write_gguf(tmp_path / "model.gguf", architecture, head=head)
    convert.convert(tmp_path / "model.gguf", tmp_path / "out", precision, lambda done, total: None)
    return tmp_path / "out"


def as_ggml(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows as llama.cpp's converter stores those of q and k, written out by hand."""
    size = len(rows) // heads
    stored = np.empty_like(rows)
    for head in range(heads):
        for pair in range(size // 2):
            for half in range(2):
                stored[head * size + 2 * pair + half] = rows[head * size + half * size // 2 + pair]
    return stored


def written_out(bits: NDArray[np.uint16]) -> NDArray[np.float64]:
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


@given(st.lists(FLOATS, min_size=1))
def test_no_bfloat16_lies_nearer_than_the_one_chosen(values: list[float]) -> None:
    exact = np.array(values, dtype=np.float32)
    bits = convert.bf16(exact)
    chosen = np.abs(written_out(bits) - exact)
    for step in (-1, 1):
        neighbours = (bits.astype(np.int32) + step).clip(0, 0xFFFF).astype(np.uint16)
        distance = np.abs(written_out(neighbours) - exact)
        assert np.all((chosen <= distance) | np.isnan(distance))


@given(arrays.arrays(np.float32, (3, 8), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)))
def test_an_int8_row_lies_within_half_a_step_of_what_it_stands_for(rows: NDArray[np.float32]) -> None:
    rounded, scales = convert.int8(rows)
    assert np.all(np.abs(rounded.astype(np.float64) * scales - rows) <= scales * 0.501)
    assert np.all(scales > 0)


def test_query_rows_are_put_back_where_the_original_has_them() -> None:
    rows = np.arange(48, dtype=np.float32).reshape(24, 2)
    assert np.array_equal(as_ggml(rows, heads=3)[convert.head_order(24, 3)], rows)


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_every_weight_arrives_under_its_name_with_its_numbers(tmp_path: Path, architecture: str) -> None:
    folder = converted(tmp_path, architecture=architecture)
    shown, got = write_gguf(tmp_path / "again.gguf", architecture), read_safetensors(folder)
    pairs = {
        "model.embed_tokens.weight": shown["token_embd.weight"],
        "model.norm.weight": shown["output_norm.weight"],
        "model.layers.1.mlp.down_proj.weight": shown["blk.1.ffn_down.weight"],
        "model.layers.0.mlp.gate_proj.weight": shown["blk.0.ffn_gate.weight"],
        "model.layers.0.self_attn.o_proj.weight": shown["blk.0.attn_output.weight"],
        "model.layers.0.post_attention_layernorm.weight": shown["blk.0.ffn_norm.weight"],
    }
    for name, numbers in pairs.items():
        assert np.allclose(got[name], numbers, rtol=2**-8), name
    for short, heads in (("q", HEADS), ("k", KEY_HEADS)):
        numbers = got[f"model.layers.1.self_attn.{short}_proj.weight"]
        stored = as_ggml(numbers, heads) if architecture == "llama" else numbers
        assert np.allclose(stored, shown[f"blk.1.attn_{short}.weight"], rtol=2**-8)
    assert len(got) == len(shown)


def test_w8a8_rounds_the_linear_layers_and_leaves_the_rest(tmp_path: Path) -> None:
    got = read_safetensors(converted(tmp_path, "w8a8"))
    shown = write_gguf(tmp_path / "again.gguf")
    weight, scale = (got[f"model.layers.0.mlp.up_proj.{part}"] for part in ("weight", "weight_scale"))
    assert (weight.dtype, scale.shape) == (np.int8, (len(weight), 1))
    assert np.abs(weight * scale - shown["blk.0.ffn_up.weight"]).max() <= scale.max() * 0.501
    assert np.allclose(got["model.layers.0.self_attn.q_proj.bias"], shown["blk.0.attn_q.bias"], rtol=2**-8)
    assert {name for name, values in got.items() if values.dtype == np.int8} == {
        name.replace("_scale", "") for name in got if name.endswith("_scale")
    }
    assert got["model.embed_tokens.weight"].dtype == np.float32


def test_a_tied_head_becomes_the_embedding_in_its_finer_copy(tmp_path: Path) -> None:
    folder = converted(tmp_path, head="same")
    shown, got = write_gguf(tmp_path / "again.gguf", head="same"), read_safetensors(folder)
    assert np.allclose(got["model.embed_tokens.weight"], shown["output.weight"], rtol=2**-8)
    assert "lm_head.weight" not in got
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is True


def test_a_head_of_its_own_stays_one(tmp_path: Path) -> None:
    folder = converted(tmp_path, "w8a8", head="other")
    shown, got = write_gguf(tmp_path / "again.gguf", head="other"), read_safetensors(folder)
    assert np.allclose(got["lm_head.weight"], shown["output.weight"], rtol=2**-8)
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is False


def test_the_config_says_what_the_gguf_says(tmp_path: Path) -> None:
    config = json.loads((converted(tmp_path, "w8a8") / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert (config["hidden_size"], config["num_attention_heads"], config["head_dim"]) == (
        HIDDEN,
        HEADS,
        HIDDEN // HEADS,
    )
    assert config["rms_norm_eps"] == 1e-6
    assert config["quantization_config"]["format"] == "int-quantized"


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
@given(text=st.text())
def test_any_text_survives_the_tokenizer(tiny_tokenizers: dict[str, Tokenizer], architecture: str, text: str) -> None:
    tokenizer = tiny_tokenizers[architecture]
    expected = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == expected


@pytest.fixture(scope="module")
def tiny_tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    folders = {kind: converted(tmp_path_factory.mktemp(kind), architecture=kind) for kind in ("qwen2", "llama")}
    return {kind: Tokenizer.from_file(str(folder / "tokenizer.json")) for kind, folder in folders.items()}


def test_special_tokens_are_whole_and_unused_ones_are_left_out(tiny_tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tiny_tokenizers["qwen2"]
    assert tokenizer.encode("<|im_start|>hello").tokens == ["<|im_start|>", "hell", "o"]
    assert [tokenizer.token_to_id(token) for token in SPECIALS] == [0, 1, 2]
    assert tokenizer.token_to_id("[unused]") is None


def test_generation_ends_at_every_end_token_and_carries_no_sampling(tmp_path: Path) -> None:
    generation = json.loads((converted(tmp_path) / "generation_config.json").read_text())
    assert generation == {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 0}


def test_shards_hold_what_the_index_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "SHARD", 50_000)
    folder = converted(tmp_path)
    files = sorted(folder.glob("*.safetensors"))
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert len(files) > 2
    for file in files:
        assert file.stat().st_size < 60_000
        with safe_open(file, "numpy") as shard:
            assert set(shard.keys()) == {name for name, place in index.items() if place == file.name}


def test_the_same_gguf_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = converted(tmp_path, "w8a8"), converted(tmp_path / "b", "w8a8")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_a_killed_conversion_leaves_no_folder_and_the_next_one_is_whole(tmp_path: Path) -> None:
    whole = converted(tmp_path)
    expected = read_safetensors(whole).keys()
    shutil.rmtree(whole)
    dying = (
        "import os, sys; from pathlib import Path; from limner.engine.convert import convert; "
        "convert(Path(sys.argv[1]), Path(sys.argv[2]), 'bf16', lambda done, total: os.kill(os.getpid(), 9))"
    )
    child = subprocess.run([sys.executable, "-c", dying, tmp_path / "model.gguf", whole], check=False)
    assert child.returncode == -signal.SIGKILL
    assert not whole.exists()
    command = [sys.executable, SCRIPT, tmp_path / "model.gguf", whole, "--precision", "bf16"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    assert json.loads(lines[-1]) == {"ready": str(whole)}
    assert read_safetensors(whole).keys() == expected
    assert not whole.with_name("out.tmp").exists()


def test_an_unknown_architecture_is_refused_in_words(tmp_path: Path) -> None:
    write_gguf(tmp_path / "model.gguf", "gpt2")
    command = [sys.executable, SCRIPT, tmp_path / "model.gguf", tmp_path / "out", "--precision", "bf16"]
    child = subprocess.run(command, capture_output=True, check=False, text=True)
    assert child.returncode == 1
    assert "gpt2 is not supported" in json.loads(child.stdout)["error"]


def test_it_ends_when_whoever_started_it_is_gone() -> None:
    code = "import time; from limner.engine.convert import end_with_parent; end_with_parent(); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=300) == 1
