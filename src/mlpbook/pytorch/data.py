"""MNIST as torchvision's own data set, from the folder that the package has verified."""

from collections.abc import Callable
from typing import Any

from torchvision import datasets

from mlpbook.data import mnist_folder


def mnist(*, train: bool, transform: Callable[[Any], Any] | None = None) -> datasets.MNIST:
    """Return torchvision's MNIST, read from `mlpbook.data.mnist_folder()`.

    torchvision downloads nothing here: it reads whatever lies in its folder, damaged or not, so
    the folder is verified first.

    Parameters
    ----------
    train : bool
        Whether to return the training set or the test set.
    transform : callable, optional
        Applied to each image, a PIL image of 28 x 28 grey pixels, when it is taken.

    Returns
    -------
    torchvision.datasets.MNIST
        Pairs of an image and its label; `data` (n_samples, 28, 28) and `targets` (n_samples,) are
        the same as uint8 and int64 tensors. The substitute digits, where MNIST cannot be had.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        As in `mlpbook.data.load_mnist`.

    Examples
    --------
    >>> image, label = mnist(train=False)[0]
    >>> image.size, type(label)
    ((28, 28), <class 'int'>)
    """
    return datasets.MNIST(mnist_folder(), train=train, transform=transform, download=False)
