"""Replicas and how they are run: what a simulation of requests is about."""

from dataclasses import dataclass

from gigawatt.requests.costs import StepCosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a request takes before a replica can see it: its handling, and its tokens."""

    request_s: float
    token_s: float


NO_HOST = Host(request_s=0.0, token_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One copy of a model, ready to serve: step times, memory for key-value cache, and IT power busy and idle.

    Traces say when requests reach replicas; `host` time lies before that and adds to what clients see. Prefixes that
    leave device memory are kept beside it, `beside_tokens_count` tokens of them, each read in `beside_s_per_token`.
    """

    costs: StepCosts
    kv_tokens_count: int
    accelerators_count: int
    busy_power_w: float
    idle_power_w: float
    host: Host = NO_HOST
    beside_tokens_count: int = 0
    beside_s_per_token: float = 0.0

    @property
    def reads_sooner(self) -> bool:
        """Whether a token is read sooner than a full step computes it; else nothing is kept beside the device."""
        return self.beside_s_per_token < float(self.costs.pass_s[-1]) / self.costs.step_tokens_limit_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Like replicas; `least_count` to `most_count` of them are on, `start_count` at the start."""

    replica: Replica
    start_count: int
    least_count: int
    most_count: int


def fixed_pool(replica: Replica, count: int) -> Pool:
    """A pool of `count` replicas that are always on."""
    return Pool(replica=replica, start_count=count, least_count=count, most_count=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated:
    """Every replica computes prompts and answers."""

    pool: Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaggregated:
    """One pool computes prompts, another answers; the cache moves from one to the other.

    A request's cache stays where it was computed until a place in the decode pool is free for it and it has moved
    there, which takes `move_start_s` and `move_s_per_token` for each token.
    """

    prefill: Pool
    decode: Pool
    move_start_s: float
    move_s_per_token: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How a replica puts its steps together.

    Memory is given out in blocks of `block_tokens_count` tokens. A new request must leave `reserve_fraction` of the
    memory available, unless the replica is empty. `queue_limit_count` (None: no limit) is the longest line at a
    replica; requests beyond it are turned away. Prefixes are reused where a trace names them (`prefix_reuse`).
    """

    block_tokens_count: int
    reserve_fraction: float
    queue_limit_count: int | None = None
    prefix_reuse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Replicas fail and are repaired after exponential times with these means."""

    between_failures_s: float
    repair_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How often the scaler decides, and how long a replica takes to start."""

    interval_s: float
    startup_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Replicas with their batching; None where nothing fails or the number of replicas is fixed."""

    serving: Aggregated | Disaggregated
    batching: Batching
    failures: Failures | None = None
    scaling: Scaling | None = None

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The entry pool and, if there is one, the decode pool."""
        match self.serving:
            case Aggregated(pool=pool):
                return (pool,)
            case Disaggregated(prefill=prefill, decode=decode):
                return (prefill, decode)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What a request is promised."""

    ttft_limit_s: float
    tpot_limit_s: float
