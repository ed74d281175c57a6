"""What the losses of the network cost under each design, and who pays for them."""

from html import unescape

import numpy as np
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, designs, frame, metric_value, of, present, step_s
from gridagora.report.style import calm, figure, label, number

CHARGES = (
    "loss charge",
    "loss surplus",
    "network fee",
    "network fee return",
)  # what is left of fees pays losses
LEAST_KWH = 0.5  # losses of less are nobody's concern
WIRES, OTHERS = "wires", "other customers"
UUSD_PER_USD = 1e6
HOUR_S = 3600.0
SEEN_USD = 0.005  # less is not drawn
HATCH = {"size": 6, "solidity": 0.25, "fillmode": "overlay", "fgcolor": "#3a4150"}
PAYERS = (
    ("Homes", "#5a9bc9", ""),
    ("Other customers", "#b4bac4", "/"),
    ("The wires themselves", "#5d6b82", "x"),
)


def losses(result: ComparisonView) -> go.Figure | None:
    """Cost of losses by design, stacked by who pays: homes and other customers by charges for losses, the wires the rest."""
    flow = frame(result, "intervals", "losses_kw", "wholesale_per_kwh")
    if flow is None or not (flow["losses_kw"].abs() > 0).any():
        return None
    names, hours = present(result, flow), step_s(flow) / HOUR_S
    rows = {name: of(flow, name) for name in names}
    lost = [hours * float(own["losses_kw"].sum()) for own in rows.values()]
    cost = hours * np.array(
        [float((own["losses_kw"] * own["wholesale_per_kwh"]).sum()) for own in rows.values()]
    )
    homes, others = np.array([_paid_usd(result, name) for name in names]).T
    fig = figure(400, barmode="relative", bargap=0.35)
    payers = zip(PAYERS, (homes, others, cost - homes - others), strict=True)
    for (payer, colour, pattern), usd in payers:
        if np.abs(usd).max() < SEEN_USD:
            continue
        fig.add_bar(
            x=[label(name) for name in names],
            y=usd,
            name=payer,
            marker={"color": colour, "pattern": {"shape": pattern, **HATCH}},
            text=[f"{kwh:,.1f} kWh lost" for kwh in lost],
            textposition="none",
            hovertemplate=f"%{{x}}, %{{text}}<extra>{payer}: $%{{y:,.2f}}</extra>",
        )
    if not fig.data:
        return None
    # one payer alone is named, too: a figure of one series has no legend by itself
    fig.update_layout(
        xaxis={"type": "category"}, yaxis={"title": "Cost of losses [$]"}, showlegend=True
    )
    return calm(fig)


def uncharged_losses(result: ComparisonView) -> str:
    """Return under which designs nobody is charged for losses, in a sentence; '' where all charge them, or none are known."""
    if frame(result, "ledger", "item") is None:
        return ""
    lost = {name: metric_value(result, name, "P3") for name in designs(result)}
    lost = {name: kwh for name, kwh in lost.items() if kwh > LEAST_KWH}
    free = [name for name in lost if np.abs(_paid_usd(result, name)).max() < SEEN_USD]
    if not free:
        return ""
    told = f"up to {number(max(lost[name] for name in free), 0)} kWh"
    if len(free) < len(lost):
        names = ", ".join(unescape(label(name)) for name in free)
        return f"Nobody is charged for what the network loses under {names}, {told}: no bill holds it, welfare does."
    return (
        f"Nobody is charged for what the network loses, {told} in a design: no bill holds it, welfare does. "
        'Set losses = "averaged" or "marginal" under [network] to charge it.'
    )


def _paid_usd(result: ComparisonView, name: str) -> tuple[float, float]:
    """Return what homes and what other customers pay for losses [$], less what comes back to them."""
    ledger = frame(result, "ledger", "payer", "payee", "item", "amount_uusd")
    if ledger is None:
        return 0.0, 0.0
    rows = of(ledger, name)
    rows = rows[rows["item"].isin(CHARGES)]
    amount = rows["amount_uusd"] / UUSD_PER_USD
    others = amount[rows["payer"] == OTHERS].sum() - amount[rows["payee"] == OTHERS].sum()
    wires = amount[rows["payee"] == WIRES].sum() - amount[rows["payer"] == WIRES].sum()
    return float(wires - others), float(others)
