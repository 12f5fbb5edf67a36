"""The composition root: the only module that runs one stage after another."""
