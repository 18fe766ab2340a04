"""Equations: numbered, set, evaluated as printed."""
