"""llm-analysis over a grid of tensor, pipeline and data parallelism, micro-batch, recomputation and ZeRO stage.

It has no search of its own; the grid calls its `training` once per layout, as its users do.
"""

import contextlib
import io
import json
import logging
import time

logging.disable(logging.CRITICAL)

from llm_analysis.analysis import ActivationRecomputation, DSZeRO, LLMAnalysis  # noqa: E402  # quiet before it logs
from llm_analysis.config import (  # noqa: E402
    ModelConfig,
    ParallelismConfig,
    get_dtype_config_by_name,
    get_gpu_config_by_name,
)

_TENSOR, _PIPELINE, _MICRO = (1, 2, 4, 8), (1, 2, 4, 8, 16, 32), (1, 2, 4)


def main() -> None:
    model = ModelConfig(
        name="gpt-3-175b", num_layers=96, n_head=96, hidden_dim=12288, vocab_size=51200, max_seq_len=2048,
        num_key_value_heads=96, ffn_embed_dim=4 * 12288,
    )  # fmt: skip
    gpu, dtype = get_gpu_config_by_name("a100-sxm-80gb"), get_dtype_config_by_name("w16a16e16")
    count = fits = 0
    began = time.process_time()
    for tp in _TENSOR:
        for pp in _PIPELINE:
            parallelism = ParallelismConfig(tp_size=tp, pp_size=pp, dp_size=3072 // (tp * pp))
            for micro in _MICRO:
                for recompute in ActivationRecomputation:
                    for zero in (DSZeRO.NONE, DSZeRO.STAGE_1):
                        count += 1
                        fits += _fits(LLMAnalysis(model, gpu, dtype, parallelism), micro, recompute, zero)
    print(json.dumps({"configurations": count, "feasible": fits, "cpu_s": time.process_time() - began}))


def _fits(analysis: LLMAnalysis, micro: int, recompute: ActivationRecomputation, zero: DSZeRO) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            analysis.training(
                batch_size_per_gpu=micro, global_batch_size=3072, seq_len=2048, total_num_tokens=3072 * 2048,
                activation_recomputation=recompute, ds_zero=zero,
            )  # fmt: skip
        except AssertionError:
            return 0
    return 1


if __name__ == "__main__":
    main()
