"""Sentences that say what a study shows, computed from it."""

import math

import numpy as np
import polars as pl

from gigawatt.entities.contracts import MilestoneTranches
from gigawatt.entities.stages import EndValue, Objective, SolveStatus, Study
from gigawatt.finance.circle import InvestorCircle, investor_circles
from gigawatt.report import measures
from gigawatt.report.stays import stays
from gigawatt.report.wording import (
    NEVER,
    after,
    counted,
    gigawatts,
    listing,
    money,
    month_name,
    objective_words,
    percent,
    scientific,
    span,
    tokens,
    unit_price,
)

_OBJECTIVES = {
    Objective.NPV: "net present value",
    Objective.SERVED_TOKENS: "tokens served",
    Objective.EARLIEST_TARGET: "date for its target",
    Objective.TRAINING_COMPUTE: "training compute",
    Objective.COST_OF_TARGET: "cost of its targets",
}
_FULL = 0.995
SMALLEST_SHARE = 0.005


def opening(study: Study) -> str:
    """The study in two sentences."""
    months = study.inputs.calendar.months
    sites = measures.sites_in_use(study)
    peak = gigawatts(measures.greatest_energized_mw(study, "facility"))
    it_peak = gigawatts(measures.greatest_energized_mw(study, "it"))
    served = tokens(float(measures.served_tokens(study).sum()))
    return (
        f"From {month_name(months[0])} to {month_name(months[-1])} the plan energizes {peak} of facility power "
        f"({it_peak} of IT) at {counted(len(sites), 'site')} and serves {served} tokens. "
        f"It costs {money(measures.capex_total_usd(study))} of capital from all parties and is worth "
        f"{money(study.appraisal.npv_usd)} to {measures.party_names(study)[study.inputs.programme]}, "
        f"in nominal dollars discounted at {percent(study.inputs.discount_rate_fraction, decimals=1)} a year."
    )


def solution(study: Study) -> str:
    """How good the plan is known to be, and what it reaches of each goal where there is more than an objective."""
    return " ".join((_proved(study), *_goals(study)))


def _goals(study: Study) -> tuple[str, ...]:
    said = [
        f"{goal.text} ({objective_words(goal.objective, value, calendar=study.inputs.calendar)})"
        for goal, value in zip(study.inputs.pursued, study.plan.goal_values, strict=False)
    ]
    return (f"Its goals, in order: {'; '.join(said)}.",) if said else ()


def _proved(study: Study) -> str:
    plan = study.plan
    aim = "fulfilment of its goals" if plan.goal_values else _OBJECTIVES[plan.objective]
    if plan.status is SolveStatus.OPTIMAL:
        return (
            f"The solver proved this plan within {percent(plan.gap_fraction, decimals=2)} of the best {aim} possible."
        )
    ended = "was interrupted" if plan.status is SolveStatus.INTERRUPTED else "stopped at its time limit"
    return (
        f"The search for {aim} {ended}: a plan up to {percent(plan.gap_fraction, decimals=2)} better is not ruled out."
    )


def energized(study: Study) -> str:
    """How power grows, and how the milestones follow."""
    total = measures.total_energized_mw(study, "facility")
    months = study.inputs.calendar.months
    if total.max() <= 0:
        return "No rack enters service."
    first = months[int(np.argmax(total > 0))]
    peak = months[int(np.argmax(total >= total.max() * _FULL))]
    largest = measures.sites_in_use(study)[0]
    at_largest = float(measures.energized_mw(study, "facility").sel(site=largest.id).sum("platform").max())
    return (
        f"The first racks serve in {month_name(first)}; power is full at {gigawatts(float(total.max()))} by "
        f"{month_name(peak)}. The largest site is {largest.name} with {gigawatts(at_largest)}.{_band_words(study)}"
    )


def _band_words(study: Study) -> str:
    band = study.bands.headline.get("energized_facility_mw")
    if band is None:
        return ""
    low, high = gigawatts(band[0]), gigawatts(band[2])
    if low == high:
        return f" In sampled histories the greatest power is {low} at P10 and P90."
    return f" In eight of ten sampled histories the greatest power is {span(band[0], band[2], gigawatts)}."


def platform_mix(study: Study) -> str:
    """Which platforms carry the power at the peak."""
    power = measures.energized_mw(study, "it").sum("site")
    total = power.sum("platform")
    at = int(total.argmax("month"))
    if float(total[at]) <= 0:
        return "No platform is bought."
    names = measures.platform_names(study)
    shares = {key: float(power.sel(platform=key)[at] / total[at]) for key in measures.platforms_in_use(study)}
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    parts = [f"{percent(share)} {names[key]}" for key, share in ranked if share >= SMALLEST_SHARE]
    return f"At its greatest, in {month_name(study.inputs.calendar.months[at])}, IT power is {listing(parts)}."


