"""The JSON Schema (draft 2020-12) of the study summary; closed, every field described with its unit."""

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.stages import Objective, SolveStatus
from gigawatt.finance.compute_costs import WATERFALL_SCHEMA
from gigawatt.finance.party_returns import View
from gigawatt.report.json_schema import Schema, closed
from gigawatt.report.summary import FORMAT

_MONTH_PATTERN = r"^\d{4}-(0[1-9]|1[0-2])$"


def study_schema() -> Schema:
    """Schema of the object that `gigawatt plan --json` prints."""
    properties = {
        **_about(),
        **_solution(),
        **_power(),
        **_estate(),
        **_money(),
        **_worth(),
        **_output(),
        **_performance(),
        **_risk_and_origin(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Summary of a gigawatt study",
        "description": "Power names its basis, money is nominal USD, months are YYYY-MM.",
        **_closed("The study.", properties),
        "$defs": {
            "month": {"type": "string", "pattern": _MONTH_PATTERN, "description": "A month, YYYY-MM."},
            "series": {
                "type": "object",
                "description": "A value for every month of the calendar.",
                "patternProperties": {_MONTH_PATTERN: {"type": ["number", "null"]}},
                "additionalProperties": False,
            },
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "A SHA-256 in hexadecimal."},
        },
    }


def _closed(description: str, properties: Schema) -> Schema:
    return {**closed(properties), "description": description}


def _number(description: str) -> Schema:
    return {"type": ["number", "null"], "description": f"{description} Null when there is none."}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _text_or_null(description: str) -> Schema:
    return {"type": ["string", "null"], "description": description}


def _choice(description: str, values: list[str]) -> Schema:
    return {"type": "string", "enum": values, "description": description}


def _reference(name: str, description: str) -> Schema:
    return {"$ref": f"#/$defs/{name}", "description": description}


def _month_or_null(description: str) -> Schema:
    return {"anyOf": [{"$ref": "#/$defs/month"}, {"type": "null"}], "description": description}


def _keyed(description: str, item: Schema) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": item}


def _list(description: str, item: Schema) -> Schema:
    return {"type": "array", "description": description, "items": item}


def _series(description: str) -> Schema:
    return _reference("series", description)


def _about() -> Schema:
    return {
        "format": {"const": FORMAT, "description": "Name and version of this format."},
        "scenario": _text("The scenario's name."),
        "title": _text("The scenario's title."),
        "start": _reference("month", "First month of the calendar."),
        "end": _reference("month", "Last month of the calendar."),
    }


def _solution() -> Schema:
    goal = {
        "goal": _text("The goal as written."),
        "value": _number("What is reached of it."),
        "month": _month_or_null("From when the target stands, where the goal is its date."),
    }
    return {
        "status": _choice("How the search for a plan ended.", [str(status) for status in SolveStatus]),
        "objective": _choice("What the plan maximizes.", [str(objective) for objective in Objective]),
        "objective_value": _number("The objective reached, in its own unit: USD, tokens, FLOP or periods."),
        "objective_month": _month_or_null("From when the target stands, where the objective is its date."),
        "goals": _list(
            "What is reached of each goal, in order, where more than one objective is stated.",
            _closed("One goal.", goal),
        ),
        "bound": _number("What no plan can exceed, in the objective's unit."),
        "gap_fraction": _number(
            "Distance of the bound, less what goals may give up, from the objective over it (ratio)."
        ),
        "binding": _list("What holds the plan back, in words.", {"type": "string"}),
    }


def _power() -> Schema:
    by_platform = _keyed("By platform.", _series("Racks in service, by month."))
    return {
        "energized_facility_mw": _series("Power of racks in service at the site's meter, MW facility."),
        "energized_it_mw": _series("Power of racks in service, MW IT."),
        "energized_facility_mw_by_site": _keyed("By site.", _series("MW facility.")),
        "energized_it_mw_by_site": _keyed("By site.", _series("MW IT.")),
        "energized_facility_mw_by_platform": _keyed("By platform.", _series("MW facility.")),
        "energized_it_mw_by_platform": _keyed("By platform.", _series("MW IT.")),
        "available_facility_mw": _series("Power that the sites have energized, used or not, MW facility."),
        "racks": _keyed("Racks in service by site; a platform never installed at a site is left out.", by_platform),
    }


def _estate() -> Schema:
    step = {
        "month": _reference("month", "From when."),
        "facility_mw": _number("All of it from then on, MW facility."),
    }
    power = {
        "site": _text("The site's id."),
        "plant": _text("The plant's id, or that of the grid step."),
        "steps": _list("When it grows, by the plan.", _closed("One step.", step)),
        "firm_mw": _number("What of it counts as power for racks in the end, MW facility."),
        "generated_mwh": _number("Energy over the horizon, MWh; below zero what a battery loses."),
    }
    sale = {
        "site": _text("The site's id."),
        "platform": _text("The platform's id."),
        "month": _reference("month", "When they leave."),
        "age_months": {"type": "integer", "description": "Their age then."},
        "racks_count": _number("Racks."),
    }
    lacking = {"allocation": _text("The allocation's key."), "racks_count": _number("Racks.")}
    return {
        "own_power": _list("Plants and grid steps that the plan builds.", _closed("One of them.", power)),
        "sold_racks": _list("Racks that leave before their life ends.", _closed("One sale.", sale)),
        "missing_racks": _list("Racks paid for without being taken.", _closed("One allocation.", lacking)),
    }


