"""Time of one pass of a worker over a mixed batch of prompt tokens and decoding requests.

Attention is split and copied, experts are split and spread; where copies exist, tokens travel to experts and back.
All functions broadcast over candidates. Times are of kernels and exchanges one after the other: engines that overlap
them do so in passes long enough to hide little else.
"""

from dataclasses import dataclass, fields

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import (
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    LinearAttention,
    MixtureOfExperts,
)
from gigawatt.performance.architecture import (
    Projection,
    Split,
    decode_core,
    dense_projections,
    expert_layer,
    expert_side_projections,
    prefill_core,
    visited_ranks_count,
)
from gigawatt.performance.kernels.scan import delta_rule_chunk_flop, delta_rule_token_bytes
from gigawatt.performance.operators import AttentionWork, OperatorModel, ScanWork
from gigawatt.performance.serve.task import Batch, ServeTask, WorkerLayouts
from gigawatt.timeline import FloatArray

_BF16 = Precision.BF16.value_bytes
# Tokens of a chunk in open kernels for gated delta rules: Yang et al. (2024), section 3.3.
_CHUNK_TOKENS = 64.0
# Most tokens of a pass whose sums do the norm behind them: the limit of an open engine (SGLang, 2025, communicator).
FUSED_NORM_TOKENS = 2048.0
# Kernels that the host issues for a layer where no graph replays them: counted in open engines' layers, casts of
# narrow inputs and exchanges included. A layer with a gated delta rule has the last number beside those of attention:
# 35 in SGLang's Qwen3-Next, 10 to project and reorder, 12 around convolution and gates, 8 of the scan, 5 behind it.
ATTENTION_ISSUES, LATENT_ISSUES, DENSE_ISSUES, EXPERT_ISSUES, LINEAR_ISSUES = 12.0, 22.0, 6.0, 18.0, 23.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTimes:
    """Where the time of a pass goes, `(candidate,)`; the parts add up to the device's time."""

    gemm_s: FloatArray
    expert_gemm_s: FloatArray
    attention_s: FloatArray
    elementwise_s: FloatArray
    tensor_parallel_s: FloatArray
    expert_parallel_s: FloatArray
    pipeline_s: FloatArray

    @property
    def device_s(self) -> FloatArray:
        """Time of the pass on the device."""
        parts = [getattr(self, item.name) for item in fields(self)]
        return np.asarray(sum(parts[1:], start=parts[0]), dtype=np.float64)


def pass_times(task: ServeTask, layouts: WorkerLayouts, batch: Batch, operators: OperatorModel) -> PassTimes:
    """All layers, and the head for every sampled token; requests decode with their guesses at once."""
    queries = 1.0 + task.engine.speculation.draft_tokens_count
    decoding = batch.requests_count * queries
    tokens = batch.prompt_tokens_count + decoding
    sampled = np.where(batch.prompt_tokens_count > 0.0, batch.prompts_count, 0.0) + decoding
    extra = 1.0 + task.engine.speculation.draft_tokens_count * (
        task.engine.speculation.draft_layers_count / task.model.layers_count
    )
    gemm = _attention_gemm_s(task, layouts, batch.prompt_tokens_count, decoding, operators)
    gemm = gemm + _side_gemm_s(task, layouts, tokens, operators) + _head_s(task, layouts, sampled, operators) / extra
    tensor, expert = _exchanges_s(task, layouts, tokens, operators)
    parts = PassTimes(
        gemm_s=gemm,
        expert_gemm_s=_expert_gemm_s(task, layouts, tokens, operators),
        attention_s=_attention_s(task, layouts, batch, queries, operators),
        elementwise_s=_elementwise_s(task, layouts, tokens, operators),
        tensor_parallel_s=tensor,
        expert_parallel_s=expert,
        pipeline_s=_pipeline_s(task, layouts, tokens, operators),
    )
    factor = extra * task.engine.time_factor
    return PassTimes(**{item.name: getattr(parts, item.name) * factor for item in fields(parts)})


