"""Turns a GGUF file into a Hugging Face folder that vLLM loads. Runs inside vLLM's own environment, as a script.

    python convert.py model.gguf FOLDER --precision w8a8

Weights go tensor by tensor, a few thousand rows at a time, from the memory-mapped file into safetensors shards, so that
a model of any size converts in a few hundred MB of memory beside the mapped file. `bf16` keeps them as they are; `w8a8`
rounds every linear layer to int8, symmetric, one scale per output channel, for activations that are quantised per token
while running (compressed-tensors "int-quantized"). Embeddings, the head, norms and biases stay bf16.

Only NumPy touches the numbers, one element at a time, so the same GGUF gives the same bytes everywhere. FOLDER appears
whole or not at all: the work is done in `FOLDER.tmp`, which is renamed at the end. One JSON object a line goes to
standard output: {"done", "total"} in bytes, at the end {"ready": FOLDER}, or {"error"} with a sentence and exit code 1.
Where standard input is a pipe, the conversion ends with whoever holds its other end: nothing goes on writing there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gguf import GGUFReader, ReaderTensor, dequantize
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

SHARD = 1 << 30
"""Most bytes of one safetensors file, unless a single tensor is larger."""
CHUNK = 1 << 22
"""Most elements that are worked on at a time."""
CONTROL, USER_DEFINED, UNUSED = 3, 4, 5
"""Token types of GGUF."""

LAYER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
CLASSES = {"qwen2": "Qwen2ForCausalLM", "llama": "LlamaForCausalLM"}
QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
W8A8 = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"type": "int", "num_bits": 8, "strategy": "channel", "symmetric": True, "dynamic": False},
            "input_activations": {
                "type": "int",
                "num_bits": 8,
                "strategy": "token",
                "symmetric": True,
                "dynamic": True,
            },
        }
    },
}

Floats = NDArray[np.float32]


class UnsupportedError(Exception):
    """The GGUF holds something this converter does not know; the text says what."""


class Entry(NamedTuple):
    """One tensor of the folder: where it comes from and what it becomes."""

    name: str
    source: ReaderTensor
    order: NDArray[np.int64]
    """Row i of the result is row order[i] of the source."""
    quantised: bool

    @property
    def shape(self) -> list[int]:
        return [int(size) for size in reversed(self.source.shape)]

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape))

    @property
    def size(self) -> int:
        """Bytes in the shard."""
        return self.elements + 4 * self.shape[0] if self.quantised else 2 * self.elements


def bf16(values: Floats) -> NDArray[np.uint16]:
    """The nearest bfloat16 of each value, ties to even, as its bits."""
    bits = values.view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)


def int8(rows: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Rows rounded to int8 and the scale of each, shapes (n, d) and (n, 1); a row is about its int8 times its scale."""
    scales = np.abs(rows).max(axis=1, keepdims=True) / np.float32(127)
    scales[scales == 0] = 1
    return np.rint(rows / scales).astype(np.int8), scales


