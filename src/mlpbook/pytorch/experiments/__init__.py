"""Experiments that need PyTorch: see `mlpbook.experiments`."""
