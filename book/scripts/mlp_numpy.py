"""A network with one hidden layer in NumPy, its gradients derived by hand.

Run it with `python mlp_numpy.py`. It needs numpy and matplotlib, and takes a
few seconds. The curve is written to mlp_numpy.png.
"""

import matplotlib.pyplot as plt
import numpy as np

SIGMA = 0.2  # standard deviation of the noise


def truth(x):
    return np.sin(3 * x) + 0.5 * x


def make_data(n, rng):
    X = rng.uniform(-2, 2, size=(n, 1))
    return X, truth(X) + SIGMA * rng.normal(size=(n, 1))


def initialize(n_hidden, rng):
    W1 = rng.normal(size=(n_hidden, 1)) * np.sqrt(2)
    b1 = -W1[:, 0] * rng.uniform(-2, 2, size=n_hidden)
    W2 = rng.normal(size=(1, n_hidden)) * np.sqrt(2 / n_hidden)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": np.zeros(1)}


def forward(p, X):
    A = np.maximum(X @ p["W1"].T + p["b1"], 0)  # hidden layer (N, H)
    return A @ p["W2"].T + p["b2"], A  # predictions (N, 1)


def mse(p, X, y):
    return np.mean((forward(p, X)[0] - y) ** 2)


def backward(p, X, y):
    y_hat, A = forward(p, X)
    d_y_hat = 2 * (y_hat - y) / len(X)  # (N, 1)
    dZ = d_y_hat @ p["W2"] * (A > 0)  # (N, H)
    dW2, db2 = d_y_hat.T @ A, d_y_hat.sum(axis=0)  # (1, H), (1,)
    dW1, db1 = dZ.T @ X, dZ.sum(axis=0)  # (H, 1), (H,)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def check_gradient(p, X, y, h=1e-6):
    worst = 0.0
    for name, exact in backward(p, X, y).items():
        numeric = np.zeros_like(exact)
        for i in np.ndindex(exact.shape):
            saved = p[name][i]
            p[name][i] = saved + h
            up = mse(p, X, y)
            p[name][i] = saved - h
            down = mse(p, X, y)
            p[name][i] = saved
            numeric[i] = (up - down) / (2 * h)
        error = np.abs(numeric - exact).max() / np.abs(exact).max()
        worst = max(worst, error)
    return worst


def train(p, X, y, rng, epochs=3000, batch_size=50, lr=0.01):
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch_size):
            batch = order[start : start + batch_size]
            for name, gradient in backward(p, X[batch], y[batch]).items():
                p[name] -= lr * gradient


def main():
    rng = np.random.default_rng(0)
    X, y = make_data(500, rng)
    X_test, y_test = make_data(10_000, rng)
    p = initialize(50, rng)
    error = check_gradient(p, X[:20], y[:20])
    print(f"gradient check: relative error {error:.0e}")
    print(f"test MSE of the best constant: {np.var(y_test):.4f}")
    train(p, X, y, rng)
    print(f"test MSE of the network: {mse(p, X_test, y_test):.4f}")
    print(f"variance of the noise: {SIGMA**2:.4f}")
    return p, X, y


def draw(p, X, y):
    x = np.linspace(-2, 2, 401)[:, None]
    plt.plot(X, y, ".", color="0.7", label="noisy data")
    plt.plot(x, truth(x), "k--", label="true function")
    plt.plot(x, forward(p, x)[0], label="network")
    plt.xlabel("x")
    plt.legend()
    plt.savefig("mlp_numpy.png")


if __name__ == "__main__":
    draw(*main())
