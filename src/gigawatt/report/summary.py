"""The one JSON object that `gigawatt plan --json` prints; `schema.py` describes every field."""

import math
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from gigawatt.entities.stages import Bands, EndValue, Objective, Study
from gigawatt.finance.circle import investor_circles
from gigawatt.finance.compute_costs import WATERFALL_SCHEMA, compute_costs, waterfall
from gigawatt.finance.party_returns import party_returns
from gigawatt.report import measures
from gigawatt.report.estate import missing, own_power, sales
from gigawatt.report.reach import Served, served_services
from gigawatt.report.stays import Stay, stays
from gigawatt.report.wording import first_day, month_key
from gigawatt.timeline import FloatArray

FORMAT = "gigawatt-summary/1"
Summary = dict[str, Any]


def summary(study: Study, *, report: str | None = None) -> Summary:
    """What a programme that reads our output needs: power, money, tokens, parties, bands and the manifest."""
    return {
        "format": FORMAT,
        "scenario": study.inputs.name,
        "title": study.inputs.title,
        "start": month_key(study.inputs.calendar.months[0]),
        "end": month_key(study.inputs.calendar.months[-1]),
        **_solution(study),
        **_power(study),
        **_estate(study),
        **_money(study),
        **_output(study),
        **_performance(study),
        "levelized_cost": _levelized_cost(study),
        "returns": _returns(study),
        "investors": _investors(study),
        "parties": _parties(study),
        "exposures": _exposures(study),
        "bands": _bands(study),
        "manifest": _manifest(study),
        "report": report,
    }


def _solution(study: Study) -> Summary:
    plan = study.plan
    return {
        "status": str(plan.status),
        "objective": str(plan.objective),
        "objective_value": _number(plan.objective_value),
        "objective_month": _month_of(study, plan.objective, plan.objective_value),
        "goals": [
            {"goal": goal.text, "value": _number(value), "month": _month_of(study, goal.objective, value)}
            for goal, value in zip(study.inputs.pursued, plan.goal_values, strict=False)
        ],
        "bound": _number(plan.bound),
        "gap_fraction": _number(plan.gap_fraction),
        "binding": list(plan.binding),
    }


def _month_of(study: Study, objective: Objective, value: float) -> str | None:
    """The month that a date counts the periods before; nothing for other objectives, or where it is never."""
    if objective is not Objective.EARLIEST_TARGET:
        return None
    return _month_or_null(first_day(study.inputs.calendar, periods_count=value))


def _power(study: Study) -> Summary:
    facility, it = (measures.energized_mw(study, basis) for basis in ("facility", "it"))
    racks = study.history.state["installed_racks"].transpose("site", "platform", "month")
    available = study.history.state["available_facility_mw"].sum("site").values
    return {
        "energized_facility_mw": _series(study, measures.total_energized_mw(study, "facility")),
        "energized_it_mw": _series(study, measures.total_energized_mw(study, "it")),
        "energized_facility_mw_by_site": _table(study, facility.sum("platform"), "site"),
        "energized_it_mw_by_site": _table(study, it.sum("platform"), "site"),
        "energized_facility_mw_by_platform": _table(study, facility.sum("site"), "platform"),
        "energized_it_mw_by_platform": _table(study, it.sum("site"), "platform"),
        "available_facility_mw": _series(study, available),
        "racks": {
            site: {platform: _series(study, row.values) for platform, row in _rows(rows, "platform") if row.any()}
            for site, rows in _rows(racks, "site")
        },
    }


def _estate(study: Study) -> Summary:
    return {
        "own_power": [
            {
                "site": item.site,
                "plant": item.plant,
                "steps": [{"month": month_key(day), "facility_mw": _number(mw)} for day, mw in item.steps],
                "firm_mw": _number(item.firm_mw),
                "generated_mwh": _number(item.generated_mwh),
            }
            for item in own_power(study)
        ],
        "sold_racks": [
            {
                "site": sale.site,
                "platform": sale.platform,
                "month": month_key(sale.month),
                "age_months": sale.age_months,
                "racks_count": _number(sale.racks_count),
            }
            for sale in sales(study)
        ],
        "missing_racks": [
            {"allocation": item.allocation, "racks_count": _number(item.racks_count)} for item in missing(study)
        ],
    }


