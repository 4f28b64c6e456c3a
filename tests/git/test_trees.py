"""Trees without a path, and with one put back, are what the person's own git makes of them."""

import shutil

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.git.parts import Repo

from sow.git import trees

PATHS = st.sets(st.sampled_from(["a", "b/c", "b/d", "b/e/f", "g h/i", "\N{SEEDLING}/j"]), min_size=1)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    PATHS, st.sampled_from(["a", "b", "b/c", "b/e", "b/e/f", "g h", "\N{SEEDLING}/j", "nothing", "b/nothing"])
)
def test_a_path_is_taken_out_and_put_back(repo: Repo, paths: set[str], path: str) -> None:
    for entry in repo.folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    commit = repo.commit("all", **{name: f"{name}\n" for name in paths})
    there = trees.at(repo.sow, commit, path)
    left = trees.without(repo.sow, commit, path)
    assert (left is None) == (there is None)
    if left is None or there is None:
        return
    kept = {name for name in paths if not f"{name}/".startswith(f"{path}/")}
    assert (
        set(repo.git("-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", left).splitlines()) == kept
    )
    again = trees.placed(repo.sow, left, path, there)
    assert again == repo.git("rev-parse", f"{commit}^{{tree}}")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PATHS, min_size=1, max_size=3))
def test_several_commits_are_taken_apart_and_put_together_at_once(repo: Repo, each: list[set[str]]) -> None:
    made = []
    for paths in each:
        repo.git("rm", "-rfq", "--ignore-unmatch", ".")
        (repo.folder / "link").symlink_to("nowhere")
        made.append(repo.commit("all", **{name: f"{name}\n" for name in paths}))
    there = trees.tops(repo.sow, made)
    assert there == [trees.entries(repo.sow, commit) for commit in made]
    assert trees.made_each(repo.sow, there) == [repo.git("rev-parse", f"{one}^{{tree}}") for one in made]
    assert trees.made_each(repo.sow, [[]]) == [trees.made(repo.sow, [])]
