"""Calculon's own search over a random sample of the space that it would go through.

The whole space takes hours, so that its work packages are run in a random order until the time given is over. One is
a factorization with interleaving, recomputation, sharding and exchange; micro-batch, overlap and offloading vary.
"""

import json
import logging
import random
import sys
import time

SEED = 20261123


def main(folder: str, enough_s: float) -> None:
    sys.path.insert(0, folder)
    import calculon  # noqa: PLC0415  # lies where the caller says
    from calculon.llm import Llm  # noqa: PLC0415
    from calculon.llm.optimal_execution import OptimalExecution as Search  # noqa: PLC0415
    from calculon.system import System  # noqa: PLC0415

    logging.disable(logging.CRITICAL)
    application = Llm.Application(calculon.io.read_json_file(f"{folder}/models/gpt3-175B.json"))
    system = System(calculon.io.read_json_file(f"{folder}/systems/a100_80g.json"))
    counts = {"configurations": 0, "feasible": 0}
    packages = list(_packages(Llm, Search, application))
    random.Random(SEED).shuffle(packages)
    done = 0
    began = time.process_time()
    for tp, pp, dp, chunks, batch, recompute, sharding, exchange in packages:
        found = Search.search(
            False, 1, False, 3072, 3072, "float16", application, system, tp, pp, dp, chunks, batch, recompute,
            sharding, exchange, "true", False, True, True,
        )  # fmt: skip
        counts["configurations"] += found[1]
        counts["feasible"] += found[2]
        done += 1
        if time.process_time() - began > enough_s:
            break
    print(json.dumps({**counts, "cpu_s": time.process_time() - began, "packages": len(packages), "done": done}))


def _packages(llm, search, application):  # noqa: ANN001, ANN202  # the peer's own classes
    for tp in llm.get_all_tensor_parallelisms(3072, application.hidden, application.attn_heads):
        for pp in llm.get_all_pipeline_parallelisms(3072, tp, application.num_blocks):
            dp = llm.get_data_parallelism(3072, tp, pp)
            for chunks in llm.get_valid_pipeline_interleavings(application.num_blocks, pp):
                batch = search.get_batch_size(dp, 3072)
                if batch is None:
                    continue
                for recompute in ("full", "attn_only", "none"):
                    for sharding in (True, False) if dp > 1 else (False,):
                        for exchange in ("ar", "p2p_rs_ag", "rs_ag"):
                            yield tp, pp, dp, chunks, batch, recompute, sharding, exchange


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
