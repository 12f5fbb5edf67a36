"""What becomes of each party when things go wrong: variants of inputs and plans, and what they cost whom.

A case changes the inputs or the plan; the flow is run again elsewhere (`gigawatt.risk.stress`), and the difference of
two appraisals is each party's loss. A default needs no new run: from its month on the lessee pays nothing at the site.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import xarray as xr

from gigawatt.entities.contracts import (
    GpuDebt,
    Loan,
    MilestoneTranches,
    ProjectDebt,
    ResidualGuarantee,
    VendorFinancing,
    parties_of,
)
from gigawatt.entities.hardware import Offer
from gigawatt.entities.schedules import in_term, rack_worth_fractions
from gigawatt.entities.stages import Appraisal, BuildPlan, History, Inputs
from gigawatt.errors import ScenarioError
from gigawatt.finance.contracts import guarantee_claim
from gigawatt.finance.contracts.given import dated_usd
from gigawatt.finance.costs import rack_facility_mw
from gigawatt.finance.flows import Purpose, Stream, flow_table, monthly_usd
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import CENTS_PER_USD, MEGAWATTS_PER_GIGAWATT

_UNPAID = (Purpose.RENT.value, Purpose.LEASE.value)
_WORKING = ("serving_racks", "training_racks")
_STOPPED = 0.0


def stopped_at(inputs: Inputs, plan: BuildPlan, *, gigawatt: int) -> BuildPlan:
    """The plan as if nobody ordered or built any more once so many gigawatts of facility power stand.

    What was ordered before still arrives. Building stops with the racks: no more is built than they draw.
    """
    decisions = plan.decisions
    level = _drawn_mw(inputs, decisions["installed_racks"]).sum("site").values
    reached = np.flatnonzero(np.maximum.accumulate(level) >= gigawatt * MEGAWATTS_PER_GIGAWATT * (1.0 - 1e-9))
    if reached.size == 0:
        return plan
    month = int(reached[0])
    lead = [-(-offer.lead_months // inputs.calendar.months_per_period) for offer in inputs.offers]
    arrives = xr.DataArray(
        np.array([np.arange(level.size) < month + periods for periods in lead]),
        dims=("platform", "period"),
        coords={"platform": decisions["platform"], "period": decisions["period"]},
    )
    kept = _kept(decisions, ordered=decisions["period"] < decisions["period"].values[month], arrives=arrives)
    shares = (kept["installed_racks"] / decisions["installed_racks"].where(decisions["installed_racks"] > 0.0)).fillna(
        0.0
    )
    drawn = _drawn_mw(inputs, kept["installed_racks"])
    most = drawn.copy(data=np.maximum.accumulate(drawn.values, axis=drawn.get_axis_num("period")))
    built = decisions["built_facility_mw"]
    return replace(
        plan,
        decisions=decisions.assign(
            {
                **kept,
                "built_facility_mw": built.where(built < most, most).transpose(*built.dims),
                **{name: (decisions[name] * shares).transpose(*decisions[name].dims) for name in _WORKING},
            }
        ),
    )


def withheld(inputs: Inputs, *, contract: str, after_count: int = 0) -> Inputs:
    """The inputs as if an investor paid no more than so many tranches of a contract that does not bind it.

    Raises ScenarioError where the contract is binding or has no tranches.
    """
    found = next((c for c in inputs.contracts if c.id == contract), None)
    if not isinstance(found, MilestoneTranches) or found.binding:
        raise ScenarioError(
            where=f"contract.{contract}",
            found="a contract that binds, or none of milestone tranches",
            expected="milestone tranches that are not binding",
            fix=f"Choose one of {', '.join(_withholdable(inputs)) or 'another scenario: it has none'}.",
        )
    least = replace(found, cap_usd=found.amount_usd * after_count, paid_on_signature_count=0)
    return replace(inputs, contracts=tuple(least if c.id == contract else c for c in inputs.contracts))


def with_demand(inputs: Inputs, *, factor: float) -> Inputs:
    """The inputs with demand for every service multiplied by `factor`."""
    return replace(
        inputs,
        services=tuple(
            replace(
                service,
                demand_tokens_per_month={
                    month: tokens * factor for month, tokens in service.demand_tokens_per_month.items()
                },
            )
            for service in inputs.services
        ),
    )


def defaulted(inputs: Inputs, history: History, *, appraisal: Appraisal, lessee: str, month: date) -> Appraisal:
    """The accounts as if `lessee` paid no rent from the month on and the guarantees of its leases were called.

    Rent of sites and capacity leases is unpaid; claims are paid by `finance.contracts.guarantee_claim`.
    """
    flows = appraisal.flows
    first = month.replace(day=1)
    unpaid = (pl.col("payer") == lessee) & pl.col("purpose").is_in(_UNPAID) & (pl.col("month") >= first)
    outcomes = [
        guarantee_claim(contract, inputs, history, defaulted=first)
        for contract in inputs.contracts
        if isinstance(contract, ResidualGuarantee) and contract.lessee == lessee
    ]
    claims = flow_table([stream for each in outcomes for stream in each.streams], calendar=inputs.calendar)
    lost = flows.filter(unpaid).group_by("payee").agg(pl.col("amount_usd").sum()).sort("payee")
    events = [
        {"contract": "", "month": first, "party": lessee, "event": f"rent unpaid to {payee}", "amount_usd": usd}
        for payee, usd in lost.iter_rows()
    ]
    return replace(
        appraisal,
        flows=pl.concat([flows.filter(~unpaid), claims]).sort("month", maintain_order=True),
        events=pl.concat(
            [
                appraisal.events,
                pl.DataFrame(events, schema=appraisal.events.schema),
                *(each.events for each in outcomes),
            ]
        ),
    )


def loan_defaulted(inputs: Inputs, *, appraisal: Appraisal, loan: str, month: date) -> Appraisal:
    """The accounts as if a loan were neither drawn nor served from the month on, and its lender seized what secures it.

    What is seized counts at its cost written off over the collateral's life, as the covenants value it, systems of a
    platform that lists what used ones sell for at that; no more than is owed. The rest of the debt is lost. What the
    borrower earns afterwards is left as it was.
    """
    first = month.replace(day=1)
    contract = next(c for c in inputs.contracts if c.id == loan and isinstance(c, Loan))
    lender_role = "vendor" if isinstance(contract, VendorFinancing) else "lender"
    borrower, lender = (parties_of(contract)[role] for role in ("borrower", lender_role))
    table = appraisal.loans.filter(pl.col("contract") == loan).sort("month")
    before = table.filter(pl.col("month") < first)
    owed_usd = float(before["balance_usd"][-1]) if before.height else 0.0
    seized_usd = min(owed_usd, _seized_usd(inputs, contract, appraisal, day=first)) if before.height else 0.0
    unpaid = _payments_of(table.filter(pl.col("month") >= first), borrower=borrower, lender=lender)
    seizure = Stream(
        payer=borrower,
        payee=lender,
        purpose=Purpose.SEIZURE,
        amount_usd=dated_usd([(first, seized_usd)], calendar=inputs.calendar),
    )
    events = [
        {"contract": loan, "month": first, "party": borrower, "event": event, "amount_usd": usd}
        for event, usd in (("collateral seized", seized_usd), ("debt lost", owed_usd - seized_usd))
    ]
    left = _without(appraisal.flows, unpaid)
    return replace(
        appraisal,
        flows=pl.concat([left, flow_table([seizure], calendar=inputs.calendar)]).sort("month", maintain_order=True),
        events=pl.concat([appraisal.events, pl.DataFrame(events, schema=appraisal.events.schema)]),
    )


def _seized_usd(inputs: Inputs, contract: Loan, appraisal: Appraisal, *, day: date) -> float:
    """What the collateral of a loan is worth on the first of a month; payments for systems age as systems do."""
    calendar, terms = inputs.calendar, contract.terms
    index = calendar.month_index(day)
    by_books = appraisal.loans.filter(pl.col("contract") == contract.id, pl.col("month") < day).sort("month")
    worth_usd = float(by_books["collateral_usd"][-1])
    ages = index - np.arange(index, dtype=np.float64)
    left = 1.0 - np.minimum(1.0, (ages - 1.0) / terms.collateral_life_months)
    window = in_term(calendar, start=terms.start, term_months=terms.grace_months)
    for offer in inputs.offers if not isinstance(contract, ProjectDebt) else ():
        if offer.resale:
            paid = _systems_paid_usd(appraisal, contract, calendar=calendar, offer=offer) * window
            worth_usd += float(paid[:index] @ (rack_worth_fractions(ages, offer=offer) - left))
    return max(0.0, worth_usd)


def _systems_paid_usd(appraisal: Appraisal, contract: Loan, *, calendar: Calendar, offer: Offer) -> FloatArray:
    """What the borrower paid for systems of a platform that secure its loan, `(month,)`."""
    flows = appraisal.flows.filter(
        pl.col("purpose") == Purpose.SYSTEMS.value,
        pl.col("payer") == contract.borrower,
        pl.col("platform") == offer.platform.id,
    )
    match contract:
        case VendorFinancing(vendor=vendor):
            flows = flows.filter(pl.col("payee") == vendor)
        case GpuDebt(sites=sites, platforms=platforms):
            flows = flows.filter(pl.col("site").is_in(sites), pl.col("platform").is_in(platforms))
    return -monthly_usd(flows, party=contract.borrower, calendar=calendar)


def _payments_of(table: pl.DataFrame, *, borrower: str, lender: str) -> set[tuple[object, ...]]:
    """The payments of a loan's schedule, as month, payer, payee, purpose and amount."""
    sides = (
        ("drawn_usd", lender, borrower, Purpose.LOAN),
        ("interest_usd", borrower, lender, Purpose.INTEREST),
        ("principal_usd", borrower, lender, Purpose.PRINCIPAL),
    )
    return {
        (row["month"], payer, payee, purpose.value, _whole_cents(row[name]))
        for row in table.iter_rows(named=True)
        for name, payer, payee, purpose in sides
        if row[name]
    }


