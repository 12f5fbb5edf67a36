"""The plan as it plays out, month by month."""