def _money() -> Schema:
    milestone = {
        "gigawatt": {
            "type": "integer",
            "minimum": 1,
            "description": "The contract's unit of power that was energized.",
        },
        "date": {"type": "string", "format": "date", "description": "First day of the month in which it was reached."},
        "contract": _text("The contract's id."),
        "amount_usd": _number("What it pays, USD."),
        "paid": {"type": "string", "format": "date", "description": "First day of the month in which it is paid."},
    }
    unit_cost = {
        "platform": _text("The platform's id."),
        "usd_per_mtoken_band": _by_quantile("The same, USD"),
        "usd_per_mtoken": _number("Levelized cost of a million tokens served, USD."),
        "usd_per_accelerator_hour": _number("Levelized cost of an accelerator in service for an hour, USD."),
    }
    left = {
        "counted_by_plan": {"type": "boolean", "description": "Whether the plan's present value counts it."},
        "total_usd": _number("All parties', USD."),
        "programme_usd": _number("The programme's, USD."),
        "programme_present_usd": _number("The same at the start and the programme's rate, USD."),
        "by_layer_usd": _keyed("All parties' by layer, USD.", _number("USD.")),
    }
    return {
        "milestones": _list("Tranches earned, each with its gigawatt.", _closed("One tranche.", milestone)),
        "milestones_usd": _number("Sum of all tranches earned, USD."),
        "capex_usd": _sum_and_parts("Capital expenditure", "by_layer", "layer"),
        "capex_usd_per_facility_gw": _number(
            "Capital expenditure per GW facility at the greatest power in service, USD."
        ),
        "capex_usd_per_it_gw": _number("Capital expenditure per GW IT at the greatest power in service, USD."),
        "opex_usd": _sum_and_parts("Operating expenditure of all parties", "by_kind", "kind"),
        "transfers_usd": _sum_and_parts(
            "Rent and cloud capacity, which pay for capital and operating expenditure of others,", "by_kind", "kind"
        ),
        "revenue_usd": _number("The programme's revenue over the horizon, USD."),
        "npv_usd": _number("Net present value of operating and investment flows at the start, USD."),
        "npv_with_end_value_usd": _number("The same with what the programme still owns when the horizon ends, USD."),
        "end_value": _closed("What still stands when the horizon ends, on the day after.", left),
        "irr_fraction": _number("Internal rate of return a year (ratio)."),
        "peak_funding": _closed(
            "The deepest point of the programme's cumulative cash before financing.",
            {"amount_usd": _number("USD."), "month": _reference("month", "When.")},
        ),
        "programme_cash_usd": _series("The programme's balance at the end of the month, USD."),
        "unit_costs": _list("What computing costs on each platform.", _closed("One platform.", unit_cost)),
    }


def _worth() -> Schema:
    view = {
        "view": _choice("Which payments count.", [view.value for view in View]),
        "npv_usd": _number("Net present value at the programme's start and rate, USD."),
        "rate_fraction": _number("XIRR, a year (ratio)."),
        "multiple_ratio": _number("MOIC: cash back over cash put in (ratio)."),
        "payback": _month_or_null("From when cumulative cash is never negative again."),
    }
    investor = {
        "party": _text("The investor's id."),
        "invested_usd": _number("What it puts in, for shares and as loans, USD."),
        "returned_fraction": _number("Share of it that comes back with later purchases from it (ratio)."),
        "returned_of_recipients_fraction": _number("The same with purchases by those it paid alone (ratio)."),
        "mean_months": _number("Months until a dollar came back, on average."),
    }
    units = [name for name in WATERFALL_SCHEMA if name.startswith("usd_per_")]
    costs = {name: _number("Present value of all parties' cost over that of the units, USD.") for name in units}
    gross = {"without_end_value": _closed("The same where what is left at the end counts for nothing.", costs)}
    return {
        "levelized_cost": _closed(
            "What a unit of compute costs, less what is left at the end; PFLOP are peak dense FP8.", costs | gross
        ),
        "returns": _list("What the programme's payments return, by view.", _closed("One view.", view)),
        "investors": _list("Who puts money in, largest first.", _closed("One investor.", investor)),
    }


def _sum_and_parts(what: str, key: str, noun: str) -> Schema:
    parts = _keyed(f"By {noun}, USD.", _number("USD."))
    return _closed(f"{what} over the horizon, USD.", {"total": _number("USD."), key: parts})


