from dataclasses import replace

import pytest

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import AttentionPattern
from gigawatt.performance.serve.memory import requests_that_fit, transfer_bytes, worker_memory
from gigawatt.performance.serve.task import workers

from .samples import BF16, ENGINE, EXPERTS, task

# Dense: per layer (8 + 2 x 2) x 8 x 64 + 64 x 64 = 10,240 of attention and 3 x 64 x 128 = 24,576 of feed-forward;
# two vocabulary matrices of 6,400. In BF16: 2 (2 x 34,816 + 12,800) = 164,864 bytes.
DENSE_BYTES = 164_864.0


def test_weights_by_hand():
    assert worker_memory(task(), workers(tp=1)).weight_bytes[0] == DENSE_BYTES
    assert worker_memory(task(), workers(tp=2)).weight_bytes[0] == DENSE_BYTES / 2.0
    # Stages share layers and keep the vocabulary: 2 x 34,816 + 25,600.
    assert worker_memory(task(), workers(tp=1, pp=2)).weight_bytes[0] == 95_232.0


def test_experts_spread_over_ranks():
    # Two layers of 16 experts of 3 x 64 x 32 weights of 2 bytes, over 4 ranks.
    whole = worker_memory(task(EXPERTS), workers(tp=1, copies=1)).weight_bytes[0]
    spread = worker_memory(task(EXPERTS), workers(tp=1, copies=4, ep=4)).weight_bytes[0]
    assert whole - spread == 2 * 12 * 6_144 * 2.0


def test_cache_of_a_token_and_places():
    memory = worker_memory(task(), workers(tp=1))
    # Two layers, two key-value heads of 8 keys and 8 values, 2 bytes.
    assert memory.token_bytes[0] == 128.0
    # More ranks than key-value heads copy the cache.
    assert worker_memory(task(), workers(tp=8)).token_bytes[0] == 64.0
    # Reserved, 150 tokens of 128 bytes each: ten requests beside the weights.
    usable = DENSE_BYTES + 10 * 150 * 128.0
    assert requests_that_fit(task(), workers(tp=1), usable_bytes=usable)[0] == pytest.approx(10.0)
    # Paged, 125 tokens on average.
    paged = task(engine=replace(ENGINE, reserved=False))
    assert requests_that_fit(paged, workers(tp=1), usable_bytes=usable)[0] == pytest.approx(12.0)


def test_narrow_caches_windows_and_transfers():
    narrow = task(formats=replace(BF16, cache=Precision.FP8))
    assert worker_memory(narrow, workers(tp=1)).token_bytes[0] == 64.0
    windowed = task(pattern=AttentionPattern(windowed_layers_count=1, window_tokens_count=16.0))
    memory = worker_memory(windowed, workers(tp=1))
    assert (memory.token_bytes[0], memory.request_bytes[0]) == (64.0, 16 * 64.0)
    # A prompt of 100 tokens: one full layer and one window.
    assert transfer_bytes(windowed) == 100 * 64.0 + 16 * 64.0
