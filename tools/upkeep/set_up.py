"""Make the virtual environment of all targets: `python tools/upkeep/set_up.py [FOLDER]`.

Called by the Makefile; works by itself where there is no make. Uses nothing but the standard
library, and syntax that old Pythons can read, so that they can say that they are too old.
A second argument names other requirements than requirements.txt.
"""

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REQUIREMENTS = os.path.join(ROOT, "requirements.txt")


def digest(requirements=None):
    """Return a digest of all that decides what is installed."""
    with open(requirements or REQUIREMENTS, "rb") as file:
        content = file.read()
    index = os.environ.get("PIP_EXTRA_INDEX_URL", "")
    return hashlib.sha256(content + sys.version.encode() + index.encode()).hexdigest()


def main(folder, requirements=None):
    """Create the environment in folder and install the requirements, unless that is done."""
    if sys.version_info < (3, 11):
        version = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            "This book needs Python 3.11 or newer, but {} is {}. Install a newer Python, or name "
            "one: make PYTHON=python3.12".format(sys.executable, version)
        )
    stamp = os.path.join(folder, "installed-from")
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == digest(requirements):
                return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        sys.exit(
            "This Python cannot make virtual environments. Install the package that can "
            "(python3-venv on Debian and Ubuntu), or name another Python: make PYTHON=..."
        )
    size = "" if requirements else "; about 6 GB with CUDA wheels, 2 GB without"
    print("Setting up {} (once{})".format(folder, size))
    sys.stdout.flush()
    venv.create(folder, with_pip=True, clear=True)
    python = os.path.join(folder, "Scripts" if os.name == "nt" else "bin", "python")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar"]
    command += ["on" if sys.stdout.isatty() else "off", "-r", requirements or REQUIREMENTS]
    if not sys.stdout.isatty():
        command.insert(-2, "--quiet")
    if subprocess.call(command) != 0:
        sys.exit(
            "Installing the requirements failed: see pip's message above. Check the network and "
            "run the same command again; finished downloads are kept."
        )
    with open(stamp, "w") as file:
        file.write(digest(requirements))


if __name__ == "__main__":
    if len(sys.argv) > 3 or sys.argv[-1].startswith("-"):
        sys.exit(__doc__)
    main(*(sys.argv[1:] or [os.path.join(ROOT, ".venv")]))
