"""What a report reads off a study: sums and series, each a pure function of the study. Months are the calendar's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import polars as pl
import xarray as xr

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.site import Cloud, Leased, Site
from gigawatt.entities.stages import Study
from gigawatt.entities.workload import TrainingRun
from gigawatt.finance.end_value import end_values, present_end_value_usd
from gigawatt.finance.flows import TRANSFERS, operating_cost_usd, whole_cents
from gigawatt.timeline import FloatArray
from gigawatt.units import CENTS_PER_USD, MEGAWATTS_PER_GIGAWATT

Basis = Literal["facility", "it"]


def energized_mw(study: Study, basis: Basis) -> xr.DataArray:
    """Power of racks in service, `(site, platform, month)`."""
    return study.history.state[f"energized_{basis}_mw"].transpose("site", "platform", "month")


def total_energized_mw(study: Study, basis: Basis) -> FloatArray:
    """Power of all racks in service, `(month,)`."""
    return np.asarray(energized_mw(study, basis).sum(("site", "platform")).values, dtype=np.float64)


def greatest_energized_mw(study: Study, basis: Basis) -> float:
    """The most power that is ever in service at once."""
    return float(total_energized_mw(study, basis).max())


def sites_in_use(study: Study) -> tuple[Site, ...]:
    """Sites with a rack in any month, by the greatest power they reach, largest first."""
    peak = energized_mw(study, "facility").sum("platform").max("month")
    used = [site for site in study.inputs.sites if float(peak.sel(site=site.id)) > 0]
    return tuple(sorted(used, key=lambda site: (-float(peak.sel(site=site.id)), site.id)))


def platforms_in_use(study: Study) -> tuple[str, ...]:
    """Platforms with a rack in any month, in the order they are offered."""
    peak = energized_mw(study, "facility").max(("site", "month"))
    return tuple(offer.platform.id for offer in study.inputs.offers if float(peak.sel(platform=offer.platform.id)) > 0)


def platform_names(study: Study) -> dict[str, str]:
    """Names of all offered platforms by id."""
    return {offer.platform.id: offer.platform.name for offer in study.inputs.offers}


def party_names(study: Study) -> dict[str, str]:
    """Names of all parties by id."""
    return {party.id: party.name for party in study.inputs.parties}


def partner(site: Site) -> str:
    """The party that stands behind a site: its cloud provider, its lessor or its builder."""
    ownership = site.ownership
    if isinstance(ownership, Cloud):
        return ownership.provider
    return ownership.lessor if isinstance(ownership, Leased) else ownership.builder


def served_tokens(study: Study) -> xr.DataArray:
    """Served tokens, `(service, month)`."""
    return study.history.state["served_tokens"].sum("platform").transpose("service", "month")


def demand_tokens(study: Study) -> FloatArray:
    """Tokens wanted from all services, `(month,)`."""
    months = study.inputs.calendar.months
    services = study.inputs.services
    return np.array([sum(service.demand_tokens_per_month[day] for service in services) for day in months], dtype=float)


def capex_total_usd(study: Study) -> float:
    """Capital expenditure of all layers."""
    return float(sum(study.appraisal.capex_usd.values()))


def opex_total_usd(study: Study) -> float:
    """Operating expenditure of all parties; rent and the price of cloud capacity pay for it and are not added to it."""
    return operating_cost_usd(study.appraisal.opex_usd)


def transfers_usd(study: Study) -> dict[str, float]:
    """What the programme pays others for their capacity, by purpose."""
    return {purpose: usd for purpose, usd in study.appraisal.opex_usd.items() if purpose in TRANSFERS}


def milestones_total_usd(study: Study) -> float:
    """What all milestones reached pay."""
    return float(sum(milestone.amount_usd for milestone in study.appraisal.milestones))


def per_gigawatt_usd(study: Study, amount_usd: float, basis: Basis) -> float:
    """`amount_usd` per gigawatt of the greatest power in service; NaN when nothing is."""
    mw = greatest_energized_mw(study, basis)
    return amount_usd / (mw / MEGAWATTS_PER_GIGAWATT) if mw > 0 else float("nan")


def end_values_of(study: Study) -> pl.DataFrame:
    """What still stands when the horizon ends, by owner, site, platform and layer: `finance.end_value.end_values`."""
    return end_values(study.inputs, study.history, flows=study.appraisal.flows)


def npv_with_end_value_usd(study: Study) -> float:
    """Net present value with the present value of what the programme still owns when the horizon ends."""
    owner = study.inputs.programme
    left_usd = present_end_value_usd(study.inputs, study.history, flows=study.appraisal.flows, owner=owner)
    return study.appraisal.npv_usd + left_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyCash:
    """What a party receives and pays, in all and `(month,)`."""

    received_usd: FloatArray
    paid_usd: FloatArray

    @property
    def received_total_usd(self) -> float:
        """Everything received."""
        return float(self.received_usd.sum())

    @property
    def paid_total_usd(self) -> float:
        """Everything paid."""
        return float(self.paid_usd.sum())

    @property
    def net_usd(self) -> float:
        """Received less paid."""
        return self.received_total_usd - self.paid_total_usd


def cash_by_party(study: Study) -> dict[str, PartyCash]:
    """Cash of every party of the scenario."""
    flows = study.appraisal.flows
    return {
        party.id: PartyCash(
            received_usd=monthly_usd(study, flows.filter(pl.col("payee") == party.id)),
            paid_usd=monthly_usd(study, flows.filter(pl.col("payer") == party.id)),
        )
        for party in study.inputs.parties
    }


def monthly_usd(study: Study, flows: pl.DataFrame) -> FloatArray:
    """Sum of the flows in each month of the calendar, `(month,)`."""
    index = {day: position for position, day in enumerate(study.inputs.calendar.months)}
    total = np.zeros(study.inputs.calendar.month_count)
    sums = flows.group_by("month").agg(whole_cents(pl.col("amount_usd")).sum())
    for day, cents in sums.iter_rows():
        total[index[day]] = cents / CENTS_PER_USD
    return total


def programme_cash_usd(study: Study) -> FloatArray:
    """The programme's balance at the end of each month, `(month,)`."""
    cash = cash_by_party(study)[study.inputs.programme]
    opening = study.inputs.treasury.opening_cash_usd
    return np.asarray(opening + np.cumsum(cash.received_usd - cash.paid_usd), dtype=np.float64)


