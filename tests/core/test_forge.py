"""Forges: which one is named by a setting or an address, what it is told, and what its answer means."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.git.parts import new_repo

from sow import forge
from sow.errors import Failed, NotFound, Refused
from sow.forge import Command, PullRequest, Request

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("setting", "address", "name"),
    [
        pytest.param("", "https://github.com/ada/demo.git", "gh", id="GitHub by https"),
        pytest.param("", "git@github.com:ada/demo.git", "gh", id="GitHub by ssh"),
        pytest.param("", "ssh://git@github.corp.example:2222/ada/demo", "gh", id="GitHub of a company's"),
        pytest.param("", "https://ada:token@gitlab.com/ada/demo", "glab", id="GitLab with a token"),
        pytest.param("", "git@gitlab.example.org:ada/demo.git", "glab", id="GitLab of one's own"),
        pytest.param("", "https://codeberg.org/ada/gitlab", None, id="another host"),
        pytest.param("", "/srv/github/demo.git", None, id="a folder"),
        pytest.param("", "file:///srv/github.com/demo.git", None, id="a folder with a scheme"),
        pytest.param("", "", None, id="no remote"),
        pytest.param("none", "https://github.com/ada/demo", None, id="none is wanted"),
        pytest.param("glab", "https://github.com/ada/demo", "glab", id="the setting goes first"),
        pytest.param("tea pr create", "https://github.com/ada/demo", "finish.forge", id="a command"),
    ],
)
def test_a_forge_is_named_by_the_setting_or_by_the_address(
    setting: str, address: str, name: str | None
) -> None:
    found = forge.chosen(setting, address, "/")
    assert (found.name if found else None) == name


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30), min_size=4, max_size=4
    )
)
def test_whatever_stands_for_a_placeholder_is_one_word_of_the_shell(texts: list[str]) -> None:
    title, body_file, branch, base = texts
    filled = Command("/", "open {title} '--body' {body_file} --head={branch} {base} ${HOME}").filled(
        Request(title, body_file, branch, base)
    )
    assert shlex.split(filled) == ["open", title, "--body", body_file, f"--head={branch}", base, "${HOME}"]


def test_a_placeholder_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refused, match=r"\{bodyfile\} is no placeholder") as fault:
        forge.chosen("tea pr create {title} {bodyfile}", "", "/")
    assert fault.value.hint.startswith("did you mean {body_file}?")


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("https://github.com/a/b/pull/12", 12),
        ("https://gitlab.com/a/b/-/merge_requests/7/", 7),
        ("https://forge/changes", None),
        ("https://forge/0", None),
        ("", None),
    ],
)
def test_a_number_is_read_from_the_address(url: str, number: int | None) -> None:
    assert forge.number_in(url) == number


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `bin` is first on the PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


# GitHub, by the stand-in that keeps its contract


@pytest.fixture
def github(folder: Path, monkeypatch: pytest.MonkeyPatch) -> forge.GitHub:
    repo = new_repo(folder / "repo")
    repo.commit("first", a__txt="a\n")
    origin = new_repo(folder / "origin", "--bare")
    repo.git("remote", "add", "origin", str(origin.folder))
    repo.git("push", "--quiet", "origin", "main")
    repo.git("switch", "--quiet", "--create", "work")
    repo.commit("work", b__txt="b\n")
    program(folder, "gh", f'exec {sys.executable} -S -E {ROOT}/tests/agents/gh.py "$@"')
    monkeypatch.setenv("GH_STAND_IN", str(folder / "gh.json"))
    (folder / "gh.json").write_text(json.dumps({"login": True, "pulls": []}))
    (folder / "body.md").write_text("What it is about.\n")
    return forge.GitHub(str(repo.folder), "")


def request(folder: Path, **more: Any) -> Request:
    return Request("Add login", str(folder / "body.md"), "work", "main", **more)


def test_a_pull_request_is_opened_found_and_brought_up_to_date(github: forge.GitHub, folder: Path) -> None:
    github.check()
    assert github.find("work", "main") is None
    with pytest.raises(Failed, match="Head sha can't be blank"):
        github.open(request(folder))
    new_repo(folder / "repo").git("push", "--quiet", "origin", "work")
    opened = github.open(request(folder, draft=True))
    assert opened == PullRequest("https://github.com/ada/demo/pull/1", 1, draft=True)
    found = github.find("work", "main")
    assert found == PullRequest(opened.url, 1, draft=True, body="What it is about.\n")
    assert github.find("work", "develop") is None
    with pytest.raises(Failed, match="already exists"):
        github.open(request(folder))
    (folder / "body.md").write_text("Better.\n")
    github.update(found, request(folder), text=True)
    assert github.find("work", "main") == PullRequest(opened.url, 1, draft=False, body="Better.\n")


def test_without_a_login_or_a_program_it_can_not_be_used(github: forge.GitHub, folder: Path) -> None:
    (folder / "gh.json").write_text(json.dumps({"login": False, "pulls": []}))
    with pytest.raises(Refused, match="gh is not logged in") as fault:
        github.check()
    assert fault.value.hint == "log in: `gh auth login`"
    (folder / "bin/gh").unlink()
    os.environ["PATH"] = f"{folder}/bin"
    with pytest.raises(NotFound, match="no program gh here"):
        github.check()


def test_an_answer_that_is_no_json_is_told(folder: Path) -> None:
    program(folder, "gh", "echo A new release of gh is available")
    with pytest.raises(Failed, match="printed no JSON list: 'A new release"):
        forge.GitHub(str(folder), "").find("work", "main")


# GitLab, by what its program is told


GLAB = """
printf '%s\\n' "$@" >> calls; echo -- >> calls
case "$1 $2" in
"auth status") exit 0;;
"mr list") cat list.json;;
"mr create") echo "Creating merge request for work into main" >&2; echo "!7 Add login (work)"; echo " $URL";;
esac
"""


def test_a_merge_request_is_opened_found_and_brought_up_to_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://gitlab.com/ada/demo/-/merge_requests/7"
    monkeypatch.setenv("URL", url)
    program(folder, "glab", GLAB)
    (folder / "body.md").write_text("What it is about.\n\nMore.")
    (folder / "list.json").write_text("[]")
    gitlab = forge.GitLab(str(folder), "gitlab.com")
    gitlab.check()
    assert gitlab.find("work", "main") is None
    assert gitlab.open(request(folder)) == PullRequest(url, 7)
    held = {"iid": 7, "web_url": url, "state": "opened", "draft": True, "description": "What it is about."}
    (folder / "list.json").write_text(json.dumps([held]))
    found = gitlab.find("work", "main")
    assert found == PullRequest(url, 7, draft=True, body="What it is about.")
    gitlab.update(found, request(folder), text=False)
    calls = (folder / "calls").read_text().split("--\n")
    assert calls[0].splitlines() == ["auth", "status", "--hostname", "gitlab.com"]
    listed = ["mr", "list", "--source-branch", "work", "--target-branch", "main", "--output", "json"]
    assert calls[1].splitlines() == listed
    assert calls[2].splitlines() == [
        *("mr", "create", "--title", "Add login", "--description", "What it is about.", "", "More."),
        *("--source-branch", "work", "--target-branch", "main", "--yes"),
    ]
    assert calls[4].splitlines() == ["mr", "update", "7", "--ready"]


# A command of one's own


def test_a_command_says_where_or_nothing(folder: Path) -> None:
    said = Command(str(folder), "echo opened https://forge/it/9, done").open(request(folder))
    assert said == PullRequest("https://forge/it/9", 9)
    assert Command(str(folder), "true").open(request(folder)) == PullRequest("")
    with pytest.raises(Failed, match="no such branch"):
        Command(str(folder), "echo no such branch >&2; exit 2").open(request(folder))


def test_no_program_sees_the_variables_of_a_hook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    program(folder, "seen", 'echo "https://forge/${GIT_DIR:-none}/${GIT_SSH_COMMAND:+kept}"')
    assert Command(str(folder), "seen").open(request(folder)).url == "https://forge/none/kept"
