"""The law that gives operator times, and what each law takes from a scenario."""

import pytest

from gigawatt.catalog import load
from gigawatt.entities.assumptions import OperatorLaw
from gigawatt.errors import ScenarioError
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve


def test_calibrated_laws_leave_their_error_on_each_platform_in_the_ledger() -> None:
    inputs = resolve(read("minimal"), load())
    keys = {entry.key for entry in inputs.ledger.entries}
    assert inputs.operator_law is OperatorLaw.CALIBRATED
    assert any(key.startswith("kernels/") and key.endswith("/gb300-nvl72") for key in keys)
    assert "assumptions/kernel-efficiency/gemm" not in keys
    assert "assumptions/kernel-efficiency/scale-out-bandwidth" in keys


def test_the_roofline_takes_every_efficiency_and_no_fit() -> None:
    inputs = resolve(
        read("minimal", ['kernel_efficiency.law="roofline"', 'kernel_efficiency.gemm="60 percent"']), load()
    )
    keys = {entry.key for entry in inputs.ledger.entries}
    assert inputs.operator_law is OperatorLaw.ROOFLINE
    assert inputs.efficiency.gemm.best == 0.6
    assert not any(key.startswith("kernels/") for key in keys)
    assert "assumptions/kernel-efficiency/attention" in keys


def test_an_efficiency_that_nothing_would_use_is_refused() -> None:
    with pytest.raises(ScenarioError, match="roofline") as refusal:
        resolve(read("minimal", ['kernel_efficiency.gemm="60 percent"']), load())
    assert "kernel_efficiency.gemm" in refusal.value.where
