"""The same network in PyTorch: the same names and signatures, and no backward pass."""
