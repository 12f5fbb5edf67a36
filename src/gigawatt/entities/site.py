"""Where gigawatts stand: power in steps, cooling, ownership and price of energy. Site regime: h, MW, MWh, USD."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from math import floor

from gigawatt.entities.assumptions import SURE, Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerStep:
    """From `start` on the site has `facility_mw` in all (not in addition) energized at its meter."""

    start: date
    facility_mw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Burning:
    """Runs when it is asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """Gives what the sun gives: mean power over its nameplate, by month of the year and block of the day.

    `share_fraction` has twelve rows, January first, of as many equal blocks as a day is told apart in.
    """

    share_fraction: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Shifts energy within the day: full, it lasts `duration_h`; `round_trip_fraction` of what goes in comes out."""

    duration_h: float
    round_trip_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStep:
    """More of the grid connection: its energy is bought as any other."""


Working = Burning | Sun | Battery | GridStep


class Payments(StrEnum):
    """When the builder of a plant is paid: by the calendar of the order, or as the plant comes along."""

    SCHEDULE = "schedule"
    PROGRESS = "progress"


class RentFrom(StrEnum):
    """What starts the rent of a leased megawatt: its hall, or its hall and the power for it."""

    BUILDING = "building"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A power plant, or a step of the grid connection, that may be built at a site, up to `most_mw` of facility power.

    It is built in whole units of `unit_mw` (None: in any size). It runs `lead_months` after it is begun, late by
    `slip_median_months` at the median, its cost spread evenly over both; from then on it costs
    `fixed_usd_per_mw_month`, used or not. `firm_fraction` of it counts as power for racks; it generates at most
    `energy_fraction` of its hours at full power, at `energy_usd_per_mwh` for fuel and care. Where it comes later than
    expected, payments go on as planned or stretch until it stands, as `payments` says. `spreads` maps the name of a
    cost above to the factors of itself that it may turn out to be; the others are sure.
    """

    id: str
    most_mw: float
    lead_months: int
    cost_usd_per_mw: float
    fixed_usd_per_mw_month: float
    energy_usd_per_mwh: float
    firm_fraction: float
    energy_fraction: float
    carbon_t_per_mwh: float
    works: Working = Burning()
    unit_mw: float | None = None
    slip_median_months: float = 0.0
    payments: Payments = Payments.PROGRESS
    spreads: Mapping[str, Ranged] = field(default_factory=dict)

    @property
    def expected_lead_months(self) -> int:
        """Months from the beginning to the power, as the plan expects them; halves rounded up."""
        return self.lead_months + floor(self.slip_median_months + 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """The programme builds and owns: it pays building, systems, energy and operation."""

    builder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A powered shell leased from `lessor`, who pays the building; rent of each MW starts with `rent_from`."""

    lessor: str
    rent_usd_per_it_mw_month: float
    escalator_fraction_per_year: float
    rent_from: RentFrom = RentFrom.BUILDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Capacity bought as a service: `provider` pays building, systems, energy and operation.

    The programme pays `price_usd_per_facility_mw_month` for the facility power of the racks in service,
    whether it uses them or not.
    """

    provider: str
    price_usd_per_facility_mw_month: float


Ownership = Owned | Leased | Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingLimits:
    """The most heat of racks, in IT power, that a site's air and its liquid take away; None where nothing limits it."""

    air_it_mw: float | None = None
    liquid_it_mw: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unable:
    """A platform that a site cannot host, and why."""

    platform: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that can host racks.

    `peak_pue` converts capacity (facility over IT at peak), `annual_pue` converts energy. `platforms` are the
    ids that the site can cool and contract for. `latitude` and `longitude` are degrees. Energy is bought from the
    party `utility`. `construction_mw_per_month` is the most that its builders finish in a month, None where nothing
    limits them; `one_vendor` says that racks of one vendor only may come in; `same_place_as` names the site whose
    power this one shares, being another way to use the same place. What a MWh at the meter takes of carbon and water
    is known where a cap needs it; `cooling_limits` what its cooling takes away, where that is limited, and `unable` why
    platforms that it cannot cool are not among its own; the `region` that it serves from, where regions matter.
    `energy_price_spread` is what the price of energy may turn out to be, as factors of it.
    """

    id: str
    name: str
    ownership: Ownership
    power_steps: tuple[PowerStep, ...]
    construction_months: int
    peak_pue: float
    annual_pue: float
    cooling: str
    energy_price_usd_per_mwh: float
    utility: str
    platforms: tuple[str, ...]
    latitude: float
    longitude: float
    slip_median_months: float
    construction_mw_per_month: float | None = None
    one_vendor: bool = False
    same_place_as: str | None = None
    grid_carbon_t_per_mwh: float | None = None
    water_kl_per_mwh: float | None = None
    water_cap_kl_per_year: float | None = None
    plants: tuple[Plant, ...] = ()
    region: str | None = None
    cooling_limits: CoolingLimits = CoolingLimits()
    unable: tuple[Unable, ...] = ()
    energy_price_spread: Ranged = SURE
