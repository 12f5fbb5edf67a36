"""Plays a CSV (`Date,Time,PromptTokenCount,CompletionTokenCount`) with Vidur; run by the Python that has it.

Vidur's own predictor of step times is trained on profiles that it downloads; in its place stands one that answers at
once with constant times per token. So this is the speed of Vidur's event loop alone, an upper bound of Vidur's.
"""

import json
import resource
import sys
import time

from vidur._native.entities import ExecutionTime
from vidur.config import SimulationConfig
from vidur.entities import Batch
from vidur.execution_time_predictor.execution_time_predictor_registry import ExecutionTimePredictorRegistry
from vidur.simulator import Simulator
from vidur.types import ExecutionTimePredictorType
from vidur.utils.random import set_seeds

MS_PER_PASS, MS_PER_TOKEN = 7.0, 0.02


class ConstantPredictor:
    """Step times without a model behind them."""

    def __init__(self, *, replica_config: object, **_rest: object) -> None:
        self._layers = replica_config.num_layers_per_pipeline_stage

    def get_execution_time(self, batch: Batch, _stage: int) -> ExecutionTime:
        per_layer = (MS_PER_PASS + MS_PER_TOKEN * sum(batch.num_q_tokens)) / self._layers
        return ExecutionTime(self._layers, per_layer, *[0.0] * 13)


def main() -> None:
    trace, replicas = sys.argv[1], sys.argv[2]
    registry = ExecutionTimePredictorRegistry._registry  # no public way to add one  # noqa: SLF001
    registry[ExecutionTimePredictorType.RANDOM_FORREST] = ConstantPredictor
    registry[ExecutionTimePredictorType.LINEAR_REGRESSION] = ConstantPredictor
    sys.argv = [
        "vidur",
        *("--cluster_config_num_replicas", replicas),
        *("--request_generator_config_type", "trace_replay"),
        *("--trace_request_generator_config_trace_file", trace),
        *("--trace_request_generator_config_date", "day"),
        *("--trace_request_generator_config_time_scale_factor", "1"),
        *("--trace_request_generator_config_prefill_scale_factor", "1"),
        *("--trace_request_generator_config_decode_scale_factor", "1"),
        *("--trace_request_generator_config_max_tokens", "200000"),
        *("--replica_scheduler_config_type", "sarathi"),
        *("--sarathi_scheduler_config_chunk_size", "8192"),
        *("--sarathi_scheduler_config_batch_size_cap", "256"),
        *("--global_scheduler_config_type", "round_robin"),
        *("--replica_config_num_pipeline_stages", "1"),
        *("--replica_config_tensor_parallel_size", "1"),
        *("--replica_config_device", "h100"),
        *("--replica_config_model_name", "meta-llama/Llama-3-8B"),
        *("--no-metrics_config_store_plots", "--no-metrics_config_enable_chrome_trace"),
        *("--no-metrics_config_write_metrics",),
    ]
    config = SimulationConfig.create_from_cli_args()
    set_seeds(config.seed)
    began = time.process_time()
    simulator = Simulator(config)
    simulator.run()
    cpu_s = time.process_time() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_s": cpu_s, "rss_kib": most}))


if __name__ == "__main__":
    main()
