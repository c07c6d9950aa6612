"""Models small enough to be made, packed, converted and read again within a test."""

from __future__ import annotations

import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from numpy.typing import NDArray

from agents.supply import Packed, PackedModel

HIDDEN, HEADS, KEY_HEADS, LAYERS, INNER = 64, 4, 2, 2, 96
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = "{% for message in messages %}<|im_start|>{{ message['content'] }}<|im_end|>{% endfor %}"

Shown = dict[str, NDArray[Any]]


def byte_letters() -> list[str]:
    """The 256 letters that stand for bytes in a byte-level vocabulary, by byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def write_gguf(path: Path, architecture: str = "qwen2", *, head: str | None = None) -> Shown:
    """A random model with 8-bit weights in `path`, and its tensors as their numbers.

    Args:
        head: None for no head of its own, "same" for the embedding again in finer rounding, "other" for another.
    """
    random = np.random.default_rng(7)
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    tokens = [*SPECIALS, *byte_letters(), "he", "ll", "hell", "[unused]"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if architecture == "qwen2" else "smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIALS) + [1] * (len(tokens) - len(SPECIALS) - 1) + [5])
    writer.add_token_merges(["h e", "l l", "he ll"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(TEMPLATE)
    shown: Shown = {}

    def add(name: str, *shape: int, kind: GGMLQuantizationType = GGMLQuantizationType.Q8_0, like: str = "") -> None:
        values = original[like] if like else random.normal(size=shape).astype(np.float32)
        original[name] = values
        if len(values.shape) == 1:
            writer.add_tensor(name, values)
            shown[name] = values
            return
        packed = gguf.quantize(values, kind)
        writer.add_tensor(name, packed, raw_dtype=kind)
        shown[name] = gguf.dequantize(packed, kind)

    original: Shown = {}
    add("token_embd.weight", len(tokens), HIDDEN, kind=GGMLQuantizationType.Q4_1)
    for layer in range(LAYERS):
        for part, rows, columns in (
            ("attn_q", HIDDEN, HIDDEN),
            ("attn_k", HIDDEN * KEY_HEADS // HEADS, HIDDEN),
            ("attn_v", HIDDEN * KEY_HEADS // HEADS, HIDDEN),
            ("attn_output", HIDDEN, HIDDEN),
            ("ffn_gate", INNER, HIDDEN),
            ("ffn_up", INNER, HIDDEN),
            ("ffn_down", HIDDEN, INNER),
        ):
            add(f"blk.{layer}.{part}.weight", rows, columns)
            if architecture == "qwen2" and part in ("attn_q", "attn_k", "attn_v"):
                add(f"blk.{layer}.{part}.bias", rows)
        add(f"blk.{layer}.attn_norm.weight", HIDDEN)
        add(f"blk.{layer}.ffn_norm.weight", HIDDEN)
    add("output_norm.weight", HIDDEN)
    if head:
        add("output.weight", len(tokens), HIDDEN, like="token_embd.weight" if head == "same" else "")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return shown


def read_safetensors(folder: Path) -> Shown:
    """Every tensor of a folder, read by the layout of the format alone; bfloat16 as float32."""
    tensors: Shown = {}
    for path in sorted(folder.glob("*.safetensors")):
        content = path.read_bytes()
        start = 8 + int.from_bytes(content[:8], "little")
        for name, entry in json.loads(content[8:start]).items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            types = {"BF16": "<u2", "I8": "i1", "F32": "<f4"}
            flat = np.frombuffer(content[start + begin : start + end], types[entry["dtype"]])
            if entry["dtype"] == "BF16":
                flat = (flat.astype(np.uint32) << 16).view(np.float32)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def pack(source: Path, packages: Path, parts: int = 2, name: str = "tiny-part") -> PackedModel:
    """A file cut into as many wheels under `packages`, and how limner's list would name it."""
    content = source.read_bytes()
    step = -(-len(content) // parts)
    packages.mkdir(exist_ok=True)
    download = 0
    for number in range(1, parts + 1):
        module = f"{name}{number}".replace("-", "_")
        wheel = packages / f"{module}-1.0-py3-none-any.whl"
        info = f"{module}-1.0.dist-info"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(f"{module}/data/part{number:02}.bin", content[(number - 1) * step : number * step])
            metadata = f"Metadata-Version: 2.1\nName: {name}{number}\nVersion: 1.0\nLicense: MIT\n"
            out.writestr(f"{info}/METADATA", metadata)
            out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            out.writestr(f"{info}/RECORD", "")
        download += wheel.stat().st_size
    packed = Packed(
        packages=tuple(f"{name}{number}" for number in range(1, parts + 1)),
        version="1.0",
        ending=".bin",
        download=download,
        size=len(content),
        sha256=sha256(content).hexdigest(),
        licence="Apache-2.0, as nobody states",
        origin="made by a test",
    )
    return PackedModel(packed, {"w8a8": 300_000, "bf16": 400_000})
