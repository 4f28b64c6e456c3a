"""The machine: each limit is looked at as the kernel has it."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.doctor.parts import lines, program, scene
from tests.git.parts import new_repo

from sow.config import RepositoryConfig
from sow.doctor import machine
from sow.doctor.scene import Scene
from sow.git import places


def with_jobs(folder: Path, jobs: int) -> Scene:
    return replace(scene(folder), settings=RepositoryConfig(jobs=jobs))


def test_the_system_is_told_where_all_is_well(tmp_path: Path) -> None:
    [found] = machine.system(scene(tmp_path))
    assert found.level == "ok"
    assert found.facts["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_kernel_without_pidfds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refused)
    [found] = machine.system(scene(tmp_path))
    assert found.level == "error"
    assert "the kernel refuses pidfd_open: Function not implemented" in found.text


# git


def as_git(folder: Path, version: str) -> None:
    """A git on the PATH that claims to be of a version."""
    real = next(path for path in os.get_exec_path() if os.access(f"{path}/git", os.X_OK))
    told = f'case " $* " in *" version "*) echo "git version {version}";; *) exec {real}/git "$@";; esac'
    program(folder / "bin", "git", told)


@pytest.mark.parametrize(
    ("version", "level"),
    [("2.37.9", "error"), ("1.8.3.1", "error"), ("2.38.0", "ok"), ("2.50.1 (Apple Git-155)", "ok")],
)
def test_a_git_that_is_too_old_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, level: str
) -> None:
    as_git(tmp_path, version)
    here = scene(tmp_path)
    monkeypatch.setenv("PATH", here.environment["PATH"])
    [found] = machine.git(here)
    assert (found.level, found.facts["version"]) == (level, version.split()[0])
    assert (found.mend == "update git") == (level == "error")


def test_without_a_git_it_is_told_which_one_is_needed(tmp_path: Path) -> None:
    assert lines(machine.git(replace(scene(tmp_path), environment={"PATH": str(tmp_path)}))) == [
        "error: there is no git program on the PATH -> install git 2.38 or later"
    ]


def test_a_git_that_knows_nobody_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "EMAIL": ""}.items():
        monkeypatch.setenv(name, value)
    repo = new_repo(tmp_path / "repo")
    here = replace(scene(tmp_path), places=places.find(str(repo.folder)))
    repo.git("config", "user.useConfigOnly", "true")
    assert [found.level for found in machine.git(here)] == ["ok", "note"]
    repo.git("config", "user.name", "Ada")
    repo.git("config", "user.email", "ada@example.org")
    assert [found.level for found in machine.git(here)] == ["ok"]


# Limits


LOOK = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[3])))
from tests.doctor.parts import lines
from tests.doctor.test_machine import with_jobs
from sow.doctor import machine
print("\\n".join(lines(machine.open_files(with_jobs(Path("/tmp"), 20)))))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "told"),
    [
        (144, 1000, "ok: 144 files may be open at once"),
        (143, 1000, "warning: 143 {short} -> raise it: `ulimit -n 144`, {fewer}"),
        (70, 70, "warning: 70 {short} -> ask who runs this machine, {fewer}"),
    ],
)
def test_the_limit_of_open_files_is_held_against_the_number_of_jobs(soft: int, hard: int, told: str) -> None:
    """With the real limit, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", LOOK, ":".join(path for path in sys.path if path), str(soft), str(hard)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    words = {
        "short": "files may be open at once, and 20 agents need 144: sow would look four times a second"
        " instead of being told",
        "fewer": "or run fewer agents: `sow run --jobs 1`",
    }
    assert ended.stdout.strip() == told.format(**words), ended.stderr


def test_no_limit_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: unlimited)
    assert lines(machine.open_files(scene(tmp_path))) == ["ok: any number of files may be open at once"]


WATCH = """
import sys
from inotify_simple import INotify, flags
made = INotify()
made.add_watch("/", flags.MODIFY)
made.add_watch("/tmp", flags.MODIFY)
print("watching", flush=True)
sys.stdin.read()
"""


def test_what_is_in_use_of_inotify_is_counted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as watching:
        assert watching.stdout
        assert watching.stdout.readline() == b"watching\n"
        try:
            assert machine._held_by(watching.pid) == machine.InUse(1, 2)
            every = machine._in_use()
            assert every.instances >= 1
            assert every.watches >= 2
        finally:
            watching.kill()
    assert machine._held_by(watching.pid) == machine.InUse(0, 0)


def limits(folder: Path, instances: str, watches: str) -> str:
    (folder / "max_user_instances").write_text(instances)
    (folder / "max_user_watches").write_text(watches)
    return str(folder)


@pytest.mark.parametrize(
    ("instances", "watches", "levels"),
    [
        ("5\n", "1000\n", ["ok"]),
        ("4\n", "1000\n", ["warning"]),
        ("5\n", "121\n", ["warning"]),
        ("4\n", "100\n", ["warning", "warning"]),
        ("none", "", ["ok"]),
    ],
)
def test_limits_of_inotify_are_held_against_what_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instances: str, watches: str, levels: list[str]
) -> None:
    monkeypatch.setattr(machine, "_INOTIFY", limits(tmp_path, instances, watches))
    monkeypatch.setattr(machine, "_in_use", lambda: machine.InUse(4, 100))
    found = list(machine.watches(scene(tmp_path)))
    assert [one.level for one in found] == levels
    assert all(
        one.mend.startswith("raise the limit: `sudo sysctl fs.inotify.max_user_") for one in found if one.mend
    )


# The disk


def filled(free: int, files: int = 10**6, flags: int = 0) -> Callable[[str], SimpleNamespace]:
    return lambda path: SimpleNamespace(
        f_bavail=free // 4096, f_frsize=4096, f_files=files and 10**7, f_favail=files, f_flag=flags
    )


@pytest.mark.parametrize(
    ("held", "level", "told"),
    [
        (filled(50 << 30), "ok", "50.0 GiB free on the disk of "),
        (filled(900 << 20), "warning", "900.0 MiB free"),
        (filled(99 << 20), "error", "99.0 MiB free"),
        (filled(0), "error", "0 KiB free"),
        (filled(50 << 30, files=999), "error", "takes 999 more files"),
        (filled(50 << 30, files=0), "ok", "50.0 GiB free"),
        (filled(50 << 30, flags=os.ST_RDONLY), "error", "can only be read"),
    ],
)
def test_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: Callable[[str], object], level: str, told: str
) -> None:
    monkeypatch.setattr(os, "statvfs", held)
    [found] = machine.disk(scene(tmp_path))
    assert found.level == level
    assert told in found.text
    assert bool(found.mend) == (level != "ok")
