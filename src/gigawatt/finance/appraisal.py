"""The accounts of a history: payments between parties, and what they come to for the programme."""

from dataclasses import replace

import polars as pl

from gigawatt.entities.stages import Appraisal, BuildPlan, History, Inputs
from gigawatt.finance.contracts import Given, outcomes
from gigawatt.finance.contracts.given import EVENT_SCHEMA, EXPOSURE_SCHEMA, LOAN_SCHEMA, STAKE_SCHEMA
from gigawatt.finance.costs import operating_and_investment_streams, quantities
from gigawatt.finance.dilution import with_stakes
from gigawatt.finance.flows import FlowKind, Purpose, flow_table, monthly_usd, whole_cents
from gigawatt.finance.parties import check_parties
from gigawatt.finance.plants import plant_streams
from gigawatt.finance.purchases import purchase_streams
from gigawatt.finance.resale import resale_streams
from gigawatt.finance.returns import internal_rate_of_return_fraction, net_present_value_usd, peak_funding
from gigawatt.finance.unit_costs import unit_costs
from gigawatt.units import CENTS_PER_USD


def appraise(inputs: Inputs, plan: BuildPlan, history: History) -> Appraisal:
    """The money of a history, for the programme and for everybody it deals with.

    Capex and opex are by purpose over all parties. Rent and cloud are prices between parties that pay for others' capex
    and opex: `operating_cost_usd` leaves them out. Raises ScenarioError when somebody pays or is paid who is no party.
    """
    check_parties(inputs)
    calendar = inputs.calendar
    counted = quantities(inputs, plan, history)
    operating = (
        *operating_and_investment_streams(inputs, counted),
        *plant_streams(inputs, plan, history),
        *purchase_streams(inputs, delivered_racks=counted.delivered_racks),
        *resale_streams(inputs, history),
    )
    agreed = outcomes(
        Given(
            inputs=_with_loans_taken(inputs, plan),
            history=history,
            delivered_racks=counted.delivered_racks,
            streams=operating,
        )
    )
    flows = flow_table([*operating, *(stream for each in agreed for stream in each.streams)], calendar=calendar)
    unfinanced = flows.filter(~pl.col("kind").is_in([FlowKind.FINANCING.value, FlowKind.TAX.value]))
    net_usd = monthly_usd(unfinanced, party=inputs.programme, calendar=calendar)
    peak_usd, peak_month = peak_funding(net_usd)
    return Appraisal(
        flows=flows,
        milestones=tuple(milestone for each in agreed for milestone in each.milestones),
        npv_usd=net_present_value_usd(net_usd, calendar=calendar, annual_rate_fraction=inputs.discount_rate_fraction),
        irr_fraction=internal_rate_of_return_fraction(net_usd),
        peak_funding_usd=peak_usd,
        peak_funding_month=calendar.months[peak_month],
        capex_usd=_by_purpose(flows, kind=FlowKind.CAPEX),
        opex_usd=_by_purpose(flows, kind=FlowKind.OPEX),
        revenue_usd=sum(_by_purpose(flows, kind=FlowKind.REVENUE).values()),
        unit_costs=unit_costs(inputs, history, flows=flows),
        exposures=pl.concat([pl.DataFrame(schema=EXPOSURE_SCHEMA), *(each.exposures for each in agreed)]),
        stakes=with_stakes(pl.concat([pl.DataFrame(schema=STAKE_SCHEMA), *(each.stakes for each in agreed)])),
        loans=pl.concat([pl.DataFrame(schema=LOAN_SCHEMA), *(each.loans for each in agreed)]),
        events=pl.concat([pl.DataFrame(schema=EVENT_SCHEMA), *(each.events for each in agreed)]),
    )


def _with_loans_taken(inputs: Inputs, plan: BuildPlan) -> Inputs:
    """The inputs without the loans that the plan leaves untaken."""
    if "loan_taken" not in plan.decisions:
        return inputs
    taken = plan.decisions["loan_taken"]
    untaken = set(taken["loan"].values[taken.values < 0.5].tolist())
    return replace(inputs, contracts=tuple(contract for contract in inputs.contracts if contract.id not in untaken))


def _by_purpose(flows: pl.DataFrame, *, kind: FlowKind) -> dict[str, float]:
    """Sum of all payments of each purpose of a kind, 0 where there are none."""
    cents = dict(flows.group_by("purpose").agg(whole_cents(pl.col("amount_usd")).sum()).iter_rows())
    return {purpose.value: cents.get(purpose.value, 0) / CENTS_PER_USD for purpose in Purpose if purpose.kind is kind}
