"""What the NumPy half and the PyTorch half share."""
