"""Model architectures from the catalogue as workloads, and a recount of their weights."""

from gigawatt.catalog.hybrids import hybrid_layers
from gigawatt.catalog.items import LatentAttentionTable, MixtureOfExpertsTable, ModelTable
from gigawatt.catalog.quantities import Cited, evidences, published, quantity
from gigawatt.catalog.records import Catalog, Figure, Record
from gigawatt.entities.workload import (
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    MixtureOfExperts,
    Model,
)
from gigawatt.errors import CatalogError
from gigawatt.performance.step.task import Variant
from gigawatt.provenance import Evidence, Grade
from gigawatt.units import PARAMETERS


def model(catalog: Catalog, model_id: str) -> Cited[Model]:
    """The model as attention and feed-forward dimensions; raises `CatalogError` when these cannot express it.

    Windowed, chunked and sparse attention are computed as full attention, an upper bound on cache and work; the
    evidence says so. Where no parameter count is published, the recount from the dimensions takes its place.
    """
    record = catalog.record("models", model_id)
    _refuse_hybrid(record, _details(record))
    return training_model(catalog, model_id)


def training_model(catalog: Catalog, model_id: str) -> Cited[Model]:
    """The model with its recurrent layers, where it has them: training computes these, serving does not yet."""
    record = catalog.record("models", model_id)
    table = _details(record)
    _refuse_compressed(record, table)
    total = _parameters(record, "total")
    active = _parameters(record, "active")
    item = Model(
        id=record.id,
        layers_count=table.architecture.layers,
        hidden_dim=table.architecture.hidden,
        vocabulary_count=table.architecture.vocab,
        tied_embeddings=bool(table.architecture.tied_embeddings),
        attention=_attention(record, table),
        feed_forward=_feed_forward(record, table),
        parameters_count=quantity(total, PARAMETERS),
        active_parameters_count=quantity(active, PARAMETERS),
        hybrid=hybrid_layers(record.id, table),
    )
    return Cited(item=item, evidence=(_architecture_evidence(catalog, record, table), *evidences((total, active))))


def training_variant(catalog: Catalog, model_id: str, *, predicted_tokens_count: int = 0) -> Variant:
    """What training sees beyond `training_model`: windows, a tied head, and the extra tokens that are asked for."""
    table = _details(catalog.record("models", model_id))
    window = table.window
    return Variant(
        windowed_layers_count=table.architecture.layers // window.every if window else 0,
        window_tokens_count=window.tokens if window else 0,
        predicted_tokens_count=predicted_tokens_count,
        tied_head=bool(table.architecture.tied_embeddings),
    )


def _refuse_hybrid(record: Record, table: ModelTable) -> None:
    kinds = {
        "state-space (Mamba) layers, see [hybrid]": table.hybrid,
        "linear-attention layers, see [linear-attention]": table.linear_attention,
    }
    for what, present in kinds.items():
        if present is not None:
            raise _inexpressible(record, table, what)


def _refuse_compressed(record: Record, table: ModelTable) -> None:
    if table.sparse_attention is not None:
        raise _inexpressible(record, table, "compressed attention, see [sparse-attention]")


def _inexpressible(record: Record, table: ModelTable, what: str) -> CatalogError:
    return CatalogError(
        where=f"models/{record.id}",
        found=f"{what}: {table.attention}",
        expected="grouped-query or latent attention in every layer",
        fix="Choose another model; this one is in the catalogue but cannot be computed yet.",
    )


def _attention(record: Record, table: ModelTable) -> GroupedQueryAttention | LatentAttention:
    shape = table.architecture
    if table.latent_attention is not None:
        return _latent_attention(record, table.latent_attention, heads_count=shape.heads)
    if shape.kv_heads is None or shape.head_dim is None:
        raise _incomplete(record, ("architecture.kv-heads", "architecture.head-dim"))
    gated = bool((table.linear_attention or {}).get("full-attention-gate", False))
    return GroupedQueryAttention(
        heads_count=shape.heads, kv_heads_count=shape.kv_heads, head_dim=shape.head_dim, output_gate=gated
    )


def _latent_attention(record: Record, table: LatentAttentionTable, *, heads_count: int) -> LatentAttention:
    ranks = (table.q_lora_rank, table.kv_lora_rank)
    dims = (table.qk_nope_head_dim, table.qk_rope_head_dim, table.v_head_dim)
    match (*ranks, *dims):
        case (int(q_rank), int(kv_rank), int(nope), int(rope), int(value)):
            return LatentAttention(
                heads_count=heads_count,
                q_lora_rank=q_rank,
                kv_lora_rank=kv_rank,
                qk_nope_head_dim=nope,
                qk_rope_head_dim=rope,
                v_head_dim=value,
            )
        case _:
            empty = [name.replace("_", "-") for name, stated in table.model_dump().items() if stated is None]
            raise _incomplete(record, tuple(f"latent-attention.{name}" for name in empty))


