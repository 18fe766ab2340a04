"""Experiments that are too slow to run in the build; `python -m bookkit.records` runs them."""