def kernels_count(task: ServeTask) -> float:
    """Kernels that the host issues for one pass that no graph replays."""
    latent = isinstance(task.model.attention, LatentAttention)
    attention = task.model.layers_count * (LATENT_ISSUES if latent else ATTENTION_ISSUES)
    linear = task.pattern.linear_layers_count * LINEAR_ISSUES
    return attention + linear + task.dense_layers_count * DENSE_ISSUES + task.expert_layers_count * EXPERT_ISSUES


def _gemm_s(
    rows: FloatArray, matrix: Projection, tensor: FloatArray, precision: Precision, operators: OperatorModel
) -> FloatArray:
    wide, deep = matrix.local_output_dim(tensor), matrix.local_input_dim(tensor)
    return _product_s(rows, wide, deep, precision, operators)


def _product_s(
    rows: FloatArray, wide: FloatArray, deep: FloatArray, precision: Precision, operators: OperatorModel
) -> FloatArray:
    """No rows, no kernel."""
    time = operators.gemm_s(np.maximum(rows, 1.0), wide, deep, precision=precision)
    return np.where(rows > 0.0, time, 0.0)


def _attention_gemm_s(
    task: ServeTask, layouts: WorkerLayouts, prompt: FloatArray, decoding: FloatArray, operators: OperatorModel
) -> FloatArray:
    attention, tensor, precision = task.model.attention, layouts.tp_count, task.formats.attention
    tokens, layers = prompt + decoding, task.model.layers_count - task.pattern.linear_layers_count
    if isinstance(attention, LatentAttention):
        return layers * _latent_gemm_s(task, attention, tensor, prompt, decoding, operators)
    one = _grouped_gemm_s(task, attention, tensor, tokens, operators)
    time = layers * one
    linear = task.pattern.linear
    if linear is not None:
        width = linear.value_heads_count * linear.head_dim
        into = Projection(
            name="in", output_dim=linear.input_values_count, input_dim=task.model.hidden_dim, split=Split.COLUMNS
        )
        back = Projection(name="out", output_dim=task.model.hidden_dim, input_dim=width, split=Split.ROWS)
        for matrix in (into, back):
            time = time + linear.layers_count * _gemm_s(tokens, matrix, tensor, precision, operators)
    return time


def _grouped_gemm_s(
    task: ServeTask, attention: GroupedQueryAttention, tensor: FloatArray, tokens: FloatArray, operators: OperatorModel
) -> FloatArray:
    """Key-value heads are copied where there are fewer of them than ranks."""
    heads = attention.heads_count / tensor + 2.0 * np.maximum(attention.kv_heads_count / tensor, 1.0)
    hidden = task.model.hidden_dim + 0.0 * tensor
    into = _product_s(tokens, heads * attention.head_dim, hidden, task.formats.attention, operators)
    width = attention.heads_count * attention.head_dim / tensor
    return into + _product_s(tokens, hidden, width, task.formats.attention, operators)


def _latent_gemm_s(
    task: ServeTask,
    attention: LatentAttention,
    tensor: FloatArray,
    prompt: FloatArray,
    decoding: FloatArray,
    operators: OperatorModel,
) -> FloatArray:
    """Both down-projections in one product; prompts write keys and values out, decoding absorbs their matrices."""
    precision, tokens, ones = task.formats.attention, prompt + decoding, np.ones_like(tensor)
    heads, latent = attention.heads_count / tensor, attention.kv_lora_rank * ones
    score = attention.qk_nope_head_dim + attention.qk_rope_head_dim
    down = (attention.q_lora_rank + attention.kv_lora_rank + attention.qk_rope_head_dim) * ones
    hidden = task.model.hidden_dim * ones
    query_input = (attention.q_lora_rank or task.model.hidden_dim) * ones
    time = _product_s(tokens, down, hidden, precision, operators)
    time = time + _product_s(tokens, heads * score, query_input, precision, operators)
    time = time + _product_s(tokens, hidden, heads * attention.v_head_dim, precision, operators)
    written = heads * (attention.qk_nope_head_dim + attention.v_head_dim)
    time = time + _product_s(prompt, written, latent, precision, operators)
    absorbed = _product_s(decoding, heads * attention.qk_nope_head_dim, latent, Precision.BF16, operators)
    return time + absorbed + _product_s(decoding, heads * attention.v_head_dim, latent, Precision.BF16, operators)


