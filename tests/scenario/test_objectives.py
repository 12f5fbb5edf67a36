"""What a scenario may state as its objective, and what is refused."""

import pytest

from gigawatt.catalog import load
from gigawatt.entities.stages import Goal, Objective, Weight
from gigawatt.errors import InputError
from gigawatt.scenario.loading import canonical, read
from gigawatt.scenario.objectives import goals_of
from gigawatt.scenario.resolve import resolve


def test_goals_in_order_and_a_sum() -> None:
    # 0.4 USD per million tokens are 4e-7 USD a token; an EFLOP is 1e18 FLOP
    assert goals_of("npv + 0.4 USD/Mtoken served-tokens + 2 USD/EFLOP training-compute within 1 percent, npv") == (
        Goal(
            text="npv + 0.4 USD/Mtoken served-tokens + 2 USD/EFLOP training-compute within 1 percent",
            objective=Objective.WEIGHTED,
            weights=(
                Weight(objective=Objective.NPV, usd_per_unit=1.0),
                Weight(objective=Objective.SERVED_TOKENS, usd_per_unit=4e-7),
                Weight(objective=Objective.TRAINING_COMPUTE, usd_per_unit=2e-18),
            ),
            within_fraction=0.01,
        ),
        Goal(text="npv", objective=Objective.NPV),
    )
    assert [goal.objective for goal in goals_of("served-tokens,npv")] == [Objective.SERVED_TOKENS, Objective.NPV]


def test_one_word_stays_one_objective_and_a_list_becomes_goals() -> None:
    one = read("minimal", ["programme.objective=served-tokens"])
    assert canonical(one)["programme"]["objective"] == "served-tokens"
    assert (resolve(one, load()).objective, resolve(one, load()).goals) == (Objective.SERVED_TOKENS, ())
    several = resolve(read("minimal", ["programme.objective=served-tokens within 2 percent, npv"]), load())
    assert several.objective is Objective.SERVED_TOKENS
    assert [(goal.objective, goal.within_fraction) for goal in several.goals] == [
        (Objective.SERVED_TOKENS, 0.02),
        (Objective.NPV, 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fame", '"fame"'),
        ("weighted", '"weighted"'),
        ("7", "the bare number 7"),
        ("npv,", '""'),
        ("npv + 2 served-tokens", '"2"'),
        ("npv + 2 USD/MWh served-tokens", '"2 USD/MWh"'),
        ("npv + -2 USD/Mtoken served-tokens", '"-2 USD/Mtoken"'),
        ("npv + 0 USD/Mtoken served-tokens", '"0 USD/Mtoken served-tokens"'),
        ("npv + served-tokens", "served-tokens without a weight"),
        ("2 USD/Mtoken served-tokens", '"2 USD/Mtoken served-tokens"'),
        ("0.5 ratio npv + 2 USD/Mtoken served-tokens", '"0.5 ratio npv"'),
        ("npv + npv", "npv + npv"),
        ("npv + cost-of-target", "npv + cost-of-target"),
        ("npv + earliest-target", "earliest-target in a sum"),
        ("served-tokens, npv, served-tokens within 1 percent", '"served-tokens within 1 percent" again'),
        ("served-tokens within 0.01, npv", '"0.01"'),
        ("served-tokens within 100 percent, npv", 'within "100 percent"'),
        ("earliest-target within 1 percent, npv", 'earliest-target within "1 percent"'),
        ("npv within 1 percent", '"npv within 1 percent" with no goal after it'),
        ("npv, training-compute", '"training-compute" without a training run'),
        ("npv, cost-of-target", '"cost-of-target" without a target'),
        ("cost-of-target + 1 USD/Mtoken served-tokens", '"cost-of-target" without a target'),
    ],
)
def test_nonsense_is_refused_in_four_parts(text: str, found: str) -> None:
    with pytest.raises(InputError) as refused:
        resolve(read("minimal", [f"programme.objective={text}"]), load())
    error = refused.value
    assert "programme.objective" in error.where
    assert error.found.startswith(found)
    assert error.expected
    assert error.fix
