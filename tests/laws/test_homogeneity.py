"""A pure function does not know how long a second is: rescale units at random, and answers follow their names.

The unit of every number is read off its name's suffix (`_bytes_per_s`), in parameters, in fields of dataclasses and in
the function's own name or the fields of its answer. A function that counts bytes or FLOP itself (2 FLOP per multiply
and add, 2 bytes per BF16 value) coins that unit: rescaling it would be a different physics, so the case says which
units it coins and those stay.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gigawatt.entities.hardware import Precision
from gigawatt.facility.electrical import facility_power_mw, it_power_mw
from gigawatt.finance import capacity, debt_sizing, depreciation, returns, tax
from gigawatt.performance import collectives, operators
from gigawatt.performance.laws import roofline_laws
from gigawatt.performance.serve.search import Limits, serve_search
from gigawatt.performance.served import serve_task
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import Sites, one_layout
from gigawatt.performance.trained import train
from tests.performance.published import HGX_H100, TINY_MOE
from tests.performance.step import steps
from tests.samples import PLATFORM, run, service, small_inputs

UNITS = {"s": "second", "bytes": "byte", "flop": "FLOP", "w": "watt", "mw": "watt", "mwh": "watt", "usd": "dollar"}
INPUTS = small_inputs()

Scales = Mapping[str, float]


def dimension(name: str) -> dict[str, int]:
    """Exponents of second, byte, FLOP and watt that a name claims; empty for a pure number."""
    numerator, *denominators = name.lower().split("_per_")
    exponents: dict[str, int] = {}
    for word, sign in [(numerator.split("_")[-1], 1), *((part.split("_")[-1], -1) for part in denominators)]:
        if word in UNITS:
            exponents[UNITS[word]] = exponents.get(UNITS[word], 0) + sign
    return exponents


def factor(name: str, scales: Scales) -> float:
    """What a number of this name is multiplied with when units shrink by `scales`."""
    return float(np.prod([scales.get(unit, 1.0) ** power for unit, power in dimension(name).items()]))


def rescaled(value: Any, name: str, scales: Scales) -> Any:
    """The same quantity in the new units, down through mappings and dataclasses."""
    if isinstance(value, bool | str | Enum) or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: rescaled(item, name, scales) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(rescaled(item, name, scales) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        ranged = {field.name for field in fields(value)} == {"low", "best", "high"}
        return replace(
            value,
            **{
                field.name: rescaled(getattr(value, field.name), name if ranged else field.name, scales)
                for field in fields(value)
            },
        )
    claimed = factor(name, scales)
    return value if claimed == 1.0 else value * claimed


def same(actual: Any, expected: Any, path: str) -> None:
    """Equal up to rounding, field by field."""
    if is_dataclass(expected) and not isinstance(expected, type):
        for field in fields(expected):
            same(getattr(actual, field.name), getattr(expected, field.name), f"{path}.{field.name}")
    elif isinstance(expected, tuple):
        for number, (left, right) in enumerate(zip(actual, expected, strict=True)):
            same(left, right, f"{path}[{number}]")
    elif isinstance(expected, str | Enum):
        assert actual == expected, path
    else:
        np.testing.assert_allclose(actual, expected, rtol=1e-9, err_msg=path)


@dataclass(frozen=True)
class Case:
    """A function with arguments by name; `coins` are the units it counts in itself."""

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    coins: tuple[str, ...] = ()


LINKS = collectives.Links(
    scale_up_bytes_per_s=450e9, scale_out_bytes_per_s=50e9, startup_s=5e-6, scale_up_domain_count=8
)
ROOFLINE = operators.roofline_operators(HGX_H100, INPUTS.efficiency, 0.5)
RUN = replace(run(), model=TINY_MOE, sequence_tokens_count=512, batch_tokens_count=32 * 512.0, accelerators_count=16)
CHAT = replace(service(), model=TINY_MOE)
LIMITS = Limits(ttft_s=2.0, tpot_s=0.05, accelerators_count=4, prefill_load_fraction=0.8)
WORK = operators.AttentionWork(
    sequences_count=4.0,
    query_tokens_count=1.0,
    context_tokens_count=4000.0,
    heads_count=16.0,
    score_dim=128,
    value_dim=128,
    cached_values_count=256.0,
    cache_precision=Precision.FP8,
)

SCAN = operators.ScanWork(
    sequences_count=2.0,
    tokens_count=8192.0,
    heads_count=32.0,
    chunk_tokens_count=64.0,
    chunk_flop=1e7,
    token_bytes=2e5,
)
SITES = Sites(count=2, wan_bytes_per_s=1e12, one_way_s=0.004)
STEPS = {"dense": steps.task(sites=SITES), "experts": steps.task(steps.expert_model(), sites=SITES)}
SPREAD = one_layout(
    tp_count=2, pp_count=2, dp_count=8, ep_count=1, schedule=1.0, shards_count=4, zero_stage=1.0,
    optimizer_offload=1.0, activation_offload=1.0, recompute_level=2.0, recomputed_share=0.5,
)  # fmt: skip

CASH = np.array([10.0, 60.0, 45.0])
LOAN = debt_sizing.level_debt(90.0, interest_fraction=0.1, payments_count=3)
UNIT = capacity.Unit(
    platform=PLATFORM,
    price_usd_per_rack=3e6,
    surroundings=capacity.Surroundings(
        peak_pue=1.25,
        annual_pue=1.15,
        fabric_power_fraction=0.1,
        mean_power_fraction=0.8,
        energy_price_usd_per_mwh=70.0,
    ),
)
OWNER = capacity.Owner(
    discount_rate_fraction=0.1, systems_life_months=60.0, building=capacity.OwnBuilding(life_months=240.0)
)
REGIME = tax.TaxRegime(rate_fraction=0.25, losses=tax.CarriedForward(limit_fraction=0.8))


def _collective(function: Callable[..., Any], *, ranks: float, stride: float) -> Case:
    arguments = {"links": LINKS, "volume_bytes": 3e8, "ranks_count": ranks, "stride_count": stride}
    return Case(function.__name__, function, arguments)


def _method(name: str, **arguments: Any) -> Case:
    def call(*, roofline: operators.RooflineOperators, **rest: Any) -> Any:
        return getattr(roofline, name)(**rest)

    coins = () if "volume_bytes" in arguments else ("byte", "FLOP")
    return Case(name, call, {"roofline": ROOFLINE, **arguments}, coins)


def _train(*, efficiency: Any, step: Any, platform: Any, asked: Any) -> Any:
    return train(asked, platform, roofline_laws(efficiency).training, step)


def _serve(*, roofline: Any, engine: Any, platform: Any, limits: Limits, usable_bytes: float) -> Any:
    task = serve_task(CHAT, engine, quantile=0.5)
    return serve_search(task, platform, roofline, limits, usable_bytes=usable_bytes).front


GROUP = {"volume_bytes": 1e8, "ranks_count": 16.0, "stride_count": 1.0}

CASES = [
    *(
        _collective(function, ranks=ranks, stride=stride)
        for function in (
            collectives.reduce_scatter_s,
            collectives.all_gather_s,
            collectives.all_reduce_s,
            collectives.all_to_all_s,
            collectives.point_to_point_s,
        )
        for ranks, stride in ((8.0, 1.0), (64.0, 4.0), (64.0, 8.0))
    ),
    Case(
        "local_ranks_count",
        collectives.local_ranks_count,
        {"links": LINKS, "ranks_count": 64.0, "stride_count": 4.0},
    ),
    Case(
        "roofline_s",
        operators.roofline_s,
        {"work_flop": 1e12, "traffic_bytes": 1e9, "flop_per_s": 1e15, "bytes_per_s": 3e12, "launch_s": 5e-6},
    ),
    Case(
        "peak_dense_flop_per_s",
        operators.peak_dense_flop_per_s,
        {"accelerator": PLATFORM.accelerator, "precision": Precision.FP8},
    ),
    *(_method(name, **GROUP) for name in ("all_reduce_s", "all_gather_s", "reduce_scatter_s", "all_to_all_s")),
    _method("point_to_point_s", **GROUP),
    _method("memory_s", volume_bytes=1e9),
    _method("gemm_s", m=4096.0, n=8192.0, k=8192.0, precision=Precision.FP8),
    _method("grouped_gemm_s", m=64.0, n=4096.0, k=7168.0, groups=32.0, precision=Precision.FP8),
    _method("attention_prefill_s", work=WORK),
    _method("attention_backward_s", work=WORK),
    _method("attention_decode_s", work=WORK),
    _method("scan_s", work=SCAN),
    *(
        Case(
            f"step_total_s {name}",
            lambda *, task, layout, roofline: step_total_s(task, layout, roofline),
            {"task": task, "layout": SPREAD, "roofline": ROOFLINE},
            ("byte", "FLOP"),
        )
        for name, task in STEPS.items()
    ),
    Case(
        "train",
        _train,
        {"efficiency": INPUTS.efficiency, "step": INPUTS.step, "platform": HGX_H100, "asked": RUN},
        ("byte", "FLOP"),
    ),
    Case(
        "serve_search",
        _serve,
        {
            "roofline": ROOFLINE,
            "engine": INPUTS.engine,
            "platform": HGX_H100,
            "limits": LIMITS,
            "usable_bytes": 7e10,
        },
        ("byte", "FLOP"),
    ),
    Case("facility_power_mw", facility_power_mw, {"it_power_mw": 100.0, "pue": 1.2}),
    Case("it_power_mw", it_power_mw, {"facility_power_mw": 100.0, "pue": 1.2}),
    *(
        Case(name, getattr(debt_sizing, name), {"interest_fraction": 0.1, **arguments})
        for name, arguments in (
            ("level_debt", {"principal_usd": 900.0, "payments_count": 3, "grace_count": 1}),
            ("equal_principal_debt", {"principal_usd": 900.0, "payments_count": 3}),
            ("sculpted_debt", {"cash_usd": CASH, "coverage_ratio": 1.3}),
            ("swept_debt", {"planned": LOAN, "cash_usd": CASH, "sweep_fraction": 0.5}),
            ("life_coverage_ratio", {"debt": LOAN, "cash_usd": CASH}),
            ("drawn_balance_usd", {"draws_usd": CASH}),
        )
    ),
    Case("reserve_balance_usd", debt_sizing.reserve_balance_usd, {"service_usd": CASH, "steps_count": 1.5}),
    Case("depreciation_usd", depreciation.depreciation_usd, {"additions_usd": CASH, "fractions": np.array([0.6, 0.4])}),
    Case("income_tax", tax.income_tax, {"income_usd": CASH - 30.0, "regime": REGIME, "credits_usd": CASH / 9.0}),
    Case("peak_funding_usd", lambda *, net_usd: returns.peak_funding(net_usd)[0], {"net_usd": -CASH}),
    Case("multiple_of_money_ratio", returns.multiple_of_money_ratio, {"net_usd": CASH - 30.0}),
    Case(
        "cost_usd_per_accelerator_hour",
        lambda **given: sum(capacity.cost_by_layer_usd_per_accelerator_hour(**given).values()),
        {"unit": UNIT, "costs": INPUTS.costs, "owner": OWNER},
    ),
    Case("runway_months", returns.runway_months, {"cash_usd": CASH, "unfinanced_usd": -CASH}),
]

# Powers of two leave every comparison inside a function as it was, up to the last bit.
POWERS = st.integers(-6, 6).map(lambda power: 2.0**power)


def _follows_its_suffix(case: Case, scales: Scales) -> None:
    free = {unit: scale for unit, scale in scales.items() if unit not in case.coins}
    before = case.function(**case.arguments)
    after = case.function(**{name: rescaled(value, name, free) for name, value in case.arguments.items()})
    same(after, rescaled(before, case.name.split()[0], free), case.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"\W+", "-", case.name))
@hypothesis_settings(max_examples=12, deadline=None)
@given(second=POWERS, byte=POWERS, flop=POWERS, watt=POWERS, dollar=POWERS)
def test_answers_follow_their_suffix(case, second, byte, flop, watt, dollar):
    _follows_its_suffix(case, {"second": second, "byte": byte, "FLOP": flop, "watt": watt, "dollar": dollar})


def test_the_law_can_fail():
    """A function that adds a bare second to a duration in seconds is found out."""

    def late_s(*, volume_bytes: float, bytes_per_s: float) -> float:
        return volume_bytes / bytes_per_s + 1.0

    broken = Case("late_s", late_s, {"volume_bytes": 10.0, "bytes_per_s": 2.0})
    with pytest.raises(AssertionError):
        _follows_its_suffix(broken, {"second": 2.0})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("memory_bandwidth_bytes_per_s", {"byte": 1, "second": -1}),
        ("peak_dense_flop_per_s", {"FLOP": 1, "second": -1}),
        ("prefill_s_per_request", {"second": 1}),
        ("mfu_fraction", {}),
        ("rack_power_w", {"watt": 1}),
    ],
)
def test_names_state_their_dimension(name, expected):
    assert dimension(name) == expected
