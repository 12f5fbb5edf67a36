"""Serving: mixed passes of one worker, closed loops of clients, pools of prefill and decode workers, and their search.

Everything is struct of arrays: one entry per candidate, so that a search costs what its arithmetic costs.
"""
