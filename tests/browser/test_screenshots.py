"""Ten pages as readers first see them, kept in ``_build/screenshots`` for a person to look at."""

import pytest

PAGES = [
    "index.html",
    "part1-representing/one-neuron.html#the-geometry-of-the-boundary",
    "part1-representing/features.html",
    "part2-learning/two-layer.html",
    "part2-learning/backprop.html",
    "part3-practice/pytorch.html",
    "part4-trust/normalization.html",
    "appendix/notation.html",
    "appendix/api.html",
    "appendix/equations.html",
]
SIZES = {1280: 1800, 390: 1600}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
def test_ten_pages_are_photographed(new_context, folder, width, scheme):
    shelf = folder.parent / "screenshots"
    shelf.mkdir(exist_ok=True)
    context = new_context(
        viewport={"width": width, "height": SIZES[width]},
        is_mobile=width < 500,
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=False,
    )
    page = context.new_page()
    for name in PAGES:
        page.goto(name, wait_until="networkidle")
        stem = name.partition("#")[0].removesuffix(".html").replace("/", "-")
        picture = page.screenshot(path=shelf / f"{stem}-{width}-{scheme}.png")
        assert len(picture) > 20_000, f"{name} shows nothing"
