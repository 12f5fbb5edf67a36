"""Goodput: how much of a long run's time is progress, given failures, detection, restarts, checkpoints and spares.

Failures are exponential and hit restarts too, so everything is renewal theory, exact for these assumptions at any
number of accelerators, not the first-order formula that breaks down where failures are as frequent as restarts.
"""
