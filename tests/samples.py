"""Small inputs made by hand, so that each stage can be tested without the catalogue."""

from dataclasses import replace
from datetime import date

import numpy as np
import xarray as xr

from gigawatt.entities.assumptions import (
    EngineFigures,
    KernelEfficiency,
    OperationAssumptions,
    OperatorLaw,
    Ranged,
    StepFigures,
)
from gigawatt.entities.capital import CostBook, Party, PartyRole, PowerBasis, PowerTarget, Treasury
from gigawatt.entities.contracts import EquityRound, Instalment, MilestoneTranches
from gigawatt.entities.hardware import Accelerator, Offer, Platform, Precision, SupplyStep
from gigawatt.entities.site import Leased, Owned, Plant, PowerStep, Site
from gigawatt.entities.stages import Inputs, Objective, Performance, SolverSettings
from gigawatt.entities.workload import (
    AttentionPattern,
    DenseFeedForward,
    GroupedQueryAttention,
    Model,
    Service,
    TrainingRun,
)
from gigawatt.provenance import Ledger
from gigawatt.timeline import Calendar

CALENDAR = Calendar(start=date(2027, 1, 1), month_count=36, months_per_period=3)


def exactly(value: float) -> Ranged:
    """A range without width."""
    return Ranged(low=value, best=value, high=value)


ENGINE = EngineFigures(
    step_host_s=exactly(0.5e-3),
    synchronous_host_s=exactly(2e-3),
    issue_s=exactly(10e-6),
    python_issue_s=exactly(20e-6),
    request_s=exactly(0.03),
    token_s=exactly(3e-6),
    expert_skew=exactly(0.4),
    arrival_bunching=exactly(1.0),
    acceptance=exactly(0.75),
    engine_kernels=exactly(1.0),
    prefill_load=exactly(0.8),
    software_excess=exactly(0.15),
    software_halving_months=6.0,
    memory_usable=exactly(0.9),
)

ACCELERATOR = Accelerator(
    peak_dense_flop_per_s={Precision.BF16: 2.5e15, Precision.FP8: 5e15, Precision.FP4: 10e15},
    memory_bytes=186e9,
    memory_bandwidth_bytes_per_s=8e12,
    scale_up_bandwidth_bytes_per_s=900e9,
    scale_out_bandwidth_bytes_per_s=50e9,
)

PLANT = Plant(
    id="gas-engine",
    most_mw=4.0,
    lead_months=2,
    cost_usd_per_mw=2e6,
    fixed_usd_per_mw_month=0.0,
    energy_usd_per_mwh=50.0,
    firm_fraction=1.0,
    energy_fraction=1.0,
    carbon_t_per_mwh=0.45,
)

PLATFORM = Platform(
    id="test-nvl72",
    name="Test NVL72",
    vendor="nvidia",
    accelerator=ACCELERATOR,
    accelerators_per_rack_count=72,
    scale_up_domain_count=72,
    rack_power_w=120_000.0,
    measured=True,
)

MODEL = Model(
    id="test-70b",
    layers_count=80,
    hidden_dim=8192,
    vocabulary_count=128_256,
    tied_embeddings=False,
    attention=GroupedQueryAttention(heads_count=64, kv_heads_count=8, head_dim=128),
    feed_forward=DenseFeedForward(ffn_dim=28_672, gated=True),
    parameters_count=70.6e9,
    active_parameters_count=70.6e9,
)


def offer(*, platform: Platform = PLATFORM, price_usd_per_rack: float = 3.5e6) -> Offer:
    """An offer of `platform`: 300 racks a month from the start, six months after the order."""
    return Offer(
        platform=platform,
        vendor="nvidia",
        price_usd_per_rack=price_usd_per_rack,
        supply=(SupplyStep(start=CALENDAR.start, racks_per_month=300.0),),
        software_from=CALENDAR.start,
        lead_months=6,
        life_months=60,
        book_life_months=60,
        residual_fraction=0.0,
        deposit_fraction=0.2,
        block_racks_count=8,
    )


