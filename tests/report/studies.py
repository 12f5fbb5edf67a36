"""A rich study made by hand: ten sites, two platforms, eight years, ten milestones. No stage runs to make it."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import xarray as xr

from gigawatt.entities.capital import Party, PartyRole, PowerBasis
from gigawatt.entities.contracts import EquityRound, Instalment, MilestoneTranches, ResidualGuarantee
from gigawatt.entities.hardware import Offer, Platform, SupplyStep
from gigawatt.entities.site import Cloud, Leased, Owned, Ownership, PowerStep, Site
from gigawatt.entities.stages import (
    Appraisal,
    Bands,
    BuildPlan,
    History,
    Inputs,
    Manifest,
    Milestone,
    Objective,
    Performance,
    SolveStatus,
    Study,
)
from gigawatt.entities.workload import Placement, Service, TrainingRun
from gigawatt.finance.contracts.given import EVENT_SCHEMA, LOAN_SCHEMA, STAKE_SCHEMA
from gigawatt.finance.flows import whole_cents
from gigawatt.provenance import Evidence, Grade, Ledger, Source
from gigawatt.store import content_sha256
from gigawatt.timeline import Calendar
from gigawatt.units import CENTS_PER_USD
from tests.samples import PLATFORM, offer, run, service, small_inputs

CALENDAR = Calendar(start=date(2026, 7, 1), month_count=96, months_per_period=3)
MONTHS = np.array(CALENDAR.months, dtype="datetime64[ns]")
PLATFORMS = ("gb300-nvl72", "vr-nvl72")
PUE = 1.25
IT_MW_PER_RACK = {"gb300-nvl72": 0.155, "vr-nvl72": 0.255}
PRICE_USD_PER_RACK = {"gb300-nvl72": 4.0e6, "vr-nvl72": 7.8e6}

# id, name, partner, kind, latitude, longitude, steps (month index, MW)
PLACES: tuple[tuple[str, str, str, str, float, float, tuple[tuple[int, float], ...]], ...] = (
    ("abilene", "Stargate Abilene", "oracle", "cloud", 32.50, -99.78, ((0, 600.0), (6, 1200.0))),
    ("shackelford", "Stargate Shackelford", "oracle", "cloud", 32.71, -99.33, ((9, 500.0), (18, 1400.0))),
    ("dona-ana", "Stargate Doña Ana", "oracle", "cloud", 31.79, -106.70, ((18, 700.0), (30, 1500.0))),
    ("lordstown", "Stargate Lordstown", "softbank", "leased", 41.17, -80.86, ((12, 200.0), (24, 750.0))),
    ("milam", "Stargate Milam", "softbank", "leased", 30.62, -97.03, ((15, 300.0), (27, 1000.0))),
    ("saline", "Stargate Saline", "related", "leased", 42.17, -83.78, ((24, 600.0), (36, 1000.0))),
    ("port-washington", "Stargate Port Washington", "vantage", "leased", 43.39, -87.87, ((30, 400.0), (42, 900.0))),
    ("piketon", "PORTS-Pike", "nvidia", "leased", 39.01, -83.00, ((42, 1000.0), (57, 2200.0))),
    ("norway", "Stargate Norway", "nscale", "owned", 68.44, 17.43, ((8, 230.0), (30, 520.0))),
    ("uae", "Stargate UAE", "g42", "owned", 24.36, 54.50, ((6, 200.0), (33, 1000.0))),
)

PARTIES = (
    ("openai", "OpenAI", (PartyRole.PROGRAMME,)),
    ("nvidia", "NVIDIA", (PartyRole.VENDOR, PartyRole.INVESTOR, PartyRole.SITE_PARTNER)),
    ("oracle", "Oracle", (PartyRole.SITE_PARTNER,)),
    ("softbank", "SoftBank", (PartyRole.INVESTOR, PartyRole.SITE_PARTNER)),
    ("related", "Related Digital", (PartyRole.SITE_PARTNER,)),
    ("vantage", "Vantage", (PartyRole.SITE_PARTNER,)),
    ("nscale", "Nscale", (PartyRole.BUILDER,)),
    ("g42", "G42", (PartyRole.BUILDER,)),
    ("builders", "Builders", (PartyRole.BUILDER,)),
    ("utilities", "Utilities", (PartyRole.UTILITY,)),
    ("customers", "Customers", (PartyRole.CUSTOMERS,)),
)

NVIDIA_NEWS = Source(
    id="nv-loi",
    publisher="NVIDIA",
    url="https://nvidianews.nvidia.com/news/openai-and-nvidia-announce-strategic-partnership",
    date="2025-09-22",
    tier="primary",
)


def months(frame_months: object = CALENDAR.months) -> list[date]:
    """The calendar's months as a list."""
    return list(frame_months)  # type: ignore[call-overload,no-any-return]  # a tuple of dates


