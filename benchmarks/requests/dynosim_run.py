"""Plays a Mooncake JSONL with DynoSim (`ai-dynamo`); run by the Python that has it."""

import json
import resource
import sys
import time

from dynamo.mocker import MockEngineArgs
from dynamo.replay import run_trace_replay


def main() -> None:
    trace, replicas, hash_tokens, kv_tokens = sys.argv[1], *(int(word) for word in sys.argv[2:5])
    engine = MockEngineArgs.from_json(
        json.dumps(
            {
                "engine_type": "vllm",
                "num_gpu_blocks": kv_tokens // 16,
                "block_size": 16,
                "max_num_seqs": 256,
                "max_num_batched_tokens": 8192,
                "enable_prefix_caching": True,
                "enable_chunked_prefill": True,
            }
        )
    )
    began = time.process_time()
    report = run_trace_replay(
        trace,
        extra_engine_args=engine,
        num_workers=replicas,
        router_mode="round_robin",
        trace_block_size=hash_tokens,
    )
    cpu_s = time.process_time() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "cpu_s": cpu_s,
                "rss_kib": most,
                "completed": report["completed_requests"],
                "ttft_s": report["mean_ttft_ms"] / 1e3,
                "tpot_s": report["mean_tpot_ms"] / 1e3,
            }
        )
    )


if __name__ == "__main__":
    main()