def milestones(study: Study) -> str:
    """How many tranches are earned, when and of how much."""
    earned = study.appraisal.milestones
    offered = [contract for contract in study.inputs.contracts if isinstance(contract, MilestoneTranches)]
    if not offered:
        return "No contract of this scenario pays by the gigawatt."
    cap = sum(contract.cap_usd for contract in offered)
    if not earned:
        return f"No milestone is reached, so none of {money(cap)} is paid."
    by_date = sorted(earned, key=lambda milestone: milestone.reached)
    total = measures.milestones_total_usd(study)
    last = (
        f"All are reached in {month_name(by_date[0].reached)}."
        if by_date[0].reached == by_date[-1].reached
        else f"The first is reached in {month_name(by_date[0].reached)}, the last in {month_name(by_date[-1].reached)}."
    )
    band = study.bands.headline.get("last_milestone_month")
    spread = ""
    if band is not None and math.isfinite(band[0]):
        start = study.inputs.calendar.start
        early, late = after(start, band[0]), after(start, band[2])
        between = f"in {early} at P10 and P90" if early == late else f"in {early} at P10 and {_in(late)} at P90"
        spread = f" In sampled histories the last falls {between}."
    paid = f"{_upper(counted(len(earned), 'milestone'))} {'pays' if len(earned) == 1 else 'pay'} {money(total)}"
    return f"{paid} of at most {money(cap)}. {last}{spread}"


def cash(study: Study) -> str:
    """The programme's purse: what it lacks, when, and what it gets from investors."""
    balance = measures.programme_cash_usd(study)
    months = study.inputs.calendar.months
    invested = sum(float(series.sum()) for series in measures.invested_usd(study).values())
    lowest = int(np.argmin(balance))
    opening = f"It opens with {money(study.inputs.treasury.opening_cash_usd)}"
    paid_in = f"{opening} and investors pay in {money(invested)}" if invested > 0 else f"{opening} and has no investors"
    return (
        f"{_shortfall(study)} {paid_in}; the balance is least in {month_name(months[lowest])}, at "
        f"{money(float(balance[lowest]))}.{_overdraft(study, least_usd=float(balance[lowest]))}"
    )


def at_the_end(study: Study) -> str:
    """What still stands when the horizon ends, and whether the plan counts it."""
    table = measures.end_values_of(study)
    total = float(table["value_usd"].sum())
    if total < 1.0:
        return "Nothing that was bought is of worth when the horizon ends."
    mine = table.filter(pl.col("owner") == study.inputs.programme)
    own, present = float(mine["value_usd"].sum()), float(mine["present_usd"].sum())
    name = measures.party_names(study)[study.inputs.programme]
    by_books = "at cost less what the books have written off, or at what used racks are stated to sell for"
    share = f"{money(own)} of it ({money(present)} at the start) {name}'s"
    return (
        f"When the horizon ends, what stands is worth {money(total)}, {by_books}; {share}. Net present value with it "
        f"is {money(measures.npv_with_end_value_usd(study))}. {_counted_at_the_end(study)}"
    )


def _counted_at_the_end(study: Study) -> str:
    """Whether the plan counts what is left, and when it stops buying."""
    if study.inputs.end_value is EndValue.BOOKS:
        return "The plan counts it."
    ordered = study.history.state["ordered_racks"].sum(("site", "platform"))
    bought = np.flatnonzero(ordered.values > 0.0)
    months = study.inputs.calendar.months
    until = f", and orders its last racks in {month_name(months[bought[-1]])}" if bought.size else ""
    return (
        f"The plan counts none of it{until}: towards the end it builds less than one that goes on would; "
        'end_value = "books" in [programme] counts it.'
    )


def _overdraft(study: Study, *, least_usd: float) -> str:
    """What to know where the balance falls below its minimum: the plan never does, so the history went otherwise."""
    minimum_usd = study.inputs.treasury.minimum_cash_usd
    if least_usd >= minimum_usd - 1.0:
        return ""
    return (
        f" That is {money(minimum_usd - least_usd)} below the minimum of {money(minimum_usd)}: the plan keeps it in "
        "every month, and what comes late or less in the history takes it below. It needs a credit line of so much."
    )