def _feed_forward(record: Record, table: ModelTable) -> DenseFeedForward | MixtureOfExperts:
    shape = table.architecture
    if table.mixture_of_experts is not None:
        return _experts(record, table.mixture_of_experts, table)
    if shape.ffn_dense is None:
        raise _incomplete(record, ("architecture.ffn-dense",))
    return DenseFeedForward(ffn_dim=shape.ffn_dense, gated=shape.gated_mlp)


def _experts(record: Record, moe: MixtureOfExpertsTable, table: ModelTable) -> MixtureOfExperts:
    """Experts; what [hybrid] says about the shared expert and the activation goes before."""
    stated = table.hybrid or {}
    dense_ffn = moe.dense_ffn if moe.dense_ffn is not None else table.architecture.ffn_dense
    shared_ffn = moe.shared_ffn if moe.shared_ffn is not None else moe.expert_ffn
    needs_dense = moe.first_dense_layers > 0 or moe.moe_layer_interval > 1
    if dense_ffn is None and needs_dense:
        raise _incomplete(record, ("architecture.ffn-dense",))
    return MixtureOfExperts(
        routed_experts_count=moe.routed_experts,
        top_k_count=moe.top_k,
        expert_ffn_dim=moe.expert_ffn,
        shared_experts_count=moe.shared_experts,
        shared_ffn_dim=int(stated.get("shared-ffn", shared_ffn)),
        first_dense_layers_count=moe.first_dense_layers,
        dense_ffn_dim=dense_ffn if dense_ffn is not None and needs_dense else 0,
        moe_layer_interval=moe.moe_layer_interval,
        gated=bool(stated.get("gated-mlp", table.architecture.gated_mlp)),
        latent_dim=moe.latent_dim or 0,
    )


def _parameters(record: Record, which: str) -> Figure:
    for key in (f"parameters-{which}", f"recount-{which}"):
        figure = record.figures.get(key)
        if figure is not None and published(figure):
            return figure
    raise _incomplete(record, (f"parameters-{which}", f"recount-{which}"))


def _architecture_evidence(catalog: Catalog, record: Record, table: ModelTable) -> Evidence:
    shape = table.architecture
    notes = [f"attention: {table.attention}"]
    if any(word in table.attention for word in ("window", "chunked", "sparse")):
        notes.append("computed as full attention: cache and attention work are upper bounds")
    if shape.tied_embeddings is None:
        notes.append("whether embeddings are tied is not stated; counted as untied")
    if table.note:
        notes.append(table.note)
    return Evidence(
        key=f"models/{record.id}/architecture",
        text=f"{shape.layers} layers, hidden {shape.hidden}, {shape.heads} heads, vocabulary {shape.vocab}",
        grade=Grade.OFFICIAL if table.config_file else Grade.REPORTED,
        origin="catalogue",
        sources=tuple(catalog.sources[source_id] for source_id in table.sources),
        as_of=table.released,
        note="; ".join(notes),
    )


def counted_parameters(architecture: Model) -> float:
    """Weights of the matrix multiplications and embeddings, counted from the dimensions; norms and biases left out."""
    embeddings = architecture.vocabulary_count * architecture.hidden_dim * (1 if architecture.tied_embeddings else 2)
    attention = architecture.layers_count * _attention_weights(architecture)
    return float(embeddings + attention + _feed_forward_weights(architecture))


def _attention_weights(architecture: Model) -> int:
    hidden, shape = architecture.hidden_dim, architecture.attention
    if isinstance(shape, GroupedQueryAttention):
        return hidden * shape.head_dim * 2 * (shape.heads_count + shape.kv_heads_count)
    query_dim = shape.qk_nope_head_dim + shape.qk_rope_head_dim
    query = shape.q_lora_rank * (hidden + shape.heads_count * query_dim)
    down = hidden * (shape.kv_lora_rank + shape.qk_rope_head_dim)
    up = shape.kv_lora_rank * shape.heads_count * (shape.qk_nope_head_dim + shape.v_head_dim)
    return query + down + up + shape.heads_count * shape.v_head_dim * hidden


def _feed_forward_weights(architecture: Model) -> int:
    hidden, shape = architecture.hidden_dim, architecture.feed_forward
    matrices = 3 if shape.gated else 2
    if isinstance(shape, DenseFeedForward):
        return architecture.layers_count * matrices * hidden * shape.ffn_dim
    moe_layers = (architecture.layers_count - shape.first_dense_layers_count) // shape.moe_layer_interval
    width = shape.routed_experts_count * shape.expert_ffn_dim + shape.shared_experts_count * shape.shared_ffn_dim
    per_moe_layer = matrices * hidden * width + hidden * shape.routed_experts_count
    dense_layers = architecture.layers_count - moe_layers
    return moe_layers * per_moe_layer + dense_layers * matrices * hidden * shape.dense_ffn_dim


def _incomplete(record: Record, keys: tuple[str, ...]) -> CatalogError:
    return CatalogError(
        where=f"models/{record.id}",
        found=f"no published {', '.join(keys)}",
        expected="every dimension that the computation needs",
        fix="Choose another model; what this one's sources leave open is shown by `gigawatt catalog show`.",
    )


def _details(record: Record) -> ModelTable:
    if not isinstance(record.details, ModelTable):
        raise TypeError(f"{record.id} is not a model record")
    return record.details
