"""How figures read: money, power, tokens, months and shares as a person would say them."""

import math
from collections.abc import Callable, Mapping
from datetime import date

from gigawatt.entities.stages import Objective
from gigawatt.timeline import Calendar
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, MONTHS_PER_YEAR, TOKENS_PER_MILLION, USD_PER_BILLION

MILLION = TOKENS_PER_MILLION
BILLION = USD_PER_BILLION
TRILLION = MILLION * MILLION
QUADRILLION = MILLION * BILLION
QUINTILLION = BILLION * BILLION
THOUSAND = BILLION / MILLION

_MONEY_SCALES = ((TRILLION, " tn"), (BILLION, " bn"), (MILLION, " m"))
_TOKEN_SCALES = (
    (QUINTILLION, " quintillion"),
    (QUADRILLION, " quadrillion"),
    (TRILLION, " trillion"),
    (BILLION, " billion"),
    (MILLION, " million"),
)
_RATE_SCALES = ((BILLION, " bn"), (MILLION, " M"), (THOUSAND, " k"))
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NEVER = "not within the horizon"


def three_digits(value: float) -> str:
    """`value` to three significant digits, with thousands set apart."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    decimals = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.3g}")))))
    return f"{value:,.{min(decimals, 6)}f}"


def _scaled(value: float, scales: tuple[tuple[float, str], ...]) -> str:
    size = abs(value)
    for scale, name in scales:
        if size >= scale * (1 - 5e-4):
            return f"{three_digits(size / scale)}{name}"
    return three_digits(size)


def span(low: float, high: float, words: Callable[[float], str]) -> str:
    """`low` to `high` in `words`, with their unit said once where they share it: `2.10 to 3.00 quintillion`."""
    first, second = words(low), words(high)
    number, _, unit = first.partition(" ")
    if first == second:
        return first
    return f"{number} to {second}" if unit and second.endswith(f" {unit}") else f"{first} to {second}"


def scientific(value: float) -> str:
    """`5.5 × 10²⁷`."""
    if value <= 0 or not math.isfinite(value):
        return "0"
    exponent = math.floor(math.log10(value))
    return f"{value / 10**exponent:.2g} × 10{str(exponent).translate(_SUPERSCRIPTS)}"


def money(usd: float) -> str:
    """Dollars: `$41.3 bn`, `−$3.20 m`."""
    if not math.isfinite(usd):
        return "–"
    return f"{'−' if usd < 0 else ''}${_scaled(usd, _MONEY_SCALES)}"


def unit_price(usd: float) -> str:
    """A small price to the cent, or to three digits below a dollar."""
    if not math.isfinite(usd):
        return "–"
    return f"${usd:,.2f}" if usd >= 1 else f"${three_digits(usd)}"


def gigawatts(mw: float) -> str:
    """Megawatts as gigawatts: `9.87 GW`, below one as megawatts: `518 MW`."""
    if not math.isfinite(mw):
        return "–"
    if abs(mw) < MEGAWATTS_PER_GIGAWATT * (1 - 5e-4):
        return f"{three_digits(mw)} MW"
    return f"{three_digits(mw / MEGAWATTS_PER_GIGAWATT)} GW"


def tokens(count: float) -> str:
    """Tokens by the names of the large numbers: `2.61 quintillion`."""
    return _scaled(count, _TOKEN_SCALES) if math.isfinite(count) else "–"


def rate(value: float) -> str:
    """A rate with a short scale: `1.60 M`."""
    return _scaled(value, _RATE_SCALES) if math.isfinite(value) else "–"


def percent(fraction: float, *, decimals: int = 0) -> str:
    """A fraction in percent, with a true minus."""
    return f"{fraction:.{decimals}%}".replace("-", "−") if math.isfinite(fraction) else "–"


def month_name(day: date) -> str:
    """`March 2027`."""
    return day.strftime("%B %Y")


def short_month(day: date) -> str:
    """`Mar 2027`."""
    return day.strftime("%b %Y")


def month_key(day: date) -> str:
    """`2027-03`."""
    return day.strftime("%Y-%m")


def after(start: date, months: float) -> str:
    """The month that lies `months` after `start`, in words."""
    if not math.isfinite(months):
        return NEVER
    ordinal = start.year * MONTHS_PER_YEAR + start.month - 1 + round(months)
    return month_name(date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1))


def listing(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 site`, `10 sites`, `no sites`."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def floating_operations(count: float) -> str:
    """Model FLOP: `5.5 × 10²⁷ FLOP`."""
    return f"{scientific(count)} FLOP" if math.isfinite(count) else "–"


_AMOUNT_WORDS: Mapping[Objective, Callable[[float], str]] = {
    Objective.NPV: money,
    Objective.SERVED_TOKENS: tokens,
    Objective.TRAINING_COMPUTE: floating_operations,
    Objective.COST_OF_TARGET: money,
    Objective.WEIGHTED: money,
}
"""How a value of each objective reads; that of a date is told by the calendar."""


def first_day(calendar: Calendar, *, periods_count: float) -> date | None:
    """The first day of the period that so many come before; None where it lies behind the plan."""
    period = round(periods_count)
    return calendar.periods[period] if period < calendar.period_count else None


def objective_words(objective: Objective, value: float, *, calendar: Calendar) -> str:
    """A value of an objective: `$41.3 bn`, and of a date, which counts the periods before it, `from Apr 2031`."""
    if objective is not Objective.EARLIEST_TARGET:
        return _AMOUNT_WORDS[objective](value)
    day = first_day(calendar, periods_count=value)
    return "not within the plan" if day is None else f"from {short_month(day)}"


def difference_words(objective: Objective, value: float, *, calendar: Calendar) -> str:
    """What one value of an objective lies above another: `$1.2 bn`, and between dates `6 months`."""
    if objective is not Objective.EARLIEST_TARGET:
        return _AMOUNT_WORDS[objective](value)
    return counted(round(value * calendar.months_per_period), "month")
