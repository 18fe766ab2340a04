"""The figures that readers can change compute what the package computes."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from mlpbook.autograd import Tensor
from mlpbook.chapters.features import monomials, ridge_readout
from mlpbook.chapters.one_neuron import signed_distance
from mlpbook.chapters.representation import relu_interpolant
from mlpbook.scratch.activations import sigmoid

quickjs = pytest.importorskip("quickjs")

ASSETS = Path(__file__).resolve().parents[2] / "book" / "assets"
SCRIPT = (ASSETS / "widgets.js").read_text(encoding="utf-8")
ALL_FEATURES = ["x₁", "x₂", "x₁²", "x₂²", "x₁x₂", "sin 3x₁", "sin 3x₂"]
QUADRATIC = ["x₁", "x₂", "x₁²", "x₁x₂", "x₂²"]  # the order of `monomials`


class Script:
    """widgets.js in an engine without a page."""

    def __init__(self) -> None:
        self.context = quickjs.Context()
        self.context.eval(SCRIPT)

    def __call__(self, expression: str, **values: Any) -> Any:
        """Return an expression's value; `values` are its constants, `W` the script's functions."""
        names = "".join(f"const {k} = {json.dumps(v)};" for k, v in values.items())
        code = f"const W = MLPBookWidgets; {names} return JSON.stringify({expression})"
        return json.loads(self.context.eval(f"(() => {{ {code} }})()"))


@pytest.fixture(scope="module")
def js() -> Script:
    return Script()


# ---------------------------------------------------------------- one neuron


def test_signed_distances_are_those_of_the_package(js, rng):
    for _ in range(20):
        X, w, b = rng.normal(size=(7, 2)), rng.normal(size=2), float(rng.normal())
        found = js("W.signedDistance(X, w, b)", X=X.tolist(), w=w.tolist(), b=b)
        np.testing.assert_allclose(found, signed_distance(X, w, b), rtol=1e-9, atol=1e-12)


def test_the_neuron_says_coordinate_foot_and_probability(js):
    # w = (3, 4) by angle and length, b = 5: the boundary cuts the axis along w at -1
    angle = float(np.degrees(np.arctan2(4, 3)))
    state = {"angle": angle, "length": 5, "b": 5, "x1": 1, "x2": 1}
    found = js("W.neuron(state)", state=state)
    assert found["coordinate"] == pytest.approx(-1, rel=1e-12)
    assert found["r"] == pytest.approx(2.4, rel=1e-12)  # (3 + 4 + 5) / 5
    assert found["p"] == pytest.approx(sigmoid(np.array(12.0)), rel=1e-9)
    np.testing.assert_allclose(found["foot"], [1 - 2.4 * 0.6, 1 - 2.4 * 0.8], rtol=1e-12)


def test_the_neuron_counts_the_points_on_the_wrong_side(js):
    points, y = np.array(js("W.CLOUD.points")), np.array(js("W.CLOUD.y"))
    assert points.shape == (40, 2)
    assert y.sum() == 20
    for angle in (-170, 10, 40, 100):
        found = js(f"W.neuron({{angle: {angle}, length: 2, b: 0.5, x1: 0, x2: 0}})")
        missed = (signed_distance(points, found["w"], 0.5) > 0) != (y == 1)
        assert found["missed"] == missed.tolist()
        assert found["nWrong"] == missed.sum()


def test_no_line_gets_the_forty_points_right(js):
    points, y = np.array(js("W.CLOUD.points")), np.array(js("W.CLOUD.y"))
    signed = (2 * y - 1)[:, None] * np.column_stack([points, np.ones(40)])
    assert linprog(np.zeros(3), -signed, -np.ones(40), bounds=(None, None)).status == 2


def test_the_sigmoid_neither_overflows_nor_rounds_away(js):
    t = [-800.0, -40.0, -1.0, 0.0, 2.0, 40.0]
    np.testing.assert_allclose(js("t.map(W.sigmoid)", t=t), sigmoid(np.array(t)), rtol=1e-12)


# ---------------------------------------------------------------- features


def test_features_and_readout_are_those_of_the_package(js):
    for name in js("Object.keys({XOR: 0, circles: 0, spirals: 0, blobs: 0})"):
        found = js("W.classify(name, names)", name=name, names=QUADRATIC)
        X, y = np.array(found["points"]), np.array(found["y"])
        Psi = js("W.features(X, names)", X=X.tolist(), names=QUADRATIC)
        np.testing.assert_allclose(Psi, monomials(X, 2), rtol=1e-12, atol=1e-15)
        fitted = ridge_readout(monomials(X, 2), (2.0 * y - 1)[:, None], penalty=1e-6)
        np.testing.assert_allclose(found["w"], fitted.W[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found["b"], fitted.b[0], rtol=1e-9, atol=1e-9)
        wrong = (fitted(monomials(X, 2))[:, 0] > 0) != (y == 1)
        assert found["missed"] == wrong.tolist()


def test_the_sines_are_fitted_too(js, rng):
    X = rng.normal(size=(60, 2))
    t = rng.normal(size=60)
    names = ["sin 3x₁", "sin 3x₂"]
    found = js("W.readout(W.features(X, names), t, 0.01)", X=X.tolist(), t=t.tolist(), names=names)
    fitted = ridge_readout(np.sin(3 * X), t[:, None], penalty=0.01)
    np.testing.assert_allclose(found["w"], fitted.W[0], rtol=1e-9)
    np.testing.assert_allclose(found["b"], fitted.b[0], rtol=1e-9)


def wrong(js: Script, preset: str, *names: str) -> int:
    """Return how many of a preset's 80 samples the fitted readout gets wrong."""
    return js("W.classify(preset, names).nWrong", preset=preset, names=list(names))


