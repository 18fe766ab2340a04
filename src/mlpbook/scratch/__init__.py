"""Multilayer perceptrons in NumPy, with every backward pass derived by hand.

Read the modules in this order: `activations`, `losses`, `layers`, `normalization`, `flat`,
`network`, `optimizers`, `schedules`, `training`. Each imports only from those before it.
`mlpbook.pytorch` has the same names, where PyTorch itself has no better ones.
"""
