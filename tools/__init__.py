"""What the build needs and readers never see: Sphinx extensions, editions, checks."""