def _platform(platform_id: str, name: str, *, measured: bool) -> Platform:
    watts = IT_MW_PER_RACK[platform_id] * 1e6 / 1.1
    return replace(PLATFORM, id=platform_id, name=name, rack_power_w=watts, measured=measured)


def _offers() -> tuple[Offer, ...]:
    names = {"gb300-nvl72": ("GB300 NVL72", True), "vr-nvl72": ("Vera Rubin NVL72", False)}
    return tuple(
        replace(
            offer(
                platform=_platform(key, names[key][0], measured=names[key][1]),
                price_usd_per_rack=PRICE_USD_PER_RACK[key],
            ),
            supply=(SupplyStep(start=CALENDAR.start, racks_per_month=900.0),),
        )
        for key in PLATFORMS
    )


def _ownership(kind: str, partner: str) -> Ownership:
    if kind == "cloud":
        return Cloud(provider=partner, price_usd_per_facility_mw_month=1.1e6)
    if kind == "leased":
        return Leased(lessor=partner, rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03)
    return Owned(builder=partner)


def _sites() -> tuple[Site, ...]:
    return tuple(
        Site(
            id=key,
            name=name,
            ownership=_ownership(kind, partner),
            power_steps=tuple(PowerStep(start=CALENDAR.months[at], facility_mw=mw) for at, mw in steps),
            construction_months=18,
            peak_pue=PUE,
            annual_pue=1.18,
            cooling="liquid",
            energy_price_usd_per_mwh=55.0,
            utility="utilities",
            platforms=PLATFORMS,
            latitude=latitude,
            longitude=longitude,
            slip_median_months=2.0,
        )
        for key, name, partner, kind, latitude, longitude, steps in PLACES
    )


def _ledger() -> Ledger:
    entries = [
        Evidence(
            key="deals/nvidia-openai-loi-2025/amount",
            text="100 bn USD",
            grade=Grade.OFFICIAL,
            origin="catalogue",
            sources=(NVIDIA_NEWS,),
            as_of="2025-09-22",
            note="up to, progressively as each gigawatt is deployed",
        ),
        Evidence(
            key="scenario/programme.discount_rate",
            text="10 percent",
            grade=Grade.ASSUMED,
            origin="default",
            low="8 percent",
            high="14 percent",
        ),
        Evidence(key="scenario/treasury.opening_cash", text="60 bn USD", grade=Grade.ASSUMED, origin="scenario"),
    ]
    for index, (key, name, *_rest) in enumerate(PLACES):
        entries.append(
            Evidence(
                key=f"sites/{key}/planned",
                text=f"{PLACES[index][6][-1][1]:g} MW facility",
                grade=(Grade.REPORTED, Grade.ESTIMATE, Grade.DERIVED, Grade.UNVERIFIED)[index % 4],
                origin="catalogue",
                sources=(replace(NVIDIA_NEWS, id=f"s{index}", publisher="A newspaper <b>bold</b>"),),
                as_of="2026-09-10",
                note=f"{name}, site power",
            )
        )
    return Ledger(entries=tuple(sorted(entries, key=lambda entry: entry.key)))


