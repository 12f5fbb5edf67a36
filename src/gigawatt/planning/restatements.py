"""Statements that are taken back by stating the scenario anew: dates, contracts, plants, lives, who may come in.

What one of them says stands in the shape of the model, not in one of its limits. So the model is made again without
it, or with a little less of it where it is a number of months or megawatts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import floor

from gigawatt.entities.contracts import Contract, EquityRound, Grant, Loan, MilestoneTranches, parties_of
from gigawatt.entities.hardware import Offer
from gigawatt.entities.site import Plant, Site
from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import TrainingRun
from gigawatt.units import MONTHS_PER_YEAR

PLANT = "plant_most"
_PLENTY = 100
"""So many times the largest power of a scenario is as much as anybody could want of a plant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of statement: its `key` with `{label}`, and for each label of a scenario how much it can give way.

    `sizes` by label, in whole `unit`s, are those of taking it back; where there is no unit a statement holds or it does
    not. `restated` is the scenario with a label's statement giving way by so much; `words` say what it states, and
    `direction` which way it gives way.
    """

    key: str
    unit: str
    direction: str
    sizes: Callable[[Inputs], Mapping[str, int]]
    restated: Callable[[Inputs, str, int], Inputs]
    words: Callable[[Inputs, str], str]
    whole: Callable[[Inputs, str], float] | None = None

    def stated(self, inputs: Inputs, label: str) -> float:
        """What it states, against which a change of it is measured: its `whole`, else all that it can give way."""
        return float(self.sizes(inputs)[label]) if self.whole is None else self.whole(inputs, label)


def _earlier(day: date, months: int, *, start: date) -> date:
    ordinal = day.year * MONTHS_PER_YEAR + day.month - 1 - months
    return max(start, date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1))


def _months(count: float) -> str:
    return f"{count:g} month{'' if count == 1 else 's'}"


def _site(inputs: Inputs, label: str) -> Site:
    return next(site for site in inputs.sites if site.id == label)


def _with_site(inputs: Inputs, label: str, change: Callable[[Site], Site]) -> Inputs:
    return replace(inputs, sites=tuple(change(site) if site.id == label else site for site in inputs.sites))


def _with_offer(inputs: Inputs, label: str, change: Callable[[Offer], Offer]) -> Inputs:
    offers = (change(offer) if offer.platform.id == label else offer for offer in inputs.offers)
    return replace(inputs, offers=tuple(offers))


def _with_contract(inputs: Inputs, label: str, change: Callable[[Contract], Contract]) -> Inputs:
    contracts = (change(contract) if contract.id == label else contract for contract in inputs.contracts)
    return replace(inputs, contracts=tuple(contracts))


# what a site says


def _platform_sizes(inputs: Inputs) -> dict[str, int]:
    offered = {offer.platform.id for offer in inputs.offers}
    return {site.id: 1 for site in inputs.sites if not offered <= set(site.platforms)}


def _any_platform(inputs: Inputs, label: str, _amount: int) -> Inputs:
    offered = tuple(offer.platform.id for offer in inputs.offers)
    return _with_site(inputs, label, lambda site: replace(site, platforms=offered))


def _vendor_sizes(inputs: Inputs) -> dict[str, int]:
    several = len({offer.vendor for offer in inputs.offers}) > 1
    return {site.id: 1 for site in inputs.sites if site.one_vendor and several}


def _slip_months(site: Site) -> int:
    return floor(site.slip_median_months + 0.5)


def _slip_sizes(inputs: Inputs) -> dict[str, int]:
    return {site.id: _slip_months(site) for site in inputs.sites if _slip_months(site) > 0}


def _slipping_less(inputs: Inputs, label: str, months: int) -> Inputs:
    return _with_site(
        inputs, label, lambda site: replace(site, slip_median_months=float(max(0, _slip_months(site) - months)))
    )


# what a plant says


def _plants(inputs: Inputs) -> dict[str, Plant]:
    return {f"{site.id}.plant.{plant.id}": plant for site in inputs.sites for plant in site.plants}


def _with_plant(inputs: Inputs, label: str, change: Callable[[Plant], Plant]) -> Inputs:
    name, _, plant_id = label.partition(".plant.")

    def changed(site: Site) -> Site:
        return replace(site, plants=tuple(change(plant) if plant.id == plant_id else plant for plant in site.plants))

    return _with_site(inputs, name, changed)


def plenty_mw(inputs: Inputs) -> int:
    """More power than anybody could want at a site."""
    powers = [step.facility_mw for site in inputs.sites for step in site.power_steps]
    powers += [target.facility_mw for target in inputs.targets]
    return int(_PLENTY * max([*powers, *(plant.most_mw for plant in _plants(inputs).values())])) + 1


def _plant_sizes(inputs: Inputs) -> dict[str, int]:
    return dict.fromkeys(_plants(inputs), plenty_mw(inputs))


def _more_plant(inputs: Inputs, label: str, mw: int) -> Inputs:
    return _with_plant(inputs, label, lambda plant: replace(plant, most_mw=plant.most_mw + mw))


def _plant_leads(inputs: Inputs) -> dict[str, int]:
    return {label: plant.lead_months for label, plant in _plants(inputs).items() if plant.lead_months > 0}


def _sooner_plant(inputs: Inputs, label: str, months: int) -> Inputs:
    return _with_plant(inputs, label, lambda plant: replace(plant, lead_months=plant.lead_months - months))


# what a platform says


def _life_sizes(inputs: Inputs) -> dict[str, int]:
    horizon = inputs.calendar.month_count
    short = {offer.platform.id: horizon - offer.life_months for offer in inputs.offers}
    return {label: months for label, months in short.items() if months > 0}


def _longer_life(inputs: Inputs, label: str, months: int) -> Inputs:
    return _with_offer(inputs, label, lambda offer: replace(offer, life_months=offer.life_months + months))


def _life_words(inputs: Inputs, label: str) -> str:
    return _months(next(offer.life_months for offer in inputs.offers if offer.platform.id == label))


# what a run says


def _run_sizes(inputs: Inputs) -> dict[str, int]:
    firsts = {str(index): inputs.calendar.month_index(run.earliest) for index, run in enumerate(inputs.runs)}
    return {label: months for label, months in firsts.items() if months > 0}


def _run_earlier(inputs: Inputs, label: str, months: int) -> Inputs:
    def changed(run: TrainingRun) -> TrainingRun:
        return replace(run, earliest=_earlier(run.earliest, months, start=inputs.calendar.start))

    runs = (changed(run) if str(index) == label else run for index, run in enumerate(inputs.runs))
    return replace(inputs, runs=tuple(runs))


def _placement_sizes(inputs: Inputs) -> dict[str, int]:
    return {str(index): 1 for index, run in enumerate(inputs.runs) if run.placement is not None}


def _placement_words(inputs: Inputs, label: str) -> str:
    placed = inputs.runs[int(label)].placement
    most = 1 if placed is None else placed.most_sites_count
    return "one job at one site" if most == 1 else f"one job at up to {most} sites"


def _placed_anywhere(inputs: Inputs, label: str, _amount: int) -> Inputs:
    runs = (replace(run, placement=None) if str(index) == label else run for index, run in enumerate(inputs.runs))
    return replace(inputs, runs=tuple(runs))


# what contracts say


def _rounds(inputs: Inputs) -> dict[str, EquityRound]:
    """Rounds by which the programme receives money."""
    return {
        item.id: item
        for item in inputs.contracts
        if isinstance(item, EquityRound) and item.recipient == inputs.programme
    }


def _tranches(inputs: Inputs) -> dict[str, MilestoneTranches]:
    """Tranches that the programme receives."""
    return {
        item.id: item
        for item in inputs.contracts
        if isinstance(item, MilestoneTranches) and item.recipient == inputs.programme
    }


def _grants(inputs: Inputs) -> dict[str, Grant]:
    """Grants that the programme receives."""
    return {
        item.id: item for item in inputs.contracts if isinstance(item, Grant) and item.recipient == inputs.programme
    }


def _instalment_sizes(inputs: Inputs) -> dict[str, int]:
    latest = {
        label: max((inputs.calendar.month_index(part.on) for part in item.instalments), default=0)
        for label, item in _rounds(inputs).items()
    }
    return {label: months for label, months in latest.items() if months > 0}


def _sooner_instalments(inputs: Inputs, label: str, months: int) -> Inputs:
    def changed(contract: Contract) -> Contract:
        if not isinstance(contract, EquityRound):
            return contract
        start = inputs.calendar.start
        parts = (
            replace(part, on=_earlier(part.on, months, start=start)) if part.on > start else part
            for part in contract.instalments
        )
        return replace(contract, instalments=tuple(parts))

    return _with_contract(inputs, label, changed)


def _instalment_words(inputs: Inputs, label: str) -> str:
    return f"the last on {max(part.on for part in _rounds(inputs)[label].instalments):%Y-%m}"


def _signing_sizes(inputs: Inputs) -> dict[str, int]:
    months = {label: inputs.calendar.month_index(item.signed) for label, item in _tranches(inputs).items()}
    return {label: count for label, count in months.items() if count > 0}


def _sooner_signed(inputs: Inputs, label: str, months: int) -> Inputs:
    def changed(contract: Contract) -> Contract:
        if not isinstance(contract, MilestoneTranches):
            return contract
        return replace(contract, signed=_earlier(contract.signed, months, start=inputs.calendar.start))

    return _with_contract(inputs, label, changed)


def _lags(inputs: Inputs) -> dict[str, int]:
    paying: dict[str, MilestoneTranches | Grant] = {**_tranches(inputs), **_grants(inputs)}
    return {label: item.payment_lag_months for label, item in paying.items() if item.payment_lag_months > 0}


def _sooner_paid(inputs: Inputs, label: str, months: int) -> Inputs:
    def changed(contract: Contract) -> Contract:
        if not isinstance(contract, MilestoneTranches | Grant):
            return contract
        return replace(contract, payment_lag_months=contract.payment_lag_months - months)

    return _with_contract(inputs, label, changed)


def _contract_sizes(inputs: Inputs) -> dict[str, int]:
    """Contracts that may ask something of the programme; one that only pays it, or that it may leave, does not."""
    receiving = {*_rounds(inputs), *_tranches(inputs), *_grants(inputs)}
    return {
        item.id: 1
        for item in inputs.contracts
        if item.id not in receiving and not isinstance(item, Loan) and inputs.programme in parties_of(item).values()
    }


def _contract_words(inputs: Inputs, label: str) -> str:
    contract = next(item for item in inputs.contracts if item.id == label)
    name = type(contract).__name__
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def _without_contract(inputs: Inputs, label: str, _amount: int) -> Inputs:
    return replace(inputs, contracts=tuple(item for item in inputs.contracts if item.id != label))


KINDS: Mapping[str, Kind] = {
    "platforms": Kind(
        key="site.{label}.platforms",
        unit="",
        direction="",
        sizes=_platform_sizes,
        restated=_any_platform,
        words=lambda inputs, label: f"{', '.join(_site(inputs, label).platforms) or 'none'} only",
    ),
    "exclusive": Kind(
        key="site.{label}.one_vendor",
        unit="",
        direction="",
        sizes=_vendor_sizes,
        restated=lambda inputs, label, _amount: _with_site(inputs, label, lambda site: replace(site, one_vendor=False)),
        words=lambda _inputs, _label: "true",
    ),
    "slip": Kind(
        key="site.{label}.slip_median",
        unit="month",
        direction="less",
        sizes=_slip_sizes,
        restated=_slipping_less,
        words=lambda inputs, label: _months(_slip_months(_site(inputs, label))),
    ),
    PLANT: Kind(
        key="site.{label}.most",
        unit="MW",
        direction="more",
        sizes=_plant_sizes,
        restated=_more_plant,
        words=lambda inputs, label: f"at most {_plants(inputs)[label].most_mw:g} MW",
        whole=lambda inputs, label: max(1.0, _plants(inputs)[label].most_mw),
    ),
    "plant_lead": Kind(
        key="site.{label}.lead",
        unit="month",
        direction="less",
        sizes=_plant_leads,
        restated=_sooner_plant,
        words=lambda inputs, label: _months(_plants(inputs)[label].lead_months),
    ),
    "life": Kind(
        key="platform.{label}.life",
        unit="month",
        direction="more",
        sizes=_life_sizes,
        restated=_longer_life,
        words=_life_words,
    ),
    "placement": Kind(
        key="training[{label}].placement",
        unit="",
        direction="",
        sizes=_placement_sizes,
        restated=_placed_anywhere,
        words=_placement_words,
    ),
    "run_earliest": Kind(
        key="training[{label}].earliest",
        unit="month",
        direction="earlier",
        sizes=_run_sizes,
        restated=_run_earlier,
        words=lambda inputs, label: f"{inputs.runs[int(label)].earliest:%Y-%m}",
    ),
    "instalments": Kind(
        key="contract.{label}.instalments",
        unit="month",
        direction="earlier",
        sizes=_instalment_sizes,
        restated=_sooner_instalments,
        words=_instalment_words,
    ),
    "signed": Kind(
        key="contract.{label}.signed",
        unit="month",
        direction="earlier",
        sizes=_signing_sizes,
        restated=_sooner_signed,
        words=lambda inputs, label: f"{_tranches(inputs)[label].signed:%Y-%m}",
    ),
    "payment_lag": Kind(
        key="contract.{label}.payment_lag",
        unit="month",
        direction="less",
        sizes=_lags,
        restated=_sooner_paid,
        words=lambda inputs, label: _months(_lags(inputs)[label]),
    ),
    "contract": Kind(
        key="contract.{label}",
        unit="",
        direction="",
        sizes=_contract_sizes,
        restated=_without_contract,
        words=_contract_words,
    ),
}
"""Every kind of statement that is taken back by stating the scenario anew."""

LEAD = Kind(
    key="platform.{label}.lead",
    unit="month",
    direction="less",
    sizes=lambda inputs: {offer.platform.id: offer.lead_months for offer in inputs.offers if offer.lead_months > 0},
    restated=lambda inputs, label, months: _with_offer(
        inputs, label, lambda offer: replace(offer, lead_months=offer.lead_months - months)
    ),
    words=lambda inputs, label: _months(
        next(offer.lead_months for offer in inputs.offers if offer.platform.id == label)
    ),
)
"""A platform's lead time, which the model can also take back by itself."""


def statements_of(inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """Kind and label of every such statement that a scenario makes."""
    return tuple((name, label) for name, kind in KINDS.items() for label in kind.sizes(inputs))


def taken_back(inputs: Inputs, family: str, label: str) -> Inputs:
    """The scenario without one of its statements."""
    kind = KINDS[family]
    return kind.restated(inputs, label, kind.sizes(inputs)[label])
