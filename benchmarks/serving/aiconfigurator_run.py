"""aiconfigurator's own sweep: how many deployments it evaluates in a second of processor time, and what one costs.

Its evaluations are counted where they are made: one prediction of an aggregated worker, of a prefill or of a decode
worker, and one matching of a pair of pools. The second of two sweeps counts, when its tables are loaded.
"""

import json
import logging
import sys
import time


def main(model: str, system: str, backend: str, gpus: str) -> None:
    from aiconfigurator.sdk import sweep  # noqa: PLC0415  # lies where the caller says
    from aiconfigurator.sdk.task_v2 import Task  # noqa: PLC0415

    logging.disable(logging.CRITICAL)
    counts = {"configurations": 0}

    def counted(function):  # noqa: ANN001, ANN202  # the peer's own function
        def call(*arguments, **named):  # noqa: ANN002, ANN003, ANN202
            counts["configurations"] += 1
            return function(*arguments, **named)

        return call

    for name in ("predict_agg_worker", "predict_disagg_worker", "_rate_match_dict"):
        setattr(sweep, name, counted(getattr(sweep, name)))
    spent = {}
    for mode in ("agg", "disagg"):
        for _ in range(2):
            before = counts["configurations"]
            task = Task(**_task(mode, model, system, backend, int(gpus)))
            began = time.process_time()
            found = task.run()
            spent[mode] = (counts["configurations"] - before, time.process_time() - began, len(_rows(found)))
    total = [sum(each) for each in zip(*spent.values(), strict=True)]
    print(json.dumps({"configurations": total[0], "cpu_s": total[1], "feasible": total[2], "by_mode": spent}))


def _task(mode: str, model: str, system: str, backend: str, gpus: int) -> dict[str, object]:
    common = {"serving_mode": mode, "isl": 2000, "osl": 500, "ttft": 2000.0, "tpot": 50.0, "total_gpus": gpus}
    if mode == "agg":
        return {**common, "model_path": model, "system_name": system, "backend_name": backend}
    roles = {
        f"{role}_{key}": value
        for role in ("prefill", "decode")
        for key, value in (("model_path", model), ("system_name", system), ("backend_name", backend))
    }
    return {**common, **roles}


def _rows(found):  # noqa: ANN001, ANN202  # the peer's own table
    return found if hasattr(found, "columns") else found[next(iter(found))] if isinstance(found, dict) else []


if __name__ == "__main__":
    main(*sys.argv[1:])
