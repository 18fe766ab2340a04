"""Multilayer perceptrons in NumPy, with every backward pass derived by hand.

Read the modules in this order: `activations`, `losses`, `layers`, `normalization`, `network`,
`optimizers`, `schedules`, `training`, and last `fused`, the same training step made fast, and
`blocks`, parts of today's networks. Each imports only from those before it. `mlpbook.pytorch` has
the same names, unless PyTorch's own name for a thing differs.
"""
