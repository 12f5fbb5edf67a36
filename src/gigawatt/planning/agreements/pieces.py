"""What contracts add to a plan, piece by piece: what is paid, and how its amounts follow from the plan's decisions.

A piece pays by month; asked with weights `(month, step)` it answers with an expression `(step,)`, positive where the
programme receives. Amounts that are the lesser or the greater of two things are variables; once a plan is settled they
are worked out exactly, piece by piece in the order in which they depend on one another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.agreements.spending import Counted, Purse, Spending, purse, spending
from gigawatt.planning.fleet import month_axis
from gigawatt.planning.flows import operating_flow
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.variables import Variables
from gigawatt.timeline import FloatArray

Pay = Callable[[xr.DataArray], linopy.LinearExpression]
NAME = "contract"
"""Variables and constraints of contracts begin with this word."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """The model that contracts are written into, and what they have come to so far.

    `running` pays as operation does and counts in the present value, `financing` does not. `bought` is what running
    contracts pay to each party, which counts as spending with it. `interest` is that of all loans. `reserve`
    is cash that must be kept beside the least, by period; `covenants` of each loan are kept where not negative.
    `settle` works out the amounts of a settled plan in turn.
    """

    model: linopy.Model
    inputs: Inputs
    terms: Terms
    choose: Variables
    paid: Purse
    one: linopy.Variable
    running: list[Pay] = field(default_factory=list)
    bought: dict[str, list[Pay]] = field(default_factory=dict)
    financing: list[Pay] = field(default_factory=list)
    interest: list[Pay] = field(default_factory=list)
    reserve: list[linopy.LinearExpression] = field(default_factory=list)
    settle: list[Callable[[], None]] = field(default_factory=list)
    taken: dict[str, linopy.Variable] = field(default_factory=dict)
    covenants: dict[str, list[linopy.LinearExpression]] = field(default_factory=dict)

    def counted(self, what: Counted, weights: xr.DataArray) -> linopy.LinearExpression:
        """Spending of the programme that a contract counts."""
        return spending(self.inputs, what, weights=weights, paid=self.paid, terms=self.terms, choose=self.choose)

    def run(self, pay: Pay, *, seller: str = "") -> None:
        """Add a running contract; what the programme pays by it counts as spending with `seller`."""
        self.running.append(pay)
        if seller and seller != self.inputs.programme:
            self.bought.setdefault(seller, []).append(pay)

    def spent(self, seller: str, weights: xr.DataArray) -> linopy.LinearExpression:
        """Everything that the programme pays to a seller, by contract or without one."""
        bare = self.counted(Counted(kinds=tuple(Spending), payee=seller), weights)
        return sum((-1.0 * pay(weights) for pay in self.bought.get(seller, [])), bare)

    def operating(self, weights: xr.DataArray) -> linopy.LinearExpression:
        """Cash available for debt service: operation and everything that contracts add to it."""
        flow = operating_flow(self.inputs, weights=weights, terms=self.terms, choose=self.choose)
        return sum((pay(weights) for pay in self.running), flow)

    def fixed(self, amount_usd: FloatArray) -> Pay:
        """Payments that depend on nothing, `(month,)`."""
        amounts = month_axis(self.inputs.calendar).copy(data=amount_usd / MONEY_UNIT_USD)
        return lambda weights: xr.dot(amounts, weights, dim="month") * self.one


def desk(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> Desk:
    """An empty desk; `one` is a variable that is 1, so that constants can stand among expressions."""
    one = model.add_variables(lower=1.0, upper=1.0, name=f"{NAME} one")
    found = Desk(model=model, inputs=inputs, terms=terms, choose=choose, paid=purse(inputs, terms=terms), one=one)
    found.settle.append(lambda: _assign(one, xr.ones_like(one.lower)))
    return found


def _assign(variable: linopy.Variable, values: xr.DataArray) -> None:
    variable.solution = values


def steps(months: list[int] | range) -> xr.DataArray:
    """Months of the calendar as an axis of steps, `(step,)`."""
    index = np.array(list(months), dtype=np.int64)
    return xr.DataArray(index, dims="step", coords={"step": index})


def up_to_month(desk: Desk, months: list[int] | range, *, since: int = 0) -> xr.DataArray:
    """1 for each month from `since` up to and with each step's, `(month, step)`."""
    axis = month_axis(desk.inputs.calendar)
    return ((axis >= since) & (axis <= steps(months))).astype(np.float64)


def at_least(desk: Desk, name: str, amount: linopy.LinearExpression) -> linopy.Variable:
    """A variable that is no less than `amount` nor than zero: exact where it costs money, `(step,)`."""
    floor = _variable(desk, name, amount)
    desk.model.add_constraints(floor - amount >= 0.0, name=f"{NAME} {name} due")
    desk.settle.append(lambda: _assign(floor, amount.solution.clip(0.0)))
    return floor


def at_most(desk: Desk, name: str, amount: linopy.LinearExpression, *, cap: float) -> linopy.Variable:
    """A variable that is no more than `amount` and `cap`: exact where it brings money, `(step,)`."""
    ceiling = _variable(desk, name, amount)
    desk.model.add_constraints(ceiling - amount <= 0.0, name=f"{NAME} {name} earned")
    desk.model.add_constraints(1.0 * ceiling <= cap, name=f"{NAME} {name} cap")
    desk.settle.append(lambda: _assign(ceiling, amount.solution.clip(0.0, cap)))
    return ceiling


def capped(
    desk: Desk, name: str, amount: linopy.LinearExpression, *, cap: float, most: xr.DataArray
) -> linopy.Variable:
    """A variable that is the lesser of a growing `amount`, which is at most `most`, and `cap`, exactly, `(step,)`.

    A binary marks where the cap is reached; it stays reached.
    """
    lesser = at_most(desk, name, amount, cap=cap)
    if float(most.max()) <= cap:
        desk.model.add_constraints(lesser - amount >= 0.0, name=f"{NAME} {name} whole")
        return lesser
    full = desk.model.add_variables(
        binary=True, coords={"step": amount.coords["step"].values}, name=f"{NAME} {name} full"
    )
    desk.model.add_constraints(lesser - cap * full >= 0.0, name=f"{NAME} {name} full")
    over = (most - cap).clip(0.0)
    desk.model.add_constraints(lesser - amount + over * full >= 0.0, name=f"{NAME} {name} whole")
    before = (1.0 * full.shift(step=1)).fillna(0.0)
    desk.model.add_constraints(full - before >= 0.0, name=f"{NAME} {name} stays full")
    return lesser


def _variable(desk: Desk, name: str, amount: linopy.LinearExpression) -> linopy.Variable:
    return desk.model.add_variables(lower=0.0, coords={"step": amount.coords["step"].values}, name=f"{NAME} {name}")


def increments(paid_so_far: linopy.Variable, months: list[int] | range, *, sign: float, lag_months: int = 0) -> Pay:
    """Payments of a running sum that stands at steps, so many months later; what lies outside is left out.

    Sum over steps k of w_k (y_k - y_(k-1)) = sum of y_k (w_k - w_(k+1)).
    """

    def pay(weights: xr.DataArray) -> linopy.LinearExpression:
        due = [month + lag_months for month in months]
        when = weights.reindex(month=due, fill_value=0.0).rename(month="paid").assign_coords(paid=list(months))
        running = (1.0 * paid_so_far).rename(step="paid")
        return (sign * (when - when.shift(paid=-1, fill_value=0.0)) * running).sum("paid")

    return pay
