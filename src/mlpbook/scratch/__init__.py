"""Multilayer perceptrons in NumPy, with every backward pass derived by hand.

Read the modules in this order: `activations`, `losses`, `layers`, `network`, `optimizers`,
`training`. Each imports only from those before it. `mlpbook.pytorch` has the same names.
"""
