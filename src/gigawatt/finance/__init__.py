"""The money: dated flows between parties, and what they are worth."""

from gigawatt.finance.appraisal import appraise
from gigawatt.finance.flows import FlowKind, Purpose, cash_by_party, operating_cost_usd

__all__ = ["FlowKind", "Purpose", "appraise", "cash_by_party", "operating_cost_usd"]
