"""The scenario file, key by key: frozen, with unknown keys refused.

Only what nobody else can know is required; the rest has a default in the catalogue's assumptions, and every
default taken stands in the ledger. Quantities are strings with their unit (`gigawatt.scenario.quantities`).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gigawatt.entities.assumptions import OperatorLaw
from gigawatt.entities.capital import PartyRole
from gigawatt.entities.hardware import Precision
from gigawatt.entities.site import Payments, RentFrom
from gigawatt.entities.stages import EndValue
from gigawatt.scenario import quantities as q
from gigawatt.scenario.contract_tables import ContractTable
from gigawatt.scenario.objectives import ObjectiveText
from gigawatt.scenario.path_tables import DemandPath, PricePath
from gigawatt.scenario.tables import Shorthand, Shown, Table, choice


class Period(StrEnum):
    """How finely a plan decides."""

    QUARTER = "quarter"
    MONTH = "month"


MONTHS_PER_PERIOD = {Period.MONTH: 1, Period.QUARTER: 3}


class Cooling(StrEnum):
    """How heat leaves the rack."""

    LIQUID = "liquid"
    AIR = "air"


class ProgrammeTable(Table):
    """Whose plan this is, over which months, and what it maximizes."""

    name: Annotated[q.Text, Shown('"Two sites in Texas"')]
    start: Annotated[q.Month, Shown('"2027-01"')]
    end: q.Month | None = None
    months: q.Count | None = None
    period: Annotated[Period, choice(Period)] | None = None
    objective: ObjectiveText | None = None
    discount_rate: q.FractionText | None = None
    opening_cash: q.Money
    minimum_cash: q.Money | None = None
    end_value: Annotated[EndValue, choice(EndValue)] | None = None
    carbon_cap: q.YearlyEmissions | None = None
    party: q.Identifier | None = None
    customers: q.Identifier | None = None


class PartyTable(Table):
    """Somebody who pays or is paid."""

    id: Annotated[q.Identifier, Shown('"openai"')]
    name: Annotated[q.Text, Shown('"OpenAI"')]
    roles: tuple[Annotated[PartyRole, choice(PartyRole)], ...] = ()


class OwnedTable(Table):
    """The programme builds and owns."""

    kind: Literal["owned"]
    builder: q.Identifier | None = None


class LeasedTable(Table):
    """A powered shell leased from `lessor`."""

    kind: Literal["leased"]
    lessor: q.Identifier | None = None
    rent: q.ItRent | None = None
    escalator: q.YearlyShare | None = None
    rent_from: Annotated[RentFrom, choice(RentFrom)] | None = None


class CloudTable(Table):
    """Capacity bought as a service from `provider`."""

    kind: Literal["cloud"]
    provider: q.Identifier | None = None
    price: q.FacilityRent


OwnershipTable = Annotated[OwnedTable | LeasedTable | CloudTable, Field(discriminator="kind")]


class PowerStepTable(Table):
    """From a month on, the site has this much power in all; exactly one of the two bases is given.

    `equipment` names figures of `economics/lead-time` that the step waits for, counted from the month `ordered`.
    """

    start: Annotated[q.Month, Field(alias="from"), Shown('"2027-07"')]
    facility: q.FacilityPower | None = None
    it: q.ItPower | None = None
    equipment: tuple[q.Identifier, ...] = ()
    ordered: q.Month | None = None


class PlantTable(Table):
    """A power plant that the programme may build at the site, up to `most`, in whole units of `unit` if stated.

    Of the kinds that the catalogue knows it completes what is silent; of other kinds everything must be stated. `grid`
    is a step of the connection, whose energy is bought; `energy` of `solar` is the mean of the year; a `battery` has
    a `duration`, and costs `cost` by power and `storage_cost` by energy. Two of a kind need an `id`.
    What a MWh costs is either `energy_cost` or `heat_rate` times `fuel_price` and `variable_operation`.
    """

    kind: Annotated[q.Identifier, Shown('"gas-engine"')]
    id: q.Identifier | None = None
    most: q.FacilityPower
    unit: q.FacilityPower | None = None
    slip: q.Months | None = None
    payments: Annotated[Payments, choice(Payments)] | None = None
    lead: q.Months | None = None
    cost: q.FacilityCost | None = None
    fixed_operation: q.FacilityRent | None = None
    energy_cost: q.EnergyPrice | None = None
    heat_rate: q.HeatRate | None = None
    fuel_price: q.FuelPrice | None = None
    variable_operation: q.EnergyPrice | None = None
    firm: q.FractionText | None = None
    energy: q.FractionText | None = None
    carbon: q.CarbonIntensity | None = None
    duration: q.Hours | None = None
    round_trip: q.FractionText | None = None
    storage_cost: q.StorageCost | None = None
    firm_duration: q.Hours | None = None


class SiteTable(Table):
    """A place for racks; `catalog` takes name, location and developer from the catalogue."""

    id: q.Identifier | None = None
    catalog: q.Identifier | None = None
    name: q.Text | None = None
    ownership: OwnershipTable | None = None
    power: Annotated[
        tuple[PowerStepTable, ...],
        Field(min_length=1),
        Shown('[{ from = "2027-07", facility = "100 MW facility" }]'),
    ]
    construction: q.Months | None = None
    construction_rate: q.BuildingRate | None = None
    one_vendor: q.Flag | None = None
    same_place_as: q.Identifier | None = None
    grid_carbon: q.CarbonIntensity | None = None
    water_use: q.WaterUse | None = None
    water_cap: q.YearlyWater | None = None
    plants: Annotated[tuple[PlantTable, ...], Field(alias="plant")] = ()
    cooling: Annotated[Cooling, choice(Cooling)] | None = None
    air_capacity: q.ItPower | None = None
    liquid_capacity: q.ItPower | None = None
    coolant_temperature: q.Temperature | None = None
    peak_pue: q.PueText | None = None
    annual_pue: q.PueText | None = None
    energy_price: q.EnergyPrice | None = None
    utility: q.Identifier | None = None
    platforms: Annotated[tuple[q.Identifier, ...], Field(min_length=1)] | None = None
    slip_median: q.Months | None = None
    latitude: q.Latitude | None = None
    longitude: q.Longitude | None = None
    region: q.Identifier | None = None


class SupplyStepTable(Table):
    """From a month on, at most this many racks a month."""

    start: Annotated[q.Month, Field(alias="from"), Shown('"2027-01"')]
    rate: q.RackRate


class AllocationTable(Table):
    """In the months from `from` to `to`, at most and at least so many racks; what is missing costs `shortfall` each."""

    first: Annotated[q.Month, Field(alias="from"), Shown('"2027-01"')]
    last: Annotated[q.Month, Field(alias="to"), Shown('"2027-12"')]
    most: q.Racks | None = None
    least: q.Racks | None = None
    shortfall: q.RackPrice | None = None


class ResaleTable(Table):
    """Racks may leave at this age, sold for a part of their price (what they are worth in the books, if silent)."""

    age: q.Life
    value: q.FractionText | None = None


class PlatformTable(Table):
    """A platform of the catalogue as offered to the programme; figures given here stand in for the catalogue's.

    Link bandwidths given here count one direction; rates are dense.
    """

    id: Annotated[q.Identifier, Shown('"vr-nvl72"')]
    vendor: q.Identifier | None = None
    price: q.RackPrice | None = None
    supply: Annotated[
        tuple[SupplyStepTable, ...], Field(min_length=1), Shown('[{ from = "2027-01", rate = "100 rack/month" }]')
    ]
    allocation: tuple[AllocationTable, ...] = ()
    resale: tuple[ResaleTable, ...] = ()
    buyer: q.Identifier | None = None
    software_from: q.Month | None = None
    lead: q.Months | None = None
    life: q.Life | None = None
    book_life: q.Life | None = None
    residual: q.FractionText | None = None
    deposit: q.FractionText | None = None
    gross_margin: q.FractionText | None = None
    block: q.Racks | None = None
    liquid: q.FractionText | None = None
    coolant_temperature: q.Temperature | None = None
    rack_power: q.DevicePower | None = None
    accelerators: q.Accelerators | None = None
    scale_up_domain: q.Accelerators | None = None
    memory: q.Memory | None = None
    memory_bandwidth: q.Bandwidth | None = None
    scale_up_bandwidth: q.Bandwidth | None = None
    scale_out_bandwidth: q.Bandwidth | None = None
    peak_dense_bf16: q.ComputeRate | None = None
    peak_dense_fp8: q.ComputeRate | None = None
    peak_dense_fp4: q.ComputeRate | None = None


class RegionTable(Table):
    """A region that asks for a service: for a `share` of its demand, or for a `demand` of its own."""

    id: Annotated[q.Identifier, Shown('"eu"')]
    share: q.FractionText | None = None
    demand: DemandPath | None = None


class ClassTable(Table):
    """A class of a service: a `share` of the demand of each region, on terms of its own where they differ."""

    id: Annotated[q.Identifier, Shown('"interactive"')]
    share: q.FractionText | None = None
    served_from: q.ServedFrom | None = None
    input: q.Tokens | None = None
    output: q.Tokens | None = None
    ttft: q.Latency | None = None
    tpot: q.Latency | None = None
    input_price: PricePath | None = None
    output_price: PricePath | None = None


class ServiceTable(Table):
    """Tokens to serve with one model at a service level; `input` and `output` are tokens per request.

    `demand` may be stated by region instead.
    """

    id: q.Identifier | None = None
    model: Annotated[q.Identifier, Shown('"gpt-oss-120b"')]
    input: q.Tokens | None = None
    output: q.Tokens | None = None
    ttft: q.Latency | None = None
    tpot: q.Latency | None = None
    precision: Annotated[Precision, choice(Precision)] | None = None
    cache_precision: Annotated[Precision, choice(Precision)] | None = None
    demand: Annotated[DemandPath, Shown('"20e12 token/month"')] | None = None
    served_from: q.ServedFrom | None = None
    regions: Annotated[tuple[RegionTable, ...], Field(alias="region")] = ()
    classes: Annotated[tuple[ClassTable, ...], Field(alias="class")] = ()
    input_price: Annotated[PricePath, Shown('"0.15 USD/Mtoken"')]
    output_price: Annotated[PricePath, Shown('"0.60 USD/Mtoken"')]


class PlacementTable(Table):
    """A run as one job at one site, or in equal parts at up to `most_sites` that a line of `wan` each joins.

    `distance` is the way between the two that lie farthest apart, as the crow flies; by their coordinates if silent.
    """

    most_sites: q.Count | None = None
    sites: Annotated[tuple[q.Identifier, ...], Field(min_length=1)] | None = None
    wan: q.Bandwidth | None = None
    distance: q.Distance | None = None


class TrainingTable(Table):
    """A model to train between two months: one of the catalogue, or one of its family with `active` parameters."""

    id: Annotated[q.Identifier, Shown('"frontier-2028"')]
    model: Annotated[q.Identifier, Shown('"kimi-k2"')]
    active: q.Parameters | None = None
    compute: q.Operations
    earliest: Annotated[q.Month, Shown('"2027-01"')]
    deadline: Annotated[q.Month, Shown('"2027-12"')]
    precision: Annotated[Precision, choice(Precision)] | None = None
    sequence: q.Tokens | None = None
    batch: q.Tokens | None = None
    predicted_tokens: q.Count | None = None
    accelerators: q.Accelerators
    placement: PlacementTable | None = None


class TargetTable(Table):
    """At least so much facility power energized by the end of a month."""

    facility: q.FacilityPower
    by: Annotated[q.Month, Shown('"2031-12"')]
    platforms: tuple[str, ...] | None = None


class CostsTable(Table):
    """Unit costs that differ from the catalogue's."""

    building: q.FacilityCost | None = None
    cooling: q.FacilityCost | None = None
    power: q.FacilityCost | None = None
    grid: q.FacilityCost | None = None
    network: q.ItCost | None = None
    storage: q.ItCost | None = None
    facility_operation: q.YearlyShare | None = None
    systems_operation: q.YearlyShare | None = None
    facility_life: q.Life | None = None
    facility_residual: q.FractionText | None = None


