"""How well a plan's own money agrees with the accounts, over sets of contracts made up at will.

Each case draws contracts of every kind with terms at random around a small site, plans it, lets the plan play out
undisturbed and compares: present value, cash at every period's end, and what the accounts found broken. Run it from the
repository's root:

    PYTHONPATH=. python benchmarks/finance/coupling.py --cases 40
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from time import perf_counter
from typing import Any

import numpy as np
from tests.finance.agreements import EVERY_OTHER_KIND, VENDOR_LOAN, WARRANT
from tests.finance.programmes import Played, play
from tests.samples import service, site, small_inputs, small_performance

from gigawatt.entities.contracts import Contract, Repayment, SpendCommitment
from gigawatt.entities.site import Cloud, Leased, Owned, PowerStep
from gigawatt.entities.stages import Inputs
from gigawatt.errors import InfeasibleError
from gigawatt.finance.flows import monthly_usd
from gigawatt.planning import plan

SEED = 7
KINDS = tuple(contract for contract in (*EVERY_OTHER_KIND, VENDOR_LOAN) if contract is not WARRANT)
OWNERSHIPS = (
    Owned(builder="builders"),
    Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.02),
    Cloud(provider="landlord", price_usd_per_facility_mw_month=1.1e6),
)


def with_terms(contract: Contract, *, luck: random.Random) -> Contract:
    """The contract with other amounts and dates."""
    own = {field.name for field in fields(contract)}
    choices: dict[str, Any] = {
        "amount_usd": luck.choice((1e6, 5e6, 40e6)),
        "cap_usd": luck.choice((0.0, 2e6, 1e12)),
        "leased_it_mw": luck.uniform(0.5, 20.0),
        "capacity_mw": luck.uniform(0.5, 20.0),
        "share_fraction": luck.uniform(0.0, 0.3),
        "credit_fraction": luck.uniform(0.0, 0.5),
        "capex_fraction": luck.uniform(0.0, 0.5),
        "strike_usd_per_mwh": luck.uniform(20.0, 100.0),
        "rate_fraction": luck.uniform(0.0, 0.4),
        "loss_offset_fraction": luck.uniform(0.5, 1.0),
        "committed_racks_count": luck.uniform(0.0, 60.0),
        "term_months": luck.choice((12, 24, 48)),
    }
    terms = {name: value for name, value in choices.items() if name in own}
    if isinstance(contract, SpendCommitment):
        sellers = ("nvidia", "utilities", "landlord")
        terms |= {"settlement_months": luck.choice((3, 6, 12)), "seller": luck.choice(sellers)}
    if "terms" in own:
        sculpted = luck.random() < 0.4
        terms["terms"] = replace(
            contract.terms,  # type: ignore[union-attr]  # only loans have terms
            commitment_usd=luck.choice((5e6, 1e9)),
            advance_fraction=luck.uniform(0.1, 0.5),
            grace_months=luck.choice((9, 12, 18)),
            tenor_months=luck.choice((12, 24, 60)),
            repayment=Repayment.SCULPTED if sculpted else Repayment.LEVEL,
            target_dscr_ratio=luck.uniform(1.2, 6.0) if sculpted else 0.0,
            least_dscr_ratio=luck.choice((0.0, 1.1, 1.2)),
            most_ltv_fraction=luck.choice((0.0, 0.8)),
            reserve_months=luck.choice((0, 3, 6)),
        )
    return replace(contract, **terms)


def programmes(count: int) -> Iterator[Inputs]:
    """Small programmes with contracts at will; racks deliver in full at once, so that plan and history agree."""
    luck = random.Random(SEED)
    for _ in range(count):
        chosen = [with_terms(contract, luck=luck) for contract in KINDS if luck.random() < 0.5]
        steps = (PowerStep(start=date(2027, 7, 1), facility_mw=2.0), PowerStep(start=date(2028, 7, 1), facility_mw=5.0))
        base = small_inputs(
            sites=(site("alpha", power_steps=steps, slip_median_months=1.5, ownership=luck.choice(OWNERSHIPS)),),
            services=(service(tokens_per_month=2e13),),
            runs=(),
            targets=(),
            contracts=tuple(chosen),
        )
        purse = replace(base.treasury, opening_cash_usd=luck.choice((1e9, 2e9, 3e9)))
        yield replace(base, treasury=purse, operation=replace(base.operation, ramp_months=0))


def disagreement(played: Played) -> tuple[float, float, int]:
    """Relative difference of present value, greatest of cash in USD, and covenants and payments that were broken."""
    inputs = played.inputs
    net_usd = monthly_usd(played.appraisal.flows, party=inputs.programme, calendar=inputs.calendar)
    cash = inputs.treasury.opening_cash_usd + np.cumsum(net_usd)
    at_end = cash[inputs.calendar.months_per_period - 1 :: inputs.calendar.months_per_period]
    value = abs(played.appraisal.npv_usd - played.plan.objective_value) / max(1.0, abs(played.plan.objective_value))
    return value, float(np.abs(at_end - played.plan.decisions["cash_usd"].values).max()), played.appraisal.events.height


def main() -> None:
    """Print one line per case and the worst of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=40)
    count = parser.parse_args().cases
    worst = np.zeros(3)
    solved = 0
    began = perf_counter()
    for number, inputs in enumerate(programmes(count)):
        kinds = ", ".join(contract.id for contract in inputs.contracts)
        try:
            played = play(inputs, plan(inputs, small_performance()))
        except InfeasibleError as error:
            print(f"{number:3d}  infeasible ({str(error)[:80]})  {kinds}")
            continue
        solved += 1
        found = disagreement(played)
        worst = np.maximum(worst, found)
        taken = int(played.plan.decisions["loan_taken"].sum())
        print(
            f"{number:3d}  value {found[0]:.1e}  cash {found[1]:8.2f} USD  broken {found[2]}  loans {taken}  {kinds}",
            flush=True,
        )
    told = f"value {worst[0]:.1e}, cash {worst[1]:.2f} USD, broken {worst[2]:.0f}"
    print(f"{solved} of {count} planned in {perf_counter() - began:.0f} s; worst: {told}")


if __name__ == "__main__":
    main()
