"""What catalogue figures measure, beyond the quantities that a scenario states."""

from gigawatt.units import (
    ACCELERATOR_COUNT,
    CARBON_INTENSITY,
    DEVICE_POWER,
    DURATION_MONTHS,
    DURATION_SECONDS,
    ENERGY_PRICE,
    FACILITY_POWER,
    FRACTION,
    FUEL_CARBON,
    FUEL_PRICE,
    GRID_POWER,
    GROWTH,
    HEAT_RATE,
    IT_POWER,
    MONEY,
    MONEY_PER_FACILITY_MW,
    MONEY_PER_IT_MW,
    MONEY_PER_RACK,
    OPERATIONS,
    PARAMETERS,
    RACK_COUNT,
    RACKS_PER_MONTH,
    RATIO,
    RENT_PER_FACILITY_MW,
    RENT_PER_IT_MW,
    TOKEN_COUNT,
    TOKEN_PRICE,
    TOKENS_PER_MONTH,
    Dimension,
)

COMPUTE_RATE = Dimension(name="compute rate", canonical="FLOP/s", example='"2500 TFLOP/s"', exclusive=True)
MEMORY = Dimension(name="memory capacity", canonical="B", example='"186 GB"', exclusive=True)
BANDWIDTH = Dimension(name="bandwidth", canonical="B/s", example='"8 TB/s"', exclusive=True)
DISTANCE = Dimension(name="distance", canonical="m", example='"1200 km"')
PROPAGATION = Dimension(name="propagation time", canonical="s/m", example='"4.9 us/km"', exclusive=True)
POWER = Dimension(name="power, basis not stated", canonical="MW", example='"10 GW"')
ENERGY = Dimension(name="energy", canonical="MWh", example='"945 TWh"')
MONEY_PER_ACCELERATOR = Dimension(name="price of an accelerator", canonical="USD/GPU", example='"36742 USD/GPU"')
MONEY_PER_ACCELERATOR_HOUR = Dimension(name="price of an hour", canonical="USD/GPU/h", example='"2.35 USD/GPU/h"')
MONEY_PER_MW = Dimension(name="cost per power, basis not stated", canonical="USD/MW", example='"18 bn USD/GW"')
MONEY_PER_YEAR = Dimension(name="yearly money", canonical="USD/year", example='"20 bn USD/year"')
MONEY_PER_IT_MW_YEAR = Dimension(
    name="yearly cost per IT power", canonical="USD/MW_IT/year", example='"0.902 MUSD/MW IT/year"'
)
MONEY_PER_SHARE = Dimension(name="share price", canonical="USD/share", example='"600 USD/share"')
CAPACITY_PRICE = Dimension(name="capacity price", canonical="USD/MW/day", example='"269.92 USD/MW/day"')
WATER_INTENSITY = Dimension(name="water per energy", canonical="L/kWh", example='"0.15 L/kWh"')
TEMPERATURE = Dimension(name="temperature", canonical="degC", example='"45 degC"', minimum=-273.15)
USERS = Dimension(name="users", canonical="user", example='"900 million user"')
MESSAGES = Dimension(name="messages", canonical="message/day", example='"3 bn message/day"')
PEOPLE = Dimension(name="people", canonical="person", example='"7000 person"')
SHARES = Dimension(name="shares", canonical="share", example='"160 million share"')
DIES = Dimension(name="dies", canonical="die", example='"2 die"')
DECODE_ACCELERATORS = Dimension(name="decode accelerators", canonical="LPU", example='"256 LPU"')
EVENTS = Dimension(name="events", canonical="event", example='"419 event"')
REQUESTS = Dimension(name="requests", canonical="request", example='"256 request"', exclusive=True)
SEQUENCES = Dimension(name="sequences", canonical="sequence", example='"1024 sequence"')
EVALUATIONS = Dimension(name="evaluations", canonical="evaluation", example='"2 evaluation"')
EVALUATIONS_PER_SEQUENCE = Dimension(
    name="evaluations per sequence", canonical="evaluation/sequence", example='"0.125 evaluation/sequence"'
)
FAILURES_PER_ACCELERATOR = Dimension(
    name="failures per accelerator", canonical="event/GPU/s", example='"4.7e-4 event/GPU/day"'
)
FAILURES_PER_RACK = Dimension(name="failures per rack", canonical="event/rack/s", example='"0.02 event/rack/day"')
EVENT_RATE = Dimension(name="event rate", canonical="event/s", example='"0.9 event/day"')
BYTES_PER_PARAMETER = Dimension(name="size per parameter", canonical="B/parameter", example='"14 B/parameter"')
TRANCHES = Dimension(name="tranches", canonical="tranche", example='"10 tranche"')

DIMENSIONS = (
    FACILITY_POWER,
    IT_POWER,
    GRID_POWER,
    DEVICE_POWER,
    POWER,
    ENERGY,
    ENERGY_PRICE,
    MONEY,
    DURATION_MONTHS,
    TOKENS_PER_MONTH,
    TOKEN_PRICE,
    TOKEN_COUNT,
    OPERATIONS,
    FRACTION,
    RATIO,
    MONEY_PER_RACK,
    MONEY_PER_IT_MW,
    MONEY_PER_FACILITY_MW,
    COMPUTE_RATE,
    MEMORY,
    BANDWIDTH,
    DISTANCE,
    PROPAGATION,
    ACCELERATOR_COUNT,
    PARAMETERS,
    MONEY_PER_ACCELERATOR,
    MONEY_PER_ACCELERATOR_HOUR,
    MONEY_PER_MW,
    MONEY_PER_YEAR,
    MONEY_PER_IT_MW_YEAR,
    MONEY_PER_SHARE,
    CAPACITY_PRICE,
    WATER_INTENSITY,
    CARBON_INTENSITY,
    HEAT_RATE,
    FUEL_PRICE,
    FUEL_CARBON,
    TEMPERATURE,
    RACK_COUNT,
    RACKS_PER_MONTH,
    RENT_PER_IT_MW,
    RENT_PER_FACILITY_MW,
    GROWTH,
    DURATION_SECONDS,
    USERS,
    MESSAGES,
    PEOPLE,
    SHARES,
    DIES,
    DECODE_ACCELERATORS,
    EVENTS,
    FAILURES_PER_ACCELERATOR,
    FAILURES_PER_RACK,
    EVENT_RATE,
    BYTES_PER_PARAMETER,
    REQUESTS,
    TRANCHES,
    SEQUENCES,
    EVALUATIONS,
    EVALUATIONS_PER_SEQUENCE,
)
