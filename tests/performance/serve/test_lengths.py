"""What lengths that scatter do to a mean request: moments by hand, and nothing where they are equal."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.performance.serve.memory import requests_that_fit
from gigawatt.performance.serve.task import LengthSpread, prompt_batch, workers

from .samples import ENGINE, task


def spread(inputs, outputs, correlation=0.0):
    return LengthSpread(input_tokens_count=inputs, output_tokens_count=outputs, correlation_fraction=correlation)


def moments(pairs):
    """Means, deviations and correlation of some requests."""
    lengths = np.array(pairs, dtype=np.float64)
    correlation = np.corrcoef(lengths.T)[0, 1]
    inputs, outputs = lengths.std(axis=0)
    return lengths, spread(inputs, outputs, correlation)


def test_moments_of_two_requests():
    # (100, 10) and (300, 50): of 60 decode steps 50 are the second's, over 300 tokens and half of its answer.
    lengths, how = moments([(100, 10), (300, 50)])
    what = task(isl=200.0, osl=30.0, lengths=how)
    assert what.decode_prompt_tokens_count == pytest.approx((100 * 10 + 300 * 50) / 60)
    assert what.decode_output_tokens_count == pytest.approx((10**2 + 50**2) / 60)
    assert what.decode_context_tokens_count == pytest.approx(np.sum(lengths[:, 1] * (lengths @ [1.0, 0.5])) / 60)
    # Of 400 prompt tokens 100 see 50.5 on average and 300 see 150.5.
    seen = prompt_batch(what, np.ones(1)).prompt_context_count[0]
    assert seen == pytest.approx((100 * 50.5 + 300 * 150.5) / 400)


def test_equal_lengths_are_their_means():
    equal, spread_none = task(), task(lengths=spread(0.0, 0.0, 0.7))
    assert equal.decode_context_tokens_count == spread_none.decode_context_tokens_count == 125.0
    assert prompt_batch(equal, np.ones(1)).prompt_context_count[0] == 50.5


def test_fewer_requests_fit_where_answers_scatter():
    room = [
        requests_that_fit(replace(task(lengths=how), engine=engine), workers(tp=1), usable_bytes=1e7)[0]
        for engine in (ENGINE, replace(ENGINE, reserved=False))
        for how in (spread(0.0, 0.0), spread(0.0, 40.0), spread(50.0, 40.0, 1.0))
    ]
    assert room[0] > room[1] > room[2]
    assert room[3] > room[4] > room[5]
