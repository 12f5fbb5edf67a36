"""The comparison says in words what changed, and nothing when nothing did."""

import json
from dataclasses import replace
from datetime import date

import pytest

from gigawatt.entities.contracts import EquityRound, Instalment, ResidualGuarantee
from gigawatt.entities.stages import Study
from gigawatt.report.compare import compare, comparison_json, side_by_side
from gigawatt.report.comparison_page import comparison_html
from gigawatt.report.wording import money


@pytest.fixture(scope="module")
def restructured(study: Study) -> Study:
    """Half the power from 2029 on, no tranches but a round, less value, one site not used, no guarantee."""
    state = study.history.state.copy(deep=True)
    late = state["month"] >= state["month"].values[30]
    for name in ("energized_facility_mw", "energized_it_mw", "installed_racks"):
        state[name] = state[name].where(~late, state[name] * 0.5)
        state[name].loc[{"site": "norway"}] = 0.0
    rounds = EquityRound(
        id="round", investor="nvidia", recipient="openai",
        instalments=(Instalment(on=date(2026, 9, 1), amount_usd=30e9),),
    )  # fmt: skip
    flows = study.appraisal.flows.filter(study.appraisal.flows["purpose"] != "tranche")
    appraisal = replace(
        study.appraisal, milestones=(), npv_usd=20e9, flows=flows, exposures=study.appraisal.exposures.clear()
    )
    inputs = replace(study.inputs, title="Restructured", contracts=(rounds,))
    return replace(study, inputs=inputs, history=replace(study.history, state=state), appraisal=appraisal)


def test_what_the_restructuring_changes_in_words(study: Study, restructured: Study) -> None:
    text = " ".join(compare(study, restructured).sentences)
    assert "Net present value is $20.0 bn instead of $41.3 bn" in text
    assert "NVIDIA pays in $0 instead of $100 bn." in text
    assert "SoftBank pays in $40.0 bn, as before." in text
    assert "$30.0 bn in a round on fixed dates instead of $10.0 bn for each 1.00 GW energized" in text
    assert "no longer uses Stargate Norway" in text
    assert "no longer reached" in text
    assert "Guarantees of up to $8.00 bn fall away." in text


def test_a_study_against_itself_changes_nothing(study: Study) -> None:
    comparison = compare(study, study)
    text = " ".join(comparison.sentences)
    assert "instead of" not in text
    assert "11 gigawatts keep their dates" in text
    assert all(figure.difference == 0 for figure in comparison.measures)
    assert comparison.sites_only_in_first == comparison.sites_only_in_second == ()


def test_gigawatt_dates_shift_by_months(study: Study) -> None:
    state = study.history.state.copy(deep=True)
    state["energized_facility_mw"] = state["energized_facility_mw"].shift(month=3, fill_value=0.0)
    later = replace(study, history=replace(study.history, state=state))
    comparison = compare(study, later)
    assert any("3 months later" in sentence for sentence in comparison.sentences)
    number, before, after = comparison.milestones[0]
    # the first gigawatt in April 2027, three months later in July 2027
    assert (number, before, after) == (1, date(2027, 4, 1), date(2027, 7, 1))


def test_a_single_gigawatt_is_told_by_its_number(study: Study) -> None:
    """All power three months later from the second gigawatt on: only gigawatt 1 keeps its date."""
    state = study.history.state.copy(deep=True)
    power = state["energized_facility_mw"]
    total = power.sum(("site", "platform"))
    state["energized_facility_mw"] = power.where(total < 2000.0, power.shift(month=3, fill_value=0.0))
    text = " ".join(compare(study, replace(study, history=replace(study.history, state=state))).sentences)
    assert "; gigawatt 1 keeps its date" in text


def test_new_guarantees_name_their_cap_and_the_claim_they_reach(study: Study, restructured: Study) -> None:
    cap = sum(c.cap_usd for c in study.inputs.contracts if isinstance(c, ResidualGuarantee))
    text = " ".join(compare(restructured, study).sentences)
    assert f"New are guarantees of at most {money(cap)}, contingent on a default; the claim reaches $8.00 bn" in text


def test_json_and_table_hold_the_same_figures(study: Study, restructured: Study) -> None:
    comparison = compare(study, restructured)
    written = json.loads(json.dumps(comparison_json(comparison), allow_nan=False))
    assert written["measures"]["npv_usd"] == {"first": 41.3e9, "second": 20e9, "difference": pytest.approx(-21.3e9)}
    rows = {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in side_by_side(comparison).rows}
    assert rows["Net present value"] == ["$41.3 bn", "$20.0 bn", "−$21.3 bn"]


def test_the_page_holds_the_sentences(study: Study, restructured: Study) -> None:
    text = comparison_html(study, restructured)
    assert "Restructured" in text
    assert "instead of $41.3 bn" in text
    assert 'src="http' not in text
