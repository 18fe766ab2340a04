"""Checking a network: gradients against differences, and error rates with intervals."""
