"""A multilayer perceptron on MNIST in PyTorch: train, measure, save, load.

Run it with `python mlp_pytorch.py`. It needs torch and torchvision, and takes
less than a minute on one CPU core. It downloads MNIST (12 MB) into the folder
`data`, unless MNIST is there already.
"""

import argparse
import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import MNIST

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load(folder):
    to_tensor = transforms.ToTensor()
    standardize = transforms.Normalize(0.1307, 0.3081)
    prepare = transforms.Compose([to_tensor, standardize])
    try:
        options = {"transform": prepare, "download": True}
        train_set = MNIST(folder, train=True, **options)
        test_set = MNIST(folder, train=False, **options)
    except (OSError, RuntimeError) as error:
        sys.exit(
            f"No MNIST in {folder}/MNIST/raw, and no download: {error}\n"
            "Run again with an internet connection, or copy the four\n"
            "files of MNIST there, or name their place: --data FOLDER"
        )
    return train_set, test_set


class MLP(nn.Module):
    def __init__(self, n_hidden=256):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),  # (N, 1, 28, 28) -> (N, 784)
            nn.Linear(784, n_hidden),
            nn.ReLU(),
            nn.Linear(n_hidden, 10),
        )

    def forward(self, images):
        return self.layers(images)  # logits (N, 10)


def train(model, loader, epochs, lr=0.05):
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            loss = loss_fn(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        mean = total / len(loader.dataset)
        print(f"epoch {epoch + 1}: mean loss {mean:.4f}")


@torch.no_grad()
def predict(model, loader):
    model.eval()
    logits = [model(images.to(device)).cpu() for images, _ in loader]
    return torch.cat(logits)  # (N, 10)


def wilson(n_right, n, z=1.96):
    share, extra = n_right / n, z**2 / n
    half = math.sqrt(extra * share * (1 - share) + extra**2 / 4)
    center = share + extra / 2
    return (center - half) / (1 + extra), (center + half) / (1 + extra)


def main(folder="data", epochs=3, subset=None, path="mlp_mnist.pt"):
    torch.manual_seed(0)
    train_set, test_set = load(folder)
    if subset is not None:
        train_set = Subset(train_set, range(subset))
    train_loader = DataLoader(train_set, batch_size=128, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=1000)
    model = MLP().to(device)
    train(model, train_loader, epochs)

    logits = predict(model, test_loader)
    n_right = int((logits.argmax(dim=1) == test_set.targets).sum())
    n = len(test_set)
    low, high = wilson(n_right, n)
    print(f"test accuracy: {n_right} of {n} = {n_right / n:.2%}")
    print(f"95 % interval: {low:.2%} to {high:.2%}")

    torch.save(model.state_dict(), path)
    reloaded = MLP().to(device)
    weights = torch.load(path, map_location=device, weights_only=True)
    reloaded.load_state_dict(weights)
    changed = int((predict(reloaded, test_loader) != logits).sum())
    print(f"reloaded: {changed} of {logits.numel()} logits differ")
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data", help="holds MNIST/raw")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--subset", type=int, help="first images only")
    arguments = parser.parse_args()
    main(arguments.data, arguments.epochs, arguments.subset)
