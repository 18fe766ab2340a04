"""The two scripts of "The tutorial in an hour", run as a reader runs them."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from bookkit.scripts import load_script, script_path
from mlpbook.checks.evaluation import wilson_interval
from mlpbook.data.mnist import mnist_folder

PAGE = Path(__file__).parents[1] / "book" / "tutorial-in-an-hour.md"
CLOSED = "http://127.0.0.1:9"  # nobody listens there: no test reaches out of the machine


def run(name, folder, *arguments):
    """Run a script alone, in isolated mode and in the given folder, without a network."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), CLOSED)
    environment = {**os.environ, **proxies, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    environment.pop("no_proxy", None)
    environment.pop("NO_PROXY", None)
    command = [sys.executable, "-I", str(script_path(name)), *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def number(pattern, text):
    """Return the number in the line that fits a pattern."""
    match = re.search(pattern + r"\s*([\d.e+-]+)", text)
    assert match, text
    return float(match[1])


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("mlp_numpy", {"numpy", "matplotlib"}),
        ("mlp_pytorch", {"argparse", "math", "sys", "torch", "torchvision"}),
    ],
)
def test_a_script_imports_only_what_the_page_names(name, allowed):
    tree = ast.parse(script_path(name).read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    assert {name.partition(".")[0] for name in names} <= allowed


@pytest.mark.parametrize(("name", "limit"), [("mlp_numpy", 70), ("mlp_pytorch", 95)])
def test_a_script_is_short(name, limit):
    text = script_path(name).read_text(encoding="utf-8")
    code = text.removeprefix(f'"""{ast.get_docstring(ast.parse(text), clean=False)}"""')
    assert code != text
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= limit
    assert max(map(len, lines)) <= 76  # what fits into the page's column


def test_a_script_that_does_not_exist_is_named():
    with pytest.raises(FileNotFoundError, match=r"book/scripts, got 'mlp_numpy.py'"):
        script_path("mlp_numpy.py")


def pieces(page, name):
    """Yield the numbers of the lines that a page shows of a script, piece by piece."""
    lines = script_path(name).read_text(encoding="utf-8").splitlines()
    functions = {
        node.name: range(node.lineno - 1, node.end_lineno)
        for node in ast.parse("\n".join(lines)).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    block = re.compile(
        rf"^```\{{literalinclude\}} scripts/{name}\.py\n(.*?)^```$", re.MULTILINE | re.DOTALL
    )
    for options in block.findall(page):
        found = dict(re.findall(r"^:([\w-]+): (.*)$", options, re.MULTILINE))
        if "pyobject" in found:
            yield functions[found["pyobject"]]
        elif "start-at" in found:
            start, end = (yaml.safe_load(found.get(key, "null")) for key in ("start-at", "end-at"))
            first = next(i for i, line in enumerate(lines) if start in line)
            after = range(first, len(lines))
            last = next(i for i in after if end in lines[i]) if end else len(lines) - 1
            yield range(first, last + 1)


@pytest.mark.parametrize("name", ["mlp_numpy", "mlp_pytorch"])
def test_the_page_shows_the_whole_script_once_in_its_order_and_offers_it(name):
    page = PAGE.read_text(encoding="utf-8")
    lines = script_path(name).read_text(encoding="utf-8").splitlines()
    shown = [i for piece in pieces(page, name) for i in piece if lines[i].strip()]
    assert shown == sorted(set(shown))
    code = [i for i, line in enumerate(lines) if line.strip()]
    assert [lines[i] for i in code if shown[0] <= i] == [lines[i] for i in shown]
    assert all(lines[i].startswith(("import", "from")) for i in code if 5 < i < shown[0])
    assert f"{{download}}`{name}.py <scripts/{name}.py>`" in page


def test_the_numpy_script_runs_alone_and_comes_close_to_the_noise_floor(tmp_path):
    result = run("mlp_numpy", tmp_path)
    assert result.returncode == 0, result.stderr
    assert number("relative error", result.stdout) < 1e-6
    floor, test = number("noise:", result.stdout), number("of the network:", result.stdout)
    assert floor == 0.04  # the square of 0.2
    # Below the floor by chance only: the mean square of 10,000 normals has spread sqrt(2 / 10,000).
    assert floor * (1 - 3 * np.sqrt(2 / 10_000)) < test < 1.15 * floor
    assert test < 0.1 * number("constant:", result.stdout)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlp_numpy.png"]


def test_the_gradient_by_hand_is_that_of_autograd(rng):
    script = load_script("mlp_numpy")
    p = script.initialize(7, rng)
    X, y = script.make_data(9, rng)
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
    A = torch.relu(torch.from_numpy(X) @ tensors["W1"].T + tensors["b1"])
    y_hat = A @ tensors["W2"].T + tensors["b2"]
    torch.nn.functional.mse_loss(y_hat, torch.from_numpy(y)).backward()
    for name, gradient in script.backward(p, X, y).items():
        assert np.allclose(gradient, tensors[name].grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_the_check_notices_a_wrong_gradient_in_each_array(rng, monkeypatch, name):
    script = load_script("mlp_numpy")
    p = script.initialize(7, rng)
    X, y = script.make_data(9, rng)
    before = {key: value.copy() for key, value in p.items()}
    assert script.check_gradient(p, X, y) < 1e-6
    assert all(np.array_equal(p[key], before[key]) for key in p)
    correct = script.backward

    def wrong(p, X, y):
        gradients = correct(p, X, y)
        return {**gradients, name: 1.01 * gradients[name]}

    monkeypatch.setattr(script, "backward", wrong)
    assert script.check_gradient(p, X, y) > 1e-3


def test_the_pytorch_script_trains_measures_saves_and_loads(tmp_path):
    arguments = ["--data", mnist_folder(), "--epochs", 2, "--subset", 1200]
    result = run("mlp_pytorch", tmp_path, *arguments)
    assert result.returncode == 0, result.stderr
    losses = [float(loss) for loss in re.findall(r"mean loss ([\d.]+)", result.stdout)]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    right, n, percent = re.search(r"(\d+) of (\d+) = ([\d.]+)%", result.stdout).groups()
    assert percent == f"{100 * int(right) / int(n):.2f}"
    assert int(right) > 0.5 * int(n)  # chance is a tenth
    assert f"reloaded: 0 of {10 * int(n)} logits differ" in result.stdout
    weights = torch.load(tmp_path / "mlp_mnist.pt", weights_only=True)
    shapes = [tuple(value.shape) for value in weights.values()]
    assert shapes == [(256, 784), (256,), (10, 256), (10,)]


def test_without_mnist_the_pytorch_script_says_what_to_do(tmp_path):
    result = run("mlp_pytorch", tmp_path, "--data", "nowhere")
    assert result.returncode == 1
    assert "No MNIST in nowhere/MNIST/raw, and no download" in result.stderr
    assert "--data FOLDER" in result.stderr
    assert "internet connection" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("n_right", "n"), [(0, 5), (1, 3), (97, 100), (9748, 10_000), (7, 7)])
def test_the_interval_is_wilsons(n_right, n):
    wilson = load_script("mlp_pytorch").wilson
    assert wilson(n_right, n) == pytest.approx(wilson_interval(n_right, n), abs=2e-5)
