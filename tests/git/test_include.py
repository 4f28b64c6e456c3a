"""What comes along into a worktree is what git ignores and the list names: no more, no less."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.forked import code_of
from tests.git.parts import Repo, new_repo

from sow.errors import Failed, Refused
from sow.git import include, worktrees


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = new_repo(tmp_path / "repo")
    made.commit("begin", __gitignore=".env*\nsecrets/\nnode_modules/\n*.key\n", a="a")
    return made


def fresh(repo: Repo, branch: str = "task") -> Path:
    """A worktree that was just made."""
    folder = repo.folder / ".sow/worktrees" / branch
    worktrees.add(repo.sow, str(folder), branch, "main")
    return folder


def bring(repo: Repo, folder: Path) -> int:
    return include.bring(str(repo.folder), str(folder))


def there(folder: Path) -> dict[str, str]:
    """The files and links of a checkout, with their content, but for git's own and for what is committed."""
    found = {}
    for above, _, names in os.walk(folder):
        for name in names:
            path = Path(above, name)
            known = str(path.relative_to(folder))
            if known not in (".git", ".gitignore", "a"):
                found[known] = os.readlink(path) if path.is_symlink() else path.read_text()
    return found


def test_what_git_ignores_and_the_list_names_comes_along(repo: Repo) -> None:
    repo.write(".worktreeinclude", ".env*\n!.env.prod\nsecrets/\n/a\nnotes.txt\n")
    for name in (
        ".env",
        ".env.prod",
        "app/.env.local",
        "secrets/deep/x.txt",
        "notes.txt",
        "node_modules/n.js",
    ):
        repo.write(name, name)
    folder = fresh(repo)
    assert bring(repo, folder) == 3
    assert there(folder) == {name: name for name in (".env", "app/.env.local", "secrets/deep/x.txt")}


def test_modes_times_and_links_are_kept(repo: Repo) -> None:
    repo.write(".worktreeinclude", "*\n")
    secret = repo.write("secrets/token", "s")
    secret.chmod(0o400)
    (repo.folder / ".env").symlink_to("/nowhere/at/all")
    os.utime(secret, ns=(10**18, 10**18 + 7))
    os.utime(secret.parent, ns=(10**18, 10**18 + 9))
    secret.parent.chmod(0o500)
    folder = fresh(repo)
    try:
        bring(repo, folder)
        copy = folder / "secrets/token"
        assert (copy.stat().st_mode & 0o777, copy.stat().st_mtime_ns) == (0o400, 10**18 + 7)
        assert (copy.parent.stat().st_mode & 0o777, copy.parent.stat().st_mtime_ns) == (0o500, 10**18 + 9)
        assert os.readlink(folder / ".env") == "/nowhere/at/all"
        assert not (folder / ".sow").exists()
    finally:
        for one in (secret.parent, folder / "secrets"):
            one.chmod(0o700)


def test_what_is_there_stays_and_what_was_gone_through_is_not_gone_through_again(repo: Repo) -> None:
    repo.write(".worktreeinclude", ".env*\n")
    repo.write(".env", "theirs")
    folder = fresh(repo)
    (folder / ".env").write_text("mine")
    assert bring(repo, folder) == 0
    assert (folder / ".env").read_text() == "mine"
    (folder / ".env").unlink()
    assert bring(repo, folder) == 0, "an agent that removed it meant it"
    repo.write(".worktreeinclude", ".env\n")
    assert bring(repo, folder) == 1, "a new list is gone through"
    assert (folder / ".env").read_text() == "theirs"


def test_a_worktree_that_is_made_again_gets_them_again(repo: Repo) -> None:
    repo.write(".worktreeinclude", ".env\n")
    repo.write(".env", "x")
    folder = fresh(repo)
    assert bring(repo, folder) == 1
    assert worktrees.remove(repo.sow, str(folder), "main") is None
    assert bring(repo, fresh(repo)) == 1


def test_nothing_of_sows_and_no_repository_of_its_own_comes_along(repo: Repo) -> None:
    repo.git("config", "core.excludesFile", str(repo.write("../excludes", ".sow/\nvendor/\n")))
    repo.write(".worktreeinclude", "*\n")
    repo.write(".sow/runtime/x", "x")
    new_repo(repo.folder / "vendor/lib").commit("inner", b="b")
    folder = fresh(repo)
    assert (bring(repo, folder), there(folder)) == (0, {})


def test_a_pipe_is_no_file_to_copy(repo: Repo) -> None:
    repo.write(".worktreeinclude", ".env*\n")
    os.mkfifo(repo.folder / ".env")
    repo.write(".env.local", "x")
    folder = fresh(repo)
    assert (bring(repo, folder), list(there(folder))) == (1, [".env.local"])


