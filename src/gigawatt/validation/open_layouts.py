"""Layouts of rows that leave the parallelism open: every one that agrees with what they state.

Whoever ran it looked for the fastest; so does whoever reads it. Such rows are counted apart, as the choice is ours.
"""

from dataclasses import replace

from gigawatt.entities.hardware import Platform
from gigawatt.performance.step.space import Block, blocks
from gigawatt.performance.step.task import StepTask
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

PARALLEL = ("tp_count", "cp_count", "pp_count", "ep_count")


def possible_rows(row: TruthRow, task: StepTask, platform: Platform) -> tuple[TruthRow, ...]:
    """The row with each layout that it leaves possible and that splits its batch evenly.

    Raises `Inexpressible` when there is none.
    """
    every = [block for block in blocks(task, platform, accelerators_count=row.num_gpus) if _agrees(block, row)]
    even = [block for block in every if task.batch_sequences_count % block.dp_count == 0.0]
    cuts = sorted({(block.tp_count, block.cp_count, block.pp_count, block.dp_count, block.ep_count) for block in even})
    if not cuts:
        raise Inexpressible("no layout splits the accelerators and the batch as the row says")
    return tuple(replace(row, tp=tp, cp=cp, pp=pp, dp=dp, ep=ep) for tp, cp, pp, dp, ep in cuts)


def _agrees(block: Block, row: TruthRow) -> bool:
    stated = (row.tp, row.cp, row.pp, row.dp, row.ep)
    found = (block.tp_count, block.cp_count, block.pp_count, block.dp_count, block.ep_count)
    return all(one is None or one == other for one, other in zip(stated, found, strict=True))
