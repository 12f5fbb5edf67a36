"""What is served, in which formats, by what software: the nouns of a serving estimate."""

import math
from dataclasses import dataclass, fields

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import AttentionPattern, Model
from gigawatt.performance.architecture import dense_layers_count, expert_layers_count
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """Stored precision of each kind of weight and of the cache; scores and norms are BF16."""

    attention: Precision
    dense: Precision
    experts: Precision
    head: Precision
    cache: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """Each step checks `draft_tokens_count` guesses, of which each is accepted with `acceptance_fraction` in turn.

    Drafting costs `draft_layers_count` layers of the model per guess.
    """

    draft_tokens_count: float
    acceptance_fraction: float
    draft_layers_count: float

    @property
    def tokens_per_step(self) -> float:
        """Tokens gained per step: 1 + a + a^2 + ... + a^d (Leviathan et al., 2023, equation 1)."""
        if self.acceptance_fraction == 1.0:
            return 1.0 + self.draft_tokens_count
        a = self.acceptance_fraction
        return float((1.0 - a ** (self.draft_tokens_count + 1.0)) / (1.0 - a))


NO_SPECULATION = Speculation(draft_tokens_count=0.0, acceptance_fraction=0.0, draft_layers_count=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How the serving software works: switches from its documentation, times from the catalogue's assumptions.

    `mixed` engines run prompts and decoding requests in one pass, others stop decoding for a pass of prompts.
    `reserved` engines admit a request when its whole length fits, others when its present one does.
    `chunk_tokens_count` is the most prompt tokens of a pass, `admission_steps_count` how many decode steps pass
    between two looks at the queue. Where `gather_steps_count` is not zero, the first prompt in line waits as many
    decode steps for others to share its pass with: until there are `gather_tokens_count` tokens or one prompt for each
    copy of attention. Host times add to what the device does: `step_host_s` per decode step, `issue_s` per kernel of a
    pass that is not replayed from a graph, `request_s` and `token_s` before a request and per token of its prompt.
    `time_factor` is the software's maturity: time over that of calibrated kernels. With `fused_norms` sums over
    tensor-parallel ranks of small passes do the norm behind them in the same kernel.
    """

    mixed: bool
    reserved: bool
    chunk_tokens_count: float
    admission_steps_count: float
    step_host_s: float
    issue_s: float
    request_s: float
    token_s: float
    expert_skew_fraction: float
    time_factor: float
    fused_norms: bool = False
    gather_steps_count: float = 0.0
    gather_tokens_count: float = math.inf
    speculation: Speculation = NO_SPECULATION


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthSpread:
    """Standard deviations of a request's lengths, and how far long prompts go with long answers (-1 to 1)."""

    input_tokens_count: float
    output_tokens_count: float
    correlation_fraction: float


EQUAL_LENGTHS = LengthSpread(input_tokens_count=0.0, output_tokens_count=0.0, correlation_fraction=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeTask:
    """Requests of one shape to one model.

    `hit_fraction` of a prompt is found in the prefix cache: in device memory, or loaded at `reload_bytes_per_s` per
    accelerator from host memory or storage (infinite when it is on the device). `bunching_ratio` is how much closer
    together requests arrive than their clients make them. Lengths are means; `lengths` says how they scatter.
    """

    model: Model
    pattern: AttentionPattern
    formats: Formats
    engine: Engine
    input_tokens_count: float
    output_tokens_count: float
    hit_fraction: float = 0.0
    reload_bytes_per_s: float = math.inf
    bunching_ratio: float = 1.0
    lengths: LengthSpread = EQUAL_LENGTHS

    @property
    def decode_context_tokens_count(self) -> float:
        """Tokens that a decoding request sees on average: long answers decode longer, E[O (I + O/2)] / E[O]."""
        return self.decode_prompt_tokens_count + self.decode_output_tokens_count / 2.0

    @property
    def decode_prompt_tokens_count(self) -> float:
        """Prompt of a request met while it decodes, E[I O] / E[O]."""
        spread = self.lengths
        shared = spread.correlation_fraction * spread.input_tokens_count * spread.output_tokens_count
        return max(self.input_tokens_count + shared / self.output_tokens_count, 0.0)

    @property
    def decode_output_tokens_count(self) -> float:
        """Answer of a request met while it decodes, E[O^2] / E[O]."""
        return self.output_tokens_count + self.lengths.output_tokens_count**2 / self.output_tokens_count

    @property
    def prompt_context_tokens_count(self) -> float:
        """Tokens that a new prompt token sees on average: of a longer prompt there are more, E[I^2] / E[I]."""
        longer = 1.0 + (self.lengths.input_tokens_count / self.input_tokens_count) ** 2
        new = self.new_tokens_count
        return ((self.input_tokens_count - new) + new / 2.0) * longer + 0.5

    @property
    def new_tokens_count(self) -> float:
        """Prompt tokens that are computed; the last one always is."""
        return max(self.input_tokens_count * (1.0 - self.hit_fraction), 1.0)

    @property
    def full_layers_count(self) -> int:
        """Layers whose cache grows with the whole context."""
        return self.model.layers_count - self.pattern.windowed_layers_count - self.pattern.linear_layers_count

    @property
    def dense_layers_count(self) -> int:
        """Layers with a dense feed-forward block."""
        return dense_layers_count(self.model)

    @property
    def expert_layers_count(self) -> int:
        """Layers with routed experts."""
        return expert_layers_count(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLayouts:
    """How a worker spreads a model, `(candidate,)`.

    Attention is split `tp_count` ways and copied `copies_count` times (attention data parallelism); experts are split
    `expert_tp_count` ways each and spread over `ep_count` groups; `tp copies = expert_tp ep`. Stages multiply both.
    """

    tp_count: FloatArray
    copies_count: FloatArray
    expert_tp_count: FloatArray
    ep_count: FloatArray
    pp_count: FloatArray

    @property
    def accelerators_count(self) -> FloatArray:
        """Accelerators of one worker."""
        return self.tp_count * self.copies_count * self.pp_count


def workers(
    *, tp: float, copies: float = 1.0, expert_tp: float = 1.0, ep: float = 1.0, pp: float = 1.0
) -> WorkerLayouts:
    """One layout as an array of one."""
    values = (tp, copies, expert_tp, ep, pp)
    return WorkerLayouts(
        **{item.name: np.array([value]) for item, value in zip(fields(WorkerLayouts), values, strict=True)}
    )


def picked(layouts: WorkerLayouts, index: "np.typing.NDArray[np.intp]") -> WorkerLayouts:
    """The layouts at some places."""
    return WorkerLayouts(**{item.name: getattr(layouts, item.name)[index] for item in fields(WorkerLayouts)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one pass carries for each copy of attention, `(candidate,)`.

    `prompt_tokens_count` new tokens of `prompts_count` prompts, each seeing `prompt_context_count` tokens on average;
    `requests_count` decoding requests over `context_count` tokens each.
    """

    prompt_tokens_count: FloatArray
    prompts_count: FloatArray
    prompt_context_count: FloatArray
    requests_count: FloatArray
    context_count: FloatArray


def decode_batch(requests: FloatArray, context: FloatArray | float) -> Batch:
    """Decoding alone."""
    zero = np.zeros_like(requests)
    return Batch(
        prompt_tokens_count=zero,
        prompts_count=zero,
        prompt_context_count=zero,
        requests_count=requests,
        context_count=context + zero,
    )


def prompt_batch(task: ServeTask, tokens: FloatArray) -> Batch:
    """Prompt tokens alone: whole prompts, or pieces of one that see half of it on average."""
    new = task.new_tokens_count
    zero = np.zeros_like(tokens)
    return Batch(
        prompt_tokens_count=tokens,
        prompts_count=np.maximum(tokens / new, 1.0),
        prompt_context_count=zero + task.prompt_context_tokens_count,
        requests_count=zero,
        context_count=zero,
    )


def both(prompts: Batch, decoding: Batch) -> Batch:
    """Prompts and decoding requests in one pass."""
    return Batch(
        prompt_tokens_count=prompts.prompt_tokens_count,
        prompts_count=prompts.prompts_count,
        prompt_context_count=prompts.prompt_context_count,
        requests_count=decoding.requests_count,
        context_count=decoding.context_count,
    )


def stacked(*batches: Batch) -> Batch:
    """Several passes of each candidate, one after the other along the candidates."""
    return Batch(**{i.name: np.concatenate([getattr(b, i.name) for b in batches]) for i in fields(Batch)})


def repeated(layouts: WorkerLayouts, times: int) -> WorkerLayouts:
    """The layouts `times` times over, to go with `stacked` batches."""
    return WorkerLayouts(**{i.name: np.tile(getattr(layouts, i.name), times) for i in fields(WorkerLayouts)})