def _money(study: Study) -> Summary:
    appraisal = study.appraisal
    capex_usd = measures.capex_total_usd(study)
    transfers = measures.transfers_usd(study)
    bands = measures.mtoken_cost_bands_usd(study)
    return {
        "milestones": [
            {
                "gigawatt": milestone.gigawatt,
                "date": milestone.reached.isoformat(),
                "contract": milestone.contract,
                "amount_usd": _number(milestone.amount_usd),
                "paid": milestone.paid.isoformat(),
            }
            for milestone in appraisal.milestones
        ],
        "milestones_usd": _number(measures.milestones_total_usd(study)),
        "capex_usd": {"total": _number(capex_usd), "by_layer": _numbers(appraisal.capex_usd)},
        "capex_usd_per_facility_gw": _number(measures.per_gigawatt_usd(study, capex_usd, "facility")),
        "capex_usd_per_it_gw": _number(measures.per_gigawatt_usd(study, capex_usd, "it")),
        "opex_usd": {
            "total": _number(measures.opex_total_usd(study)),
            "by_kind": _numbers({kind: usd for kind, usd in appraisal.opex_usd.items() if kind not in transfers}),
        },
        "transfers_usd": {"total": _number(sum(transfers.values())), "by_kind": _numbers(transfers)},
        "revenue_usd": _number(appraisal.revenue_usd),
        "npv_usd": _number(appraisal.npv_usd),
        "npv_with_end_value_usd": _number(measures.npv_with_end_value_usd(study)),
        "end_value": _end_value(study),
        "irr_fraction": _number(appraisal.irr_fraction),
        "peak_funding": {
            "amount_usd": _number(appraisal.peak_funding_usd),
            "month": month_key(appraisal.peak_funding_month),
        },
        "programme_cash_usd": _series(study, measures.programme_cash_usd(study)),
        "unit_costs": [
            {
                "platform": platform,
                "usd_per_mtoken": _number(mtoken_usd),
                "usd_per_mtoken_band": _cost_band(bands[platform]),
                "usd_per_accelerator_hour": _number(hour_usd),
            }
            for platform, mtoken_usd, hour_usd in appraisal.unit_costs.select(
                "platform", "usd_per_mtoken", "usd_per_accelerator_hour"
            ).iter_rows()
        ],
    }


def _end_value(study: Study) -> Summary:
    """What still stands when the horizon ends, all parties' and by layer."""
    table = measures.end_values_of(study)
    layers = table.group_by("layer", maintain_order=True).agg(pl.col("value_usd").sum())
    mine = table.filter(pl.col("owner") == study.inputs.programme)
    return {
        "counted_by_plan": study.inputs.end_value is not EndValue.NOTHING,
        "total_usd": _number(float(table["value_usd"].sum())),
        "programme_usd": _number(float(mine["value_usd"].sum())),
        "programme_present_usd": _number(float(mine["present_usd"].sum())),
        "by_layer_usd": _numbers(dict(layers.iter_rows())),
    }


def _cost_band(costs_usd: tuple[float, float, float]) -> Summary:
    """Costs by quantile of performance: few tokens cost most."""
    return {key: _number(usd) for key, usd in zip(("p90", "p50", "p10"), costs_usd, strict=True)}


def _output(study: Study) -> Summary:
    served = measures.served_tokens(study)
    return {
        "served_tokens": _series(study, served.sum("service").values),
        "served_tokens_total": _number(float(served.sum())),
        "served_tokens_by_service": _table(study, served, "service"),
        "demand_tokens": _series(study, measures.demand_tokens(study)),
        "services": [_served(served) for served in served_services(study)],
        "training": [
            {
                "run": progress.run.id,
                "compute_flop": _number(progress.run.compute_flop),
                "done_fraction": _number(float(progress.done_fraction[-1])),
                "started": _month_or_null(progress.started),
                "finished": _month_or_null(progress.finished),
                "deadline": month_key(progress.run.deadline),
                "on_time": progress.on_time,
                "stays": [_stay(stay) for stay in stays(study) if stay.run == progress.run.id],
            }
            for progress in measures.training_progress(study)
        ],
    }


def _served(served: Served) -> Summary:
    part = served.service.part
    return {
        "service": served.service.id,
        "of": part.service if part else served.service.id,
        "class": part.service_class if part else None,
        "region": part.region if part else None,
        "wanted_tokens": _number(served.wanted_tokens),
        "served_tokens": _number(served.served_tokens),
        "served_from": _numbers(served.from_fraction),
    }


def _stay(stay: Stay) -> Summary:
    return {
        "site": stay.site,
        "platform": stay.platform,
        "racks_count": _number(stay.racks_count),
        "facility_mw": _number(stay.facility_mw),
        "from": month_key(stay.first),
        "until": month_key(stay.end),
    }


def _performance(study: Study) -> Summary:
    serving, training = study.performance.serving, study.performance.training
    platforms = [offer.platform for offer in study.inputs.offers]
    return {
        "serving_rates": [
            {
                "platform": platform.id,
                "service": service.id,
                "measured": platform.measured,
                "tokens_per_s_per_rack": _band(serving, "tokens_per_s_per_rack", platform.id, service=service.id),
                "ttft_s": _band(serving, "ttft_s", platform.id, service=service.id),
                "tpot_s": _band(serving, "tpot_s", platform.id, service=service.id),
                "refusal": study.performance.refusals.get(f"{platform.id}/{service.id}"),
            }
            for platform in platforms
            for service in study.inputs.services
        ],
        "training_rates": [
            {
                "platform": platform.id,
                "run": run.id,
                "measured": platform.measured,
                "mfu_fraction": _band(training, "mfu_fraction", platform.id, run=run.id),
                "flop_per_s_per_rack": _band(training, "flop_per_s_per_rack", platform.id, run=run.id),
                "refusal": study.performance.refusals.get(f"{platform.id}/{run.id}"),
            }
            for platform in platforms
            for run in study.inputs.runs
        ],
    }


