"""The tested code of an executable book on multilayer perceptrons.

Importing the package imports nothing else; each module is imported by its own name.

=============================  =======================================================
``mlpbook.data``               toy sets, standardisation, splits, batches, and MNIST
``mlpbook.mnist``              where MNIST comes from, and how it is verified
``mlpbook.augmentation``       new training images: turned, shifted, bent
``mlpbook.initializers``       how weights start
``mlpbook.scratch``            the network by hand: NumPy alone
``mlpbook.autograd``           a tensor engine that derives gradients: NumPy alone
``mlpbook.estimators``         the network by hand as estimators of scikit-learn
``mlpbook.pytorch``            the same network in PyTorch; the only place for torch
``mlpbook.gradient_check``     derivatives against finite differences
``mlpbook.history``            what a training run leaves behind
``mlpbook.loop``               what the training loops of both halves share
``mlpbook.states``             networks in files, the same for both halves
``mlpbook.evaluation``         error rates with intervals, and fair comparisons
``mlpbook.experiments``        what is too dear for a build: run, recorded, checked
``mlpbook.reach``              which modules a piece of code depends on
``mlpbook.speed``              the record of ``make bench``, and its targets
``mlpbook.plots``              the figures, with ``style``, ``diagrams`` and ``svg``
``mlpbook.validation``         the argument checks that all of these share
=============================  =======================================================

``scratch`` and ``pytorch`` never import each other.
"""
