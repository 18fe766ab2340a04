"""Glossary, notation, API reference, typed numbers."""