def _side_gemm_s(task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray, operators: OperatorModel) -> FloatArray:
    """Dense blocks, routers and shared experts; the router is BF16."""
    tensor = layouts.tp_count
    time: FloatArray = np.zeros(np.broadcast_shapes(tensor.shape, tokens.shape))
    if task.dense_layers_count:
        for matrix in dense_projections(task.model):
            time = time + task.dense_layers_count * _gemm_s(tokens, matrix, tensor, task.formats.dense, operators)
    if task.expert_layers_count:
        for matrix in expert_side_projections(task.model):
            precision = Precision.BF16 if matrix.split is Split.WHOLE else task.formats.dense
            time = time + task.expert_layers_count * _gemm_s(tokens, matrix, tensor, precision, operators)
    return time


def _head_s(task: ServeTask, layouts: WorkerLayouts, rows: FloatArray, operators: OperatorModel) -> FloatArray:
    """The head, split by vocabulary; logits are gathered."""
    wide = task.model.vocabulary_count / layouts.tp_count
    product = _product_s(rows, wide, task.model.hidden_dim + 0.0 * wide, task.formats.head, operators)
    logits = rows * task.model.vocabulary_count * _BF16
    gather = operators.all_gather_s(logits, ranks_count=layouts.tp_count, stride_count=1.0)
    return product + np.where(rows > 0.0, gather, 0.0)


def _expert_gemm_s(task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray, operators: OperatorModel) -> FloatArray:
    """Routed experts of the busiest rank with the tokens of all copies; only experts that are touched are read."""
    experts = expert_layer(task.model)
    if experts is None:
        return np.zeros(np.broadcast_shapes(layouts.tp_count.shape, tokens.shape))
    local = experts.experts_count / layouts.ep_count
    everybody = np.maximum(tokens * layouts.copies_count, 1.0)
    mean = everybody * experts.top_k_count / layouts.ep_count
    busiest = mean * (1.0 + task.engine.expert_skew_fraction * (1.0 - 1.0 / layouts.ep_count))
    rows = np.minimum(busiest, everybody * np.minimum(experts.top_k_count, local))
    chance = experts.top_k_count / experts.experts_count
    touched = np.maximum(local * (1.0 - (1.0 - chance) ** everybody), 1.0)
    rows = np.maximum(rows, touched)
    time: FloatArray = np.zeros(rows.shape)
    for matrix in experts.projections:
        wide = matrix.local_output_dim(layouts.expert_tp_count)
        deep = matrix.local_input_dim(layouts.expert_tp_count)
        time = time + operators.grouped_gemm_s(rows, wide, deep, groups=touched, precision=task.formats.experts)
    return np.where(tokens > 0.0, task.expert_layers_count * time, 0.0)


def _attention_s(
    task: ServeTask, layouts: WorkerLayouts, batch: Batch, queries: float, operators: OperatorModel
) -> FloatArray:
    """Full, windowed and linear layers, of prompts and of decoding requests."""
    pattern, full = task.pattern, task.full_layers_count
    time = full * _core_s(task, layouts, batch, queries, pattern.selected_tokens_count, operators)
    if pattern.windowed_layers_count:
        windowed = _core_s(task, layouts, batch, queries, pattern.window_tokens_count, operators)
        time = time + pattern.windowed_layers_count * windowed
    if np.isfinite(pattern.selected_tokens_count):
        time = time + full * _indexer_s(task, batch, queries, operators)
    if pattern.linear is not None:
        time = time + pattern.linear.layers_count * _recurrence_s(pattern.linear, layouts, batch, queries, operators)
    return time