def test_what_is_said_about_each_preset_is_true(js):
    assert wrong(js, "XOR", "x₁x₂") == 0
    others = [name for name in ALL_FEATURES if name != "x₁x₂"]
    assert wrong(js, "XOR", *others) > 10
    assert wrong(js, "circles", "x₁²", "x₂²") == 0
    assert wrong(js, "circles", "x₁", "x₂") > 20
    assert wrong(js, "blobs", "x₁", "x₂") == 0
    assert wrong(js, "spirals", *ALL_FEATURES) > 10


def test_the_zero_line_of_a_circle_is_a_circle(js):
    side = np.linspace(-2, 2, 41)
    x, y = np.meshgrid(side, side)
    segments = np.array(js("W.zeroLine(field)", field=(x**2 + y**2 - 1).tolist()))
    ends = segments.reshape(-1, 2) * 0.1 - 2
    # along an edge, linear interpolation of a function with second derivative 2 errs by at most
    # h^2 / 4 in value, and the gradient on the circle has length 2
    assert np.abs(np.hypot(*ends.T) - 1).max() < 0.1**2
    assert len(segments) > 50


# ---------------------------------------------------------------- kinks


def test_the_interpolant_is_that_of_the_package(js, rng):
    x = np.linspace(-1.2, 1.2, 97)
    for _ in range(5):
        inner = rng.uniform(-0.99, 0.99, 7)
        knots = js("W.ordered(inner)", inner=inner.tolist())
        values = np.sin(6 * np.array(knots))
        found = js("x.map(W.interpolant(knots, values))", x=x.tolist(), knots=knots,
                   values=values.tolist())  # fmt: skip
        network = relu_interpolant(knots, values)
        np.testing.assert_allclose(found, network(x[:, None])[:, 0], rtol=1e-9, atol=1e-9)


