"""The page of the package: docstrings lead to equations, and a dead label fails the build."""

INIT = '''"""A small package.

========================  ==========
``mlpbook.data``          the digits
``mlpbook.constants``     the answer
``mlpbook.deeper``        where it is
``mlpbook.unused``        nothing
``mlpbook.layer``         a layer
``bookkit.records.dependencies``         which modules
========================  ==========
"""
'''
LAYER = '''"""A layer: `apply` alone.

.. math:: z = wx
"""


def apply(x: float, scale: object = print) -> float:
    """Return the sum (eq-first-sum), see `mlpbook.layer`.

    Parameters
    ----------
    x : float
        One number.

    Examples
    --------
    >>> apply(1.0)
    1.0
    >>> apply("1")
    Traceback (most recent call last):
        ...
    TypeError: x must be a number.
    """
    return x
'''


def test_the_page_of_the_package_is_read_from_its_source(book) -> None:
    book.write("src/mlpbook/__init__.py", INIT)
    book.write("src/mlpbook/layer.py", LAYER)
    book.append("src/mlpbook/data/__init__.py", "\n\n__all__ = []\n")
    book.append("book/second.md", "\n## The package\n\n```{api-reference}\n```\n")
    result = book.build()
    assert result.code == 0, result.text
    page = book.page("second")
    assert '<strong><span class="pre">apply</span></strong><span class="pre">(x,</span>' in page
    assert 'href="first.html#equation-eq-first-sum"' in page
    assert 'href="#mlpbook.layer"' in page
    assert "Types, parameters, examples" in page
    assert str(book.root) not in page
    assert " at 0x" not in page
    assert "TypeError: x must be a number." in page
    assert "Traceback" not in page

    book.replace("src/mlpbook/layer.py", "(eq-first-sum)", "(eq-first-gone)")
    book.replace("src/mlpbook/layer.py", "`mlpbook.layer`", "`mlpbook.gone`")
    for result in (book.build(), book.build()):
        assert result.code != 0
        assert "layer.py:8: WARNING: equation not found: eq-first-gone" in result.text
        assert "names mlpbook.gone, which is not public" in result.text
