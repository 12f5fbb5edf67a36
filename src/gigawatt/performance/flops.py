"""Model FLOP: what the mathematics asks for, whatever a machine does to get there.

The convention is that of Chowdhery et al. (2022), PaLM, appendix B: two FLOP per weight and token forward, four
backward, plus attention over the whole square of the sequence; no recomputation; experts count as far as a token
visits them; the embedding look-up is free, the language-model head is not.
"""

from gigawatt.entities.workload import Model, StateSpaceMixer
from gigawatt.performance.architecture import (
    attention_layers_count,
    embedding_parameters_count,
    expert_layer,
    expert_layers_count,
    linear_layers_count,
    norm_parameters_count,
    prefill_core,
    shared_parameters_count,
)

# Two FLOP (multiply, add) per weight and token: Kaplan et al. (2020), section 2.1.
FLOP_PER_WEIGHT_AND_TOKEN = 2.0
# A backward pass takes two matrix products where the forward pass takes one: Kaplan et al. (2020), section 2.1.
BACKWARD_OVER_FORWARD = 2.0


def active_matrix_parameters_count(model: Model) -> float:
    """Weights that one token is multiplied with: shared ones, its top-k experts and the language-model head."""
    experts = expert_layer(model)
    shared = shared_parameters_count(model) - norm_parameters_count(model) + embedding_parameters_count(model)
    if experts is None:
        return float(shared)
    routed = expert_layers_count(model) * experts.top_k_count * experts.expert_parameters_count
    return float(shared + routed)


def attention_flop_per_token(model: Model, *, context_tokens_count: float) -> float:
    """FLOP of scores and weighted sums of all layers for one token over `context_tokens_count` tokens."""
    core = prefill_core(model)
    width = core.heads_count * (core.score_dim + core.value_dim)
    return FLOP_PER_WEIGHT_AND_TOKEN * attention_layers_count(model) * width * context_tokens_count


def recurrence_flop_per_token(model: Model) -> float:
    """FLOP of the recurrences of all layers for one token, as written token by token.

    Mamba-2 updates and reads its state once (Dao and Gu, 2024, equation 1); the delta rule also reads what a key
    recalls before it writes (Yang et al., 2024, equation 10).
    """
    if model.hybrid is None:
        return 0.0
    mixer = model.hybrid.mixer
    if isinstance(mixer, StateSpaceMixer):
        state, touched = mixer.heads_count * mixer.head_dim * mixer.state_dim, 2.0
    else:
        state, touched = mixer.value_heads_count * mixer.key_dim * mixer.value_dim, 3.0
    return FLOP_PER_WEIGHT_AND_TOKEN * linear_layers_count(model) * touched * state


def forward_flop_per_token(model: Model, *, context_tokens_count: float) -> float:
    """Model FLOP of one token's forward pass over a context."""
    matrices = FLOP_PER_WEIGHT_AND_TOKEN * active_matrix_parameters_count(model)
    attention = attention_flop_per_token(model, context_tokens_count=context_tokens_count)
    return matrices + attention + recurrence_flop_per_token(model)


def training_flop_per_token(model: Model, *, sequence_tokens_count: float) -> float:
    """Model FLOP of one token's forward and backward pass: 6 N + 12 L H Q T (PaLM, 2022, appendix B)."""
    forward = forward_flop_per_token(model, context_tokens_count=sequence_tokens_count)
    return (1.0 + BACKWARD_OVER_FORWARD) * forward
