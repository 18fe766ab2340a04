"""Experiments that are too slow to run in the build: run once, recorded, checked."""
