"""Programmes made up by Hypothesis: sites, platforms, plans and luck that hang together."""

from dataclasses import dataclass, replace
from datetime import date

import xarray as xr
from hypothesis import strategies as st

from gigawatt.entities.site import Cloud, Leased, Owned, PowerStep
from gigawatt.entities.stages import BuildPlan, Inputs, Luck, Performance
from gigawatt.simulation import expected_luck
from tests.samples import PLATFORM, offer, run, service, site, small_inputs, small_performance
from tests.simulation.plans import small_plan

SMALL = replace(PLATFORM, id="small-8", rack_power_w=14_000.0, accelerators_per_rack_count=8)
PLATFORMS = (PLATFORM.id, SMALL.id)
LIVES = st.integers(min_value=3, max_value=40)
MEGAWATTS = st.integers(min_value=0, max_value=60).map(float)
OWNERSHIPS = st.sampled_from(
    (
        Owned(builder="builders"),
        Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03),
        Cloud(provider="landlord", price_usd_per_facility_mw_month=1.1e6),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A programme with its plan and its luck."""

    inputs: Inputs
    performance: Performance
    plan: BuildPlan
    luck: Luck


@st.composite
def sites(draw, site_id):
    first, second = sorted((draw(MEGAWATTS), draw(MEGAWATTS)))
    steps = (
        PowerStep(start=date(2027, draw(st.integers(1, 12)), 1), facility_mw=first),
        PowerStep(start=date(2028, draw(st.integers(1, 12)), 1), facility_mw=second),
    )
    return site(
        site_id,
        power_steps=steps,
        ownership=draw(OWNERSHIPS),
        peak_pue=draw(st.sampled_from((1.1, 1.25, 1.5))),
        construction_months=draw(st.integers(0, 24)),
        platforms=PLATFORMS,
    )


@st.composite
def cases(draw, *, life_months=LIVES):
    """Two sites, two platforms, quarters, orders and buildings at will; power comes late or not at all."""
    offers = tuple(
        replace(
            offer(platform=platform, price_usd_per_rack=price),
            lead_months=draw(st.integers(0, 9)),
            life_months=draw(life_months),
            deposit_fraction=draw(st.sampled_from((0.0, 0.2, 1.0))),
        )
        for platform, price in ((PLATFORM, 3.5e6), (SMALL, 0.41e6))
    )
    inputs = small_inputs(
        sites=(draw(sites("alpha")), draw(sites("beta"))),
        offers=offers,
        services=(service(tokens_per_month=draw(st.sampled_from((1e12, 2e13, 1e16)))),),
        runs=(replace(run(), compute_flop=draw(st.sampled_from((1e22, 1e24, 1e28)))),),
    )
    order = st.tuples(st.sampled_from(("alpha", "beta")), st.sampled_from(PLATFORMS), st.integers(0, 11))
    ordered = draw(st.dictionaries(order, st.integers(1, 400), max_size=8))
    place = st.tuples(st.sampled_from(("alpha", "beta")), st.integers(0, 11))
    built = draw(st.dictionaries(place, MEGAWATTS, max_size=4))
    rising = {key: max(mw for (name, at), mw in built.items() if name == key[0] and at <= key[1]) for key in built}
    plan = small_plan(inputs, ordered=ordered, built=rising, training_share=draw(st.sampled_from((0.0, 0.3, 1.0))))
    slips = {name: draw(st.integers(0, 30)) for name in ("alpha", "beta")}
    luck = Luck(
        slip_months={name: (months, months) for name, months in slips.items()},
        performance_factor={platform: draw(st.sampled_from((0.7, 1.0, 1.4))) for platform in PLATFORMS},
        availability_fraction=0.95,
        training_ettr_fraction=0.9,
        software_first_fraction=draw(st.sampled_from((0.4, 1.0))),
    )
    return Case(inputs=inputs, performance=two_platform_performance(), plan=plan, luck=luck)


def with_ample_power(case: Case) -> Case:
    """The same programme where each site has more power and building from the start than it can use; expected luck."""
    start = case.inputs.calendar.start
    roomy = tuple(replace(s, power_steps=(PowerStep(start=start, facility_mw=1e4),)) for s in case.inputs.sites)
    inputs = replace(case.inputs, sites=roomy)
    built = case.plan.decisions["built_facility_mw"] * 0.0 + 1e4
    plan = replace(case.plan, decisions=case.plan.decisions.assign(built_facility_mw=built))
    return replace(case, inputs=inputs, plan=plan, luck=expected_luck(inputs))


def two_platform_performance() -> Performance:
    """The sample's rates for the large platform and a ninth of them for the small one."""
    base = small_performance()
    ninth = small_performance(tokens_per_s_per_rack=500e3 / 9, flop_per_s_per_rack=1.2e17 / 9)
    return Performance(
        serving=_joined(base.serving, ninth.serving),
        training=_joined(base.training, ninth.training),
        refusals={},
    )


def _joined(large: xr.Dataset, small: xr.Dataset) -> xr.Dataset:
    return xr.concat([large, small.assign_coords(platform=[SMALL.id])], dim="platform")