def _output() -> Schema:
    served = {
        "service": _text("The service's id."),
        "of": _text("The service as stated."),
        "class": _text_or_null("Its class; null where the service has none."),
        "region": _text_or_null("Where it is wanted; null where the scenario does not say."),
        "wanted_tokens": _number("Tokens wanted over the horizon."),
        "served_tokens": _number("Tokens served over the horizon."),
        "served_from": _keyed(
            "Share of its racks' time by region; empty where regions do not matter.", _number("Ratio.")
        ),
    }
    stay = {
        "site": _text("The site's id."),
        "platform": _text("The platform's id."),
        "racks_count": _number("Racks of its job there."),
        "facility_mw": _number("Their facility power at peak, MW."),
        "from": _reference("month", "Its first month there."),
        "until": _reference("month", "The month after its last one there."),
    }
    run = {
        "run": _text("The run's id."),
        "compute_flop": _number("Computation wanted, FLOP."),
        "done_fraction": _number("Share done by the end of the calendar (ratio)."),
        "started": _month_or_null("Month of its first computation."),
        "finished": _month_or_null("Month in which all of it is done."),
        "deadline": _reference("month", "The month by which it is wanted."),
        "on_time": {"type": "boolean", "description": "Whether it is done by its deadline."},
        "stays": _list("Where the plan places it; empty where it may use racks anywhere.", _closed("One site.", stay)),
    }
    return {
        "served_tokens": _series("Tokens served, input plus output."),
        "served_tokens_total": _number("Tokens served over the horizon."),
        "served_tokens_by_service": _keyed("By service.", _series("Tokens.")),
        "demand_tokens": _series("Tokens wanted."),
        "services": _list("Services, classes and regions one by one.", _closed("One of them.", served)),
        "training": _list("Training runs.", _closed("One run.", run)),
    }


def _performance() -> Schema:
    about = {
        "platform": _text("The platform's id."),
        "measured": {"type": "boolean", "description": "Whether its kernels are measured; projected otherwise."},
        "refusal": {"type": ["string", "null"], "description": "Why it cannot run; null when it can."},
    }
    serving = {
        **about,
        "service": _text("The service's id."),
        "tokens_per_s_per_rack": _by_quantile("Input plus output tokens/s of a rack, mature software"),
        "ttft_s": _by_quantile("Time to first token, s"),
        "tpot_s": _by_quantile("Time per output token, s"),
    }
    training = {
        **about,
        "run": _text("The run's id."),
        "mfu_fraction": _by_quantile("Model FLOP utilization (ratio)"),
        "flop_per_s_per_rack": _by_quantile("Model FLOP/s of a rack"),
    }
    return {
        "serving_rates": _list("What racks serve.", _closed("One platform and service.", serving)),
        "training_rates": _list("What racks train.", _closed("One platform and run.", training)),
    }


def _by_quantile(what: str) -> Schema:
    band = {name: _number(f"{name.upper()} of performance.") for name in ("p10", "p50", "p90")}
    return _closed(f"{what}, by quantile of performance.", band)


def _risk_and_origin() -> Schema:
    party = {
        "name": _text("The party's name."),
        "roles": _list("Its roles.", _choice("A role.", [str(role) for role in PartyRole])),
        "cash_in_usd": _number("Received over the horizon, USD."),
        "cash_out_usd": _number("Paid over the horizon, USD."),
        "net_usd": _number("Received less paid, USD."),
        "cash_in_usd_by_month": _series("Received, USD."),
        "cash_out_usd_by_month": _series("Paid, USD."),
    }
    exposure = {
        "contract": _text("The contract's id."),
        "party": _text("Who would have to pay."),
        "greatest_usd": _number("The greatest contingent claim, USD."),
        "month": _reference("month", "When it is greatest."),
    }
    return {
        "parties": _keyed("Cash of each party by its id.", _closed("One party.", party)),
        "exposures": _list("Contingent claims.", _closed("One contract's.", exposure)),
        "bands": _bands(),
        "manifest": _manifest(),
        "report": {"type": ["string", "null"], "description": "Path of report.html; null when none was written."},
    }


def _bands() -> Schema:
    quantile = "quantile of the sampled histories"
    band = {name: _number(f"{name.upper()}: {quantile}.") for name in ("p10", "p50", "p90")}
    monthly = {
        "type": "object",
        "description": "Monthly quantiles; empty when no history was sampled.",
        "patternProperties": {"^p(10|50|90)$": _series(f"A {quantile}.")},
        "additionalProperties": False,
    }
    return _closed(
        "Quantiles over sampled histories of the same plan.",
        {
            "draws_count": {"type": "integer", "minimum": 0, "description": "Histories sampled."},
            "headline": _keyed(
                "By figure; the unit is the name's suffix, months count from the start.", _closed("One figure.", band)
            ),
            "energized_facility_mw": {**monthly, "description": "MW facility."},
            "served_tokens": {**monthly, "description": "Tokens."},
        },
    )


def _manifest() -> Schema:
    return _closed(
        "What the study was made from; the same manifest gives the same content hash.",
        {
            "version": _text("Version of gigawatt."),
            "scenario": _text("The scenario's name."),
            "scenario_sha256": _reference("sha256", "Hash of the resolved scenario."),
            "catalogue_sha256": _reference("sha256", "Hash of the catalogue."),
            "seed": {"type": "integer", "description": "Seed of the sampled histories."},
            "content_sha256": _reference("sha256", "Hash of inputs and results."),
        },
    )
