"""The tested code of an executable book on multilayer perceptrons.

Importing the package imports nothing else; each module is imported by its own name.

=============================  =======================================================
``mlpbook.scratch``            the network by hand, in NumPy alone
``mlpbook.autograd``           a tensor engine that derives gradients, in NumPy alone
``mlpbook.pytorch``            the same network in PyTorch; the only place for torch
``mlpbook.chapters``           what one chapter alone uses, one module per chapter
``mlpbook.data``               toy sets, standardization, splits, batches, and MNIST
``mlpbook.checks``             gradient checks; error rates with intervals
``mlpbook.shared``             what both halves share: initializers, history, files
``mlpbook.estimators``         the network by hand as scikit-learn estimators
=============================  =======================================================

``scratch`` and ``pytorch`` never import each other. Figures and recorded experiments are made
with the package ``bookkit``.
"""
