"""A plan that cannot be names the smallest set of statements in its way, in the scenario's keys, and what mends it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import linopy
import numpy as np
import pytest

from gigawatt.entities.capital import PowerBasis, PowerTarget, Treasury
from gigawatt.entities.contracts import Deposit, EquityRound, Instalment, MilestoneTranches
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import CoolingLimits, Plant, PowerStep
from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import TrainingRun
from gigawatt.errors import InfeasibleError
from gigawatt.planning import plan
from gigawatt.planning.conflicts import answer, irreducible, question
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.search import Ending, search, silent
from gigawatt.planning.statements import Statement, hold
from gigawatt.planning.terms import terms
from tests.planning.cases import (
    NAPKIN_PLATFORM,
    START,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.planning.test_purchases import window
from tests.samples import run

SHORT = napkin_calendar(month_count=4)
BOTH = ("box", "crate")
CRATE = replace(NAPKIN_PLATFORM, id="crate")


def target(facility_mw: float, by: int, *platforms: str) -> PowerTarget:
    return PowerTarget(facility_mw=facility_mw, deadline=month(by), platforms=platforms or BOTH)


def training(flop: float, first: int, last: int, name: str = "big") -> TrainingRun:
    return replace(run(), id=name, compute_flop=flop, earliest=month(first), deadline=month(last))


def supply(*racks_per_month: float) -> tuple[SupplyStep, ...]:
    return tuple(SupplyStep(start=month(at), racks_per_month=rate) for at, rate in enumerate(racks_per_month))


def purse(opening_usd: float, minimum_usd: float = 0.0) -> Treasury:
    return Treasury(opening_cash_usd=opening_usd, minimum_cash_usd=minimum_usd)


def late(**changes: object) -> tuple[object, ...]:
    return (napkin_site(power_steps=(PowerStep(start=month(3), facility_mw=10.0),), **changes),)


def engine(**changes: object) -> Plant:
    """5 MW of engines, all of them firm, at once and for nothing."""
    base = Plant(
        id="gas-engine",
        most_mw=5.0,
        lead_months=0,
        cost_usd_per_mw=0.0,
        fixed_usd_per_mw_month=0.0,
        energy_usd_per_mwh=0.0,
        firm_fraction=1.0,
        energy_fraction=1.0,
        carbon_t_per_mwh=0.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


TURBINE: dict[str, object] = {"id": "gas-turbine", "lead_months": 3}


def tranches(**changes: object) -> MilestoneTranches:
    """1 MUSD for each MW, at once."""
    base = MilestoneTranches(
        id="tranches",
        investor="nvidia",
        recipient="openai",
        unit_mw=1.0,
        basis=PowerBasis.FACILITY,
        amount_usd=1e6,
        cap_usd=100e6,
        platforms=BOTH,
        sites=("alpha",),
        signed=START,
        paid_on_signature_count=0,
        payment_lag_months=0,
        binding=False,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def deposit(amount_usd: float) -> Deposit:
    return Deposit(
        id="deposit", payer="openai", payee="landlord", amount_usd=amount_usd, on=month(1), returned=month(3)
    )


UNPAID = (napkin_service(SHORT, price_usd_per_mtoken=0.0),)
"""A service that earns nothing, so that racks cannot pay for racks."""
UNREACHED: dict[str, object] = {
    "targets": (target(4.0, 3),),
    "services": UNPAID,
    "treasury": purse(1e6),
    "contracts": (tranches(unit_mw=4.0, amount_usd=4e6, cap_usd=4e6, payment_lag_months=1),),
}

SCENARIOS: dict[str, tuple[dict[str, object], set[str]]] = {
    # 10 MW energized, 12 asked for
    "power": ({"targets": (target(12.0, 2),)}, {"target[0]", "site.alpha.power"}),
    # twice 10 MW, 25 asked for: more at either site would do
    "power of two sites": (
        {"targets": (target(25.0, 2),), "sites": (napkin_site(), napkin_site("beta"))},
        {"target[0]", "site.alpha.power", "site.beta.power"},
    ),
    # one rack a month makes 3 MW by March, 4 asked for
    "supply": (
        {"targets": (target(4.0, 2),), "offers": (napkin_offer(supply=supply(1.0)),)},
        {"target[0]", "platform.box.supply"},
    ),
    # two of each in January, 5 asked for: more of either would do
    "supply of two platforms": (
        {
            "targets": (target(5.0, 0),),
            "offers": (napkin_offer(supply=supply(2.0)), napkin_offer(platform=CRATE, supply=supply(2.0))),
            "sites": (napkin_site(platforms=BOTH),),
        },
        {"target[0]", "platform.box.supply", "platform.crate.supply"},
    ),
    # three are set aside until April, 4 MW asked for
    "allocation": (
        {"targets": (target(4.0, 2),), "offers": (napkin_offer(allocations=(window(3, most=3.0),)),)},
        {"target[0]", "platform.box.allocation[0]"},
    ),
    # 8 MW asked for, liquid takes five megawatts of heat away, all of it
    "cooling": (
        {
            "targets": (target(8.0, 2),),
            "offers": (napkin_offer(liquid_fraction=1.0),),
            "sites": (napkin_site(cooling_limits=CoolingLimits(liquid_it_mw=5.0)),),
        },
        {"target[0]", "site.alpha.liquid_capacity"},
    ),
    # twelve must be taken until April, 10 MW carry ten
    "purchase and power": (
        {"offers": (napkin_offer(allocations=(window(3, least=12.0),)),)},
        {"platform.box.allocation[0]", "site.alpha.power"},
    ),
    # six must be taken in January and February, two a month are there
    "purchase and supply": (
        {"offers": (napkin_offer(allocations=(window(1, least=6.0),), supply=supply(2.0)),)},
        {"platform.box.allocation[0]", "platform.box.supply"},
    ),
    # 2 MUSD buy two racks, five must be taken, and they earn nothing
    "purchase and money": (
        {
            "offers": (napkin_offer(allocations=(window(3, least=5.0),)),),
            "services": UNPAID,
            "treasury": purse(2e6),
        },
        {"platform.box.allocation[0]", "programme.minimum_cash"},
    ),
    # ordered in January, in service in March, asked for in February
    "lead": (
        {"targets": (target(1.0, 1),), "offers": (napkin_offer(lead_months=2),)},
        {"target[0]", "platform.box.lead"},
    ),
    # 2 MUSD buy two racks, five are asked for, and they earn nothing
    "money": (
        {"targets": (target(5.0, 1),), "services": UNPAID, "treasury": purse(2e6)},
        {"target[0]", "programme.minimum_cash"},
    ),
    # 6 MUSD would buy five, but 3 must stay
    "money kept": (
        {"targets": (target(5.0, 1),), "services": UNPAID, "treasury": purse(6e6, 3e6)},
        {"target[0]", "programme.minimum_cash"},
    ),
    # 8 MUSD come in March, five racks are asked for in February
    "money too late": (
        {
            "targets": (target(5.0, 1),),
            "services": UNPAID,
            "treasury": purse(1e6),
            "contracts": (
                EquityRound(
                    id="round",
                    investor="softbank",
                    recipient="openai",
                    instalments=(Instalment(on=month(2), amount_usd=8e6),),
                ),
            ),
        },
        {"target[0]", "programme.minimum_cash", "contract.round.instalments"},
    ),
    # 2 MUSD and one rack's demand, 0.744 in January, pay for two racks; with all the demand five would pay 3.72 back
    "demand and money": (
        {"targets": (target(5.0, 0),), "services": (napkin_service(SHORT, racks=1.0),), "treasury": purse(2e6)},
        {"target[0]", "programme.minimum_cash", "service.chat.demand"},
    ),
    # 10 racks for 744 h make 7.44e24 FLOP of 1e25
    "training above power": ({"runs": (training(1e25, 0, 0),)}, {"training[0]", "site.alpha.power"}),
    # one rack for 744 h of 2e24 FLOP
    "training above supply": (
        {"runs": (training(2e24, 0, 0),), "offers": (napkin_offer(supply=supply(1.0)),)},
        {"training[0]", "platform.box.supply"},
    ),
    # racks come in March, the run ends with February
    "training before lead": (
        {"runs": (training(1e23, 0, 1),), "offers": (napkin_offer(lead_months=2),)},
        {"training[0]", "platform.box.lead"},
    ),
    # half a rack's money and nothing to earn
    "training without money": (
        {"runs": (training(1e23, 0, 1),), "services": UNPAID, "treasury": purse(0.5e6)},
        {"training[0]", "programme.minimum_cash"},
    ),
    # two runs of 5e24 FLOP in January, each of which ten racks could do alone
    "two runs share power": (
        {"runs": (training(5e24, 0, 0, "one"), training(5e24, 0, 0, "two"))},
        {"training[0]", "training[1]", "site.alpha.power"},
    ),
    # the same with 20 MW and ten racks supplied
    "two runs share supply": (
        {
            "runs": (training(5e24, 0, 0, "one"), training(5e24, 0, 0, "two")),
            "sites": (napkin_site(power_steps=(PowerStep(start=START, facility_mw=20.0),)),),
            "offers": (napkin_offer(supply=supply(10.0)),),
        },
        {"training[0]", "training[1]", "platform.box.supply"},
    ),
    # 6 MW of each of two platforms where there are 10
    "two targets share power": (
        {
            "targets": (target(6.0, 1, "box"), target(6.0, 1, "crate")),
            "offers": (napkin_offer(), napkin_offer(platform=CRATE)),
            "sites": (napkin_site(platforms=BOTH),),
        },
        {"target[0]", "target[1]", "site.alpha.power"},
    ),
    # 1 in the purse, 3 to be kept, and a rack earns less in its first month than it costs
    "cash never there": (
        {"treasury": purse(1e6, 3e6), "sites": late()},
        {"programme.minimum_cash"},
    ),
    # racks at half the price earn 0.244 in their first month: nine in January would do, but power comes in April
    "cash waits for power": (
        {"treasury": purse(1e6, 3e6), "sites": late(), "offers": (napkin_offer(price_usd_per_rack=0.5e6),)},
        {"programme.minimum_cash", "site.alpha.power"},
    ),
    # no site takes crates: nothing but the target can give way
    "a platform nobody takes": ({"targets": (target(1.0, 2, "crate"),)}, {"target[0]"}),
    # energized in January, but two months late
    "slip": (
        {"targets": (target(5.0, 1),), "sites": (napkin_site(slip_median_months=2.0),)},
        {"target[0]", "site.alpha.power", "site.alpha.slip_median"},
    ),
    # crates are offered, either site could take them, and both take boxes only
    "what two sites take": (
        {
            "targets": (target(1.0, 2, "crate"),),
            "offers": (napkin_offer(), napkin_offer(platform=CRATE)),
            "sites": (napkin_site(), napkin_site("beta")),
        },
        {"target[0]", "site.alpha.platforms", "site.beta.platforms"},
    ),
    # six of one vendor or five of another, ten asked for: more of either would do, or both at once
    "one vendor": (
        {
            "targets": (target(10.0, 2),),
            "offers": (
                napkin_offer(supply=supply(6.0, 0.0)),
                napkin_offer(platform=CRATE, vendor="amd", supply=supply(5.0, 0.0)),
            ),
            "sites": (napkin_site(platforms=BOTH, one_vendor=True),),
        },
        {"target[0]", "site.alpha.one_vendor", "platform.box.supply", "platform.crate.supply"},
    ),
    # the connection alone would do, were it larger, though one vendor only may come in
    "power of one vendor": (
        {
            "targets": (target(12.0, 2),),
            "offers": (napkin_offer(), napkin_offer(platform=CRATE, vendor="amd")),
            "sites": (napkin_site(platforms=BOTH, one_vendor=True),),
        },
        {"target[0]", "site.alpha.power"},
    ),
    # 10 MW from the connection, 5 from an engine, and a turbine of 5 from April on; 18 MW are asked for in February
    "plants": (
        {"targets": (target(18.0, 1),), "sites": (napkin_site(plants=(engine(), engine(**TURBINE))),)},
        {"target[0]", "site.alpha.power", "site.alpha.plant.gas-engine.most", "site.alpha.plant.gas-turbine.lead"},
    ),
    # twenty in January, which leave after February; five must stand from then on
    "life": (
        {"targets": (target(5.0, 1),), "offers": (napkin_offer(life_months=2, supply=supply(20.0, 0.0)),)},
        {"target[0]", "platform.box.life", "platform.box.supply"},
    ),
    # April's 720 h of ten racks make 7.2e24 FLOP of 1e25; from March on they would make 1.464e25
    "training begins too late": (
        {"runs": (training(1e25, 3, 3),)},
        {"training[0]", "training[0].earliest", "site.alpha.power"},
    ),
    # two racks earn two tranches; signed in March and paid two months later, they buy no more by April
    "tranches paid late": (
        {
            "targets": (target(4.0, 3),),
            "services": UNPAID,
            "treasury": purse(2e6),
            "contracts": (tranches(signed=month(2), payment_lag_months=2),),
        },
        {"target[0]", "programme.minimum_cash", "contract.tranches.payment_lag", "contract.tranches.signed"},
    ),
    # one rack of the four that earn the tranche; parts of a tranche would buy one more each month
    "a tranche that is earned as a whole": (
        UNREACHED,
        {"target[0]", "programme.minimum_cash", "contract.tranches.payment_lag"},
    ),
    # 5.5 MUSD buy the five racks, or pay the deposit
    "a deposit and a target": (
        {
            "targets": (target(5.0, 1),),
            "services": UNPAID,
            "treasury": purse(5.5e6),
            "contracts": (deposit(1e6),),
        },
        {"target[0]", "programme.minimum_cash", "contract.deposit"},
    ),
    # 10 MW carry one block of eight racks; ten divisible racks would reach the target
    "whole blocks": (
        {"targets": (target(10.0, 2),), "offers": (napkin_offer(block_racks_count=8),)},
        {"target[0]", "site.alpha.power"},
    ),
    # five by February are possible, twelve by April are not
    "the second target": ({"targets": (target(5.0, 1), target(12.0, 3))}, {"target[1]", "site.alpha.power"}),
}


def of_contracts(inputs: Inputs, **changes: object) -> Inputs:
    return replace(inputs, contracts=tuple(replace(item, **changes) for item in inputs.contracts))  # type: ignore[arg-type]


STATED_ANEW: dict[str, Callable[[Inputs, str], Inputs]] = {
    "platforms": lambda inputs, label: replace(
        inputs, sites=tuple(replace(site, platforms=BOTH) if site.id == label else site for site in inputs.sites)
    ),
    "exclusive": lambda inputs, _label: replace(
        inputs, sites=tuple(replace(site, one_vendor=False) for site in inputs.sites)
    ),
    "slip": lambda inputs, _label: replace(
        inputs, sites=tuple(replace(site, slip_median_months=0.0) for site in inputs.sites)
    ),
    "plant_most": lambda inputs, _label: replace(
        inputs, sites=(napkin_site(plants=(engine(most_mw=500.0), engine(**TURBINE))),)
    ),
    "plant_lead": lambda inputs, _label: replace(
        inputs, sites=(napkin_site(plants=(engine(), engine(id="gas-turbine"))),)
    ),
    "life": lambda inputs, _label: replace(inputs, offers=(napkin_offer(supply=supply(20.0, 0.0)),)),
    "run_earliest": lambda inputs, _label: replace(inputs, runs=(training(1e25, 0, 3),)),
    "instalments": lambda inputs, _label: of_contracts(inputs, instalments=(Instalment(on=START, amount_usd=8e6),)),
    "signed": lambda inputs, _label: of_contracts(inputs, signed=START),
    "payment_lag": lambda inputs, _label: of_contracts(inputs, payment_lag_months=0),
    "contract": lambda inputs, _label: replace(inputs, contracts=()),
}
"""What each scenario says without one of its statements that is taken back by stating it anew."""


def model_of(inputs: Inputs) -> Formulation:
    built = formulation(inputs, terms=terms(inputs, napkin_performance(inputs)))
    insist(built)
    built.model.add_objective(0.0 * built.npv, sense="max")
    return built


def is_feasible(built: Formulation, inputs: Inputs) -> bool:
    return bool(search(built.model, settings=inputs.solver, report=silent).found)


def is_feasible_without(built: Formulation, inputs: Inputs, statement: Statement) -> bool:
    """Whether a plan exists once a statement's own rows are out of the way; a lead time is taken back in the inputs."""
    if statement.family == "lead":
        offers = tuple(replace(offer, lead_months=0) for offer in inputs.offers)
        return is_feasible(model_of(replace(inputs, offers=offers)), inputs)
    if statement.family == "energized" and inputs.sites[0].plants:  # their energy depends on it too
        large = (PowerStep(start=START, facility_mw=500.0),)
        return is_feasible(model_of(replace(inputs, sites=(replace(inputs.sites[0], power_steps=large),))), inputs)
    if statement.family in STATED_ANEW:
        return is_feasible(model_of(STATED_ANEW[statement.family](inputs, statement.label)), inputs)
    rows, arrivals = built.model.constraints[statement.family], built.choose.arrivals
    stated, most = rows.rhs.copy(), arrivals.upper.copy()
    lifted = stated.copy()
    dims = [dim for dim in stated.dims if dim not in {"period", "month"}]
    mine = {
        dim: int(statement.label) if statement.label.isdigit() else _index(stated[dim], statement.label) for dim in dims
    }
    lifted[mine] = np.where(rows.sign[mine] == "<=", 1e6, -1e6)
    rows.update(rhs=lifted)
    arrivals.update(upper=arrivals.upper.where(arrivals.upper == 0.0, 1e6))
    if statement.family in {"energized", "supply"}:  # power, or racks, would be there from the start
        arrivals.update(upper=arrivals.upper.where(built.terms.fleet.taken.sum() == 0.0, 1e6))
    found = is_feasible(built, inputs)
    rows.update(rhs=stated)
    arrivals.update(upper=most)
    return found