def inputs() -> Inputs:
    """Ten sites of the founding case, roughly."""
    chat = service()
    demand = {day: 4.2e15 * 1.031**index for index, day in enumerate(CALENDAR.months)}
    services = tuple(
        Service(
            id=key,
            model=chat.model,
            pattern=chat.pattern,
            block_scaled=chat.block_scaled,
            input_tokens_count=chat.input_tokens_count,
            output_tokens_count=chat.output_tokens_count,
            ttft_limit_s=2.0,
            tpot_limit_s=0.05,
            weight_precision=chat.weight_precision,
            attention_precision=chat.attention_precision,
            cache_precision=chat.cache_precision,
            demand_tokens_per_month={day: amount * share for day, amount in demand.items()},
            input_price_usd_per_mtoken=dict.fromkeys(CALENDAR.months, price),
            output_price_usd_per_mtoken=dict.fromkeys(CALENDAR.months, price),
        )
        for key, share, price in (("chat", 0.7, 0.12), ("agents", 0.3, 0.24))
    )
    runs: tuple[TrainingRun, ...] = (
        replace(run(), id="frontier-2027", compute_flop=5e26, earliest=date(2026, 10, 1), deadline=date(2027, 9, 1)),
        replace(
            run(),
            id="frontier-2029",
            compute_flop=5e27,
            earliest=date(2028, 1, 1),
            deadline=date(2029, 6, 1),
            accelerators_count=72_000,
            placement=Placement(sites=("abilene", "shackelford"), most_sites_count=1, wide_area=None),
        ),
    )
    tranches = MilestoneTranches(
        id="nvidia-tranches",
        investor="nvidia",
        recipient="openai",
        unit_mw=1000.0,
        basis=PowerBasis.FACILITY,
        amount_usd=10e9,
        cap_usd=100e9,
        platforms=PLATFORMS,
        sites=tuple(place[0] for place in PLACES),
        signed=date(2026, 7, 1),
        paid_on_signature_count=0,
        payment_lag_months=1,
        binding=False,
    )
    equity = EquityRound(
        id="softbank-round",
        investor="softbank",
        recipient="openai",
        instalments=(
            Instalment(on=date(2026, 10, 1), amount_usd=20e9),
            Instalment(on=date(2027, 4, 1), amount_usd=20e9),
        ),
    )
    guarantee = ResidualGuarantee(
        id="piketon-guarantee",
        guarantor="nvidia",
        lessor="softbank",
        lessee="openai",
        site="piketon",
        covered_it_mw=1000.0,
        cap_usd=8e9,
    )
    return small_inputs(
        name="ten-sites",
        title="Ten sites, ten gigawatts",
        calendar=CALENDAR,
        offers=_offers(),
        sites=_sites(),
        services=services,
        runs=runs,
        parties=tuple(Party(id=key, name=name, roles=roles) for key, name, roles in PARTIES),
        contracts=(tranches, equity, guarantee),
        targets=(),
        ledger=_ledger(),
    )


def _racks() -> xr.DataArray:
    """Racks in service (site, platform, month): each site fills its power over nine months."""
    racks = np.zeros((len(PLACES), 2, CALENDAR.month_count))
    for row, (*_rest, steps) in enumerate(PLACES):
        for at, power_mw in steps:
            column = 0 if at < 12 else 1
            before = racks[row, :, at - 1] if at else np.zeros(2)
            room_mw = power_mw - sum(before[i] * IT_MW_PER_RACK[key] * PUE for i, key in enumerate(PLATFORMS))
            most = np.floor(room_mw / (IT_MW_PER_RACK[PLATFORMS[column]] * PUE) / 8) * 8
            fill = np.clip((np.arange(CALENDAR.month_count) - at + 1) / 9, 0, 1) * most
            racks[row, column] += np.floor(fill / 8) * 8
    return xr.DataArray(
        racks,
        dims=("site", "platform", "month"),
        coords={"site": [place[0] for place in PLACES], "platform": list(PLATFORMS), "month": MONTHS},
        attrs={"units": "rack"},
    )


def _named(array: xr.DataArray, units: str) -> xr.DataArray:
    return array.assign_attrs(units=units)


def _at_most_wanted(tokens: xr.DataArray) -> xr.DataArray:
    wanted = [[row.demand_tokens_per_month[day] for day in CALENDAR.months] for row in inputs().services]
    limit = xr.DataArray(wanted, dims=("service", "month"), coords={"service": ["chat", "agents"], "month": MONTHS})
    return tokens * (limit / tokens.sum("platform")).clip(max=1.0)


