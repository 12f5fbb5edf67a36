"""Sun and batteries, each best plan worked out by hand. Amounts in MUSD; the napkin's rack earns 8.76 a year."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.entities.site import Battery, Plant, PowerStep, Sun
from gigawatt.entities.stages import Inputs
from gigawatt.finance.flows import monthly_usd
from gigawatt.units import CENTS_PER_USD
from tests.planning.cases import napkin_inputs, napkin_site
from tests.planning.test_optima import best, racks, value
from tests.planning.test_plants import waits
from tests.samples import PLANT, exactly

BY_DAY = (0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0)
RISING = (0.0, 0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.0)
NEVER = (PowerStep(start=date(2027, 6, 1), facility_mw=10.0),)


def sun(day: tuple[float, ...], **changes: object) -> Plant:
    """Panels at 0.1 per MW, at once, with the same day all year and no firm part."""
    base = replace(
        PLANT, id="solar", works=Sun(share_fraction=(day,) * 12), most_mw=80.0, lead_months=0, cost_usd_per_mw=0.1e6,
        energy_usd_per_mwh=0.0, firm_fraction=0.0, carbon_t_per_mwh=0.0,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def battery(*, round_trip: float = 1.0, duration_h: float = 12.0, **changes: object) -> Plant:
    """A battery at 0.2 per MW, at once, firm."""
    works = Battery(duration_h=duration_h, round_trip_fraction=round_trip)
    return sun(BY_DAY, id="battery", works=works, cost_usd_per_mw=0.2e6, firm_fraction=1.0, **changes)


def at_site(*plants: Plant, **changes: object) -> Inputs:
    return napkin_inputs(sites=(napkin_site(plants=plants, **changes),))


@pytest.mark.parametrize(("cost_usd", "mw", "npv"), [(0.1e6, 20.0, 71.22), (0.11e6, 10.0, 71.025)])
def test_panels_are_sized_by_the_hours_they_fill(cost_usd: float, mw: float, npv: float) -> None:
    # Ten racks at 100 USD/MWh: 77.6 - 8.76. A MW of panels saves 0.375 x 8760 h x 100 = 0.3285 up to 10 MW; from there
    # on the four half blocks of RISING have two that are not full yet: 0.125 x 8760 x 100 = 0.1095 up to 20 MW.
    # 68.84 + 3.285 + 1.095 - 2 = 71.22; at 0.11 the second ten do not pay: 68.84 + 3.285 - 1.1
    chosen = best(at_site(sun(RISING, cost_usd_per_mw=cost_usd), energy_price_usd_per_mwh=100.0))
    assert value(chosen) == pytest.approx(npv)
    assert chosen.decisions["plant_mw"].values[0].tolist() == pytest.approx([mw] * 12)


def test_sun_and_a_battery_carry_racks_without_any_connection() -> None:
    # Half of the day 2 MW of panels give 1 to a rack and 1 to a battery of 12 hours, which gives it back at night:
    # 8.76 - 1 - 0.2 - 0.2 for each of ten racks
    off_grid = at_site(sun(BY_DAY, most_mw=20.0), battery(most_mw=20.0), power_steps=NEVER)
    chosen = best(off_grid)
    assert value(chosen) == pytest.approx(73.6)
    assert racks(chosen) == [10.0] * 12
    assert chosen.decisions["plant_mw"].values[:, 0].tolist() == pytest.approx([20.0, 10.0])
    assert float(chosen.decisions["generated_mwh"].sel(plant="alpha/solar").sum()) == pytest.approx(87_600.0)


def test_what_a_battery_loses_has_to_be_made() -> None:
    # 0.64 back of what goes in: a night of 12 MWh takes 15 out of the level and 18.75 in, 1.5625 MW of battery and
    # 2.5625 MW of panels to a rack: 8.76 - 1 - 0.25625 - 0.3125. 25.625 MW of panels are allowed: ten racks
    off_grid = at_site(sun(BY_DAY, most_mw=25.625), battery(round_trip=0.64, most_mw=20.0), power_steps=NEVER)
    chosen = best(off_grid)
    assert value(chosen) == pytest.approx(71.9125)
    made = chosen.decisions["generated_mwh"].sum("month").values
    assert made.tolist() == pytest.approx([112_237.5, -24_637.5])  # 12.8125 and -2.8125 MW all year


def test_a_short_battery_stores_less() -> None:
    # Three hours at its power: a rack's night takes 12 MWh, 4 MW of battery: 8.76 - 1 - 0.2 - 0.8
    off_grid = at_site(sun(BY_DAY, most_mw=20.0), battery(duration_h=3.0, most_mw=40.0), power_steps=NEVER)
    assert value(best(off_grid)) == pytest.approx(67.6)


def test_a_battery_carries_peaks_where_mean_power_is_lower() -> None:
    # Racks draw 0.8 on average: twelve take 9.6 of the connection's 10 MW, and 2 MW of battery stand for their peaks:
    # 12 x 7.76 - 0.4. At a mean of 0.85 the energy of a twelfth is lacking: 11 x 7.76 - 0.2
    def with_mean(power: float) -> float:
        base = at_site(battery(most_mw=2.0))
        return value(best(replace(base, operation=replace(base.operation, mean_power=exactly(power)))))

    assert with_mean(0.8) == pytest.approx(92.72)
    assert with_mean(0.85) == pytest.approx(85.16)


def test_engines_fill_the_night() -> None:
    # Panels at 0.1 and engines at 2 per MW from the start, without a connection, engines alone firm: four racks. By day
    # a MW of panels saves 4380 h x 50: 4 x (8.76 - 1 - 2 - 0.438 + 0.219 - 0.1)
    engine = replace(PLANT, lead_months=0)
    assert value(best(at_site(engine, sun(BY_DAY), power_steps=NEVER))) == pytest.approx(21.764)


def test_accounts_and_history_follow_the_days() -> None:
    price = 100.0
    inputs = at_site(sun(RISING), battery(round_trip=0.64), energy_price_usd_per_mwh=price)
    played = waits(inputs, best(inputs))
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9)
    net_usd = monthly_usd(played.appraisal.flows, party=inputs.programme, calendar=inputs.calendar)
    cash = inputs.treasury.opening_cash_usd + np.cumsum(net_usd)
    slack = played.appraisal.flows.height / CENTS_PER_USD
    assert cash == pytest.approx(played.plan.decisions["cash_usd"].values, abs=slack)
    taken = played.history.state["energy_mwh"].sum("site") - played.history.state["generated_mwh"].sum("plant")
    assert played.appraisal.opex_usd["energy"] == pytest.approx(float(taken.sum()) * price)