def _index(labels: object, label: str) -> int:
    return [str(item) for item in labels.values].index(label)  # type: ignore[attr-defined]  # a labelled array


LEAST: dict[str, dict[str, str]] = {
    # of 18 MW 15 are there in February: 3 less of the target, 3 more of the connection or of the engine, or a turbine
    # two months sooner
    "plants": {
        "target[0]": "short by 3 MW; the most that can be energized by then is 15 MW",
        "site.alpha.power": "(at most 10 MW): 3 MW more would do",
        "site.alpha.plant.gas-engine.most": "(at most 5 MW): 3 MW more would do",
        "site.alpha.plant.gas-turbine.lead": "(3 months): 2 months less would do",
    },
    # 8 MUSD in March, wanted in February
    "money too late": {"contract.round.instalments": "(the last on 2026-03): 1 month earlier would do"},
    "lead": {"platform.box.lead": "(2 months): 1 month less would do"},
}
"""How much a statement must give way alone, by the scenario in which it conflicts."""


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_the_named_conflict_is_minimal(name: str) -> None:
    changes, expected = SCENARIOS[name]
    inputs = napkin_inputs(calendar=SHORT, **({"services": (napkin_service(SHORT),)} | changes))
    inputs = replace(inputs, solver=replace(inputs.solver, time_limit_s=600.0))  # however busy the machine is
    with linopy.options as options:
        options(semantics="v1")
        asked = question(inputs, napkin_performance(inputs))
        soft, (found, is_minimal) = asked.stated, irreducible(asked)
        assert {statement.key for statement in found} == expected
        assert is_minimal
        said = answer(asked).words if name in LEAST else ()
        for key, ending in LEAST.get(name, {}).items():
            assert any(line.startswith(f"{key} ") and line.endswith(ending) for line in said), key
        built = soft.built
        for room in soft.room.values():
            room.update(upper=0.0)
        built.model.add_objective(0.0 * built.npv, sense="max", overwrite=True)
        assert not is_feasible(built, inputs)
        for statement in found:
            assert is_feasible_without(built, inputs, statement), statement.key