def history() -> History:
    """What stands and runs, month by month."""
    racks = _racks()
    power = xr.DataArray(list(IT_MW_PER_RACK.values()), dims="platform", coords={"platform": list(PLATFORMS)})
    it_mw = racks * power
    facility_mw = it_mw * PUE
    arrived = racks.diff("month", label="upper").reindex(month=racks.month, fill_value=0.0)
    arrived[{"month": 0}] = racks.isel(month=0)
    available = xr.zeros_like(racks.isel(platform=0, drop=True))
    for row, (*_rest, steps) in enumerate(PLACES):
        for at, power_mw in steps:
            available[row, at:] = power_mw
    hours = xr.DataArray(CALENDAR.month_hours, dims="month", coords={"month": MONTHS})
    rate = xr.DataArray([0.5e6, 1.6e6], dims="platform", coords={"platform": list(PLATFORMS)})
    share = xr.DataArray([0.55, 0.30], dims="service", coords={"service": ["chat", "agents"]})
    rack_hours = racks * hours * 0.93
    serving_hours = rack_hours.sum("site") * share
    tokens = _at_most_wanted(serving_hours * rate * 3600 * 0.5)
    flop = (
        xr.zeros_like(tokens.isel(platform=0, drop=True))
        .rename(service="run")
        .assign_coords(run=["frontier-2027", "frontier-2029"])
    )
    flop[{"run": 0, "month": slice(4, 13)}] = 5e26 / 9
    flop[{"run": 1, "month": slice(20, 40)}] = 5e27 / 20
    state = xr.Dataset(
        {
            "installed_racks": racks,
            "in_transit_racks": _named(arrived.shift(month=-3, fill_value=0.0), "rack"),
            "ordered_racks": _named(arrived.shift(month=-6, fill_value=0.0), "rack"),
            "retired_racks": _named(xr.zeros_like(racks), "rack"),
            "energized_it_mw": _named(it_mw, "MW IT"),
            "energized_facility_mw": _named(facility_mw, "MW facility"),
            "available_facility_mw": _named(available, "MW facility"),
            "built_facility_mw": _named(available, "MW facility"),
            "energy_mwh": _named(it_mw.sum("platform") * 1.18 * 0.8 * hours, "MWh"),
            "served_tokens": _named(tokens, "token"),
            "output_tokens": _named(tokens * 0.5, "token"),
            "serving_rack_hours": _named(serving_hours, "rack h"),
            "rack_hours": _named(rack_hours, "rack h"),
            "training_flop": _named(flop, "FLOP"),
        }
    )
    slips = pl.DataFrame(
        {
            "site": ["abilene", "uae"],
            "step": [0, 1],
            "planned": [date(2026, 7, 1), date(2029, 4, 1)],
            "actual": [date(2026, 9, 1), date(2029, 6, 1)],
        }
    )
    return History(state=state, slips=slips)


def _milestones(total_mw: np.ndarray) -> tuple[Milestone, ...]:
    reached = np.floor(np.maximum.accumulate(total_mw) / 1000.0)
    earned: list[Milestone] = []
    for gigawatt in range(1, min(int(reached[-1]), 10) + 1):
        at = int(np.argmax(reached >= gigawatt))
        paid = CALENDAR.months[at + 1]
        earned.append(
            Milestone(
                contract="nvidia-tranches", gigawatt=gigawatt, reached=CALENDAR.months[at], paid=paid, amount_usd=10e9
            )
        )
    return tuple(earned)


def _flow(
    month: date,
    payer: str,
    payee: str,
    purpose: str,
    kind: str,
    amount_usd: float,
    *,
    site: str = "",
    platform: str = "",
) -> dict[str, object]:
    return {
        "month": month,
        "payer": payer,
        "payee": payee,
        "purpose": purpose,
        "kind": kind,
        "site": site,
        "platform": platform,
        "amount_usd": round(amount_usd, 2),
    }


def _site_capex(past: History, key: str, partner: str, kind: str) -> list[dict[str, object]]:
    here = past.state.sel(site=key)
    system_buyer, builder_pays = (partner if kind == "cloud" else "openai"), ("openai" if kind == "owned" else partner)
    rows: list[dict[str, object]] = []
    before_mw = 0.0
    for index, month in enumerate(CALENDAR.months):
        for platform in PLATFORMS:
            cost = float(here.ordered_racks.sel(platform=platform)[index]) * PRICE_USD_PER_RACK[platform]
            if cost > 0:
                rows.append(_flow(month, system_buyer, "nvidia", "systems", "capex", cost, site=key, platform=platform))
        added_mw = float(here.available_facility_mw[index]) - before_mw
        before_mw += added_mw
        if added_mw > 0:
            for purpose, unit in (("building", 6.5e6), ("cooling", 3e6), ("power", 2.8e6), ("grid", 1.1e6)):
                rows.append(_flow(month, builder_pays, "builders", purpose, "capex", added_mw * unit, site=key))
    return rows