def test_a_way_that_leads_out_of_the_worktree_is_refused(repo: Repo, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (repo.folder / "conf").symlink_to(outside)
    repo.commit("a link out")
    repo.git("checkout", "--quiet", "--detach")
    (repo.folder / "conf").unlink()
    repo.write(".worktreeinclude", "conf/\n")
    repo.write("conf/db.key", "k")
    folder = fresh(repo)
    with pytest.raises(Refused, match="leads out of"):
        bring(repo, folder)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_way_that_stays_inside_is_something_in_its_place(repo: Repo) -> None:
    repo.write("real/x", "x")
    (repo.folder / "conf").symlink_to("real")
    repo.commit("a link")
    repo.git("checkout", "--quiet", "--detach")
    (repo.folder / "conf").unlink()
    repo.write(".worktreeinclude", "*.key\n")
    repo.write("conf/db.key", "k")
    folder = fresh(repo)
    assert bring(repo, folder) == 0
    assert os.readlink(folder / "conf") == "real"


def test_a_file_that_git_would_commit_there_is_refused(repo: Repo) -> None:
    folder = fresh(repo)
    repo.write(".gitignore", ".env*\nlocal.ini\n")  # not committed
    repo.write("local.ini", "password")
    repo.write(".worktreeinclude", "local.ini\n")
    with pytest.raises(Refused, match="would be committed"):
        bring(repo, folder)
    assert there(folder) == {}
    repo.write(".git/info/exclude", "local.ini\n")
    assert bring(repo, folder) == 1


def test_a_list_that_is_no_file_is_refused(repo: Repo) -> None:
    (repo.folder / ".worktreeinclude").mkdir()
    with pytest.raises(Refused):
        bring(repo, fresh(repo))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_told(repo: Repo) -> None:
    repo.write(".worktreeinclude", ".env\n")
    repo.write(".env", "x").chmod(0)
    with pytest.raises(Failed, match="can't copy"):
        bring(repo, fresh(repo))


KILLED = """
import os, shutil, sys
from sow.git import include
copy, left = shutil.copy2, int(sys.argv[3])

def dying(source, target, **more):
    global left
    left -= 1
    if left < 0:
        with open(target, "w") as half:
            half.write("ha")
        os.kill(os.getpid(), 9)
    return copy(source, target, **more)

shutil.copy2 = dying
include.bring(*sys.argv[1:3])
"""


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kill_half_way_leaves_no_half_file_and_the_next_start_completes_it(repo: Repo, after: int) -> None:
    repo.write(".worktreeinclude", ".env*\nsecrets/\n")
    names = {".env": "whole 1", ".env.local": "whole 2", "secrets/a/b": "whole 3"}
    for name, text in names.items():
        repo.write(name, text)
    folder = fresh(repo)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(repo.folder), str(folder), str(after)],
        check=False,
        preexec_fn=code_of(KILLED, [str(repo.folder), str(folder), str(after)], os.environ),
    )
    assert done.returncode == -signal.SIGKILL
    half = {name: text for name, text in there(folder).items() if not name.startswith(".sow/runtime/")}
    assert half.items() <= names.items()
    assert len(half) == after
    assert bring(repo, folder) == 3 - after
    assert there(folder) == names
    assert not (folder / ".sow").exists()


PART = st.sampled_from(["a1", ".env", ":(top)b", "b", "x.key", "é", "c d", "secrets"])
PATTERN = st.builds(
    lambda bang, slash, parts, end: f"{bang}{slash}{'/'.join(parts)}{end}",
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(
        st.sampled_from(["*", "**", "a?", ".env", "*.key", "b", "secrets", "c d"]), min_size=1, max_size=2
    ),
    st.sampled_from(["", "", "/"]),
)
PATHS = st.sets(st.lists(PART, min_size=1, max_size=3).map("/".join), max_size=8)


def matching(patterns: list[str], names: set[str], tmp: Path) -> set[str]:
    """Which of the files `names` the patterns match, as git says where nothing else is ignored."""
    other = new_repo(tmp)
    other.write(".git/info/exclude", "")
    other.write(".gitignore", "".join(f"{pattern}\n" for pattern in patterns))
    for name in names:
        other.write(name, "")
    # Behind `./` a name that begins with `:` is no magic.
    given = "".join(f"./{name}\0" for name in sorted(names)).encode()
    asked = ["git", "check-ignore", "-z", "--stdin"]
    done = subprocess.run(asked, input=given, cwd=tmp, capture_output=True, check=False)
    return {name.removeprefix("./") for name in done.stdout.decode().split("\0") if name}


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(st.lists(PATTERN, min_size=1, max_size=4), st.lists(PATTERN, min_size=1, max_size=4), PATHS)
def test_what_comes_is_what_is_ignored_and_named(
    tmp_path_factory: pytest.TempPathFactory, ignoring: list[str], naming: list[str], paths: set[str]
) -> None:
    names = {name for name in paths if not any(other.startswith(f"{name}/") for other in paths)}
    tmp = tmp_path_factory.mktemp("any")
    repo = new_repo(tmp / "repo")
    repo.git("commit", "--quiet", "--allow-empty", "--message", "begin")
    repo.write(".git/info/exclude", "".join(f"{pattern}\n" for pattern in ignoring))
    repo.write(".worktreeinclude", "".join(f"{pattern}\n" for pattern in naming))
    for name in names:
        repo.write(name, name)
    expected = matching(ignoring, names, tmp / "ignored") & matching(naming, names, tmp / "named")
    assert set(include.named(str(repo.folder))) - {".worktreeinclude"} == expected
    folder = fresh(repo)
    bring(repo, folder)
    assert set(there(folder)) - {".worktreeinclude"} == expected
