"""Serving request by request: a trace, a fleet of replicas and policies in; how every request fared out.

`simulate(fleet, trace, policies, sink=tally, rng=rng)` plays a trace through a compiled event loop.
"""
