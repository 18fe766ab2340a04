"""Timing the package: `make bench`."""
