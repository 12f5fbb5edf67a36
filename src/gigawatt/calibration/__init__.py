"""How the coefficients of operator time are found: measured kernel tables in, catalogue records out.

A development feature: planning reads the records and never needs the tables.
"""