def _without(flows: pl.DataFrame, payments: set[tuple[object, ...]]) -> pl.DataFrame:
    """The flows less one row for each payment; of two alike it does not matter which."""
    waiting, kept = set(payments), []
    for row in flows.select("month", "payer", "payee", "purpose", "amount_usd").iter_rows():
        found = (*row[:4], _whole_cents(row[4]))
        kept.append(found not in waiting)
        waiting.discard(found)
    return flows.filter(pl.Series(kept, dtype=pl.Boolean))


def exposure(inputs: Inputs, *, base: Appraisal, stressed: Appraisal) -> pl.DataFrame:
    """What a case costs each party: `party`, `base_usd`, `stressed_usd` (net cash over the horizon), `loss_usd`,
    `deepest_usd` (the least that its cash comes to in the case, from nothing, as a positive amount).
    """
    rows = []
    for party in inputs.parties:
        before = monthly_usd(base.flows, party=party.id, calendar=inputs.calendar)
        after = monthly_usd(stressed.flows, party=party.id, calendar=inputs.calendar)
        rows.append(
            {
                "party": party.id,
                "base_usd": _whole_cents(before.sum()),
                "stressed_usd": _whole_cents(after.sum()),
                "loss_usd": _whole_cents(before.sum() - after.sum()),
                "deepest_usd": _whole_cents(max(0.0, -np.cumsum(after).min())),
            }
        )
    schema = {"party": pl.String} | dict.fromkeys(("base_usd", "stressed_usd", "loss_usd", "deepest_usd"), pl.Float64)
    return pl.DataFrame(rows, schema=schema)


