"""What each step of `UrgentFirst` schedules, for its test: run by vLLM's Python, its real scheduler without weights.

    python urgent_first_steps.py MODEL-FOLDER BLOCKS      prints a JSON list, of each step the tokens by request

Requests of a batch are there first, then a question comes in. A step reads 128 tokens, a block of the cache holds 16,
and four requests may run at once.
"""

from __future__ import annotations

import json
import sys

import torch
from urgent_first import UrgentFirst
from vllm.engine.arg_utils import EngineArgs
from vllm.sampling_params import SamplingParams
from vllm.v1.core.kv_cache_utils import resolve_kv_cache_block_sizes
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

STEP, BLOCK = 128, 16


def scheduler(folder: str, blocks: int) -> UrgentFirst:
    config = EngineArgs(
        model=folder,
        scheduling_policy="priority",
        max_num_batched_tokens=STEP,
        max_num_seqs=4,
        block_size=BLOCK,
        enable_prefix_caching=False,
    ).create_engine_config()
    group = KVCacheGroupSpec(
        ["layer"], FullAttentionSpec(block_size=BLOCK, num_kv_heads=1, head_size=1, dtype=torch.float32)
    )
    cache = KVCacheConfig(num_blocks=blocks, kv_cache_tensors=[], kv_cache_groups=[group])
    config.cache_config.num_gpu_blocks = blocks
    size, hashed = resolve_kv_cache_block_sizes(cache, config)
    return UrgentFirst(config, cache, StructuredOutputManager(config), block_size=size, hash_block_size=hashed)


def request(name: str, prompt: int, priority: int) -> Request:
    answer = SamplingParams(max_tokens=50)
    answer.update_from_generation_config({}, eos_token_id=0)
    return Request(name, [1] * prompt, answer, None, priority=priority, arrival_time=float(priority))


def step(of: UrgentFirst) -> dict[str, int]:
    planned = of.schedule()
    names = list(planned.num_scheduled_tokens)
    whole = [of.requests[name].num_computed_tokens >= of.requests[name].num_prompt_tokens for name in names]
    told = ModelRunnerOutput(
        req_ids=names,
        req_id_to_index={name: at for at, name in enumerate(names)},
        sampled_token_ids=[[7] if one else [] for one in whole],
    )
    of.update_from_output(planned, told)
    return planned.num_scheduled_tokens


def main(folder: str, blocks: int) -> None:
    of = scheduler(folder, blocks)
    for number in range(2):
        of.add_request(request(f"batch {number}", 200, priority=10))
    steps = [step(of) for _ in range(3)]
    of.add_request(request("question", 300, priority=0))
    steps += [step(of) for _ in range(6)]
    sys.stdout.write(json.dumps(steps) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
