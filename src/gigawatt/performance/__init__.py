"""Device regime: how fast a platform trains and serves a model, from physics.

`evaluate` is the stage. The seam inside it is `operators.OperatorModel`: whoever answers its questions about single
operators can replace the physics without touching training or serving.
"""

from gigawatt.performance.evaluation import evaluate

__all__ = ["evaluate"]
