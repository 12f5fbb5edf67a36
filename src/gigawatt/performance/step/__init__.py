"""Training steps from operators: time by cause and memory by use, for many layouts at once.

A task (model, batch, software practice) and layouts as struct of arrays go in; every answer is an array over layouts.
"""