def conflicts_of(inputs: Inputs) -> InfeasibleError:
    with pytest.raises(InfeasibleError) as caught:
        plan(inputs, napkin_performance(inputs))
    return caught.value


def test_the_words_and_the_least_change() -> None:
    # 10 MW are energized, 12 are asked for: 2 MW of 12 less, or 2 MW of 10 more; the first is the smaller change
    asked = target(12.0, 3)
    error = conflicts_of(napkin_inputs(calendar=SHORT, services=(napkin_service(SHORT),), targets=(asked,)))
    assert error.conflicts == (
        "target[0] (12 MW facility by 2026-04): short by 2 MW; the most that can be energized by then is 10 MW",
        "site.alpha.power (at most 10 MW): 2 MW more would do",
    )
    assert error.remedy.startswith("the least change: target[0], short by 2 MW")
    # and with 2 MW less it is feasible: the relaxation suffices
    enough = napkin_inputs(targets=(replace(asked, facility_mw=10.0),))
    assert plan(enough, napkin_performance(enough)).objective_value > 0.0


def test_money_is_asked_for_in_full() -> None:
    # Prepaid racks at 1 MUSD, cash 2: 2 MW in February, which earn 1.344 and so 1 more for March: 3 of 5. Lent for
    # good, x in January: 2 + x racks serve in February and earn 0.672 each, which with nothing left must buy the rest:
    # x = 1 gives 3 racks and 2.016, two more for March: 5. 1 of 2 MUSD is a greater change than 2 of 5 MW.
    inputs = napkin_inputs(
        offers=(napkin_offer(lead_months=1, deposit_fraction=1.0),),
        targets=(PowerTarget(facility_mw=5.0, deadline=date(2026, 3, 1), platforms=(NAPKIN_PLATFORM.id,)),),
        treasury=purse(2e6),
    )
    error = conflicts_of(inputs)
    said = {words.split(" ")[0]: words for words in error.conflicts}
    assert "short by 2 MW; the most that can be energized by then is 3 MW" in said["target[0]"]
    assert "short by 1 MUSD" in said["programme.minimum_cash"]
    assert error.remedy.startswith("the least change: target[0]")


