"""Computes three projects here and with NREL's PySAM `Singleowner`, and prints how far the two are apart.

Run from the repository's root with a Python that has NREL-PySAM and this package's requirements:

    PYTHONPATH=src:. python benchmarks/finance/single_owner.py [--write tests/finance/data/single_owner.json]

`--write` keeps PySAM's answers, with its version, as golden values for the tests.
"""

import argparse
import json
from pathlib import Path

import PySAM
from PySAM import Singleowner
from tests.finance.owner_cases import CASES, OwnerCase, project

from gigawatt.finance.project import ProjectReturns, SculptedLoan, project_returns

HOURS = 8760
MW = 20.0


def peer_answer(case: OwnerCase) -> dict[str, object]:
    """PySAM's debt, depreciation and returns; its plant sells a flat 20 MW at a price that makes the case's revenue."""
    model = Singleowner.default("CustomGenerationProfileSingleOwner")
    for name, value in {**nothing_else(), **terms(case)}.items():
        model.value(name, value)
    model.value("gen", [MW * 1e3] * HOURS)
    model.execute(0)
    answers = model.Outputs
    return {
        "debt_usd": answers.size_of_debt,
        "federal_depreciation_usd": list(answers.cf_feddepr_total[1:]),
        "state_depreciation_usd": list(answers.cf_stadepr_total[1:]),
        "state_tax_usd": [-tax for tax in answers.cf_statax[1:]],
        "aftertax_usd": list(answers.cf_project_return_aftertax),
        "aftertax_return_fraction": answers.project_return_aftertax_irr / 100.0,
    }


def nothing_else() -> dict[str, object]:
    """Everything of the default project that our cases do not have, switched off."""
    zero = (
        "om_fuel_cost om_capacity cp_capacity_payment_amount degradation",
        "insurance_rate inflation_rate months_receivables_reserve equip1_reserve_cost equip2_reserve_cost",
        "equip3_reserve_cost cost_other_financing property_tax_rate system_use_lifetime_output ppa_multiplier_model",
    )
    vectors = dict.fromkeys(zero[0].split(), (0.0,))
    scalars = dict.fromkeys(f"{zero[1]} {zero[2]}".split(), 0.0)
    return {**vectors, **scalars, "dispatch_tod_factors": (1.0,) * 9, "ppa_soln_mode": 1.0, "system_capacity": 1e5}


def terms(case: OwnerCase) -> dict[str, object]:
    """The case in PySAM's own names and percents."""
    loan = case.loan
    sculpted = isinstance(loan, SculptedLoan)
    return {
        "analysis_period": case.years_count,
        "flip_target_year": case.years_count,
        "total_installed_cost": case.capital_usd,
        "ppa_price_input": (case.first_year_revenue_usd / (MW * 1e3 * HOURS),),
        "ppa_escalation": case.revenue_growth * 100,
        "om_fixed": (case.operating_usd,),
        "om_fixed_escal": case.operating_growth * 100,
        "salvage_percentage": case.residual_fraction * 100,
        "debt_option": 1.0 if sculpted else 0.0,
        "dscr": loan.coverage_ratio if sculpted else 1.0,
        "debt_percent": 0.0 if sculpted else loan.share_fraction * 100,
        "payment_option": 1.0 if type(loan).__name__ == "EqualPrincipalLoan" else 0.0,
        "loan_moratorium": 0.0 if sculpted else loan.grace_count,
        "term_tenor": loan.years_count,
        "term_int_rate": loan.interest_fraction * 100,
        "cost_debt_fee": case.fee_fraction * 100,
        "cost_debt_closing": case.closing_usd,
        "construction_financing_cost": case.construction_interest_usd,
        "dscr_reserve_months": case.service_reserve_months,
        "months_working_reserve": case.operating_reserve_months,
        "reserves_interest": case.reserve_interest * 100,
        "federal_tax_rate": (case.federal_rate * 100,),
        "state_tax_rate": (case.state_rate * 100,),
        "depr_alloc_macrs_5_percent": case.five_year_share * 100,
        "depr_alloc_macrs_15_percent": case.fifteen_year_share * 100,
        "depr_alloc_sl_20_percent": case.twenty_year_line_share * 100,
        "depr_bonus_fed": case.bonus_fraction * 100,
        "depr_bonus_fed_macrs_5": 1.0,
        "depr_bonus_fed_macrs_15": 1.0,
        "itc_fed_percent": (case.credit_fraction * 100,),
        "depr_itc_fed_macrs_5": 1.0,
    }


def our_answer(returns: ProjectReturns) -> dict[str, object]:
    """Our answer under the same names."""
    return {
        "debt_usd": returns.debt_usd,
        "federal_depreciation_usd": returns.federal_depreciation_usd.tolist(),
        "state_depreciation_usd": returns.state_depreciation_usd.tolist(),
        "state_tax_usd": returns.state_tax_usd.tolist(),
        "aftertax_usd": returns.aftertax_usd.tolist(),
        "aftertax_return_fraction": returns.aftertax_return_fraction,
    }


def apart_fraction(ours: object, theirs: object) -> float:
    """Greatest difference over the greatest magnitude of the peer's values."""
    if isinstance(ours, list) and isinstance(theirs, list):
        scale = max(abs(value) for value in theirs) or 1.0
        return max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) / scale
    assert isinstance(ours, float)
    assert isinstance(theirs, float)
    return abs(ours - theirs) / abs(theirs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    peers = {name: peer_answer(case) for name, case in CASES.items()}
    print(f"NREL-PySAM {PySAM.__version__}")
    print(f"{'case':38} {'figure':26} {'ours':>16} {'PySAM':>16} {'apart':>9}")
    for name, case in CASES.items():
        ours = our_answer(project_returns(project(case)))
        for figure, value in ours.items():
            theirs = peers[name][figure]
            shown = [f"{sum(x) if isinstance(x, list) else x:16,.4f}" for x in (value, theirs)]
            print(f"{name:38} {figure:26} {shown[0]} {shown[1]} {apart_fraction(value, theirs):9.4%}")
    if arguments.write is not None:
        text = json.dumps({"peer": f"NREL-PySAM {PySAM.__version__}", "cases": peers}, indent=1)
        arguments.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
