"""Fixtures of git's tests: no test sees the configuration or the repository of whoever runs it."""

import os
from pathlib import Path

import pytest
from tests.git.parts import Repo, new_repo


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any configuration: git knows nobody's name."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.delenv("EMAIL", raising=False)
    return home


@pytest.fixture
def empty(tmp_path: Path) -> Repo:
    """A repository without a commit."""
    return new_repo(tmp_path / "repo")


@pytest.fixture
def repo(empty: Repo) -> Repo:
    """A repository with one commit: `a.txt` and `b.txt`."""
    empty.commit("first", a__txt="a\n", b__txt="b\n")
    return empty