def _recurrence_s(
    linear: LinearAttention, layouts: WorkerLayouts, batch: Batch, queries: float, operators: OperatorModel
) -> FloatArray:
    """A layer without attention: prompts in chunks, decoding reads and writes each request's state in FP32."""
    prompts = np.maximum(batch.prompts_count, 1.0)
    heads = np.maximum(linear.value_heads_count / layouts.tp_count, 1.0)
    scan = ScanWork(
        sequences_count=prompts,
        tokens_count=np.maximum(batch.prompt_tokens_count / prompts, 1.0),
        heads_count=heads,
        chunk_tokens_count=_CHUNK_TOKENS,
        chunk_flop=float(
            delta_rule_chunk_flop(chunk_tokens_count=_CHUNK_TOKENS, key_dim=linear.head_dim, value_dim=linear.head_dim)
        ),
        token_bytes=delta_rule_token_bytes(
            chunk_tokens_count=_CHUNK_TOKENS,
            heads_count=heads,
            key_heads_count=np.maximum(linear.key_heads_count / layouts.tp_count, 1.0),
            key_dim=linear.head_dim,
            value_dim=linear.head_dim,
        ),
    )
    state = linear.state_values_count / layouts.tp_count * Precision.BF16.value_bytes * 2.0
    step = operators.memory_s(2.0 * state * batch.requests_count * queries)
    prefill = np.where(batch.prompt_tokens_count > 0.0, operators.scan_s(scan), 0.0)
    return prefill + np.where(batch.requests_count > 0.0, step, 0.0)


def _core_s(
    task: ServeTask, layouts: WorkerLayouts, batch: Batch, queries: float, most: float, operators: OperatorModel
) -> FloatArray:
    """Attention of one layer, each query over at most `most` tokens."""
    tensor = layouts.tp_count
    core = prefill_core(task.model)
    prompts = AttentionWork(
        sequences_count=np.maximum(batch.prompts_count, 1.0),
        query_tokens_count=np.maximum(batch.prompt_tokens_count / np.maximum(batch.prompts_count, 1.0), 1.0),
        context_tokens_count=np.minimum(np.maximum(batch.prompt_context_count, 1.0), most),
        heads_count=core.heads_count / tensor,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / np.minimum(tensor, core.cache_shards_limit_count),
        cache_precision=Precision.BF16,
    )
    core = decode_core(task.model)
    decoding = AttentionWork(
        sequences_count=np.maximum(batch.requests_count, 1.0),
        query_tokens_count=queries,
        context_tokens_count=np.minimum(np.maximum(batch.context_count, 1.0), most),
        heads_count=core.heads_count / tensor,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / np.minimum(tensor, core.cache_shards_limit_count),
        cache_precision=task.formats.cache,
    )
    prefill = np.where(batch.prompt_tokens_count > 0.0, operators.attention_prefill_s(prompts), 0.0)
    return prefill + np.where(batch.requests_count > 0.0, operators.attention_decode_s(decoding), 0.0)


def _indexer_s(task: ServeTask, batch: Batch, queries: float, operators: OperatorModel) -> FloatArray:
    """Scoring every token for every query, on every rank: products of the indexer's heads with one key per token.

    Decoding reads the keys of its contexts; prompts multiply queries and keys at once, as a matrix product does.
    """
    width, heads = task.pattern.indexer_values_count, float(task.pattern.indexer_heads_count)
    read = operators.memory_s(batch.requests_count * batch.context_count * width)
    decode = np.where(batch.requests_count > 0.0, read, 0.0)
    if not heads:
        return decode
    tokens, hidden = batch.prompt_tokens_count + batch.requests_count * queries, float(task.model.hidden_dim)
    rows = _product_s(tokens, heads * width + 0.0 * tokens, hidden + 0.0 * tokens, Precision.FP8, operators)
    context = np.maximum(batch.prompt_context_count, 1.0)
    scores = _product_s(batch.prompt_tokens_count, context, heads * width + 0.0 * context, Precision.FP8, operators)
    return decode + rows + scores