def _band(rates: Any, name: str, platform: str, **workload: str) -> Summary:  # noqa: ANN401  # a labelled data set
    values = rates[name].sel({"platform": platform, **workload}).sortby("quantile").values
    return {key: _number(float(value)) for key, value in zip(("p10", "p50", "p90"), values, strict=True)}


def _levelized_cost(study: Study) -> Summary:
    """What a unit of compute costs in all, by unit."""
    costs = compute_costs(study.inputs, study.history, flows=study.appraisal.flows)
    left, whole = waterfall(costs)[-2:].iter_rows(named=True)
    units = [name for name in WATERFALL_SCHEMA if name.startswith("usd_per_")]
    before = {name: None if whole[name] is None else whole[name] - left[name] for name in units}
    return {
        **{name: _number(whole[name]) for name in units},
        "without_end_value": {name: None if cost is None else _number(cost) for name, cost in before.items()},
    }


def _returns(study: Study) -> list[Summary]:
    """What the programme's payments return, by view."""
    found = party_returns(study.inputs, appraisal=study.appraisal, party=study.inputs.programme)
    return [
        {
            "view": each.view.value,
            "npv_usd": _number(each.npv_usd),
            "rate_fraction": _number(each.rate_fraction),
            "multiple_ratio": _number(each.multiple_ratio),
            "payback": _month_or_null(each.payback),
        }
        for each in found
    ]


def _investors(study: Study) -> list[Summary]:
    """What each investor puts in, and what comes back with purchases of it."""
    return [
        {
            "party": each.investor,
            "invested_usd": _number(float(each.invested_usd.sum())),
            "returned_fraction": _number(each.of_everybody.share_fraction),
            "returned_of_recipients_fraction": _number(each.of_recipients.share_fraction),
            "mean_months": _number(each.of_everybody.mean_months),
        }
        for each in investor_circles(study.inputs, appraisal=study.appraisal)
    ]


def _parties(study: Study) -> Summary:
    cash = measures.cash_by_party(study)
    return {
        party.id: {
            "name": party.name,
            "roles": [str(role) for role in party.roles],
            "cash_in_usd": _number(cash[party.id].received_total_usd),
            "cash_out_usd": _number(cash[party.id].paid_total_usd),
            "net_usd": _number(cash[party.id].net_usd),
            "cash_in_usd_by_month": _series(study, cash[party.id].received_usd),
            "cash_out_usd_by_month": _series(study, cash[party.id].paid_usd),
        }
        for party in study.inputs.parties
    }


def _exposures(study: Study) -> list[Summary]:
    return [
        {"contract": contract, "party": party, "greatest_usd": _number(amount_usd), "month": month_key(month)}
        for contract, (party, amount_usd, month) in measures.exposures_by_contract(study).items()
    ]


def _bands(study: Study) -> Summary:
    bands = study.bands
    return {
        "draws_count": bands.draws_count,
        "headline": {
            name: {"p10": _number(low), "p50": _number(middle), "p90": _number(high)}
            for name, (low, middle, high) in bands.headline.items()
        },
        "energized_facility_mw": _monthly_band(study, bands, "energized_facility_mw"),
        "served_tokens": _monthly_band(study, bands, "served_tokens"),
    }


def _monthly_band(study: Study, bands: Bands, name: str) -> Summary:
    rows = bands.monthly[name].transpose("quantile", "month")
    quantiles = [round(100 * float(quantile)) for quantile in rows["quantile"].values]
    return {f"p{percent}": _series(study, row) for percent, row in zip(quantiles, rows.values, strict=True)}


def _manifest(study: Study) -> Summary:
    manifest = study.manifest
    return {
        "version": manifest.version,
        "scenario": manifest.scenario,
        "scenario_sha256": manifest.scenario_sha256,
        "catalogue_sha256": manifest.catalogue_sha256,
        "seed": manifest.seed,
        "content_sha256": manifest.content_sha256,
    }


def _rows(array: Any, dimension: str) -> list[tuple[str, Any]]:  # noqa: ANN401  # labelled arrays, row by row
    return [(str(label), array.sel({dimension: label})) for label in array[dimension].values]


def _table(study: Study, array: Any, dimension: str) -> Summary:  # noqa: ANN401  # a labelled array
    return {label: _series(study, row.values) for label, row in _rows(array.transpose(dimension, "month"), dimension)}


def _series(study: Study, values: FloatArray) -> dict[str, float | None]:
    months = study.inputs.calendar.months
    return {month_key(day): _number(float(value)) for day, value in zip(months, np.asarray(values), strict=True)}


def _numbers(values: Any) -> dict[str, float | None]:  # noqa: ANN401  # a mapping to floats
    return {str(name): _number(float(value)) for name, value in values.items()}


def _number(value: float | None) -> float | None:
    """A number that JSON can hold: null for NaN, infinity and what does not exist."""
    return float(value) if value is not None and math.isfinite(value) else None


def _month_or_null(day: date | None) -> str | None:
    return month_key(day) if day else None
