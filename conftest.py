"""What holds for tests and doctests alike."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings

# The same examples in every run, and no time limit for one: a red test means a change of the code,
# not another draw or a busy machine. To look for new examples: pytest --hypothesis-profile=explore
settings.register_profile("explore", deadline=None)
settings.register_profile("mlpbook", deadline=None, derandomize=True)
settings.load_profile("mlpbook")


@pytest.fixture(scope="session", autouse=True)
def _digits_without_a_network() -> Iterator[None]:
    """Give every test the bundled digits, unless MLPBOOK_DATA names a folder already.

    No test reaches out of the machine, and none depends on what a user's cache holds.
    """
    if os.environ.get("MLPBOOK_DATA"):
        yield
        return
    from mlpbook.data import mnist

    folder = Path(mkdtemp(prefix="mlpbook-tests-"))
    mnist._fetch_substitute(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPBOOK_DATA", str(folder))
        yield
    shutil.rmtree(folder)
