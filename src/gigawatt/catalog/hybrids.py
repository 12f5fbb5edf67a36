"""Hybrid layers of the catalogue's models: which layers mix tokens by a recurrence, and how."""

from collections.abc import Mapping

from gigawatt.catalog.items import ModelTable
from gigawatt.entities.workload import DeltaRuleMixer, HybridLayers, StateSpaceMixer
from gigawatt.errors import CatalogError

# Taps of the short convolution before a delta rule where a record is silent: Yang et al. (2024), section 4.
_DELTA_TAPS = 4


def hybrid_layers(record_id: str, table: ModelTable) -> HybridLayers | None:
    """Which blocks the layers of a model have, or `None` where all have attention and a feed-forward block."""
    if table.hybrid is not None:
        return _state_space(record_id, table.hybrid)
    if table.linear_attention is not None:
        return _delta_rule(record_id, table, table.linear_attention)
    return None


def _state_space(record_id: str, stated: Mapping[str, object]) -> HybridLayers:
    mixer = StateSpaceMixer(
        heads_count=_whole(record_id, "hybrid", stated, "mamba-heads"),
        head_dim=_whole(record_id, "hybrid", stated, "mamba-head-dim"),
        state_dim=_whole(record_id, "hybrid", stated, "ssm-state"),
        groups_count=_whole(record_id, "hybrid", stated, "groups"),
        convolution_tokens_count=_whole(record_id, "hybrid", stated, "conv"),
    )
    return HybridLayers(
        mixer=mixer,
        linear_layers_count=_whole(record_id, "hybrid", stated, "mamba"),
        attention_layers_count=_whole(record_id, "hybrid", stated, "attention"),
        feed_forward_layers_count=_whole(record_id, "hybrid", stated, "moe"),
    )


def _delta_rule(record_id: str, table: ModelTable, stated: Mapping[str, object]) -> HybridLayers:
    """Kimi Delta Attention has as many key heads as value heads; elsewhere every n-th layer keeps full attention."""
    layers = table.architecture.layers
    if "kda-layers" in stated:
        linear = _whole(record_id, "linear-attention", stated, "kda-layers")
        heads = _whole(record_id, "linear-attention", stated, "heads")
        keys = values = heads
    else:
        linear = layers - layers // _whole(record_id, "linear-attention", stated, "interval-full")
        keys = _whole(record_id, "linear-attention", stated, "key-heads")
        values = _whole(record_id, "linear-attention", stated, "value-heads")
    width = _whole(record_id, "linear-attention", stated, "head-dim")
    mixer = DeltaRuleMixer(
        key_heads_count=keys,
        value_heads_count=values,
        key_dim=width,
        value_dim=width,
        convolution_tokens_count=int(str(stated.get("short-conv", _DELTA_TAPS))),
        channel_decay="kda-layers" in stated,
    )
    return HybridLayers(
        mixer=mixer,
        linear_layers_count=linear,
        attention_layers_count=layers - linear,
        feed_forward_layers_count=layers,
    )


def _whole(record_id: str, section: str, stated: Mapping[str, object], key: str) -> int:
    found = stated.get(key)
    if not isinstance(found, int):
        raise CatalogError(
            where=f"models/{record_id}",
            found=f"no whole number {section}.{key}",
            expected="every dimension that the computation needs",
            fix="Choose another model; what this one's sources leave open is shown by `gigawatt catalog show`.",
        )
    return found
