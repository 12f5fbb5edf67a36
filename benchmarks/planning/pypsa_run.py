"""A capacity expansion of `peer.py` as PyPSA's multi-investment-period problem, in an environment that has PyPSA.

Each period is an investment period with one snapshot. Power flows from the grid of a site (its energized steps) through
buildings and racks, both extendable links of one vintage each, to the platform's bus and on to services; unserved
demand costs its price. Racks run whenever they are in service. PyPSA charges an asset the same amount in each period
in which it is active, so the present value of a vintage is spread evenly over those.
"""

import json
import sys
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import pypsa

FOREVER = 1e6


def main(path: str) -> None:
    given = json.loads(Path(path).read_text())
    began = process_time()
    network = _network(given)
    network.optimize.create_model(multi_investment_periods=True)
    _supply(network, given)
    built_s = process_time() - began
    began = process_time()
    network.optimize.solve_model(solver_name="highs", io_api="direct", threads=1, parallel="off", output_flag=False)
    wanted = sum(
        price * demand * hours * factor
        for service in given["services"]
        for price, demand, hours, factor in zip(
            service["price"], service["demand"], given["hours"], given["factor"], strict=True
        )
    )
    answer = {
        "npv": wanted - float(network.model.objective.value),
        "built_s": built_s,
        "solved_s": process_time() - began,
    }
    print(json.dumps(answer | {"decisions": int(network.model.nvars), "limits": int(network.model.ncons)}))


def _network(given: dict) -> pypsa.Network:
    periods = list(range(len(given["hours"])))
    network = pypsa.Network()
    network.set_snapshots(pd.MultiIndex.from_product([periods, [0]], names=["period", "timestep"]))
    network.investment_periods = periods
    network.investment_period_weightings["objective"] = 1.0
    network.investment_period_weightings["years"] = 1.0
    network.snapshot_weightings["objective"] = np.array(given["hours"]) * given["factor"]
    series = lambda values: pd.Series(values, index=network.snapshots)  # noqa: E731
    for site in given["sites"]:
        network.add("Bus", [f"{site['id']} grid", f"{site['id']} hall"])
        most = max(site["energized_mw"])
        share = series(np.array(site["energized_mw"]) / most)
        network.add("Generator", f"{site['id']} meter", bus=f"{site['id']} grid", p_nom=most, p_max_pu=share)
        _vintages(network, site["id"], f"{site['id']} grid", f"{site['id']} hall", site["building"], periods)
    for platform in given["platforms"]:
        network.add("Bus", platform["id"])
        network.add(
            "Generator", f"{platform['id']} idle", bus=platform["id"], p_nom=FOREVER, p_min_pu=-1.0, p_max_pu=0.0
        )
    for rack in given["racks"]:
        name = f"{rack['site']} {rack['platform']}"
        bus0, bus1 = f"{rack['site']} hall", rack["platform"]
        _vintages(network, name, bus0, bus1, rack["vintages"], periods, efficiency=1.0 / rack["mw"], always=1.0)
    for service in given["services"]:
        name = service["id"]
        network.add("Bus", name)
        network.add("Load", name, bus=name, p_set=series(service["demand"]))
        price = series(service["price"])
        network.add("Generator", f"{name} unserved", bus=name, p_nom=max(service["demand"]), marginal_cost=price)
        for platform, rate in service["mtokens_per_rack_hour"].items():
            if rate > 0.0:
                network.add("Link", f"{platform} {name}", bus0=platform, bus1=name, p_nom=FOREVER, efficiency=rate)
    return network


def _vintages(network, name, bus0, bus1, vintages, periods, *, efficiency=1.0, always=0.0) -> None:  # noqa: ANN001, PLR0913
    """One extendable link per period of arrival, which costs its present value in equal parts while it is active."""
    active = [sum(1 for p in periods if v["period"] <= p < v["period"] + v["life"]) for v in vintages]
    network.add(
        "Link",
        [f"{name} {v['period']}" for v in vintages],
        bus0=bus0,
        bus1=bus1,
        efficiency=efficiency,
        p_min_pu=always,
        p_nom_extendable=True,
        build_year=[v["period"] for v in vintages],
        lifetime=[v["life"] for v in vintages],
        capital_cost=[v["cost"] / count for v, count in zip(vintages, active, strict=True)],
    )


def _supply(network: pypsa.Network, given: dict) -> None:
    """Deliveries of a platform in a period, at all sites together, stay within its supply."""
    size = network.model["Link-p_nom"]
    for platform in given["platforms"]:
        racks = [rack for rack in given["racks"] if rack["platform"] == platform["id"]]
        for period, most in enumerate(platform["supply"]):
            names = [
                (f"{rack['site']} {rack['platform']} {v['period']}", 1.0 / rack["mw"])
                for rack in racks
                for v in rack["vintages"]
                if v["period"] == period
            ]
            if names:
                part = sum(weight * size.loc[name] for name, weight in names)
                network.model.add_constraints(part <= most, name=f"supply {platform['id']} {period}")


if __name__ == "__main__":
    main(sys.argv[1])
