"""Where the path of an artifact may lead: into the repository, by whatever way, and never out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sow import inside
from sow.errors import Refused
from sow.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A checkout with a project, some files, and links in and out of it."""
    top = Path(os.path.realpath(tmp_path)) / "repo"
    for name in (".sow/project/phases/review/review.md", "docs/login.md", ".git/config", "a/b/c.md"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.md").write_text("x")
    (top / ".sow/project/out").symlink_to(tmp_path / "outside")
    (top / ".sow/project/out.md").symlink_to(tmp_path / "outside/secret.md")
    (top / ".sow/project/docs").symlink_to(top / "docs")
    (top / ".sow/project/git").symlink_to(top / ".git")
    (top / ".sow/project/round").symlink_to("round")
    (tmp_path / "by-link").symlink_to(top)
    return Layout(main=str(top), folder=str(top), name="demo")


@pytest.mark.parametrize(
    ("start", "given", "kept"),
    [
        pytest.param("", "phases/review/review.md", "phases/review/review.md", id="from the project"),
        pytest.param("docs", "phases/review/new.md", "phases/review/new.md", id="wherever one stands"),
        pytest.param("", "../../docs/login.md", "../../docs/login.md", id="elsewhere in the repository"),
        pytest.param("", "a/../b.md", "b.md", id="without what leads nowhere"),
        pytest.param("", "./a//b.md", "a/b.md", id="and without what says nothing"),
        pytest.param(
            "", ".sow/project/phases/review/review.md", "phases/review/review.md", id="from where one stands"
        ),
        pytest.param(".sow/project/phases", "review/review.md", "phases/review/review.md", id="in there"),
        pytest.param(".sow/project/phases/review", "new.md", "phases/review/new.md", id="a new file"),
        pytest.param(
            ".sow/project/phases/review", "phases/review/review.md", "phases/review/review.md",
            id="what is there comes first",
        ),
        pytest.param("docs", ".sow/project/x.md", "x.md", id="with the folder's own name before it"),
        pytest.param("", "{top}/.sow/project/x.md", "x.md", id="absolute, in the project"),
        pytest.param("", "{top}/docs/login.md", "../../docs/login.md", id="absolute, in the repository"),
        pytest.param("", "{top}/../by-link/docs/login.md", "../../docs/login.md", id="by another name of it"),
        pytest.param("", "docs/login.md", "docs/login.md", id="by a link that stays inside"),
        pytest.param("", "a name with spaces.md", "a name with spaces.md", id="spaces"),
        pytest.param("", "日本語.md", "日本語.md", id="any letters"),
        pytest.param("", "round", "round", id="a link to itself leads nowhere"),
        pytest.param("", "phases", "phases", id="a folder"),
    ],
)  # fmt: skip
def test_a_path_is_kept_as_it_is_seen_from_the_project(
    layout: Layout, start: str, given: str, kept: str
) -> None:
    assert inside.kept(given.format(top=layout.main), layout, f"{layout.main}/{start}") == kept


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("../../../outside/secret.md", id="by its steps"),
        pytest.param("../../..", id="the folder above"),
        pytest.param("../" * 40 + "etc/passwd", id="by many steps"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("out/secret.md", id="by a link to a folder"),
        pytest.param("out/new.md", id="by a link, to what is not there"),
        pytest.param("out.md", id="by a link to a file"),
        pytest.param("../../../repo-2/x.md", id="a neighbour whose name begins alike"),
    ],
)
def test_a_path_that_leaves_the_repository_is_refused(layout: Layout, given: str) -> None:
    with pytest.raises(Refused) as refused:
        inside.kept(given, layout, layout.main)
    assert str(refused.value) == f"{given} leaves the repository: it does not lie in {layout.folder}"
    assert "../../docs/login.md" in refused.value.hint


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "the path is empty"),
        ("  ", "the path is empty"),
        (".", "is no file of the project's"),
        ("../..", "is no file of the project's"),
        ("../../.git/config", "is no file of the project's"),
        ("../../.git", "is no file of the project's"),
        ("git/config", "is no file of the project's"),
        ("a\nb.md", "has a character in it"),
        ("a\0b.md", "has a character in it"),
        ("caf\udce9.md", "has a character in it"),
        ("x/" * 3000, "no file can be that deep"),
    ],
)
def test_what_names_no_file_is_refused_with_what_to_give(layout: Layout, given: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        inside.kept(given, layout, layout.main)
    assert refused.value.hint


STEPS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "phases",
        "review",
        "review.md",
        "docs",
        "out",
        "out.md",
        "repo",
        ".git",
        ".sow",
        "project",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=7), st.booleans(), st.sampled_from(["", "docs", ".sow/project/phases"]))
def test_no_path_that_is_kept_leads_out_and_keeping_it_again_changes_nothing(
    layout: Layout, steps: list[str], absolute: bool, start: str
) -> None:
    given = ("/" if absolute else "") + "/".join(steps)
    try:
        kept = inside.kept(given, layout, f"{layout.main}/{start}")
    except Refused:
        return
    leads = os.path.realpath(f"{layout.project}/{kept}")
    assert leads.startswith(f"{layout.folder}/")
    assert not leads.startswith(f"{layout.folder}/.git")
    assert inside.kept(kept, layout, layout.project) == kept


def test_what_was_meant_is_found_where_one_stands(layout: Layout) -> None:
    assert not inside.is_there("docs/nothing.md", layout)
    assert inside.is_there("../../docs/login.md", layout)
    assert inside.meant("a/b/c.md", layout, layout.main) == "../../a/b/c.md"
    assert inside.meant("b/c.md", layout, f"{layout.main}/a") == "../../a/b/c.md"
    assert inside.meant("nothing.md", layout, layout.main) == ""
    assert inside.meant("../outside/secret.md", layout, layout.main) == ""
