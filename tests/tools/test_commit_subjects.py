"""`make lint` refuses long commit subjects of a branch, and looks at no others."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "upkeep" / "commit_subjects.sh"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "tools" / "upkeep").mkdir(parents=True)
    script = shutil.copy(SCRIPT, tmp_path / "tools" / "upkeep")

    def run(*command):
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    def commit(subject):
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        assert run(*git, "commit", "--allow-empty", "--message", subject).returncode == 0

    assert run("git", "init", "--initial-branch", "main").returncode == 0
    commit("x" * 90)  # what is on the main branch stays as it is
    run("git", "checkout", "-b", "topic")
    return commit, lambda: run("sh", script)


def test_a_branch_with_short_subjects_passes_and_one_with_a_long_subject_fails(run):
    commit, check = run
    commit("y" * 72)
    assert check().returncode == 0
    commit("z" * 73)
    result = check()
    assert result.returncode == 1
    assert "z" * 73 in result.stderr
    assert "x" * 90 not in result.stderr
