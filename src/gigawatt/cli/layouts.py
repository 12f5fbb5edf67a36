"""A layout as people write it: `tp=8,pp=16,micro-batch=1`, checked against the model and the accelerators."""

import math

import numpy as np

from gigawatt.cli.names import settings
from gigawatt.cli.steps import NAMES, WORDS, Asked
from gigawatt.errors import InputError
from gigawatt.performance.architecture import expert_layer
from gigawatt.performance.step.task import Recompute, Schedule, StepLayouts, one_layout

_FRACTIONS = ("recomputed-share",)
_SWITCHES = ("sp", "offload-optimizer", "offload-activations", "offload-weights")
_EXAMPLE = "tp=8,pp=16,micro-batch=1,recompute=selective"


def stated_layout(text: str, of: Asked) -> StepLayouts:
    """The layout of a text; what it leaves open is one way, data parallelism takes what is left of the accelerators."""
    counts = _parsed(text)
    outer = math.prod(int(counts.get(name, 1.0)) for name in ("tp", "cp", "pp"))
    if "dp" not in counts:
        if of.gpus % outer:
            raise _refused(f"tp x cp x pp = {outer:,}", f"a divisor of {of.gpus:,} accelerators")
        counts["dp"] = of.gpus / outer
    counts.setdefault("shards", counts["dp"] * counts.get("cp", 1.0) / of.task.sites_count)
    counts.setdefault("sp", 1.0 if counts.get("tp", 1.0) > 1.0 else 0.0)
    counts.setdefault("zero", 1.0)
    layout = one_layout(**{NAMES[short]: value for short, value in counts.items()})
    _check(layout, of)
    return layout


def _parsed(text: str) -> dict[str, float]:
    return {name: _value(name, value) for name, value in settings(text, NAMES, option="--layout", example=_EXAMPLE)}


def _value(name: str, text: str) -> float:
    words = WORDS.get(name)
    if words is not None:
        if text.lower() not in words:
            raise _refused(f"{name}={text}", f"{name}= one of {', '.join(words)}")
        return words[text.lower()]
    try:
        value = float(text)
    except ValueError:
        raise _refused(f"{name}={text}", f"{name}= a number") from None
    least, most = _range(name)
    whole = name in _FRACTIONS or value.is_integer()
    if not (least <= value <= most and whole):
        raise _refused(
            f"{name}={text}", f"{name}= {'a' if name in _FRACTIONS else 'a whole'} number, {least:g} to {most:g}"
        )
    return value


def _range(name: str) -> tuple[float, float]:
    if name in _SWITCHES or name in _FRACTIONS:
        return 0.0, 1.0
    return (0.0, 3.0) if name == "zero" else (1.0, 1e9)


def _check(layout: StepLayouts, of: Asked) -> None:
    """What no machine could run."""
    model = of.task.model
    count = {short: float(getattr(layout, name)[0]) for short, name in NAMES.items()}
    experts = expert_layer(model)
    ranks = count["tp"] * count["cp"] * count["dp"] / of.task.sites_count
    waves = math.ceil(of.task.batch_sequences_count / (count["dp"] * count["micro-batch"]))
    rules = (
        (layout.ranks_count[0] == of.gpus, f"tp x cp x pp x dp = {layout.ranks_count[0]:,.0f}", f"{of.gpus:,}"),
        (model.attention.heads_count % count["tp"] == 0, f"tp={count['tp']:.0f}", "a divisor of the heads"),
        (count["pp"] * count["chunks"] <= model.layers_count, "too many pp x chunks", f"{model.layers_count} layers"),
        (count["dp"] <= of.task.batch_sequences_count, f"dp={count['dp']:,.0f}", "at most the batch's sequences"),
        (count["dp"] % of.task.sites_count == 0, f"dp={count['dp']:,.0f}", "a multiple of the sites"),
        (experts is not None or count["ep"] * count["etp"] == 1.0, "experts spread", "a model that has some"),
        (
            experts is None or experts.experts_count % count["ep"] == 0,
            f"ep={count['ep']:.0f}",
            "a divisor of the experts",
        ),
        (ranks % (count["ep"] * count["etp"]) == 0, "ep x etp", f"a divisor of tp x cp x dp = {ranks:,.0f} at a site"),
        (count["chunks"] == 1.0 or waves >= count["pp"], f"{waves} micro-batches", "one per stage for chunks"),
        *_further_rules(count, of),
    )
    for holds, found, expected in rules:
        if not holds:
            raise _refused(found, expected)
    if not np.isfinite(layout.ranks_count[0]):
        raise _refused("endless ranks", "numbers of ranks")


def _further_rules(count: dict[str, float], of: Asked) -> tuple[tuple[bool, str, str], ...]:
    """What holds inside a rank and between schedules, sharding and recomputation."""
    own = math.ceil(of.task.batch_sequences_count / count["dp"])
    waves = math.ceil(own / count["micro-batch"])
    ranks = count["dp"] * count["cp"] / of.task.sites_count
    both = count["schedule"] == Schedule.DUAL_PIPE
    return (
        (count["micro-batch"] <= own, f"micro-batch={count['micro-batch']:,.0f}", f"at most the {own:,} of a rank"),
        (of.task.sequence_tokens_count % count["cp"] == 0, f"cp={count['cp']:.0f}", "a divisor of the sequence"),
        (
            count["zero"] == 0.0 or ranks % count["shards"] == 0,
            f"shards={count['shards']:,.0f}",
            f"a divisor of dp x cp = {ranks:,.0f} at a site",
        ),
        (count["chunks"] == 1.0 or count["schedule"] == 0.0, "chunks beside a schedule", "one of them"),
        (count["schedule"] == 0.0 or count["pp"] > 1.0, "a schedule of one stage", "pp=2 or more"),
        (not both or count["pp"] % 2 == 0, f"dual-pipe with pp={count['pp']:.0f}", "an even number of stages"),
        (not both or waves >= 2 * count["pp"], f"{waves} micro-batches", "two per stage for dual-pipe"),
        (
            count["recomputed-share"] == 1.0 or count["recompute"] > Recompute.NONE,
            "recomputed-share without recompute",
            "recompute=selective or recompute=full beside it",
        ),
    )


def _refused(found: str, expected: str) -> InputError:
    return InputError(where="--layout", found=found, expected=expected, fix=f"Write it like {_EXAMPLE}.")
