"""The finished HTML pages."""
