"""Rows of a truth file written by hand; the configuration of Korthikanti et al. (2022), table 5, first line."""

import csv
from pathlib import Path

ROW = {
    "source_url": "https://arxiv.org/abs/2205.05198",
    "date": "2022-05",
    "model": "22b",
    "params_total_b": "22",
    "layers": "48",
    "hidden": "6144",
    "heads": "64",
    "kv_heads": "64",
    "ffn": "24576",
    "vocab": "51200",
    "experts": "",
    "topk": "",
    "seq_len": "2048",
    "global_batch_seqs": "4",
    "micro_batch": "4",
    "platform": "A100-80GB SXM DGX (8x HDR200 IB, Selene)",
    "num_gpus": "8",
    "tp": "8",
    "cp": "1",
    "pp": "1",
    "vpp": "1",
    "ep": "",
    "etp": "",
    "dp": "1",
    "zero": "0",
    "precision": "fp16",
    "recompute": "full",
    "metric": "iter_time",
    "value": "1.42",
    "unit": "s",
    "notes": "Table 5 full recompute, no SP",
    "full_config": "full",
    "evidence": "read",
}


def written(folder: Path, *changes: dict[str, str]) -> Path:
    path = folder / "truth.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(ROW))
        writer.writeheader()
        writer.writerows({**ROW, **change} for change in changes)
    return path