def test_training_that_cannot_finish() -> None:
    # 10 racks for 744 h make 7.44e24 FLOP of 1e25: short by 0.256; 3.44 racks more, so 4 whole MW
    inputs = napkin_inputs(calendar=SHORT, services=(napkin_service(SHORT),), runs=(training(1e25, 0, 0),))
    asked, power = conflicts_of(inputs).conflicts
    assert asked.startswith("training[0] (big, 1e+25 FLOP by 2026-01): short by 0.256 of its computation")
    assert power == "site.alpha.power (at most 10 MW): 4 MW more would do"


def test_where_money_or_power_would_do_power_is_named() -> None:
    # 10 MW and 2 MUSD for 12 MW at 1 MUSD each: either alone conflicts with the target
    inputs = napkin_inputs(calendar=SHORT, services=UNPAID, treasury=purse(2e6), targets=(target(12.0, 3),))
    assert {words.split(" ")[0] for words in conflicts_of(inputs).conflicts} == {"target[0]", "site.alpha.power"}


def test_milestones_are_whole_before_racks_are() -> None:
    # With parts of a tranche, 1 MUSD more a month, four racks stand in April; with it whole, one rack does, divisible
    # or not.
    inputs = napkin_inputs(calendar=SHORT, **UNREACHED)
    with linopy.options as options:
        options(semantics="v1")
        asked = question(inputs, napkin_performance(inputs))
        assert hold(asked.stated, asked.statements).found
        divisible = hold(asked.stated, asked.statements, whole=True, racks_divisible=True)
    assert divisible.ending is Ending.INFEASIBLE


def test_a_second_conflict_is_mentioned() -> None:
    asked = training(1e25, 0, 0)
    inputs = napkin_inputs(calendar=SHORT, services=(napkin_service(SHORT),), runs=(asked,), targets=(target(12.0, 3),))
    error = conflicts_of(inputs)
    named = {words.split(" ")[0] for words in error.conflicts}
    assert len(named & {"target[0]", "training[0]"}) == 1
    (other,) = {"target[0]", "training[0]"} - named
    assert f"beside it {other} cannot hold either" in error.remedy


KEYS: dict[str, Callable[[], Statement]] = {
    "target[0]": lambda: Statement(family="targets", label="0"),
    "programme.minimum_cash": lambda: Statement(family="minimum_cash", label=""),
    "platform.box.lead": lambda: Statement(family="lead", label="box"),
}


@pytest.mark.parametrize("key", list(KEYS))
def test_keys_are_the_scenarios(key: str) -> None:
    assert KEYS[key]().key == key
