"""What rows call the model, the sharding and the recomputation of a run, read with some patience."""

import re

from gigawatt.performance.step.task import FULLY_SHARDED, Recompute

# Other benchmarks of the same suites: encoders, pictures, speech, recommendation, graphs, proteins.
_NO_DECODER = re.compile(
    r"bert|resnet|u-?net|\bdlrm|\bdcn|rnn-?t|retinanet|mask-?r-?cnn|\bssd\b|stable[-_ ]?diffusion|\bsd-?(xl|v?[123])"
    r"|\bflux|\bgnn\b|\br-?gat\b|\bvit\b|\bt5\b|whisper|minigo|cosmoflow|deepcam|openfold|\boc20\b"
)
_LONGEST_VERSION = 2
_STAGE = re.compile(r"(?:zero|stage)[-_ ]?([0-3])\b|^([0-3])$|\bz([1-3])\b")
_SHARDS = re.compile(r"[fh]sdp[-_ ]?(\d+)")
_WHOLE = re.compile(r"fsdp|fully[- _]sharded|full[- _]shard")
_NO_SHARDS = ("ddp", "none", "no", "off", "false", "replicated", "no sharding")

_NOTHING = re.compile(r"(none|no|off|false|disabled|0)\b|none_in_recipe")
_EVERYTHING = re.compile(
    r"(full|yes|true|on|all|uniform|block)\b|(activation|gradient)[- _]checkpointing|full[- _]recompute"
)
_PARTS = re.compile(r"selective|sel\b|partial|core[- _]attn|attention only|attn\b")


def is_no_decoder(model: str) -> bool:
    """Whether a model's name is that of a known network other than a decoder-only language model."""
    return _NO_DECODER.search(model.lower().replace("_", "-")) is not None


def sharding(text: str, *, ranks: float) -> tuple[float, float]:
    """ZeRO stage and shards that a cell names; a distributed optimizer over all ranks where it is silent.

    A number after FSDP is that of the shards, except 1 and 2, which are versions of PyTorch's implementation.
    """
    said = text.strip().lower()
    shards, stage = _SHARDS.search(said), _STAGE.search(said)
    if shards and int(shards[1]) > _LONGEST_VERSION:
        return FULLY_SHARDED, float(shards[1])
    if stage:
        return float(next(found for found in stage.groups() if found)), ranks
    if _WHOLE.search(said):
        return FULLY_SHARDED, ranks
    return (0.0, ranks) if said in _NO_SHARDS else (1.0, ranks)


def recomputations(text: str) -> tuple[float, ...]:
    """The levels of recomputation that a cell leaves possible."""
    said = text.strip().lower()
    if _NOTHING.match(said):
        return (Recompute.NONE,)
    if _PARTS.match(said):
        return (Recompute.SELECTIVE,)
    if _EVERYTHING.match(said):
        return (Recompute.FULL,)
    return (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
