"""What must hold between contracts: nothing is paid twice, nobody guarantees in a circle, one regime for each."""

from collections.abc import Callable, Sequence
from itertools import combinations

from gigawatt.entities.contracts import (
    CapacityLease,
    Contract,
    EquityRound,
    GpuDebt,
    IncomeTax,
    Loan,
    MilestoneTranches,
    ProjectDebt,
    ResidualGuarantee,
    SupplyAgreement,
    VendorFinancing,
)
from gigawatt.errors import ScenarioError
from gigawatt.scenario.desk import Desk

Pair = Callable[[Contract, Contract], tuple[str, str, str, str] | None]


def check_contracts(desk: Desk, contracts: Sequence[Contract]) -> None:
    """Refuses the second of two contracts that cannot both hold, and guarantees that lead back to where they began.

    Raises ScenarioError with the key of the contract.
    """
    for first, second in combinations(range(len(contracts)), 2):
        for clash in _CLASHES:
            found = clash(contracts[first], contracts[second])
            if found is not None:
                key, what, expected, fix = found
                raise desk.refuse("contract", second, key, found=what, expected=expected, fix=fix)
    _refuse_guarantee_cycles(desk, contracts)


def _same_milestones(first: Contract, second: Contract) -> tuple[str, str, str, str] | None:
    """Two sets of tranches of one investor for the same power."""
    if not isinstance(first, MilestoneTranches) or not isinstance(second, MilestoneTranches):
        return None
    same = (first.investor, first.recipient) == (second.investor, second.recipient)
    if same and set(first.sites) & set(second.sites) and set(first.platforms) & set(second.platforms):
        return (
            "unit",
            f'milestones that overlap with those of "{first.id}"',
            f"each gigawatt paid once by {first.investor}",
            "Let the two count different platforms or sites, or make them one contract.",
        )
    return None


def _same_platform(first: Contract, second: Contract) -> tuple[str, str, str, str] | None:
    """Two agreements on one platform, or two exclusive vendors."""
    if not isinstance(first, SupplyAgreement) or not isinstance(second, SupplyAgreement):
        return None
    if first.platform == second.platform:
        return (
            "platform",
            f'a second agreement on {second.platform}, beside "{first.id}"',
            "one price and one volume for a platform",
            "Make them one agreement.",
        )
    if first.exclusive and second.exclusive and first.vendor != second.vendor:
        return (
            "exclusive",
            f'a second exclusive vendor, beside "{first.vendor}"',
            "at most one exclusive vendor",
            "Write exclusive = false in one of them.",
        )
    return None


def _same_taxpayer(first: Contract, second: Contract) -> tuple[str, str, str, str] | None:
    if isinstance(first, IncomeTax) and isinstance(second, IncomeTax) and first.taxpayer == second.taxpayer:
        return (
            "taxpayer",
            f'a second regime for "{second.taxpayer}", beside "{first.id}"',
            "one tax regime for a party",
            "Add the rates, or leave one out.",
        )
    return None


def _same_collateral(first: Contract, second: Contract) -> tuple[str, str, str, str] | None:
    """Loans that together advance more than the collateral costs."""
    if not isinstance(first, Loan) or not isinstance(second, Loan) or first.borrower != second.borrower:
        return None
    total = first.terms.advance_fraction + second.terms.advance_fraction
    if total > 1.0 and _secured_by_the_same(first, second):
        return (
            "advance",
            f'an advance that with that of "{first.id}" comes to {total:.0%} of the collateral',
            "at most 100 % of what the collateral costs",
            "Lower one of the advances, or secure the loans by different sites or platforms.",
        )
    return None


def _secured_by_the_same(first: Loan, second: Loan) -> bool:
    match first, second:
        case (ProjectDebt(), ProjectDebt()):
            return bool(set(first.sites) & set(second.sites))
        case (GpuDebt(), GpuDebt()):
            return bool(set(first.sites) & set(second.sites)) and bool(set(first.platforms) & set(second.platforms))
        case (VendorFinancing(), VendorFinancing()):
            return first.vendor == second.vendor
        case (ProjectDebt(), _) | (_, ProjectDebt()):
            return False
        case _:
            return True


def _lease_twice(first: Contract, second: Contract) -> tuple[str, str, str, str] | None:
    if not isinstance(first, CapacityLease) or not isinstance(second, CapacityLease):
        return None
    if second.site and second.site == first.site and second.lessee == first.lessee:
        return (
            "site",
            f'a second lease of {second.site}, beside "{first.id}"',
            "one lease of a site, so that what is built counts once",
            "Add the capacities in one lease.",
        )
    return None


def _round_twice(first: Contract, second: Contract) -> tuple[str, str, str, str] | None:
    if isinstance(first, EquityRound) and isinstance(second, EquityRound):
        parties = (first.investor, first.recipient) == (second.investor, second.recipient)
        if parties and first.instalments == second.instalments:
            return (
                "instalments",
                f'the same instalments as in "{first.id}"',
                "each payment of a round once",
                "Leave one of the two rounds out.",
            )
    return None


_CLASHES: tuple[Pair, ...] = (
    _same_milestones,
    _same_platform,
    _same_taxpayer,
    _same_collateral,
    _lease_twice,
    _round_twice,
)


def _refuse_guarantee_cycles(desk: Desk, contracts: Sequence[Contract]) -> None:
    """Guarantors who in the end stand in for themselves: A for B, B for A."""
    edges = [(i, c.guarantor, c.lessee) for i, c in enumerate(contracts) if isinstance(c, ResidualGuarantee)]
    stands_for = {guarantor: {lessee for _, who, lessee in edges if who == guarantor} for _, guarantor, _ in edges}
    for index, guarantor, lessee in edges:
        chain = _way_back(stands_for, start=lessee, goal=guarantor)
        if chain:
            raise _cycle(desk, index, (guarantor, *chain))


def _way_back(stands_for: dict[str, set[str]], *, start: str, goal: str) -> tuple[str, ...]:
    """Parties from `start` to `goal`, each standing in for the next; empty where there is no way."""
    waiting: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while waiting:
        chain = waiting.pop()
        if chain[-1] == goal:
            return chain
        for following in sorted(stands_for.get(chain[-1], set()) - seen):
            seen.add(following)
            waiting.append((*chain, following))
    return ()


def _cycle(desk: Desk, index: int, chain: tuple[str, ...]) -> ScenarioError:
    return desk.refuse(
        "contract",
        index,
        "guarantor",
        found=f"guarantees in a circle: {' for '.join(chain)}",
        expected="guarantors whom nobody they stand in for guarantees in turn",
        fix="Remove one of the guarantees.",
    )
