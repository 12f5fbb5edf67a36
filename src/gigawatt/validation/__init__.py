"""Predicted against measured: published training measurements, expressed as configurations and judged blind.

Nothing here is fitted. A row either becomes a configuration of the step model, with what it leaves unstated chosen as
a search would choose it, or it is named with the reason why not.
"""