def site(site_id: str = "alpha", **changes: object) -> Site:
    """An owned site: 100 MW from mid-2027, 250 MW a year later."""
    base = Site(
        id=site_id,
        name=site_id.title(),
        ownership=Owned(builder="builders"),
        power_steps=(
            PowerStep(start=date(2027, 7, 1), facility_mw=100.0),
            PowerStep(start=date(2028, 7, 1), facility_mw=250.0),
        ),
        construction_months=12,
        peak_pue=1.25,
        annual_pue=1.2,
        cooling="liquid",
        energy_price_usd_per_mwh=60.0,
        utility="utilities",
        platforms=(PLATFORM.id,),
        latitude=32.5,
        longitude=-99.8,
        slip_median_months=0.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def service(*, tokens_per_month: float = 2e14, price_usd_per_mtoken: float = 2.0) -> Service:
    """The same demand and price in every month."""
    months = CALENDAR.months
    return Service(
        id="chat",
        model=MODEL,
        pattern=AttentionPattern(),
        block_scaled=False,
        input_tokens_count=1000.0,
        output_tokens_count=1000.0,
        ttft_limit_s=2.0,
        tpot_limit_s=0.05,
        weight_precision=Precision.FP8,
        attention_precision=Precision.FP8,
        cache_precision=Precision.FP8,
        demand_tokens_per_month=dict.fromkeys(months, tokens_per_month),
        input_price_usd_per_mtoken=dict.fromkeys(months, price_usd_per_mtoken),
        output_price_usd_per_mtoken=dict.fromkeys(months, price_usd_per_mtoken),
    )


def run() -> TrainingRun:
    """A run of 1e25 FLOP in 2028."""
    return TrainingRun(
        id="run-1",
        model=MODEL,
        compute_flop=1e25,
        earliest=date(2028, 1, 1),
        deadline=date(2028, 12, 1),
        precision=Precision.FP8,
        sequence_tokens_count=8192,
        batch_tokens_count=16e6,
        accelerators_count=2304,
    )


def parties() -> tuple[Party, ...]:
    """Everybody who pays or is paid in the sample."""
    return (
        Party(id="openai", name="OpenAI", roles=(PartyRole.PROGRAMME,)),
        Party(id="nvidia", name="NVIDIA", roles=(PartyRole.VENDOR, PartyRole.INVESTOR)),
        Party(id="softbank", name="SoftBank", roles=(PartyRole.INVESTOR,)),
        Party(id="landlord", name="Landlord", roles=(PartyRole.SITE_PARTNER,)),
        Party(id="builders", name="Builders", roles=(PartyRole.BUILDER,)),
        Party(id="utilities", name="Utilities", roles=(PartyRole.UTILITY,)),
        Party(id="customers", name="Customers", roles=(PartyRole.CUSTOMERS,)),
    )


TRANCHES = MilestoneTranches(
    id="tranches",
    investor="nvidia",
    recipient="openai",
    unit_mw=100.0,
    basis=PowerBasis.FACILITY,
    amount_usd=5e8,
    cap_usd=1.5e9,
    platforms=(PLATFORM.id,),
    sites=("alpha", "beta"),
    signed=date(2027, 1, 1),
    paid_on_signature_count=0,
    payment_lag_months=1,
    binding=False,
)

ROUND = EquityRound(
    id="round",
    investor="softbank",
    recipient="openai",
    instalments=(Instalment(on=date(2027, 4, 1), amount_usd=2e9),),
)


def small_inputs(**changes: object) -> Inputs:
    """Two sites (one owned, one leased), one platform, one service, one run, three years by quarter."""
    lease = Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03)
    base = Inputs(
        name="sample",
        title="Sample",
        programme="openai",
        customers="customers",
        calendar=CALENDAR,
        objective=Objective.NPV,
        discount_rate_fraction=0.1,
        offers=(offer(),),
        sites=(site("alpha"), site("beta", ownership=lease, longitude=-95.0)),
        services=(service(),),
        runs=(run(),),
        parties=parties(),
        contracts=(TRANCHES, ROUND),
        targets=(PowerTarget(facility_mw=200.0, deadline=date(2029, 6, 1), platforms=(PLATFORM.id,)),),
        treasury=Treasury(opening_cash_usd=3e9, minimum_cash_usd=0.0),
        costs=CostBook(
            building_usd_per_facility_mw=6.5e6,
            cooling_usd_per_facility_mw=3.0e6,
            power_usd_per_facility_mw=2.8e6,
            grid_usd_per_facility_mw=1.1e6,
            network_usd_per_it_mw=5.0e6,
            storage_usd_per_it_mw=0.6875e6,
            facility_operation_fraction_per_year=0.03,
            systems_operation_fraction_per_year=0.02,
            facility_book_life_months=240,
            facility_residual_fraction=0.0,
        ),
        operator_law=OperatorLaw.ROOFLINE,
        efficiency=KernelEfficiency(
            gemm=Ranged(low=0.55, best=0.65, high=0.75),
            attention=Ranged(low=0.4, best=0.5, high=0.6),
            memory_bandwidth=Ranged(low=0.7, best=0.8, high=0.9),
            scale_up_bandwidth=Ranged(low=0.6, best=0.7, high=0.8),
            scale_out_bandwidth=Ranged(low=0.6, best=0.7, high=0.8),
            launch_s=Ranged(low=3e-6, best=5e-6, high=8e-6),
        ),
        step=StepFigures(
            host_issue_s=exactly(10e-6),
            contention=exactly(0.2),
            attention_backward=exactly(1.25),
            scan_backward=exactly(1.25),
            accumulation=exactly(1.0),
            permutation=exactly(1.0),
            fused_loss=exactly(1.0),
            token_exchange_s=exactly(0.0),
            device_spread=exactly(0.0),
            reserved_bytes=exactly(4e9),
            fragmentation=exactly(0.05),
            host_link_bytes_per_s=exactly(5e10),
            host_memory_bytes=exactly(2.5e11),
            waiting_power=exactly(0.5),
        ),
        engine=ENGINE,
        operation=OperationAssumptions(
            availability=exactly(0.95),
            training_ettr=exactly(0.9),
            serving_load=exactly(0.5),
            mean_power=exactly(0.8),
            fabric_power=exactly(0.1),
            memory_usable=exactly(0.9),
            ramp_months=2,
            slip_spread=exactly(0.5),
            software_first=exactly(1.0),
            software_halving_months=6,
            software_gain_fraction_per_year=0.0,
        ),
        solver=SolverSettings(gap_fraction=0.001, time_limit_s=60.0),
        ledger=Ledger(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def small_performance(*, tokens_per_s_per_rack: float = 500e3, flop_per_s_per_rack: float = 1.2e17) -> Performance:
    """A performance result with the given median rates and bands of -20 % and +20 %."""
    quantile = np.array([0.1, 0.5, 0.9])
    factor = xr.DataArray(np.array([0.8, 1.0, 1.2]), dims="quantile", coords={"quantile": quantile})
    pair = xr.DataArray(
        np.ones((1, 1)), dims=("platform", "service"), coords={"platform": [PLATFORM.id], "service": ["chat"]}
    )
    front = xr.DataArray([1.2, 0.6], dims="interactivity", coords={"interactivity": [20.0, 80.0]})
    load = xr.DataArray([0.6, 1.0], dims="load", coords={"load": [0.5, 1.0]})
    mix = xr.DataArray([1.0, 2.0], dims="prompt_share", coords={"prompt_share": [0.5, 0.8]})
    run_pair = pair.rename(service="run").assign_coords(run=["run-1"])
    serving = xr.Dataset(
        {
            "tokens_per_s_per_rack": pair * factor * tokens_per_s_per_rack,
            "output_tokens_per_s_per_rack": pair * factor * tokens_per_s_per_rack / 2,
            "ttft_s": pair * factor * 0.5,
            "tpot_s": pair * factor * 0.02,
            "batch_count": pair * factor * 64,
            "front_output_tokens_per_s_per_rack": pair * factor * front * tokens_per_s_per_rack / 2,
            "load_ttft_s": pair * load * 0.5,
            "load_tpot_s": pair * load * 0.02,
            "mix_tokens_per_s_per_rack": pair * mix * tokens_per_s_per_rack,
            "deployment_accelerators_count": pair * 24,
            "prefill_workers_count": pair * 2,
            "decode_workers_count": pair,
            **{
                f"{role}_{name}_count": pair
                for role in ("prefill", "decode")
                for name in ("tensor_parallel", "attention_copies", "expert_parallel", "pipeline_parallel")
            },
        }
    )
    training = xr.Dataset(
        {
            "flop_per_s_per_rack": run_pair * factor * flop_per_s_per_rack,
            "mfu_fraction": run_pair * factor * 0.33,
            "step_time_s": run_pair * factor * 10.0,
            "tp_count": run_pair * 8,
            "cp_count": run_pair,
            "pp_count": run_pair * 4,
            "dp_count": run_pair * 72,
            "ep_count": run_pair,
            "micro_batch_count": run_pair,
            "memory_bytes": run_pair * 150e9,
        }
    )
    return Performance(serving=serving, training=training, refusals={})