def head_order(rows: int, heads: int) -> NDArray[np.int64]:
    """For each row of a query or key projection, the row in which the llama architecture's GGUF keeps it.

    Source:
        `permute` of llama.cpp's converter interleaves the two rotary halves of each head; this is its inverse.
    """
    return np.arange(rows).reshape(heads, rows // heads // 2, 2).swapaxes(1, 2).reshape(-1)


class Gguf:
    """A GGUF file, read by name."""

    def __init__(self, path: Path) -> None:
        self._reader = GGUFReader(path)
        self.tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self.architecture = str(self["general.architecture"])
        if self.architecture not in CLASSES:
            raise UnsupportedError(f"The architecture {self.architecture} is not supported; {', '.join(CLASSES)} are.")

    def __getitem__(self, key: str) -> Any:
        field = self._reader.get_field(key)
        if field is None:
            raise UnsupportedError(f"The GGUF has no {key}.")
        return field.contents()

    def get(self, key: str, otherwise: Any = None) -> Any:
        field = self._reader.get_field(key)
        return otherwise if field is None else field.contents()

    def about(self, key: str) -> Any:
        return self[f"{self.architecture}.{key}"]

    @property
    def tied(self) -> bool:
        """Whether head and embedding are one matrix: there is no head, or both agree but for their rounding."""
        if "output.weight" not in self.tensors:
            return True
        head, embedding = (self._sample(self.tensors[name]) for name in ("output.weight", "token_embd.weight"))
        return float((head * embedding).sum() / np.sqrt((head**2).sum() * (embedding**2).sum())) > 0.98

    @staticmethod
    def _sample(tensor: ReaderTensor) -> Floats:
        return dequantize(tensor.data[:: max(1, len(tensor.data) // 512)], tensor.tensor_type)


def entries(gguf: Gguf, precision: str) -> Iterator[Entry]:
    """Every tensor of the folder, layer by layer. Where head and embedding are one, the finer copy is kept."""
    heads = {"attn_q": gguf.about("attention.head_count"), "attn_k": gguf.about("attention.head_count_kv")}
    for name in sorted(gguf.tensors, key=_place):
        tensor = gguf.tensors[name]
        if name == "token_embd.weight":
            finest = gguf.tensors.get("output.weight", tensor) if gguf.tied else tensor
            yield _entry("model.embed_tokens.weight", finest)
        elif name == "output_norm.weight":
            yield _entry("model.norm.weight", tensor)
        elif name == "output.weight":
            if not gguf.tied:
                yield _entry("lm_head.weight", tensor)
        elif name.startswith("blk."):
            _, layer, part, kind = name.split(".")
            if part not in LAYER_NAMES:
                raise UnsupportedError(f"The tensor {name} is not known.")
            entry = _entry(f"model.layers.{layer}.{LAYER_NAMES[part]}.{kind}", tensor)
            if gguf.architecture == "llama" and part in heads:
                entry = entry._replace(order=head_order(entry.shape[0], heads[part]))
            yield entry._replace(quantised=precision == "w8a8" and len(entry.shape) == 2)
        elif name != "rope_freqs.weight":
            raise UnsupportedError(f"The tensor {name} is not known.")


def _place(name: str) -> tuple[int, str]:
    return (int(name.split(".")[1]) if name.startswith("blk.") else -1 if name.startswith("token") else 1 << 20, name)


def _entry(name: str, source: ReaderTensor) -> Entry:
    return Entry(name, source, np.arange(int(source.shape[-1])), quantised=False)


def shards(planned: list[Entry]) -> list[list[Entry]]:
    """The entries in groups of at most SHARD bytes, order kept."""
    groups: list[list[Entry]] = []
    room = 0
    for entry in planned:
        if entry.size > room:
            groups.append([])
            room = SHARD
        groups[-1].append(entry)
        room -= entry.size
    return groups


def write_weights(planned: list[Entry], folder: Path, report: Callable[[int, int], None]) -> None:
    """The safetensors shards and their index."""
    groups = shards(planned)
    total = sum(entry.size for entry in planned)
    done = 0
    index: dict[str, str] = {}
    for number, group in enumerate(groups, start=1):
        file = f"model-{number:05}-of-{len(groups):05}.safetensors"
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        end = 0
        for entry in group:
            for name, dtype, shape, size in _parts(entry):
                header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
                index[name] = file
                end += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with (folder / file).open("wb") as out:
            out.write(len(text).to_bytes(8, "little") + text)
            for entry in group:
                for block in _blocks(entry):
                    out.write(block.data)
                    done += block.nbytes
                    report(done, total)
            out.flush()
            os.fsync(out.fileno())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": index})


def _parts(entry: Entry) -> list[tuple[str, str, list[int], int]]:
    """Name, type, shape and bytes of what an entry puts into the shard."""
    if not entry.quantised:
        return [(entry.name, "BF16", entry.shape, 2 * entry.elements)]
    rows = entry.shape[0]
    return [
        (entry.name, "I8", entry.shape, entry.elements),
        (entry.name.removesuffix(".weight") + ".weight_scale", "F32", [rows, 1], 4 * rows),
    ]


def _blocks(entry: Entry) -> Iterator[NDArray[Any]]:
    scales = []
    rows = max(1, CHUNK * entry.shape[0] // entry.elements)
    for start in range(0, entry.shape[0], rows):
        values = dequantize(entry.source.data[entry.order[start : start + rows]], entry.source.tensor_type)
        if entry.quantised:
            rounded, scale = int8(values)
            scales.append(scale)
            yield rounded
        else:
            yield bf16(np.ascontiguousarray(values))
    yield from scales


def config(gguf: Gguf, precision: str) -> dict[str, Any]:
    """config.json, as the original model's, with what the precision adds.

    It names the transformers release whose conventions it follows; without that, loaders warn of a faulty Mistral
    tokenizer.
    """
    hidden, heads = int(gguf.about("embedding_length")), int(gguf.about("attention.head_count"))
    theta = float(gguf.about("rope.freq_base"))
    values = {
        "architectures": [CLASSES[gguf.architecture]],
        "model_type": gguf.architecture,
        "dtype": "bfloat16",
        "transformers_version": "4.44.0",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "head_dim": hidden // heads,
        "intermediate_size": int(gguf.about("feed_forward_length")),
        "num_hidden_layers": int(gguf.about("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(gguf.about("attention.head_count_kv")),
        "max_position_embeddings": int(gguf.about("context_length")),
        "rms_norm_eps": float(f"{gguf.about('attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "tie_word_embeddings": gguf.tied,
        "vocab_size": int(gguf.tensors["token_embd.weight"].shape[-1]),
        "bos_token_id": gguf["tokenizer.ggml.bos_token_id"],
        "eos_token_id": gguf["tokenizer.ggml.eos_token_id"],
    }
    return values | ({"quantization_config": W8A8} if precision == "w8a8" else {})


def tokenizer(gguf: Gguf) -> Tokenizer:
    """The model's own tokenizer: byte-level BPE with the word splitting that the GGUF names.

    Raises:
        UnsupportedError: it is of another kind.
    """
    kind, words = gguf["tokenizer.ggml.model"], gguf.get("tokenizer.ggml.pre")
    tokens, types = gguf["tokenizer.ggml.tokens"], gguf["tokenizer.ggml.token_type"]
    vocabulary = {token: number for number, token in enumerate(tokens) if types[number] != UNUSED}
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in gguf["tokenizer.ggml.merges"])]
    made = Tokenizer(models.BPE(vocabulary, merges))
    if kind == "gpt2" and words == "qwen2":
        made.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(QWEN2_WORDS), behavior="isolated")
        made.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    elif kind == "gpt2" and words == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        made.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(False)])
    else:
        raise UnsupportedError(f"The tokenizer {kind}/{words} is not supported.")
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.add_tokens(
        [
            AddedToken(token, special=sort == CONTROL, normalized=False)
            for token, sort in zip(tokens, types, strict=True)
            if sort in (CONTROL, USER_DEFINED)
        ]
    )
    return made


def write_tokenizer(gguf: Gguf, folder: Path) -> None:
    """tokenizer.json, its settings, the chat template, and where generation ends.

    generation_config.json carries no sampling values: vLLM would use them wherever a request gives none, and a
    repetition penalty breaks JSON.
    """
    made = tokenizer(gguf)
    made.save(str(folder / "tokenizer.json"))
    roles = {"bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad"}
    ids = {short: gguf.get(f"tokenizer.ggml.{role}_token_id") for role, short in roles.items()}
    known = {f"{short}_token": made.id_to_token(number) for short, number in ids.items() if number is not None}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": int(gguf.about("context_length")),
        "clean_up_tokenization_spaces": False,
        "add_bos_token": bool(gguf.get("tokenizer.ggml.add_bos_token", False)),
    }
    write_json(folder / "tokenizer_config.json", settings | known)
    if template := gguf.get("tokenizer.chat_template"):
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    ends = [number for number in (ids["eos"], made.token_to_id("<|endoftext|>")) if number is not None]
    pad = ends[-1] if ids["pad"] is None else ids["pad"]
    generation = {"bos_token_id": ids["bos"], "eos_token_id": list(dict.fromkeys(ends)), "pad_token_id": pad}
    write_json(folder / "generation_config.json", generation)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def convert(source: Path, folder: Path, precision: str, report: Callable[[int, int], None]) -> None:
    """The model in `folder`, whole."""
    work = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    gguf = Gguf(source)
    write_json(work / "config.json", config(gguf, precision))
    write_tokenizer(gguf, work)
    write_weights(list(entries(gguf, precision)), work, report)
    work.rename(folder)


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def end_with_parent() -> None:
    """Ends this process as soon as the one that started it is gone, however that ended."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=wait, daemon=True).start()


def main() -> int:
    parser = argparse.ArgumentParser(description="Turns a GGUF file into a Hugging Face folder that vLLM loads.")
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--precision", choices=("w8a8", "bf16"), required=True)
    args = parser.parse_args()
    end_with_parent()
    try:
        convert(args.gguf, args.folder, args.precision, lambda done, total: say(done=done, total=total))
    except (UnsupportedError, OSError) as error:
        say(error=str(error))
        return 1
    say(ready=str(args.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
