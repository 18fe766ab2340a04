"""The book's complete scripts: files that readers run alone, loaded here for the cells of a page.

They lie in ``book/scripts`` and import nothing of this project. A page shows them piece by piece
and runs the same files, so that what is shown is what runs.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["load_script", "script_path"]

_CHECKOUT = Path(__file__).resolve().parents[2] / "book" / "scripts"
_INSTALLED = Path(__file__).with_name("installed_scripts")  # the copy that a wheel carries


def script_path(name: str) -> Path:
    """Return the file of a script: in the checkout, or where an installed package has its copy.

    Parameters
    ----------
    name : str
        The script's name without ``.py``.

    Raises
    ------
    FileNotFoundError
        If there is no such script.

    Examples
    --------
    >>> script_path("mlp_numpy").name
    'mlp_numpy.py'
    """
    for folder in (_CHECKOUT, _INSTALLED):
        path = folder / f"{name}.py"
        if path.exists():
            return path
    raise FileNotFoundError(
        f"name must be that of a script in book/scripts, got {name!r}. Leave out the ending .py."
    )


def load_script(name: str) -> ModuleType:
    """Import a script under its own name, so that ``import NAME`` finds it from then on.

    Parameters
    ----------
    name : str
        The script's name without ``.py``.

    Raises
    ------
    FileNotFoundError
        If there is no such script.

    Examples
    --------
    >>> load_script("mlp_numpy").SIGMA
    0.2
    """
    spec = importlib.util.spec_from_file_location(name, script_path(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