def _shortfall(study: Study) -> str:
    """How much the programme would lack without its investors."""
    appraisal = study.appraisal
    if appraisal.peak_funding_usd <= 0.0:
        return "Before any financing the programme never spends more than it has taken in."
    return (
        f"Before any financing the programme is short by as much as {money(appraisal.peak_funding_usd)}, in "
        f"{month_name(appraisal.peak_funding_month)}."
    )


def circle(study: Study) -> str:
    """How much of each selling investor's cash comes back as purchases of it, and how soon."""
    names = measures.party_names(study)
    circles = investor_circles(study.inputs, appraisal=study.appraisal)
    if not circles:
        return "No contract brings in money from investors."
    selling = [each for each in circles if each.of_everybody.bought_usd.any()]
    return " ".join(_way_back(each, names) for each in selling) or "No investor also sells to the build-out."


def _way_back(each: InvestorCircle, names: dict[str, str]) -> str:
    """What one investor puts in and sells, and what of it returns."""
    direct, whole = each.of_recipients, each.of_everybody
    begun = (
        f"{names[each.investor]} invests {money(float(each.invested_usd.sum()))} and sells "
        f"{money(float(whole.bought_usd.sum()))} to the build-out: "
    )
    if not whole.returned_usd.any():
        return f"{begun}nothing of its money comes back with purchases after it."
    return (
        f"{begun}{percent(whole.share_fraction)} of its money comes back with later purchases, after "
        f"{whole.mean_months:.0f} months on average, and {percent(direct.share_fraction)} with purchases by those it "
        "paid."
    )


def service(study: Study) -> str:
    """Tokens served against tokens wanted."""
    served = measures.served_tokens(study).sum("service").values
    wanted = measures.demand_tokens(study)
    if wanted.sum() <= 0:
        return "No tokens are wanted."
    share = float(served.sum() / wanted.sum())
    months = study.inputs.calendar.months
    met = np.flatnonzero(served >= wanted * _FULL)
    when = (
        f"Demand is met in full in {met.size} of {len(months)} months."
        if met.size
        else "Demand is met in full in no month."
    )
    last = f"In {month_name(months[-1])} the programme serves {tokens(float(served[-1]))} tokens."
    return f"{percent(share)} of the tokens wanted are served over the horizon. {when} {last}"


def training(study: Study) -> str:
    """Which runs make their deadlines."""
    runs = measures.training_progress(study)
    if not runs:
        return "No training run is asked for."
    late = [progress for progress in runs if not progress.on_time]
    if not late:
        verdict = "All runs make their deadlines." if len(runs) > 1 else "The run makes its deadline."
    else:
        verb = "misses its deadline" if len(late) == 1 else "miss their deadlines"
        verdict = f"Of these {listing([progress.run.id for progress in late])} {verb}."
    computation = scientific(sum(progress.run.compute_flop for progress in runs))
    return f"{_upper(counted(len(runs), 'training run'))} of {computation} FLOP in all. {verdict}"


def runs_at_sites(study: Study) -> str:
    """Which runs the plan places, and over how many sites."""
    found = stays(study)
    said = [
        f"{run.id} at {listing(sites)}{_line_cost(study, run.id, sites_count=len(sites))}"
        for run in study.inputs.runs
        if (sites := [stay.site for stay in found if stay.run == run.id])
    ]
    return f"Each is one job from its start to its end: {'; '.join(said)}." if said else ""


def _line_cost(study: Study, run: str, *, sites_count: int) -> str:
    """What the line between several sites leaves of the rate at one."""
    if sites_count == 1:
        return ""
    rates, platform = study.performance.training, next(s.platform for s in stays(study) if s.run == run)
    pair = {"platform": platform, "run": run}
    one = rates["flop_per_s_per_rack"].sel(pair).sel(quantile=0.5, method="nearest")
    several = rates["spread_flop_per_s_per_rack"].sel({**pair, "site_count": sites_count})
    kept = float(several.sel(quantile=0.5, method="nearest") / one)
    return f", at {percent(kept, decimals=1)} of the rate at one site"


def performance(study: Study) -> str:
    """The best platform per megawatt for the first service, and how it is known."""
    names = measures.platform_names(study)
    measured = [offer.platform.name for offer in study.inputs.offers if offer.platform.measured]
    projected = [offer.platform.name for offer in study.inputs.offers if not offer.platform.measured]
    parts = []
    if measured:
        parts.append(f"Filled marks are platforms with published measurements ({listing(measured)})")
    if projected:
        parts.append(f"hollow marks are projections from data sheets ({listing(projected)})")
    refused = [
        f"{names.get(key.split('/')[0], key)} cannot run {key.split('/')[-1]}: {reason}."
        for key, reason in study.performance.refusals.items()
    ]
    return _upper("; ".join(parts)) + ". " + " ".join(refused)