class FractionRange(Table):
    """A fraction with its P10 and P90; a bare string is the value without a range."""

    low: q.FractionText | None = None
    best: q.FractionText
    high: q.FractionText | None = None


class RatioRange(Table):
    """A ratio with its P10 and P90; a bare string is the value without a range."""

    low: q.RatioText | None = None
    best: q.RatioText
    high: q.RatioText | None = None


class SecondsRange(Table):
    """A duration with its P10 and P90; a bare string is the value without a range."""

    low: q.Seconds | None = None
    best: q.Seconds
    high: q.Seconds | None = None


Fractions = Annotated[FractionRange, Shorthand("best")]
Ratios = Annotated[RatioRange, Shorthand("best")]
SecondsRanged = Annotated[SecondsRange, Shorthand("best")]


class OperationTable(Table):
    """How the fleet behaves, where it differs from the catalogue's assumptions."""

    availability: Fractions | None = None
    training_ettr: Fractions | None = None
    serving_load: Fractions | None = None
    mean_power: Fractions | None = None
    fabric_power: Fractions | None = None
    memory_usable: Fractions | None = None
    ramp: q.Months | None = None
    slip_spread: Ratios | None = None
    software_first: Fractions | None = None
    software_halving: q.Months | None = None
    software_gain: q.YearlyShare | None = None


