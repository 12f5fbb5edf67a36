"""Which workers a search of matched pools must pair, and which another worker of the same size makes needless."""

import numpy as np
from numpy.typing import NDArray

from gigawatt.timeline import FloatArray


def undominated(size: FloatArray, *costs: FloatArray) -> NDArray[np.intp]:
    """The candidates that no other of the same `size` matches or beats in every cost; of equals the first, ascending.

    In pools a worker may be exchanged for one of the same size with no less capacity, no longer times and no slower
    transfer: a pool of as many serves no less, and no limit is missed. So nothing but those kept here needs a partner.
    """
    kept = [
        members[_front(np.stack([cost[members] for cost in costs]))]
        for accelerators in np.unique(size)
        for members in [np.flatnonzero(size == accelerators)]
    ]
    return np.sort(np.concatenate(kept)) if kept else np.zeros(0, dtype=np.intp)


def _front(costs: FloatArray) -> NDArray[np.bool_]:
    """Whether a column of costs is matched by no other column, `(candidate,)`."""
    count = costs.shape[1]
    no_worse = np.ones((count, count), dtype=np.bool_)
    better = np.zeros((count, count), dtype=np.bool_)
    for row in costs:
        no_worse &= row[:, None] <= row[None, :]
        better |= row[:, None] < row[None, :]
    earlier = np.arange(count)[:, None] < np.arange(count)[None, :]
    return np.asarray(~np.any(no_worse & (better | earlier), axis=0), dtype=np.bool_)