def fronts(study: Study) -> str:
    """How to read the fronts, and how far the platforms are apart at the service levels."""
    names = measures.platform_names(study)
    says = "Each line is the most output tokens at a speed within the time to first token, shaded from P10 to P90; the "
    says += "dot is the deployment that the service level chooses. Rates are those of mature software."
    if len(study.inputs.offers) < 2:
        return says
    per_rack = study.performance.serving["output_tokens_per_s_per_rack"].sel(quantile=0.5, method="nearest")
    for service in study.inputs.services:
        rates = per_rack.sel(service=service.id).dropna("platform")
        if rates.size > 1:
            best, least = rates.idxmax("platform").item(), rates.idxmin("platform").item()
            ratio = float(rates.max() / rates.min())
            says += (
                f" At the level of {service.id} a rack of {names[best]} serves {ratio:.1f} times one of {names[least]}."
            )
    return says


_ALIKE_FRACTION = 0.1


def unit_costs(study: Study) -> str:
    """The spread of cost per million tokens between platforms."""
    names = measures.platform_names(study)
    rows = [
        (cost, names.get(platform, platform))
        for platform, cost in study.appraisal.unit_costs.select("platform", "usd_per_mtoken").iter_rows()
        if cost is not None and math.isfinite(cost)
    ]
    if not rows:
        return "No platform serves tokens."
    low, high = min(rows), max(rows)
    if len(rows) == 1:
        return f"A million tokens cost {unit_price(low[0])} on {low[1]}, what is left at the end taken off."
    return (
        f"A million tokens cost {unit_price(low[0])} on {low[1]} and {unit_price(high[0])} on {high[1]}, "
        f"{high[0] / low[0]:.1f} times as much, what is left at the end taken off.{_mixed_services(study)}"
    )


def _mixed_services(study: Study) -> str:
    """A warning where platforms serve services in unlike shares: then the costs compare services, not hardware."""
    served = study.history.state["served_tokens"].sum("month").transpose("platform", "service").values
    shares = served[served.sum(axis=1) > 0.0]
    if shares.shape[1] < 2 or np.ptp(shares / shares.sum(axis=1, keepdims=True), axis=0).max() < _ALIKE_FRACTION:
        return ""
    return " The platforms serve the services in different shares; the fronts compare them service by service."


def capital(study: Study) -> str:
    """Capital per gigawatt on both bases."""
    total = measures.capex_total_usd(study)
    if total <= 0:
        return "No capital is spent."
    largest = max(study.appraisal.capex_usd.items(), key=lambda item: item[1])
    facility, it = (measures.per_gigawatt_usd(study, total, basis) for basis in ("facility", "it"))
    return (
        f"All parties spend {money(total)}: {money(facility)} per GW of facility power at its greatest, "
        f"{money(it)} per GW of IT. {percent(largest[1] / total)} of it is "
        f"{largest[0].replace('_', ' ')}. Replacements within the horizon count too."
    )


def sites(study: Study) -> str:
    """Where the power is concentrated when it is greatest."""
    used = measures.sites_in_use(study)
    if not used:
        return "No site is used."
    power = measures.energized_mw(study, "facility").sum("platform")
    at = int(power.sum("site").argmax("month"))
    here = {site.name: float(power.sel(site=site.id)[at]) for site in used}
    total = sum(here.values())
    top = sorted(here.items(), key=lambda item: -item[1])[:3]
    share = percent(sum(mw for _, mw in top) / total)
    when = month_name(study.inputs.calendar.months[at])
    unused = len(study.inputs.sites) - len(used)
    idle = (
        f" {_upper(counted(unused, 'site'))} of the scenario stay{'s' if unused == 1 else ''} empty." if unused else ""
    )
    verb = "holds" if len(top) == 1 else "hold"
    return f"{listing([name for name, _ in top])} {verb} {share} of the {gigawatts(total)} in service in {when}.{idle}"


def evidence(study: Study) -> str:
    """How well the figures of the run are supported."""
    entries = study.inputs.ledger.entries
    if not entries:
        return "This study keeps no ledger of figures."
    sourced = sum(1 for entry in entries if entry.sources)
    assumed = sum(1 for entry in entries if entry.grade.value == "assumed")
    defaults = sum(1 for entry in entries if entry.origin == "default")
    return (
        f"{_upper(counted(len(entries), 'figure'))} went into this study: {sourced} with a published source, {assumed} "
        f"assumed, {defaults} taken by default because the scenario is silent."
    )


def _in(month: str) -> str:
    return month if month == NEVER else f"in {month}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
