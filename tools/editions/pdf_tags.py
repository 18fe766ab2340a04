"""The tags of a printed book: fewer, and those that a reading aid looks for.

Chromium tags every box of a page, most of them as `NonStruct`, which says nothing: four fifths of
the tree. `tidy` drops these and keeps what they hold. Code and displayed formulas, which then would
stand in no paragraph, become paragraphs; what an item of a list says becomes its body; and a
figure is only what has words.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pikepdf
from pikepdf import Array, Dictionary, Name

IN_LINE = {"/NonStruct", "/Code", "/Link", "/Em", "/Strong", "/Formula", "/Lbl", "/Span"}
HOLDERS = {"/Document", "/Div", "/BlockQuote"}  # of paragraphs, not of words


class Mark(NamedTuple):
    """A piece of a page's (or of a drawing's) content."""

    owner: Dictionary  # the page or the stream
    number: int
    drawn: Dictionary | None = None  # the reference, where it is a stream's


@dataclass
class Element:
    """An element of the structure tree."""

    source: Dictionary
    kind: str
    kids: list["Element | Mark | Dictionary"] = field(default_factory=list)

    def elements(self) -> Iterator["Element"]:
        """Yield the kids that are elements themselves."""
        return (kid for kid in self.kids if isinstance(kid, Element))


def listed(value: pikepdf.Object) -> list:
    """Return one or many as a list."""
    return list(value) if isinstance(value, Array) else [value]


def read(source: Dictionary) -> Element:
    """Read an element and all below it."""
    element = Element(source, str(source.S))
    for kid in listed(source.get("/K", Array())):
        if isinstance(kid, int):
            element.kids.append(Mark(source.Pg, kid))
        elif "/S" in kid:
            element.kids.append(read(kid))
        elif "/Stm" in kid:
            element.kids.append(Mark(kid.Stm, int(kid.MCID), kid))
        elif "/MCID" in kid:
            element.kids.append(Mark(kid.Pg, int(kid.MCID)))
        else:
            element.kids.append(kid)  # an annotation
    return element


def in_line(element: Element) -> bool:
    """Say whether an element holds words and no paragraph."""
    return element.kind in IN_LINE and all(map(in_line, element.elements()))


def settled(element: Element, kind: str) -> Iterator[Element | Mark | Dictionary]:
    """Yield what an element holds, as the kids of an element of some kind."""
    for kid in element.kids:
        if not isinstance(kid, Element):
            yield kid
        elif kid.kind == "/NonStruct" and not (kind in HOLDERS and in_line(kid)):
            yield from settled(kid, kind)
        elif kid.kind != "/NonStruct" and kind in HOLDERS and in_line(kid):
            settle(kid)
            yield Element(Dictionary(Type=Name.StructElem), "/P", [kid])
        else:
            settle(kid)
            yield kid


def settle(element: Element) -> None:
    """Give an element and all below it the kind that they are."""
    if element.kind == "/NonStruct":
        element.kind = "/P"
    if element.kind == "/Figure" and "/Alt" not in element.source:
        element.kind = "/Div"  # around the picture and its caption
    kids = list(settled(element, element.kind))
    if element.kind == "/LI":
        label = [kid for kid in kids if isinstance(kid, Element) and kid.kind == "/Lbl"]
        said = [kid for kid in kids if kid not in label]
        kids = [*label, Element(Dictionary(Type=Name.StructElem), "/LBody", said)]
    element.kids = kids


def write(element: Element, parent: Dictionary, pdf: pikepdf.Pdf, owners: dict) -> Dictionary:
    """Write an element and all below it; note in ``owners`` what belongs to which."""
    source = element.source if element.source.is_indirect else pdf.make_indirect(element.source)
    source.S, source.P = Name(element.kind), parent
    page: Any = None
    kids = Array()
    for kid in element.kids:
        if isinstance(kid, Element):
            kids.append(write(kid, source, pdf, owners))
        elif isinstance(kid, Mark):
            owners.setdefault(int(kid.owner.StructParents), {})[kid.number] = source
            page = page or (None if kid.drawn else kid.owner)
            if kid.drawn is None and kid.owner.objgen == page.objgen:
                kids.append(kid.number)
            else:
                there = Dictionary(Type=Name.MCR, Pg=kid.owner, MCID=kid.number)
                kids.append(kid.drawn or there)
        else:
            owners[int(kid.Obj.StructParent)] = source
            kids.append(kid)
    source.K = kids
    if page is not None:
        source.Pg = page
    return source


def tidy(pdf: pikepdf.Pdf) -> None:
    """Make the tags of a printed document say what there is, and no more."""
    root = pdf.Root.StructTreeRoot
    owners: dict[int, Dictionary | dict[int, Dictionary]] = {}
    document = read(root.K[0] if isinstance(root.K, Array) else root.K)
    settle(document)
    root.K = write(document, root, pdf, owners)
    numbers: list[int | pikepdf.Object] = []
    for key in sorted(owners):
        owner = owners[key]
        if isinstance(owner, dict):
            owner = pdf.make_indirect(Array([owner.get(n) for n in range(max(owner) + 1)]))
        numbers += [key, owner]
    root.ParentTree = pdf.make_indirect(Dictionary(Nums=Array(numbers)))