def _elementwise_s(task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray, operators: OperatorModel) -> FloatArray:
    """Fused kernels between products: norms with residual sums, positions with the cache, activations, routing."""
    hidden, tensor = task.model.hidden_dim, layouts.tp_count
    norm = operators.memory_s(4.0 * hidden * tokens * _BF16)
    width = _feed_forward_width(task)
    active = operators.memory_s(3.0 * width * tokens * _BF16 / tensor)
    norms = 2.0 - _norms_in_sums_count(task, layouts, tokens)
    time = task.model.layers_count * (norms * norm + operators.memory_s(2.0 * hidden * tokens * _BF16 / tensor))
    time = time + task.dense_layers_count * active
    if task.expert_layers_count:
        time = time + task.expert_layers_count * 2.0 * operators.memory_s(hidden * tokens * _BF16)
    if task.pattern.linear is not None:
        time = time + task.pattern.linear_layers_count * 2.0 * operators.memory_s(
            2.0 * hidden * tokens * _BF16 / tensor
        )
    return time


def _norms_in_sums_count(task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray) -> FloatArray:
    """Norms of a layer that the kernel of the sum before them does: after attention, and after unspread blocks."""
    if not task.engine.fused_norms:
        return np.zeros_like(tokens)
    sums = np.where(layouts.copies_count > 1.0, 1.0, 2.0)
    return np.where((layouts.tp_count > 1.0) & (tokens <= FUSED_NORM_TOKENS), sums, 0.0)


def _feed_forward_width(task: ServeTask) -> float:
    block = task.model.feed_forward
    return float(block.ffn_dim if isinstance(block, DenseFeedForward) else block.dense_ffn_dim or block.expert_ffn_dim)


def _exchanges_s(
    task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray, operators: OperatorModel
) -> tuple[FloatArray, FloatArray]:
    """Sums over tensor-parallel ranks, and journeys of tokens to experts where attention is copied."""
    sent = tokens * task.model.hidden_dim * _BF16
    reduce = operators.all_reduce_s(sent, ranks_count=layouts.tp_count, stride_count=1.0)
    after_attention = task.model.layers_count + task.dense_layers_count
    tensor = after_attention * np.where(layouts.tp_count > 1.0, reduce, 0.0)
    if not isinstance(task.model.feed_forward, MixtureOfExperts):
        return tensor, np.zeros_like(tensor)
    alone = layouts.copies_count <= 1.0
    tensor = tensor + task.expert_layers_count * np.where(alone & (layouts.tp_count > 1.0), reduce, 0.0)
    if np.all(alone):
        return tensor, np.zeros_like(tensor)
    return tensor, task.expert_layers_count * np.where(alone, 0.0, _journey_s(task, layouts, tokens, operators))


def _journey_s(task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray, operators: OperatorModel) -> FloatArray:
    """Dispatch in the experts' format and combine in BF16: once to each rank that holds one of a token's experts.

    Experts that are split need every token on every rank: gathered and scattered instead.
    """
    experts = expert_layer(task.model)
    if experts is None:
        return np.zeros_like(tokens)
    ranks, hidden = layouts.ep_count * layouts.expert_tp_count, task.model.hidden_dim
    mine = tokens / layouts.tp_count
    copies = visited_ranks_count(experts, ep_count=layouts.ep_count)
    values = mine * copies * hidden
    narrow = min(task.formats.experts.value_bytes, _BF16)
    there = operators.all_to_all_s(values * narrow, ranks_count=ranks, stride_count=1.0)
    back = operators.all_to_all_s(values * _BF16, ranks_count=ranks, stride_count=1.0)
    every = mine * ranks * hidden
    gathered = operators.all_gather_s(every * narrow, ranks_count=ranks, stride_count=1.0)
    scattered = operators.reduce_scatter_s(every * _BF16, ranks_count=ranks, stride_count=1.0)
    return np.where(layouts.expert_tp_count > 1.0, gathered + scattered, there + back)


def _pipeline_s(task: ServeTask, layouts: WorkerLayouts, tokens: FloatArray, operators: OperatorModel) -> FloatArray:
    """Hidden states handed from stage to stage."""
    stages = layouts.pp_count
    volume = tokens * task.model.hidden_dim * _BF16 / layouts.tp_count
    apart = layouts.tp_count * layouts.copies_count
    hop = operators.point_to_point_s(volume, ranks_count=stages, stride_count=apart)
    return (stages - 1.0) * hop