def _site_opex(past: History, key: str, partner: str, kind: str) -> list[dict[str, object]]:
    here = past.state.sel(site=key)
    rows: list[dict[str, object]] = []
    for index, month in enumerate(CALENDAR.months):
        it_mw = float(here.energized_it_mw.isel(month=index).sum())
        if it_mw == 0:
            continue
        if kind == "cloud":
            rows.append(_flow(month, "openai", partner, "cloud", "opex", it_mw * PUE * 1.1e6, site=key))
        else:
            rows.append(
                _flow(month, "openai", "utilities", "energy", "opex", float(here.energy_mwh[index]) * 55, site=key)
            )
        if kind == "leased":
            rows.append(_flow(month, "openai", partner, "rent", "opex", it_mw * 130e3, site=key))
    return rows


def _flows(past: History, milestones: tuple[Milestone, ...]) -> pl.DataFrame:
    rows: list[dict[str, object]] = []
    for key, _name, partner, kind, *_rest in PLACES:
        rows += [*_site_capex(past, key, partner, kind), *_site_opex(past, key, partner, kind)]
    for index, month in enumerate(CALENDAR.months):
        for service_id, price in (("chat", 0.12), ("agents", 0.24)):
            tokens = float(past.state.served_tokens.sel(service=service_id).isel(month=index).sum())
            rows.append(_flow(month, "customers", "openai", "tokens", "revenue", tokens / 1e6 * price))
    rows += [_flow(m.paid, "nvidia", "openai", "tranche", "financing", m.amount_usd) for m in milestones]
    rows += [_flow(date(2026, 10, 1), "softbank", "openai", "equity", "financing", 20e9)]
    rows += [_flow(date(2027, 4, 1), "softbank", "openai", "equity", "financing", 20e9)]
    return pl.DataFrame(rows).sort("month", maintain_order=True)


def appraisal(past: History) -> Appraisal:
    """The money of the hand-made history."""
    total_mw = past.state.energized_facility_mw.sum(("site", "platform")).values
    milestones = _milestones(total_mw)
    flows = _flows(past, milestones)

    def by_purpose(kind: str) -> dict[str, float]:
        of_kind = flows.filter(pl.col("kind") == kind)
        rows = of_kind.group_by("purpose").agg(whole_cents(pl.col("amount_usd")).sum()).sort("purpose")
        return {purpose: cents / CENTS_PER_USD for purpose, cents in rows.iter_rows()}

    return Appraisal(
        flows=flows,
        milestones=milestones,
        npv_usd=41.3e9,
        irr_fraction=0.187,
        peak_funding_usd=52.8e9,
        peak_funding_month=date(2028, 10, 1),
        capex_usd=by_purpose("capex"),
        opex_usd=by_purpose("opex"),
        revenue_usd=float(flows.filter(pl.col("kind") == "revenue")["amount_usd"].sum()),
        unit_costs=pl.DataFrame(
            {
                "platform": list(PLATFORMS),
                "usd_per_mtoken": [0.61, 0.27],
                "usd_per_accelerator_hour": [2.35, 3.10],
            }
        ),
        stakes=pl.DataFrame(schema=STAKE_SCHEMA),
        loans=pl.DataFrame(schema=LOAN_SCHEMA),
        events=pl.DataFrame(schema=EVENT_SCHEMA),
        exposures=pl.DataFrame(
            {
                "contract": ["piketon-guarantee"] * 3,
                "party": ["nvidia"] * 3,
                "month": [date(2030, 1, 1), date(2031, 1, 1), date(2032, 1, 1)],
                "amount_usd": [2e9, 5e9, 8e9],
            }
        ),
    )


