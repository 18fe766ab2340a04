"""torchvision reads the verified folder, the same digits as NumPy, and downloads nothing."""

import numpy as np
import pytest
import torch
from torchvision import datasets, transforms

from mlpbook.data import load_mnist
from mlpbook.pytorch.data import mnist


def test_torchvision_reads_the_same_digits_as_numpy():
    ours = load_mnist()
    for train, X, y in ((True, ours.X_train, ours.y_train), (False, ours.X_test, ours.y_test)):
        theirs = mnist(train=train)
        np.testing.assert_array_equal(theirs.data.numpy(), X)
        np.testing.assert_array_equal(theirs.targets.numpy(), y)


def test_flat_images_are_bit_for_bit_what_to_tensor_gives():
    _, _, X_test, y_test = load_mnist().flat()
    theirs = mnist(train=False, transform=transforms.ToTensor())
    for i in range(0, len(theirs), 50):
        image, label = theirs[i]
        assert torch.equal(image.reshape(-1), torch.from_numpy(X_test[i]))
        assert label == y_test[i]


def test_torchvision_is_never_asked_to_download(monkeypatch):
    def download(self):
        raise AssertionError("a download was asked for")

    monkeypatch.setattr(datasets.MNIST, "download", download)
    assert isinstance(mnist(train=False), datasets.MNIST)


def test_a_damaged_file_that_torchvision_would_read_is_refused(monkeypatch, tmp_path):
    source = load_mnist()
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, array in (
        ("train-images-idx3-ubyte", source.X_train[:2]),
        ("train-labels-idx1-ubyte", source.y_train[:2]),
        ("t10k-images-idx3-ubyte", source.X_test[:2]),
        ("t10k-labels-idx1-ubyte", source.y_test[:2]),
    ):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
        (raw / name).write_bytes(header + array.astype(np.uint8).tobytes())
    assert len(datasets.MNIST(tmp_path, train=True)) == 2
    monkeypatch.setenv("MLPBOOK_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="train-images-idx3-ubyte, which is damaged"):
        mnist(train=True)