def _whole_cents(amount_usd: float) -> float:
    return round(float(amount_usd) * CENTS_PER_USD) / CENTS_PER_USD


def _withholdable(inputs: Inputs) -> list[str]:
    return [c.id for c in inputs.contracts if isinstance(c, MilestoneTranches) and not c.binding]


def _kept(decisions: xr.Dataset, *, ordered: xr.DataArray, arrives: xr.DataArray) -> dict[str, xr.DataArray]:
    """Orders before the stop, what of them arrives, what is in service and what retires."""
    arrived = decisions["arrived_racks"].where(arrives, _STOPPED)
    share = _share_alive(decisions, arrived)
    installed = decisions["installed_racks"] * share
    before = installed.shift(period=1, fill_value=0.0)
    return {
        "ordered_racks": decisions["ordered_racks"].where(ordered, _STOPPED),
        "arrived_racks": arrived.transpose(*decisions["arrived_racks"].dims),
        "installed_racks": installed.transpose(*decisions["installed_racks"].dims),
        "retired_racks": (before + arrived - installed).transpose(*decisions["retired_racks"].dims),
    }


def _share_alive(decisions: xr.Dataset, arrived: xr.DataArray) -> xr.DataArray:
    """Part of the racks in service that arrived before the stop: the oldest retire first."""
    all_in = decisions["arrived_racks"].cumsum("period")
    out = decisions["retired_racks"].cumsum("period")
    left = (arrived.cumsum("period") - out).clip(0.0)
    whole = all_in - out
    return (left / whole.where(whole > 0.0)).fillna(0.0)


def _drawn_mw(inputs: Inputs, racks: xr.DataArray) -> xr.DataArray:
    """Facility power of racks, `(site, period)`."""
    per_rack = xr.DataArray(
        rack_facility_mw(inputs),
        dims=("site", "platform"),
        coords={
            "site": [site.id for site in inputs.sites],
            "platform": [offer.platform.id for offer in inputs.offers],
        },
    )
    return (racks * per_rack).sum("platform").transpose("site", "period")
