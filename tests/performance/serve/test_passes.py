# ruff: noqa: ARG002  # these operators take the arguments of real ones and ignore most
from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.workload import AttentionPattern, LinearAttention
from gigawatt.performance.serve.passes import pass_times
from gigawatt.performance.serve.task import Speculation, both, decode_batch, prompt_batch, workers

from .samples import DENSE, ENGINE, EXPERTS, Counting, task

ONE = np.ones(1)


def device_s(what, layout, batch, operators):
    return float(pass_times(what, layout, batch, operators).device_s[0])


def test_products_of_a_dense_decode_step():
    # Two layers of query-key-value, output, up and down, and the head: 2 x 4 + 1.
    assert device_s(task(), workers(tp=1), decode_batch(4 * ONE, 10.0), Counting(gemm=1.0)) == 9.0


def test_products_of_latent_attention_differ_between_prompts_and_decoding():
    # Three layers of down, query up and output; prompts write keys and values out (1), decoding absorbs twice (2).
    # One dense block of 2, two expert layers of router, shared up and shared down, one head: 2 + 6 + 1 = 9.
    operators = Counting(gemm=1.0)
    what = task(EXPERTS)
    assert device_s(what, workers(tp=1), prompt_batch(what, 100 * ONE), operators) == 3 * 4 + 9
    assert device_s(what, workers(tp=1), decode_batch(4 * ONE, 10.0), operators) == 3 * 5 + 9


def test_a_mixed_pass_runs_both_kinds_of_attention_and_shares_the_rest():
    what = task(EXPERTS)
    mixed = both(prompt_batch(what, 100 * ONE), decode_batch(4 * ONE, 10.0))
    # Three layers each.
    assert device_s(what, workers(tp=1), mixed, Counting(prefill=1.0, decode=10.0)) == 33.0
    # Two grouped products in each of two expert layers, once for all tokens.
    assert device_s(what, workers(tp=1), mixed, Counting(grouped=1.0)) == 4.0


def test_exchanges_of_split_attention_and_of_copied_attention():
    operators, batch = Counting(exchange=1.0), decode_batch(4 * ONE, 10.0)
    # Split two ways: sums after attention (3), the dense block (1) and the experts (2), and the logits (1).
    assert device_s(task(EXPERTS), workers(tp=2, ep=2), batch, operators) == 7.0
    # Copied twice: only journeys to experts and back in two layers.
    assert device_s(task(EXPERTS), workers(tp=1, copies=2, ep=2), batch, operators) == 4.0


def test_kernels_between_products():
    # Per layer two norms and one for positions and cache, one activation per dense block: 2 x 3 + 2.
    assert device_s(task(), workers(tp=1), decode_batch(4 * ONE, 10.0), Counting(memory=1.0)) == 8.0


def test_sums_do_the_norms_behind_them():
    fused = task(engine=replace(ENGINE, fused_norms=True))
    # Of two layers with 2 x 3 + 2 kernels four are norms, all behind sums where ranks sum.
    assert device_s(fused, workers(tp=1), decode_batch(4 * ONE, 10.0), Counting(memory=1.0)) == 8.0
    assert device_s(fused, workers(tp=2), decode_batch(4 * ONE, 10.0), Counting(memory=1.0)) == 4.0
    # Not behind the journey of tokens to spread experts, and not in a large pass.
    spread = task(EXPERTS, engine=replace(ENGINE, fused_norms=True))
    plain = task(EXPERTS)
    small = decode_batch(4 * ONE, 10.0)
    wide = {"tp": 2, "copies": 2, "ep": 4}
    apart = device_s(plain, workers(**wide), small, Counting(memory=1.0))
    assert apart - device_s(spread, workers(**wide), small, Counting(memory=1.0)) == 3.0
    large = decode_batch(4000 * ONE, 10.0)
    assert device_s(fused, workers(tp=2), large, Counting(memory=1.0)) == 8.0


def test_windows_sparse_and_linear_layers():
    seen = []

    class Watching(Counting):
        def attention_decode_s(self, work):
            seen.append(float(np.asarray(work.context_tokens_count)[0]))
            return np.ones(1)

    windowed = AttentionPattern(windowed_layers_count=1, window_tokens_count=16.0)
    batch = decode_batch(ONE, 100.0)
    assert float(pass_times(task(pattern=windowed), workers(tp=1), batch, Watching()).attention_s[0]) == 2.0
    assert seen == [100.0, 16.0]
    linear = AttentionPattern(
        linear=LinearAttention(layers_count=1, key_heads_count=2, value_heads_count=4, head_dim=8)
    )
    times = pass_times(task(pattern=linear), workers(tp=1), batch, Counting(decode=10.0, memory=1.0))
    # One full layer, one state read and written.
    assert float(times.attention_s[0]) == 11.0
    sparse = AttentionPattern(selected_tokens_count=32.0, indexer_values_count=4.0, indexer_heads_count=2)
    times = pass_times(task(pattern=sparse), workers(tp=1), batch, Watching(gemm=0.5, memory=0.25))
    # Two layers of attention over 32 tokens, each with the read of all keys and the projection of the queries.
    assert float(times.attention_s[0]) == 2.0 + 2.0 * (0.25 + 0.5)
    assert seen[-1] == 32.0
    prompts = prompt_batch(task(pattern=sparse), 100.0 * ONE)
    times = pass_times(task(pattern=sparse), workers(tp=1), prompts, Counting(prefill=1.0, gemm=0.5))
    # Prompts project and score.
    assert float(times.attention_s[0]) == 2.0 * (1.0 + 2.0 * 0.5)
    prompts = prompt_batch(task(pattern=linear), 100.0 * ONE)
    times = pass_times(task(pattern=linear), workers(tp=1), prompts, Counting(prefill=10.0, scan=2.0, memory=0.5))
    # One full layer of prompts, one scan.
    assert float(times.attention_s[0]) == 12.0


def test_speculation_checks_guesses_in_one_pass():
    guess = replace(
        ENGINE, speculation=Speculation(draft_tokens_count=2.0, acceptance_fraction=0.5, draft_layers_count=1.0)
    )
    # 1 + 0.5 + 0.25 tokens per step; two guesses of one of two layers each double the pass of 8 kernels.
    assert guess.speculation.tokens_per_step == pytest.approx(1.75)
    what = task(engine=guess)
    assert device_s(what, workers(tp=1), decode_batch(ONE, 10.0), Counting(memory=1.0)) == pytest.approx(16.0)


def test_certain_guesses_all_count():
    sure = Speculation(draft_tokens_count=3.0, acceptance_fraction=1.0, draft_layers_count=1.0)
    assert sure.tokens_per_step == 4.0


def test_the_busiest_expert_rank_sets_the_pace():
    rows = []

    class Watching(Counting):
        def grouped_gemm_s(self, m, n, k, *, groups, precision):
            rows.append(float(np.asarray(m)[0]))
            return np.ones(1)

    skewed = task(EXPERTS, engine=replace(ENGINE, expert_skew_fraction=0.5))
    pass_times(skewed, workers(tp=4, ep=4), decode_batch(1000 * ONE, 10.0), Watching())
    # 1000 tokens x 2 experts over 4 ranks, and half of three quarters more: 500 x 1.375.
    assert rows[0] == pytest.approx(687.5)


def test_maturity_scales_the_device():
    slow = task(engine=replace(ENGINE, time_factor=1.5))
    batch = decode_batch(ONE, 10.0)
    assert device_s(slow, workers(tp=1), batch, Counting(gemm=1.0)) == pytest.approx(13.5)
    assert DENSE.layers_count == 2