def performance() -> Performance:
    """Two platforms, two services, two runs; one pair is refused."""
    factor = xr.DataArray([0.8, 1.0, 1.25], dims="quantile", coords={"quantile": [0.1, 0.5, 0.9]})
    rate = xr.DataArray(
        [[0.5e6, 0.35e6], [1.6e6, 1.1e6]],
        dims=("platform", "service"),
        coords={"platform": list(PLATFORMS), "service": ["chat", "agents"]},
    )
    ones = xr.ones_like(rate)
    load = xr.DataArray([0.6, 1.0], dims="load", coords={"load": [0.5, 1.0]})
    mix = xr.DataArray([1.0, 2.0], dims="prompt_share", coords={"prompt_share": [0.5, 0.8]})
    front = xr.DataArray([1.3, 1.0, 0.4], dims="interactivity", coords={"interactivity": [10.0, 33.0, 120.0]})
    flop = xr.DataArray(
        [[1.0e17, np.nan], [2.6e17, 2.4e17]],
        dims=("platform", "run"),
        coords={"platform": list(PLATFORMS), "run": ["frontier-2027", "frontier-2029"]},
    )
    serving = xr.Dataset(
        {
            "tokens_per_s_per_rack": _named(rate * factor, "token/s"),
            "output_tokens_per_s_per_rack": _named(rate * factor / 2, "token/s"),
            "ttft_s": _named(ones * factor * 0.9, "s"),
            "tpot_s": _named(ones * factor * 0.03, "s"),
            "batch_count": _named(ones * factor * 64, "request"),
            "front_output_tokens_per_s_per_rack": _named(rate * factor * front / 2, "token/s"),
            "load_ttft_s": _named(ones * load * 0.9, "s"),
            "load_tpot_s": _named(ones * load * 0.03, "s"),
            "mix_tokens_per_s_per_rack": _named(rate * mix, "token/s"),
            "deployment_accelerators_count": _named(ones * 24, "accelerator"),
            "prefill_workers_count": _named(ones * 2, "worker"),
            "decode_workers_count": _named(ones, "worker"),
            **{
                f"{role}_{name}_count": _named(ones * ways, "accelerator")
                for role, ways in (("prefill", 4), ("decode", 16))
                for name in ("tensor_parallel", "attention_copies", "expert_parallel", "pipeline_parallel")
            },
        }
    )
    training = xr.Dataset(
        {
            "flop_per_s_per_rack": _named(flop * factor, "FLOP/s"),
            "mfu_fraction": _named(flop / flop * 0.36 * factor, "ratio"),
            "step_time_s": _named(flop / flop * 11 * factor, "s"),
            "tp_count": _named(flop / flop * 8, "accelerator"),
            "cp_count": _named(flop / flop, "accelerator"),
            "pp_count": _named(flop / flop * 4, "accelerator"),
            "dp_count": _named(flop / flop * 72, "accelerator"),
            "ep_count": _named(flop / flop, "accelerator"),
            "micro_batch_count": _named(flop / flop, "sequence"),
            "memory_bytes": _named(flop / flop * 150e9, "byte"),
        }
    )
    return Performance(
        serving=serving,
        training=training,
        refusals={"gb300-nvl72/frontier-2029": "needs 412 GB per accelerator, 288 GB are there"},
    )


def build_plan(past: History) -> BuildPlan:
    """The plan that the history plays out, by quarter."""
    periods = np.array(CALENDAR.periods, dtype="datetime64[ns]")

    def quarterly(name: str) -> xr.DataArray:
        array = past.state[name].coarsen(month=3).sum().rename(month="period")
        return array.assign_coords(period=periods)

    built = past.state.built_facility_mw.isel(month=slice(0, None, 3)).rename(month="period")
    decisions = xr.Dataset(
        {
            "ordered_racks": quarterly("ordered_racks"),
            "installed_racks": past.state.installed_racks.isel(month=slice(0, None, 3))
            .rename(month="period")
            .assign_coords(period=periods),
            "built_facility_mw": built.assign_coords(period=periods),
            "training_racks": _training_racks(past, periods),
        }
    )
    return BuildPlan(
        objective=Objective.NPV,
        status=SolveStatus.OPTIMAL,
        gap_fraction=0.0042,
        objective_value=41.3e9,
        bound=41.5e9,
        decisions=decisions,
        marginals=_marginals(),
        binding=(
            "Power at Stargate Abilene holds the plan back until January 2027: one more MW is worth $11.2 m.",
            "Supply of Vera Rubin NVL72 is used in full in 9 of 32 quarters.",
        ),
    )


