"""Which of a platform's published prices stands for what a buyer pays: a rule on what each is a price of, and when."""

from gigawatt.catalog.quantities import published
from gigawatt.catalog.records import Figure, Record

_SYSTEM = ("street-price", "server-price", "list-price")
_LIST = "list-price"
_LOADED = "loaded"
_EACH = "price-per-accelerator"


def system_price(record: Record) -> Figure | None:
    """The price of a whole system: one that is paid before a list's, and of those the newest.

    A price that holds network and storage ("loaded") is none of the system. The year that a price is of counts before
    the date of the source that repeats it. `None` where nothing is published.
    """
    return _newest(_of_systems(record))


def system_price_at(record: Record, *, day: str) -> Figure | None:
    """The newest price of a whole system that is older than `day` ("2026-04-03"), else the first after it."""
    found = _of_systems(record)
    older = _newest({name: figure for name, figure in found.items() if _dated(figure) < day})
    if older is not None:
        return older
    later = [figure for figure in found.values() if published(figure)]
    return min(later, key=_dated) if later else None


def accelerator_price(record: Record) -> Figure | None:
    """The same for prices of one accelerator within a system; chips and modules alone are no such price."""
    names = [f"{kind}-per-accelerator" for kind in _SYSTEM]
    return _newest({name: record.figures[name] for name in names if name in record.figures})


def _of_systems(record: Record) -> dict[str, Figure]:
    return {
        name: figure
        for name, figure in record.figures.items()
        if name.startswith(_SYSTEM) and _LOADED not in name and _EACH not in name
    }


def _newest(figures: dict[str, Figure]) -> Figure | None:
    found = [(not name.startswith(_LIST), _dated(figure), figure) for name, figure in figures.items()]
    known = [candidate for candidate in found if published(candidate[2])]
    return max(known, key=lambda candidate: candidate[:2])[2] if known else None


def _dated(figure: Figure) -> str:
    return figure.price_year or figure.as_of
