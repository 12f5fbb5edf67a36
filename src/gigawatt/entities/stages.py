"""What each stage hands to the next. A later stage reads earlier results and never writes to them.

Datasets are labelled: `attrs["units"]` on every variable, dimensions named
`site platform service run contract party period month quantile`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import polars as pl
import xarray as xr

from gigawatt.entities.assumptions import (
    EngineFigures,
    KernelEfficiency,
    OperationAssumptions,
    OperatorLaw,
    StepFigures,
)
from gigawatt.entities.capital import CostBook, Party, PowerTarget, Treasury
from gigawatt.entities.contracts import Contract
from gigawatt.entities.hardware import Offer
from gigawatt.entities.site import Site
from gigawatt.entities.workload import Service, TrainingRun
from gigawatt.provenance import Ledger
from gigawatt.timeline import Calendar


class Objective(StrEnum):
    """What a plan maximizes."""

    NPV = "npv"
    SERVED_TOKENS = "served-tokens"
    EARLIEST_TARGET = "earliest-target"
    TRAINING_COMPUTE = "training-compute"
    COST_OF_TARGET = "cost-of-target"
    WEIGHTED = "weighted"
    """A sum of others in USD; stated by its terms, never by this name."""


class EndValue(StrEnum):
    """What a plan counts of what still stands when its horizon ends."""

    NOTHING = "none"
    BOOKS = "books"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A term of a weighted objective; what less is better of counts against the sum."""

    objective: Objective
    usd_per_unit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One of the goals that a plan pursues in order, as its author wrote it.

    `weights` are those of a weighted objective; `within_fraction` is the share that may be given up for later goals.
    """

    text: str
    objective: Objective
    weights: tuple[Weight, ...] = ()
    within_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverSettings:
    """When the search for a better plan may stop."""

    gap_fraction: float
    time_limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A scenario with everything resolved: nouns only, no names left to look up.

    `programme` is the party whose plan this is; `customers` the party that pays for tokens. `targets` may be empty.
    `goals` may be empty where `objective`, that of the first, is all that is pursued. `end_value` is what the plan's
    present value counts of what stands at the end.
    """

    name: str
    title: str
    programme: str
    customers: str
    calendar: Calendar
    objective: Objective
    discount_rate_fraction: float
    offers: tuple[Offer, ...]
    sites: tuple[Site, ...]
    services: tuple[Service, ...]
    runs: tuple[TrainingRun, ...]
    parties: tuple[Party, ...]
    contracts: tuple[Contract, ...]
    targets: tuple[PowerTarget, ...]
    treasury: Treasury
    costs: CostBook
    operator_law: OperatorLaw
    efficiency: KernelEfficiency
    step: StepFigures
    engine: EngineFigures
    operation: OperationAssumptions
    solver: SolverSettings
    ledger: Ledger
    carbon_cap_t_per_year: float | None = None
    goals: tuple[Goal, ...] = ()
    end_value: EndValue = EndValue.NOTHING

    @property
    def pursued(self) -> tuple[Goal, ...]:
        """The goals in order, the objective alone where no others are stated."""
        return self.goals or (Goal(text=str(self.objective), objective=self.objective),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What one rack does.

    `serving`, dims `(platform, service, quantile)`: `tokens_per_s_per_rack` (input plus output tokens, at the
    service level, racks fully loaded), `output_tokens_per_s_per_rack`, `ttft_s`, `tpot_s`, `batch_count` (requests in
    flight in a deployment), with `interactivity` (tokens per second and user) as a further dimension
    `front_output_tokens_per_s_per_rack`, the most output tokens at that speed within the TTFT; the curve of a fleet,
    `load_ttft_s` and `load_tpot_s` with the dimension `load` (over capacity) and `mix_tokens_per_s_per_rack` with
    `prompt_share` (of a request's tokens, as many as the service's); and of the deployment at the median
    `(platform, service)`: `deployment_accelerators_count`, `prefill_workers_count` (0 where workers compute prompts and
    answers), `decode_workers_count`, and of a `prefill_` and a `decode_` worker `tensor_parallel_count`,
    `attention_copies_count`, `expert_parallel_count`, `pipeline_parallel_count`.
    `training`, dims `(platform, run, quantile)`: `flop_per_s_per_rack` (model FLOP), `mfu_fraction`, `step_time_s`,
    and `(platform, run)`: `tp_count`, `cp_count`, `pp_count`, `dp_count`, `ep_count`, `micro_batch_count`,
    `memory_bytes`; where a run may stand at several sites, `spread_flop_per_s_per_rack`
    `(platform, run, site_count, quantile)` of two and more sites.
    A pair that cannot run (does not fit, misses its service level) is NaN in `tokens_per_s_per_rack` or
    `flop_per_s_per_rack`, with its reason in `refusals`, keyed `platform/service` or `platform/run`.
    Quantiles are 0.1, 0.5 and 0.9.
    """

    serving: xr.Dataset
    training: xr.Dataset
    refusals: Mapping[str, str]


class SolveStatus(StrEnum):
    """How the search for a plan ended."""

    OPTIMAL = "optimal"
    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What to build where and when, by planning period.

    `decisions`: `ordered_racks`, `installed_racks`, `arrived_racks`, `retired_racks` `(site, platform, period)`;
    `built_facility_mw` (in all, at the period's start) `(site, period)`; `serving_racks` `(site, platform, service,
    period)`; `training_racks` `(site, platform, run, period)`; `served_tokens` `(service, period)`; `training_flop`
    `(run, period)`; `milestones_count` `(contract, period)`; `cash_usd` `(period,)` at the period's end; `loan_taken`
    `(loan,)`, 1 for each loan that the plan takes; where a scenario allows them, `plant_mw` `(plant, period)`,
    `generated_mwh` `(plant, month)`, `missing_racks` `(window,)` of allocations, and `sold_racks` `(site, platform,
    resale, period)`, racks that leave early in `period`, by age. `objective_value` and `bound` are in the objective's
    own unit (USD, tokens, FLOP or periods), those of the first goal where there are several; `goal_values` has what
    each reaches, empty where there is one. `marginals` holds, by family of constraints, what one more unit of each
    limit would add to the present value (`planning.marginals`); `binding` says in words what holds the plan back. A
    plan made anew on a later day also has in `decisions` what stood on that day (`planning.holding`).
    """

    objective: Objective
    status: SolveStatus
    gap_fraction: float
    objective_value: float
    bound: float
    decisions: xr.Dataset
    marginals: xr.Dataset
    binding: tuple[str, ...]
    goal_values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The plan as it plays out, month by month.

    `state`: `installed_racks` (in service), `in_transit_racks` (ordered, not yet in service), `ordered_racks`,
    `retired_racks` (of that month), `energized_it_mw`, `energized_facility_mw` (power of racks in service)
    `(site, platform, month)`; `available_facility_mw`,
    `built_facility_mw` `(site, month)`; `energy_mwh` `(site, month)` at the meter; `served_tokens`, `output_tokens`
    `(platform, service, month)`; `serving_rack_hours` `(platform, service, month)`; `rack_hours`
    `(site, platform, month)`; `training_flop` `(run, month)`; `sold_racks` `(site, platform, resale, month)` of those
    retired, where racks may leave early; `plant_mw` and `generated_mwh` `(plant, month)`, where sites may have plants
    of their own, with `plant_late_months` `(plant,)` that they come after the plan's month (negative: before it).
    `slips`: months that each power step slipped, polars columns `site`, `step`, `planned`, `actual`.
    """

    state: xr.Dataset
    slips: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """One tranche earned: the `gigawatt`-th unit was energized in the month of `reached` and paid on `paid`."""

    contract: str
    gigawatt: int
    reached: date
    paid: date
    amount_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """The money.

    `flows`: one row per payment with polars columns `month` (Date), `payer`, `payee`, `purpose`
    (`finance.flows.Purpose`), `kind` (`capex`, `opex`, `revenue`, `financing`, `tax`), `site` and `platform` ("" when
    none), `amount_usd` (positive, whole cents). NPV and IRR are the programme's, of operating and investment
    flows, financing and tax left out. `irr_fraction` is NaN when the flows have no single rate of return.
    `unit_costs`: polars columns `platform`, `usd_per_mtoken`, `usd_per_accelerator_hour`, over the whole horizon at the
    discount rate, from all parties' cost of the systems (not the prices between parties).
    `exposures`: polars columns `contract`, `party`, `month`, `amount_usd` of contingent claims. `stakes`: one row per
    payment for shares: `contract`, `month`, `issuer`, `holder`, `paid_usd`, `pre_money_usd`, `stake_fraction` of all
    shares there are after it, `shares_count` (of warrants), `value_usd`; what does not apply is null. `loans`: by
    `contract` and `month`: `drawn_usd`, `interest_usd`, `principal_usd`, `unpaid_usd`, `balance_usd` owed at its end,
    `available_usd` for debt service, `collateral_usd`, `reserve_usd` to keep aside. `events`: `contract`, `month`,
    `party`, `event`, `amount_usd`: covenants broken, defaults, warrants vested.
    """

    flows: pl.DataFrame
    milestones: tuple[Milestone, ...]
    npv_usd: float
    irr_fraction: float
    peak_funding_usd: float
    peak_funding_month: date
    capex_usd: Mapping[str, float]
    opex_usd: Mapping[str, float]
    revenue_usd: float
    unit_costs: pl.DataFrame
    exposures: pl.DataFrame
    stakes: pl.DataFrame
    loans: pl.DataFrame
    events: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a study was made from; the same manifest gives the same content hash."""

    version: str
    scenario: str
    scenario_sha256: str
    catalogue_sha256: str
    seed: int
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """What a programme does not choose: one draw, or the expectation.

    `slip_months` `(site, step)` months that each power step comes late; `performance_factor` `(platform,)` what racks
    do over the median prediction; `availability_fraction` and `training_ettr_fraction` of the fleet;
    `software_first_fraction` what serving software delivers in a platform's first month over mature software;
    `cost_factor` (by name of a unit cost) and `price_factor` `(platform,)` what is paid over what the plan counts on,
    1 where absent, `energy_price_factor` `(site,)` and `plant_cost_factor` (by `site/plant/cost`) likewise;
    `plant_slip_months` (by `site/plant`) months that plants and grid steps of the programme's own come after their
    lead time, the expected ones where absent.
    """

    slip_months: Mapping[str, tuple[int, ...]]
    performance_factor: Mapping[str, float]
    availability_fraction: float
    training_ettr_fraction: float
    software_first_fraction: float
    cost_factor: Mapping[str, float] = field(default_factory=dict)
    price_factor: Mapping[str, float] = field(default_factory=dict)
    plant_slip_months: Mapping[str, int] = field(default_factory=dict)
    energy_price_factor: Mapping[str, float] = field(default_factory=dict)
    plant_cost_factor: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """P10, P50 and P90 of the headline figures over sampled histories.

    `monthly` dims `(quantile, month)`: `energized_facility_mw`, `served_tokens`; `headline` maps a figure's name
    to `(p10, p50, p90)`; `draws_count` histories were sampled.
    """

    monthly: xr.Dataset
    headline: Mapping[str, tuple[float, float, float]]
    draws_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A scenario's whole answer."""

    inputs: Inputs
    performance: Performance
    plan: BuildPlan
    history: History
    appraisal: Appraisal
    bands: Bands
    manifest: Manifest