def _training_racks(past: History, periods: np.ndarray) -> xr.DataArray:
    """1,000 racks of Vera Rubin at Abilene for frontier-2029, in the first three quarters of 2028."""
    axes = {"site": past.state.site.values, "platform": list(PLATFORMS), "run": ["frontier-2027", "frontier-2029"]}
    shape = (*(len(axis) for axis in axes.values()), len(periods))
    racks = xr.DataArray(np.zeros(shape), dims=(*axes, "period"), coords={**axes, "period": periods})
    racks.loc[{"site": "abilene", "platform": "vr-nvl72", "run": "frontier-2029"}] = np.where(
        (periods >= np.datetime64("2028-01-01")) & (periods < np.datetime64("2028-10-01")), 1000.0, 0.0
    )
    return racks


def _marginals() -> xr.Dataset:
    """Power binds at the first site in the first two quarters, the second waits; chips bind in the third quarter."""
    periods = np.array(CALENDAR.periods, dtype="datetime64[ns]")
    sites = [place[0] for place in PLACES]
    power, full, waiting = (np.zeros((len(sites), len(periods))) for _ in range(3))
    power[0, :2], full[0, :2] = (2e6, 1e6), 1.0
    power[1, 0], waiting[1, 0] = 3e5, 1.0
    power[2, 5] = 4e5  # neither full nor waiting: does not bind
    chips = np.zeros((len(PLATFORMS), len(periods)))
    chips[1, 2] = 7e5
    by_site, by_platform = ("site", "period"), ("platform", "period")
    return xr.Dataset(
        {
            "energized": (
                by_site,
                power,
                {"units": "USD/MW", "scarcity": "power", "words": "power", "key": "site.power"},
            ),
            "supply": (
                by_platform,
                chips,
                {"units": "USD/rack", "scarcity": "chips", "words": "racks", "key": "platform"},
            ),
            "site_full": (by_site, full, {"units": "1"}),
            "site_waiting": (by_site, waiting, {"units": "1"}),
            "site_filled_fraction": (by_site, full, {"units": "1"}),
        },
        coords={"site": sites, "platform": list(PLATFORMS), "period": periods},
    )


def bands(past: History) -> Bands:
    """Bands of a tenth either way around the history."""
    factor = xr.DataArray([0.88, 0.99, 1.04], dims="quantile", coords={"quantile": [0.1, 0.5, 0.9]})
    monthly = xr.Dataset(
        {
            "energized_facility_mw": _named(
                past.state.energized_facility_mw.sum(("site", "platform")) * factor, "MW facility"
            ).transpose("quantile", "month"),
            "served_tokens": _named(past.state.served_tokens.sum(("platform", "service")) * factor, "token").transpose(
                "quantile", "month"
            ),
        }
    )
    headline = {
        "npv_usd": (28.0e9, 40.1e9, 52.0e9),
        "irr_fraction": (0.14, 0.183, 0.22),
        "peak_funding_usd": (49e9, 53.5e9, 61e9),
        "capex_usd": (380e9, 401e9, 412e9),
        "served_tokens": (2.1e18, 2.6e18, 3.0e18),
        "energized_facility_mw": (10.1e3, 11.2e3, 11.4e3),
        "milestones_usd": (100e9, 100e9, 100e9),
        "last_milestone_month": (48.0, 51.0, 57.0),
    }
    return Bands(monthly=monthly, headline=headline, draws_count=64)


def rich_study() -> Study:
    """The whole hand-made study."""
    past = history()
    bare = Study(
        inputs=inputs(),
        performance=performance(),
        plan=build_plan(past),
        history=past,
        appraisal=appraisal(past),
        bands=bands(past),
        manifest=Manifest(
            version="0.1.0",
            scenario="ten-sites",
            scenario_sha256="a" * 64,
            catalogue_sha256="b" * 64,
            seed=7,
            content_sha256="",
        ),
    )
    return replace(bare, manifest=replace(bare.manifest, content_sha256=content_sha256(bare)))