class KernelEfficiencyTable(Table):
    """The law that gives operator times, and achieved over peak where it differs from the catalogue's assumptions."""

    law: OperatorLaw | None = None
    gemm: Fractions | None = None
    attention: Fractions | None = None
    memory_bandwidth: Fractions | None = None
    scale_up_bandwidth: Fractions | None = None
    scale_out_bandwidth: Fractions | None = None
    launch: SecondsRanged | None = None


class SolverTable(Table):
    """When the search for a better plan may stop."""

    gap: q.FractionText | None = None
    time_limit: q.Seconds | None = None


class Document(Table):
    """A whole scenario file after its includes and overrides."""

    include: tuple[q.Text, ...] = ()
    programme: Annotated[
        ProgrammeTable,
        Shown('{ name = "Two sites", start = "2027-01", end = "2031-12", opening_cash = "6 bn USD" }'),
    ]
    parties: Annotated[tuple[PartyTable, ...], Field(alias="party")] = ()
    sites: Annotated[
        tuple[SiteTable, ...],
        Field(alias="site", min_length=1),
        Shown('[{ catalog = "stargate-milam", power = [{ from = "2027-07", facility = "100 MW facility" }] }]'),
    ]
    platforms: Annotated[
        tuple[PlatformTable, ...],
        Field(alias="platform", min_length=1),
        Shown('[{ id = "vr-nvl72", supply = [{ from = "2027-01", rate = "100 rack/month" }] }]'),
    ]
    services: Annotated[tuple[ServiceTable, ...], Field(alias="service")] = ()
    runs: Annotated[tuple[TrainingTable, ...], Field(alias="training")] = ()
    contracts: Annotated[tuple[ContractTable, ...], Field(alias="contract")] = ()
    targets: Annotated[tuple[TargetTable, ...], Field(alias="target")] = ()
    costs: CostsTable = CostsTable()
    operation: OperationTable = OperationTable()
    kernel_efficiency: KernelEfficiencyTable = KernelEfficiencyTable()
    solver: SolverTable = SolverTable()
