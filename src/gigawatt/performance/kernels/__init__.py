"""Operator time: one physical law per operator family, with a handful of coefficients fitted to measured kernels."""
