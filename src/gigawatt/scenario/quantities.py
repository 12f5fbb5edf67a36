"""What people write in a scenario, value by value: quantities, months, names and counts.

A quantity keeps its text, because the ledger shows it as written. Instead of a number it may name a figure of the
catalogue: `"@platforms/vr-nvl72/street-price"`.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from gigawatt import units
from gigawatt.catalog import dimensions
from gigawatt.errors import QuantityError
from gigawatt.scenario.refusals import RefusedError, quoted
from gigawatt.units import Dimension

EARLIEST_YEAR = 2000
LATEST_YEAR = 2199
REFERENCE_MARK = "@"

_REFERENCE = re.compile(r"^@[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*){1,5}$")
_DAY = re.compile(r"^(\d{4})-(\d{2})(?:-(\d{2}))?$")
_IDENTIFIER = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A quantity as written: a number with its unit, or a reference to a figure of the catalogue."""

    text: str
    dimension: Dimension

    @property
    def reference(self) -> str:
        """The figure's key, empty when the text is a number."""
        return self.text.removeprefix(REFERENCE_MARK) if self.text.startswith(REFERENCE_MARK) else ""

    @property
    def value(self) -> float:
        """The number in the dimension's canonical unit; only for texts that are no reference."""
        return units.parse(self.text, self.dimension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Field metadata: this field holds a quantity of `dimension`, or of the first of several that accepts it."""

    dimensions: tuple[Dimension, ...]

    @property
    def example(self) -> str:
        """What to write, one example per dimension."""
        return " or ".join(dimension.example for dimension in self.dimensions)

    def stated(self, value: object) -> Stated:
        """`value` as a quantity; refuses what neither parses nor refers."""
        if isinstance(value, Stated):
            return value
        if isinstance(value, str) and value.startswith(REFERENCE_MARK):
            return self._referred(value)
        refused: list[QuantityError] = []
        for dimension in self.dimensions:
            try:
                units.parse(value, dimension)
            except QuantityError as error:
                refused.append(error)
            else:
                return Stated(text=str(value).strip(), dimension=dimension)
        raise RefusedError(
            found=quoted(value),
            expected=" or ".join(error.expected for error in refused),
            fix=f"Write it like {self.example}.",
            quantity=True,
        )

    def _referred(self, value: str) -> Stated:
        if not _REFERENCE.match(value):
            raise RefusedError(
                found=quoted(value),
                expected="a reference to a figure of the catalogue",
                fix='Write it like "@platforms/vr-nvl72/street-price".',
            )
        return Stated(text=value, dimension=self.dimensions[0])


def _quantity(*dimensions: Dimension) -> tuple[object, ...]:
    kind = Quantity(dimensions=dimensions)
    examples = [dimension.example.split('"')[1] for dimension in dimensions]
    schema = {
        "type": "string",
        "description": f"{dimensions[0].name} with its unit, or @ and the key of a figure of the catalogue",
        "examples": examples,
    }
    return (
        kind,
        PlainValidator(kind.stated),
        PlainSerializer(lambda stated: stated.text, return_type=str),
        WithJsonSchema(schema),
    )


FacilityPower = Annotated[Stated, *_quantity(units.FACILITY_POWER)]
ItPower = Annotated[Stated, *_quantity(units.IT_POWER)]
FacilityOrItPower = Annotated[Stated, *_quantity(units.FACILITY_POWER, units.IT_POWER)]
GridPower = Annotated[Stated, *_quantity(units.GRID_POWER)]
Shares = Annotated[Stated, *_quantity(units.SHARE_COUNT)]
SharePrice = Annotated[Stated, *_quantity(units.SHARE_PRICE)]
BuildingRate = Annotated[Stated, *_quantity(units.BUILDING_RATE)]
YearlyEmissions = Annotated[Stated, *_quantity(units.EMISSIONS_PER_YEAR)]
CarbonIntensity = Annotated[Stated, *_quantity(units.CARBON_INTENSITY)]
HeatRate = Annotated[Stated, *_quantity(units.HEAT_RATE)]
FuelPrice = Annotated[Stated, *_quantity(units.FUEL_PRICE)]
YearlyWater = Annotated[Stated, *_quantity(units.WATER_PER_YEAR)]
WaterUse = Annotated[Stated, *_quantity(units.WATER_USE)]
DevicePower = Annotated[Stated, *_quantity(units.DEVICE_POWER)]
EnergyPrice = Annotated[Stated, *_quantity(units.ENERGY_PRICE)]
StorageCost = Annotated[Stated, *_quantity(units.STORAGE_COST)]
Hours = Annotated[Stated, *_quantity(units.DURATION_HOURS)]
Money = Annotated[Stated, *_quantity(units.MONEY)]
Months = Annotated[Stated, *_quantity(units.DURATION_MONTHS)]
Life = Annotated[Stated, *_quantity(units.LIFE)]
Seconds = Annotated[Stated, *_quantity(units.DURATION_SECONDS)]
Latency = Annotated[Stated, *_quantity(units.LATENCY)]
TokenRate = Annotated[Stated, *_quantity(units.TOKENS_PER_MONTH)]
TokenPrice = Annotated[Stated, *_quantity(units.TOKEN_PRICE)]
Tokens = Annotated[Stated, *_quantity(units.TOKEN_COUNT)]
Operations = Annotated[Stated, *_quantity(units.OPERATIONS)]
Parameters = Annotated[Stated, *_quantity(units.PARAMETERS)]
RackRate = Annotated[Stated, *_quantity(units.RACKS_PER_MONTH)]
Racks = Annotated[Stated, *_quantity(units.RACK_COUNT)]
Accelerators = Annotated[Stated, *_quantity(units.ACCELERATOR_COUNT)]
FractionText = Annotated[Stated, *_quantity(units.FRACTION)]
RatioText = Annotated[Stated, *_quantity(units.RATIO)]
PueText = Annotated[Stated, *_quantity(units.PUE)]
YearlyGrowth = Annotated[Stated, *_quantity(units.GROWTH)]
YearlyShare = Annotated[Stated, *_quantity(units.YEARLY_SHARE)]
RackPrice = Annotated[Stated, *_quantity(units.MONEY_PER_RACK)]
ItCost = Annotated[Stated, *_quantity(units.MONEY_PER_IT_MW)]
FacilityCost = Annotated[Stated, *_quantity(units.MONEY_PER_FACILITY_MW)]
ItRent = Annotated[Stated, *_quantity(units.RENT_PER_IT_MW)]
FacilityRent = Annotated[Stated, *_quantity(units.RENT_PER_FACILITY_MW)]
ComputeRate = Annotated[Stated, *_quantity(dimensions.COMPUTE_RATE)]
Memory = Annotated[Stated, *_quantity(dimensions.MEMORY)]
Temperature = Annotated[Stated, *_quantity(dimensions.TEMPERATURE)]
Bandwidth = Annotated[Stated, *_quantity(dimensions.BANDWIDTH)]
Distance = Annotated[Stated, *_quantity(dimensions.DISTANCE)]
Latitude = Annotated[Stated, *_quantity(units.LATITUDE)]
Longitude = Annotated[Stated, *_quantity(units.LONGITUDE)]


def _date(value: object, *, day_allowed: bool) -> date:
    example = '"2027-01-31" or "2027-01"' if day_allowed else '"2027-01"'
    match = _DAY.match(value) if isinstance(value, str) else None
    if match is None or (match[3] is not None and not day_allowed):
        raise _not_a_date(value, example=example)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3] or 1))
    except ValueError:
        raise _not_a_date(value, example=example) from None
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise _not_a_date(value, example=example)
    return day


def _not_a_date(value: object, *, example: str) -> RefusedError:
    found = value.isoformat() if isinstance(value, date) else quoted(value)
    return RefusedError(
        found=found,
        expected=f"a date from {EARLIEST_YEAR} to {LATEST_YEAR} in quotes",
        fix=f"Write it like {example}.",
    )


def month(value: object) -> date:
    """The first day of the month that `value` ("2027-01") names."""
    return _date(value, day_allowed=False)


def day(value: object) -> date:
    """The day that `value` names ("2027-01-31"), or the first of its month ("2027-01")."""
    return _date(value, day_allowed=True)


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not _IDENTIFIER.match(value):
        raise RefusedError(
            found=quoted(value),
            expected="an id of lower-case letters, digits, dots and hyphens",
            fix='Write it like "stargate-abilene".',
        )
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 400 or not value.isprintable():
        raise RefusedError(
            found=quoted(value),
            expected="a text of 1 to 400 letters on one line",
            fix='Write it in quotes, like "OpenAI".',
        )
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10_000:
        raise RefusedError(
            found=quoted(value), expected="a whole number from 0 to 10,000", fix="Write it without quotes, like 96."
        )
    return value


ANYWHERE, OWN_REGION = "anywhere", "own-region"


def _served_from(value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or (len(names) > 1 and {ANYWHERE, OWN_REGION} & set(names)):
        raise RefusedError(
            found=quoted(value),
            expected="where it may be served from",
            fix=f'Write "{OWN_REGION}", "{ANYWHERE}" or regions, like ["us", "eu"].',
        )
    return tuple(_identifier(name) for name in names)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise RefusedError(found=quoted(value), expected="true or false", fix="Write true or false without quotes.")
    return value


Month = Annotated[
    date,
    PlainValidator(month),
    PlainSerializer(lambda first: first.isoformat()[:7], return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}$", "examples": ["2027-01"]}),
]
Day = Annotated[
    date,
    PlainValidator(day),
    PlainSerializer(lambda on: on.isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}(-\d{2})?$", "examples": ["2027-01-31"]}),
]
Identifier = Annotated[
    str, PlainValidator(_identifier), WithJsonSchema({"type": "string", "pattern": _IDENTIFIER.pattern})
]
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 400})]
ServedFrom = Annotated[
    tuple[str, ...],
    PlainValidator(_served_from),
    PlainSerializer(list, return_type=list[str]),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Count = Annotated[int, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(_flag)]
