"""Tranches, cash and capital: who pays whom, when, and what a gigawatt costs."""

import numpy as np
import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.finance.circle import investor_circles
from gigawatt.report import measures
from gigawatt.report.figures.canvas import month_axis, rounded, sheet
from gigawatt.report.palette import BAD, INK, MUTED, PAPER, RULE, party_colours, translucent
from gigawatt.report.wording import money
from gigawatt.timeline import FloatArray
from gigawatt.units import USD_PER_BILLION

SMALLEST_SHARE = 0.004


def tranches(study: Study) -> go.Figure:
    """Financing that the programme has received so far, by investor."""
    figure = sheet(height=360, y_title="USD bn received, cumulative")
    colours, names = party_colours(study), measures.party_names(study)
    for investor, received_usd in measures.invested_usd(study).items():
        figure.add_scatter(
            x=month_axis(study),
            y=_billions(np.cumsum(received_usd)),
            name=names.get(investor, investor),
            mode="lines",
            stackgroup="received",
            line={"shape": "hv", "width": 0.6, "color": PAPER},
            fillcolor=colours.get(investor, MUTED),
            hovertemplate="$%{y:,.1f} bn<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(hoverformat="%B %Y")
    figure.update_yaxes(rangemode="tozero", tickprefix="$")
    return figure


def programme_cash(study: Study) -> go.Figure:
    """The programme's balance at each month's end."""
    figure = sheet(height=360, y_title="USD bn, balance at month's end")
    balance_usd = measures.programme_cash_usd(study)
    figure.add_scatter(
        x=month_axis(study),
        y=_billions(balance_usd),
        mode="lines",
        line={"color": INK, "width": 2.2},
        fill="tozeroy",
        fillcolor=translucent(MUTED, 0.16),
        name="Cash",
        showlegend=False,
        hovertemplate="%{x|%B %Y}: $%{y:,.1f} bn<extra></extra>",
    )
    lowest = int(np.argmin(balance_usd))
    months = month_axis(study)
    figure.add_scatter(
        x=[months[lowest]],
        y=_billions(balance_usd[[lowest]]),
        mode="markers",
        marker={"color": PAPER, "size": 10, "line": {"color": INK, "width": 2.2}},
        showlegend=False,
        hovertemplate=f"least: {money(float(balance_usd[lowest]))}, %{{x|%B %Y}}<extra></extra>",
    )
    figure.update_yaxes(tickprefix="$")
    return figure


def party_cash(study: Study) -> go.Figure:
    """What each party receives and pays over the horizon."""
    cash = {party: flows for party, flows in measures.cash_by_party(study).items() if _turnover(flows) > 0}
    ordered = sorted(cash, key=lambda party: _turnover(cash[party]))
    names, colours = measures.party_names(study), party_colours(study)
    figure = sheet(
        height=90 + 34 * len(ordered), x_title="USD bn over the horizon; paid to the left, received to the right"
    )
    labels = [names[party] for party in ordered]
    for label, sign, opacity in (("paid", -1.0, 0.45), ("received", 1.0, 1.0)):
        amounts = [cash[p].received_total_usd if sign > 0 else cash[p].paid_total_usd for p in ordered]
        figure.add_bar(
            y=labels,
            x=_billions(sign * np.array(amounts)),
            orientation="h",
            name=label,
            marker={"color": [translucent(colours[party], opacity) for party in ordered]},
            text=[money(amount) if amount else "" for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 11.5, "color": INK},
            hovertemplate="%{y} " + label + " %{text}<extra></extra>",
            showlegend=False,
        )
    widest = max((max(c.received_total_usd, c.paid_total_usd) for c in cash.values()), default=1.0) / USD_PER_BILLION
    figure.update_layout(barmode="relative", bargap=0.38, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    figure.update_xaxes(showgrid=True, zerolinecolor=MUTED, range=[-1.28 * widest, 1.28 * widest])
    return figure


def payment_circle(study: Study) -> go.Figure:
    """Payments between parties over the horizon: payers to the left, payees to the right."""
    payments = measures.payments_usd(study)
    total = sum(payments.values()) or 1.0
    shown = {pair: amount for pair, amount in payments.items() if amount / total >= SMALLEST_SHARE}
    payers = sorted({payer for payer, _ in shown}, key=lambda p: -sum(a for (q, _), a in shown.items() if q == p))
    payees = sorted({payee for _, payee in shown}, key=lambda p: -sum(a for (_, q), a in shown.items() if q == p))
    names, colours = measures.party_names(study), party_colours(study)
    figure = sheet(height=max(360, 44 * max(len(payers), len(payees), 1) + 60))
    figure.add_sankey(
        arrangement="snap",
        node={
            "label": [names.get(party, party) for party in (*payers, *payees)],
            "color": [colours.get(party, MUTED) for party in (*payers, *payees)],
            "pad": 16,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}: $%{value:,.1f} bn<extra></extra>",
        },
        link={
            "source": [payers.index(payer) for payer, _ in shown],
            "target": [len(payers) + payees.index(payee) for _, payee in shown],
            "value": _billions(np.array(list(shown.values()))),
            "color": [translucent(colours.get(payer, MUTED), 0.32) for payer, _ in shown],
            "hovertemplate": "%{source.label} pays %{target.label} $%{value:,.1f} bn<extra></extra>",
        },
        textfont={"size": 12.5, "color": INK},
    )
    figure.update_layout(margin={"l": 8, "r": 8, "t": 12, "b": 16})
    return figure


def way_back(study: Study) -> go.Figure | None:
    """What each investor has put in so far, and what of it has come back; nothing where nobody has put in."""
    circles = investor_circles(study.inputs, appraisal=study.appraisal)
    if not circles:
        return None
    figure = sheet(height=380, y_title="USD bn so far; line: put in, area: come back")
    colours, names = party_colours(study), measures.party_names(study)
    for each in circles:
        colour, name = colours.get(each.investor, MUTED), names.get(each.investor, each.investor)
        for series, word in ((each.of_everybody.returned_usd, "come back"), (each.invested_usd, "put in")):
            back = word == "come back"
            figure.add_scatter(
                x=month_axis(study),
                y=_billions(np.cumsum(series)),
                name=name,
                legendgroup=name,
                showlegend=not back,
                mode="lines",
                line={"shape": "hv", "width": 0 if back else 2, "color": colour},
                fill="tozeroy" if back else None,
                fillcolor=translucent(colour, 0.3) if back else None,
                hovertemplate=f"%{{x|%B %Y}}: $%{{y:,.1f}} bn {word}<extra>{name}</extra>",
            )
    figure.update_yaxes(rangemode="tozero", tickprefix="$")
    return figure


def capex_waterfall(study: Study) -> go.Figure:
    """Capital expenditure by layer, adding up to the whole."""
    layers = dict(sorted(study.appraisal.capex_usd.items(), key=lambda item: -item[1]))
    total_usd = measures.capex_total_usd(study)
    figure = sheet(height=380, y_title="USD bn, all parties, over the horizon")
    amounts = [*layers.values(), total_usd]
    figure.add_waterfall(
        x=[*(name.replace("_", " ").capitalize() for name in layers), "All layers"],
        y=_billions(np.array(amounts)),
        measure=[*("relative" for _ in layers), "total"],
        text=[money(amount) for amount in amounts],
        textposition="outside",
        cliponaxis=False,
        connector={"line": {"color": RULE, "width": 1}},
        increasing={"marker": {"color": "#4477aa"}},
        decreasing={"marker": {"color": BAD}},
        totals={"marker": {"color": INK}},
        hovertemplate="%{x}: %{text}<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(tickprefix="$", rangemode="tozero", range=[0, 1.12 * max(total_usd, 1.0) / USD_PER_BILLION])
    return figure


def _turnover(cash: measures.PartyCash) -> float:
    return cash.received_total_usd + cash.paid_total_usd


def _billions(amounts_usd: FloatArray) -> list[float]:
    return rounded(np.asarray(amounts_usd) / USD_PER_BILLION)
