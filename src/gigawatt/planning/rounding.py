"""Whole blocks of racks period by period, by linear programmes that stay in the solver.

A divisible plan asks for parts of blocks at many sites. Period after period they are put together to as many whole
blocks of a platform as the parts add up to, at the sites that have room for them; what was planned for later follows
each time (relax-and-fix; Pochet and Wolsey, 2006). So hardly anything is lost, where rounding all at once would break
a limit somewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gigawatt.planning.ladder import QUESTION_TIME_SHARE, Ladder
from gigawatt.planning.restate import run_again
from gigawatt.planning.search import Search
from gigawatt.timeline import FloatArray, IntArray

_WHOLE = 1e-6
_DIMS = ("period", "site", "platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blocks:
    """Arriving blocks in the solver, each `(period, site, platform)`: `labels`, those of blocks `standing`, `most`.

    `block_mw` `(site, platform)` is the power of a block, `power_mw` `(period, site)` what may be drawn.
    """

    ladder: Ladder
    labels: IntArray
    standing: IntArray
    most: FloatArray
    block_mw: FloatArray
    power_mw: FloatArray

    def arriving(self, plan: Search, period: int) -> FloatArray:
        """Blocks of a plan that arrive in a period, `(site, platform)`."""
        return np.asarray(plan.values[self.labels[period]], dtype=np.float64)

    def room_mw(self, plan: Search, period: int) -> FloatArray:
        """Power left at each site in a period if the plan's parts of blocks do not come, `(site,)`."""
        part = _parts(self.arriving(plan, period))
        standing = plan.values[self.standing[period]] - part
        return np.asarray(self.power_mw[period] - (self.block_mw * standing).sum(axis=1), dtype=np.float64)

    def bound(self, period: int, least: FloatArray, most: FloatArray) -> None:
        """Holds the blocks of a period between two limits."""
        columns = self.ladder.programme.column[self.labels[period]].ravel().astype(np.int32)
        self.ladder.programme.engine.changeColsBounds(columns.size, columns, least.ravel(), most.ravel())

    def held(self, period: int, least: FloatArray, most: FloatArray) -> Search | None:
        """The best plan with the blocks of a period between two limits; None, and the last basis, where none is."""
        engine = self.ladder.programme.engine
        basis = engine.getBasis()
        self.bound(period, least, most)
        found = run_again(self.ladder.programme, time_s=QUESTION_TIME_SHARE * self.ladder.left_s)
        if found is None:
            engine.setBasis(basis)
            return None
        return self.ladder.as_maximum(found)


def whole_by_period(ladder: Ladder, divisible: Search) -> Search | None:
    """A plan with the milestones of `divisible` and whole blocks of racks; None where none is found in time.

    Whole numbers that are neither blocks nor milestones are left as divisible as they are.
    """
    blocks, at = _blocks(ladder), ladder.with_counts_of(divisible)
    nothing = np.zeros(blocks.block_mw.shape)
    for period in range(len(blocks.labels)):
        if at is None or ladder.late:
            at = None
            break
        at = _rounded(blocks, at, period=period)
    for period, most in enumerate(blocks.most):
        blocks.bound(period, nothing, most)
    return at


def _blocks(ladder: Ladder) -> _Blocks:
    choose, limits = ladder.built.choose, ladder.built.terms.fleet
    power_mw = (limits.energized_facility_mw + limits.plant_firm_mw).transpose("period", "site")
    return _Blocks(
        ladder=ladder,
        labels=choose.arrivals.labels.transpose(*_DIMS).values,
        standing=choose.in_service.labels.transpose(*_DIMS).values,
        most=np.array(choose.arrivals.upper.transpose(*_DIMS).values, dtype=np.float64),
        block_mw=np.array((limits.rack_facility_mw * limits.block_racks).transpose("site", "platform").values),
        power_mw=np.array(power_mw.values),
    )


def _rounded(blocks: _Blocks, at: Search, *, period: int) -> Search | None:
    """The plan with whole blocks in a period: as many as the parts add up to, or fewer, or more, or one by one."""
    arriving, room_mw = blocks.arriving(at, period), blocks.room_mw(at, period)
    if _is_whole(arriving):
        blocks.bound(period, np.rint(arriving), np.rint(arriving))
        return at
    tried: list[FloatArray] = []
    for count in (np.rint, np.floor, np.zeros_like, np.ceil):
        whole = _together(arriving, room_mw=room_mw, most=blocks.most[period], block_mw=blocks.block_mw, count=count)
        if any(np.array_equal(whole, earlier) for earlier in tried):
            continue
        tried.append(whole)
        found = blocks.held(period, whole, whole)
        if found is not None:
            return found
    return _one_by_one(blocks, period=period)


def _one_by_one(blocks: _Blocks, *, period: int) -> Search | None:
    """The plan with whole blocks in a period where a deadline asks for more: the largest part made whole, and again."""
    least, most = np.zeros(blocks.block_mw.shape), blocks.most[period].copy()
    at = blocks.held(period, least, most)
    while at is not None and not blocks.ladder.late:
        arriving = blocks.arriving(at, period)
        if _is_whole(arriving):
            return blocks.held(period, np.rint(arriving), np.rint(arriving))
        room_mw = blocks.room_mw(at, period)
        for count in (np.rint, np.zeros_like):
            limits = blocks.most[period], blocks.block_mw
            whole = _together(arriving, room_mw=room_mw, most=limits[0], block_mw=limits[1], count=count)
            found = blocks.held(period, whole, whole)
            if found is not None:
                return found
        largest = np.unravel_index(int(_parts(arriving).argmax()), arriving.shape)
        at = None
        for value in (np.ceil(arriving[largest]), np.floor(arriving[largest])):
            least[largest] = most[largest] = value
            at = blocks.held(period, least, most)
            if at is not None:
                break
    return None


def _together(
    arriving: FloatArray,
    *,
    room_mw: FloatArray,
    most: FloatArray,
    block_mw: FloatArray,
    count: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """Whole blocks `(site, platform)`: the parts of each platform's, added up and counted, where there is room.

    The largest parts come first, and sites with more room take what is left.
    """
    parts = _parts(arriving)
    whole, left_mw = np.rint(arriving - parts), room_mw.copy()
    sums = parts.sum(axis=0)
    for platform in np.argsort(-sums, kind="stable"):
        more = int(count(sums[platform : platform + 1])[0])
        order = [site for site in np.argsort(-parts[:, platform], kind="stable") if parts[site, platform] > 0.0]
        gave = True
        while more > 0 and gave:
            gave = False
            for site in order:
                fits = left_mw[site] >= block_mw[site, platform] and whole[site, platform] < most[site, platform]
                if more > 0 and fits:
                    whole[site, platform] += 1.0
                    left_mw[site] -= block_mw[site, platform]
                    more, gave = more - 1, True
    return whole


def _parts(arriving: FloatArray) -> FloatArray:
    """Parts of blocks beyond whole ones, 0 where it is a whole number to rounding."""
    parts = arriving - np.floor(arriving + _WHOLE)
    return np.where(parts > _WHOLE, parts, 0.0)


def _is_whole(arriving: FloatArray) -> bool:
    return bool((np.abs(arriving - np.rint(arriving)) <= _WHOLE).all())