def payments_usd(study: Study) -> dict[tuple[str, str], float]:
    """Total from each payer to each payee."""
    cents = whole_cents(pl.col("amount_usd")).sum()
    rows = study.appraisal.flows.group_by("payer", "payee").agg(cents).sort("payer", "payee")
    return {(payer, payee): total / CENTS_PER_USD for payer, payee, total in rows.iter_rows()}


def investors(study: Study) -> tuple[str, ...]:
    """Parties that invest, in the scenario's order."""
    return tuple(party.id for party in study.inputs.parties if PartyRole.INVESTOR in party.roles)


def invested_usd(study: Study) -> dict[str, FloatArray]:
    """What each investor pays the programme as financing, `(month,)`."""
    financing = study.appraisal.flows.filter(
        (pl.col("kind") == "financing") & (pl.col("payee") == study.inputs.programme)
    )
    payers = financing["payer"].unique(maintain_order=True).to_list()
    return {payer: monthly_usd(study, financing.filter(pl.col("payer") == payer)) for payer in payers}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a training run comes: its share done `(month,)` and the months of its first and last computation."""

    run: TrainingRun
    done_fraction: FloatArray
    started: date | None
    finished: date | None

    @property
    def on_time(self) -> bool:
        """Whether all its computation is done by its deadline."""
        return self.finished is not None and self.finished <= self.run.deadline


ENOUGH_FRACTION = 1.0 - 1e-6


def training_progress(study: Study) -> tuple[RunProgress, ...]:
    """Progress of each run of the scenario."""
    months = study.inputs.calendar.months
    progress: list[RunProgress] = []
    for run in study.inputs.runs:
        flop = study.history.state["training_flop"].sel(run=run.id).values
        done = np.asarray(np.cumsum(flop) / run.compute_flop, dtype=np.float64)
        active = np.flatnonzero(flop > 0)
        enough = np.flatnonzero(done >= ENOUGH_FRACTION)
        progress.append(
            RunProgress(
                run=run,
                done_fraction=done,
                started=months[active[0]] if active.size else None,
                finished=months[enough[0]] if enough.size else None,
            )
        )
    return tuple(progress)


def exposures_by_contract(study: Study) -> dict[str, tuple[str, float, date]]:
    """Greatest contingent claim of each contract: the party that bears it, the amount and its month."""
    worst: dict[str, tuple[str, float, date]] = {}
    rows = study.appraisal.exposures.select("contract", "party", "month", "amount_usd").sort("contract", "month")
    for contract, party, month, amount_usd in rows.iter_rows():
        if contract not in worst or amount_usd > worst[contract][1]:
            worst[contract] = (party, float(amount_usd), month)
    return worst


def by_month(study: Study, values: FloatArray) -> Mapping[date, float]:
    """A monthly series with its months."""
    return dict(zip(study.inputs.calendar.months, values.tolist(), strict=True))


def mtoken_cost_bands_usd(study: Study) -> dict[str, tuple[float, float, float]]:
    """Cost of a million tokens on each platform with performance at P90, P50 and P10; NaN where it serves nothing.

    The same racks at the same cost serve more or fewer tokens: each service's served tokens move with its own rate.
    """
    served = study.history.state["served_tokens"].sum("month")
    rates = study.performance.serving["tokens_per_s_per_rack"]
    costs = study.appraisal.unit_costs.select("platform", "usd_per_mtoken").iter_rows()
    return {platform: _cost_band(served, rates, platform, cost) for platform, cost in costs}


def _cost_band(
    served: xr.DataArray, rates: xr.DataArray, platform: str, cost_usd: float | None
) -> tuple[float, float, float]:
    tokens = served.sel(platform=platform).values
    if cost_usd is None or not tokens.any():
        return (float("nan"),) * 3
    here = rates.sel(platform=platform, service=served["service"].values).transpose("quantile", "service")
    by_quantile = here.sortby("quantile").values
    middle = by_quantile[len(by_quantile) // 2]
    moved = np.where(tokens > 0.0, by_quantile / middle * tokens, 0.0).sum(axis=1)
    quick, usual, slow = (float(cost_usd * tokens.sum() / amount) for amount in moved[::-1])
    return (quick, usual, slow)
