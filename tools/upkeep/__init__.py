"""Maintenance: environment, lock file, mutation tests."""