def test_the_largest_error_is_found_and_stays_below_both_bounds(js, rng):
    x = np.linspace(-1, 1, 20001)
    equal = np.arange(-0.75, 1, 0.25)
    for inner in [equal, *rng.uniform(-0.99, 0.99, (10, 7))]:
        knots = js("W.ordered(inner)", inner=inner.tolist())
        network = relu_interpolant(knots, np.sin(6 * np.array(knots)))
        dense = np.abs(np.sin(6 * x) - network(x[:, None])[:, 0]).max()
        error = js("W.supError(knots)", knots=knots)["error"]
        # the dense grid misses a maximum by at most half a step squared times 36 / 2
        assert dense - 1e-12 <= error <= dense + 18 * 0.5e-4**2
        bounds = js("W.bounds(knots)", knots=knots)
        assert bounds["h"] == pytest.approx(np.diff(knots).max(), abs=1e-12)
        # h^2 max |f''| / 8 with f'' = -36 sin 6x
        assert bounds["curvature"] == pytest.approx(4.5 * bounds["h"] ** 2, rel=1e-12)
        assert error <= min(bounds["curvature"], bounds["modulus"])


def test_the_modulus_is_the_largest_change_of_the_target_over_a_length(js):
    for h in (0.1, 0.25, 0.5, 1.0):
        knots = np.arange(-1, 1 + h / 2, h)
        lengths, u = np.linspace(0, h, 201)[:, None], np.linspace(-1, 1 - h, 4001)
        largest = np.abs(np.sin(6 * (u + lengths)) - np.sin(6 * u)).max()
        found = js("W.bounds(knots).modulus", knots=knots.tolist())
        assert found == pytest.approx(largest, abs=1e-4)


def test_equal_errors_are_better_than_equal_spacing_but_not_by_much(js):
    def error(inner):
        return js("W.supError(W.ordered(inner)).error", inner=inner)

    equal, balanced = error([k / 4 - 1 for k in range(1, 8)]), error(js("W.equalErrors()"))
    assert 0.8 * equal < balanced < equal


def test_knots_that_meet_are_one_knot(js):
    assert js("W.ordered([0.5, 0, 0.5, 0, 0.5, -0.2, 0])") == [-1, -0.2, 0, 0.5, 1]


# ---------------------------------------------------------------- the tape


@pytest.mark.parametrize("value", [2.0, -0.7, 0.0])
def test_the_tape_ends_with_the_gradients_of_the_engine(js, value):
    w = Tensor(value, requires_grad=True)
    u = w * w
    s = u * u
    y = u + s
    y.backward()
    last = js("W.tape(W.PROGRAM, {w}).at(-1)", w=value)
    assert last["values"] == {"w": w.item(), "u": u.item(), "s": s.item(), "y": y.item()}
    # dy/dw = 2 w + 4 w^3, dy/du = 1 + 2 u
    expected = {"w": float(w.grad), "u": 1 + 2 * value**2, "s": 1.0, "y": 1.0}
    assert last["adjoints"] == pytest.approx(expected, rel=1e-12)


def test_every_edge_is_used_once_and_no_adjoint_is_passed_on_before_it_is_complete(js):
    steps = js("W.STEPS")
    edges = [tuple(step["edge"]) for step in steps if step["edge"]]
    assert edges == [("y", 0), ("y", 1), ("s", 0), ("s", 1), ("u", 0), ("u", 1)]
    final = steps[-1]["adjoints"]
    assert final == {"y": 1, "s": 1, "u": 9, "w": 36}
    for step in steps:
        if step["edge"]:
            assert step["adjoints"][step["edge"][0]] == final[step["edge"][0]]


# ---------------------------------------------------------------- what stands in the page


@pytest.mark.parametrize("name", ["neuron", "features", "kinks", "tape"])
def test_the_built_page_has_a_picture_its_words_and_hidden_controls(js, name):
    html = js("W.markup(name)", name=name)
    assert html.count("<svg") == html.count('role="img"') == 1
    assert 'aria-label="' in html
    assert '<fieldset class="widget-controls" hidden>' in html
    assert "NaN" not in html
    assert "undefined" not in html
    still = html.split("<fieldset")[0]
    for control in ("slider", "button", "click", "<input", "<select"):
        assert control not in still


def test_the_script_asks_nobody_and_needs_no_inline_script(js):
    for name in ("neuron", "features", "kinks", "tape"):
        html = js("W.markup(name)", name=name)
        assert not re.search(r"<[^>]* on\w+=", html)
        assert "style=" not in html
    for word in ("http", "fetch(", "import(", "eval(", "Function("):
        assert word not in SCRIPT
