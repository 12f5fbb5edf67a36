"""Quantities as people write them, and the one place where conversion factors live.

In a file every quantity is a string with its unit. Which *kind* of megawatt is part of the unit:
`"1.2 GW facility"`, `"824 MW IT"` and `"660 MW grid"` are three dimensions that never convert into
each other here; only `facility.electrical` crosses from one to the next, with a PUE.

Inside, quantities are plain floats in the canonical unit that the name's suffix says
(`grid_power_mw`, `price_usd_per_mwh`). Two regimes: device (s, byte, FLOP, W) and site (h, MW, MWh, USD).
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated

import pint
from pydantic import BeforeValidator

from gigawatt.errors import QuantityError

SECONDS_PER_HOUR = 3600.0
HOURS_PER_DAY = 24.0
DAYS_PER_YEAR = 365.25
HOURS_PER_YEAR = HOURS_PER_DAY * DAYS_PER_YEAR
MONTHS_PER_YEAR = 12
DAYS_PER_XIRR_YEAR = 365.0
MMBTU_PER_MWH = 3.412142
WATTS_PER_MEGAWATT = 1e6
MEGAWATTS_PER_GIGAWATT = 1e3
TOKENS_PER_MILLION = 1e6
PARAMETERS_PER_BILLION = 1e9
CENTS_PER_USD = 100
USD_PER_MILLION = 1e6
USD_PER_BILLION = 1e9
PERCENT_PER_ONE = 100.0
BITS_PER_BYTE = 8.0
FLOP_PER_PETAFLOP = 1e15

_DEFINITIONS = """
k- = 1e3
M- = 1e6
G- = 1e9
T- = 1e12
P- = 1e15
E- = 1e18
second = [time] = s
minute = 60 second = min
hour = 3600 second = h
day = 86400 second = d
week = 604800 second
month = 2629800 second
year = 31557600 second = yr
byte = [information] = B
bit = byte / 8 = b
FLOP = [operation] = FLOP
watt = [power] = W
watt_it = [it_power] = W_IT
watt_facility = [facility_power] = W_facility
watt_grid = [grid_power] = W_grid
watthour = watt * hour = Wh
btu = [heat] = Btu
MMBtu = 1e6 Btu
USD = [money] = USD
cent = USD / 100
thousand = 1e3
million = 1e6
bn = 1e9
tn = 1e12
token = [token]
request = [request]
sequence = [sequence]
evaluation = [evaluation]
GPU = [accelerator] = GPU
degree = [angle] = deg
rack = [rack]
chip = GPU
LPU = [decode_accelerator]
die = [die]
parameter = [parameter]
user = [user]
message = [message]
person = [person]
event = [event]
tranche = [tranche]
share = [share]
liter = [volume] = L
gram = [mass] = g
tonne = 1e6 gram = t
meter = [length] = m
degC = [temperature_celsius]
percent = 0.01
ratio = 1
"""

_QUANTITY = re.compile(r"^\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)\s*(.*?)\s*$")
_UNIT_TEXT = re.compile(r"^[A-Za-z_%][A-Za-z_% /*·-]{0,60}$")
_BASIS = re.compile(r"(W)\s+(IT|facility|grid)\b")


LARGEST_VALUE = 1e36
"""No quantity is larger: products of two still fit a float, so that nothing overflows on the way to a plan."""
_CENTURY_MONTHS = 100.0 * MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """What a quantity measures: its canonical unit, an example to show, and the least and most allowed."""

    name: str
    canonical: str
    example: str
    minimum: float = 0.0
    exclusive: bool = False
    maximum: float = LARGEST_VALUE


FACILITY_POWER = Dimension(name="facility power", canonical="MW_facility", example='"1.2 GW facility"')
IT_POWER = Dimension(name="IT power", canonical="MW_IT", example='"824 MW IT"')
GRID_POWER = Dimension(name="grid power", canonical="MW_grid", example='"660 MW grid"')
BUILDING_RATE = Dimension(
    name="rate of building", canonical="MW_facility/month", example='"50 MW facility/month"', exclusive=True
)
EMISSIONS_PER_YEAR = Dimension(name="yearly emissions", canonical="t/year", example='"250000 t/year"')
CARBON_INTENSITY = Dimension(name="carbon intensity", canonical="t/MWh", example='"367 kg/MWh"')
HEAT_RATE = Dimension(name="heat rate", canonical="MMBtu/MWh", example='"8.5 MMBtu/MWh"', minimum=MMBTU_PER_MWH)
FUEL_PRICE = Dimension(name="fuel price", canonical="USD/MMBtu", example='"4 USD/MMBtu"')
FUEL_CARBON = Dimension(name="carbon of fuel", canonical="t/MMBtu", example='"53 kg/MMBtu"')
WATER_PER_YEAR = Dimension(name="yearly water", canonical="kL/year", example='"900 ML/year"')
WATER_USE = Dimension(name="water per energy", canonical="kL/MWh", example='"1.8 L/kWh"')
YEARLY_SHARE = Dimension(name="yearly share", canonical="1/year", example='"3 percent/year"', maximum=1.0)
DEVICE_POWER = Dimension(name="device power", canonical="W", example='"1200 W"', exclusive=True)
ENERGY_PRICE = Dimension(name="energy price", canonical="USD/MWh", example='"52 USD/MWh"')
STORAGE_COST = Dimension(name="cost of storage", canonical="USD/MWh", example='"280 kUSD/MWh"')
DURATION_HOURS = Dimension(name="duration", canonical="h", example='"4 h"', exclusive=True)
MONEY = Dimension(name="money", canonical="USD", example='"10 bn USD"')
DURATION_MONTHS = Dimension(name="duration", canonical="month", example='"18 month"', maximum=_CENTURY_MONTHS)
LIFE = Dimension(name="service life", canonical="month", example='"60 month"', exclusive=True, maximum=_CENTURY_MONTHS)
DURATION_SECONDS = Dimension(name="duration", canonical="s", example='"50 ms"')
LATENCY = Dimension(name="latency", canonical="s", example='"50 ms"', exclusive=True)
TOKENS_PER_MONTH = Dimension(name="token rate", canonical="token/month", example='"8.6e12 token/day"')
TOKEN_PRICE = Dimension(name="token price", canonical="USD/Mtoken", example='"1.25 USD/Mtoken"')
COMPUTE_PRICE = Dimension(name="price of computation", canonical="USD/FLOP", example='"1.5 USD/EFLOP"')
TOKEN_COUNT = Dimension(name="tokens", canonical="token", example='"2000 token"', exclusive=True)
RACK_COUNT = Dimension(name="racks", canonical="rack", example='"8 rack"', exclusive=True)
PARAMETERS = Dimension(name="parameter count", canonical="parameter", example='"405.9 bn parameter"', exclusive=True)
ACCELERATOR_COUNT = Dimension(name="accelerators", canonical="GPU", example='"100,000 GPU"', exclusive=True)
LATITUDE = Dimension(name="latitude", canonical="degree", example='"32.5 degree"', minimum=-90.0, maximum=90.0)
LONGITUDE = Dimension(name="longitude", canonical="degree", example='"-99.8 degree"', minimum=-180.0, maximum=180.0)
OPERATIONS = Dimension(name="computation", canonical="FLOP", example='"5e26 FLOP"', exclusive=True)
RACKS_PER_MONTH = Dimension(name="rack supply", canonical="rack/month", example='"400 rack/month"')
FRACTION = Dimension(name="fraction", canonical="ratio", example='"12 percent" or "0.12 ratio"', maximum=1.0)
RATIO = Dimension(name="ratio", canonical="ratio", example='"1.25 ratio"')
PUE = Dimension(name="PUE (facility over IT power)", canonical="ratio", example='"1.25 ratio"', minimum=1.0)
GROWTH = Dimension(name="yearly growth", canonical="1/year", example='"-20 percent/year"', minimum=-1.0)
SHARE_COUNT = Dimension(name="shares", canonical="share", example='"160 million share"', exclusive=True)
SHARE_PRICE = Dimension(name="price of a share", canonical="USD/share", example='"210 USD/share"')
MONEY_PER_RACK = Dimension(name="price of a rack", canonical="USD/rack", example='"8.0 MUSD/rack"')
MONEY_PER_IT_MW = Dimension(name="cost per IT power", canonical="USD/MW_IT", example='"11.3 MUSD/MW IT"')
MONEY_PER_FACILITY_MW = Dimension(
    name="cost per facility power", canonical="USD/MW_facility", example='"6.5 MUSD/MW facility"'
)
RENT_PER_IT_MW = Dimension(name="rent per IT power", canonical="USD/MW_IT/month", example='"130 kUSD/MW IT/month"')
RENT_PER_FACILITY_MW = Dimension(
    name="price of capacity per facility power",
    canonical="USD/MW_facility/month",
    example='"1.1 MUSD/MW facility/month"',
)


@cache
def _registry() -> pint.UnitRegistry[float]:
    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None, cache_folder=None)
    registry.load_definitions(_DEFINITIONS.strip().splitlines())
    registry.define("m- = 1e-3")
    registry.define("u- = 1e-6")
    return registry


def parse(text: object, dimension: Dimension, *, where: str = "quantity") -> float:
    """The number that `text` states, in the canonical unit of `dimension`.

    >>> parse("1.2 GW facility", FACILITY_POWER)
    1200.0
    >>> parse("5.37 cent/kWh", ENERGY_PRICE)
    53.7
    """
    if not isinstance(text, str):
        raise QuantityError(
            where=where,
            found=f"the bare value {text!r}",
            expected=f"{dimension.name} as a string with its unit",
            fix=f"Write it like {dimension.example}.",
        )
    match = _QUANTITY.match(text)
    if match is None or len(text) > 100:
        raise _refusal(text[:100], dimension, where)
    magnitude = float(match[1].replace(",", ""))
    value = round_trip(magnitude * _factor(match[2], dimension, where=where, text=text))
    return _within(value, dimension, where=where, text=text)


def round_trip(value: float) -> float:
    """`value` without the last bits that a chain of decimal factors leaves behind."""
    return float(f"{value:.15g}")


def _factor(unit: str, dimension: Dimension, *, where: str, text: str) -> float:
    written = _BASIS.sub(r"\1_\2", unit.replace("%", " percent ").replace("·", "*")).strip()
    if not _UNIT_TEXT.match(written):
        raise _refusal(text, dimension, where)
    try:
        registry = _registry()
        return float(registry.Quantity(1.0, registry.parse_units(written.replace(" ", "*"))).to(dimension.canonical).m)
    except (pint.PintError, TypeError, ValueError, SyntaxError) as error:
        raise _refusal(text, dimension, where) from error


def _within(value: float, dimension: Dimension, *, where: str, text: str) -> float:
    too_low = value < dimension.minimum or (dimension.exclusive and value == dimension.minimum)
    if too_low or value > dimension.maximum:
        bound = f"more than {dimension.minimum:g}" if dimension.exclusive else f"at least {dimension.minimum:g}"
        limited = not too_low or dimension.maximum < LARGEST_VALUE
        most = f" and at most {dimension.maximum:g}" if limited else ""
        raise QuantityError(
            where=where,
            found=f'"{text}"',
            expected=f"{dimension.name} of {bound}{most} {dimension.canonical}",
            fix=f"Write it like {dimension.example}.",
        )
    return value


def _refusal(text: str, dimension: Dimension, where: str) -> QuantityError:
    return QuantityError(
        where=where,
        found=f'"{text}"',
        expected=f"{dimension.name} with its unit",
        fix=f"Write it like {dimension.example}.",
    )


def _validator(dimension: Dimension) -> BeforeValidator:
    def validate(value: object) -> float:
        try:
            return parse(value, dimension)
        except QuantityError as error:
            raise ValueError(f"found {error.found}; expected {error.expected}. {error.fix}") from error

    return BeforeValidator(validate, json_schema_input_type=str)


FacilityPowerMw = Annotated[float, _validator(FACILITY_POWER)]
ItPowerMw = Annotated[float, _validator(IT_POWER)]
GridPowerMw = Annotated[float, _validator(GRID_POWER)]
DevicePowerW = Annotated[float, _validator(DEVICE_POWER)]
EnergyPriceUsdPerMwh = Annotated[float, _validator(ENERGY_PRICE)]
MoneyUsd = Annotated[float, _validator(MONEY)]
DurationMonths = Annotated[float, _validator(DURATION_MONTHS)]
DurationSeconds = Annotated[float, _validator(DURATION_SECONDS)]
TokensPerMonth = Annotated[float, _validator(TOKENS_PER_MONTH)]
TokenPriceUsdPerMtoken = Annotated[float, _validator(TOKEN_PRICE)]
TokenCount = Annotated[float, _validator(TOKEN_COUNT)]
OperationsFlop = Annotated[float, _validator(OPERATIONS)]
RacksPerMonth = Annotated[float, _validator(RACKS_PER_MONTH)]
Fraction = Annotated[float, _validator(FRACTION)]
Ratio = Annotated[float, _validator(RATIO)]
GrowthPerYear = Annotated[float, _validator(GROWTH)]
UsdPerRack = Annotated[float, _validator(MONEY_PER_RACK)]
UsdPerItMw = Annotated[float, _validator(MONEY_PER_IT_MW)]
UsdPerFacilityMw = Annotated[float, _validator(MONEY_PER_FACILITY_MW)]
UsdPerItMwMonth = Annotated[float, _validator(RENT_PER_IT_MW)]
UsdPerFacilityMwMonth = Annotated[float, _validator(RENT_PER_FACILITY_MW)]
