"""A broken file is told with its place, hurts no other one, and costs no more than a bounded sum."""

import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest
from tests.cli.mutations import KINDS, LARGE, MUTATIONS, mutants
from tests.cli.parts import Person, Said, person, with_project

from sow.cli import LONGEST_LINE
from sow.document import SIZE

SECONDS = 20.0
"""How much of the processor's time a command may take over a broken file: far more than it does."""

QUICK = ("truncated", "a key twice", "a tab", "a tag", "a billion laughs", "a nul", "of another place")
"""Mutations that are tried whenever tests run; the rest takes some seconds."""


@dataclass
class Desk:
    """A project with two tasks, of which one file at a time is broken."""

    who: Person
    folder: Path
    _priorities: Iterator[str]

    def path(self, kind: str) -> Path:
        """The file that a mutant of this kind takes the place of."""
        phase = self.folder / ".sow/project/phases/implementation"
        return {
            "project": self.folder / ".sow/project/state.yaml",
            "type": self.folder / ".sow/project/type.yaml",
            "phase": phase / "state.yaml",
            "task": phase / "tasks/010/state.yaml",
        }[kind]

    def sow(self, *words: str) -> Said:
        """Calls `sow`, which must come to an end, and without a traceback."""
        began = time.process_time()
        said = self.who.sow(*words)
        assert time.process_time() - began < SECONDS, words
        assert said.code in (0, 4), (words, said)
        assert "\x1b" not in said.out + said.err, words
        return said

    def state(self) -> dict[str, bytes]:
        """Every plain file of the state, by path."""
        found = {}
        for above, _, names in os.walk(self.folder / ".sow/project"):
            for path in (Path(above, name) for name in names):
                if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20:
                    found[str(path)] = path.read_bytes()
        return found

    @contextmanager
    def broken(self, path: Path, spoil: Callable[[Path], object]) -> Iterator[None]:
        """What lies at `path` is moved away, and `spoil` puts something else there for a while."""
        kept = self.who.home / "kept"
        path.rename(kept)
        try:
            spoil(path)
            yield
        finally:
            _remove(path)
            kept.rename(path)

    def check(self, kind: str, path: Path, *, has_line: bool, gist: bool = False) -> None:
        """All that must hold while the file of `kind` at `path` is broken; or only the gist of it."""
        place = f"{path}:" if has_line else f"{path}"
        if gist:
            assert f"broken: {place}" in self.sow("status").out
            _is_told(self.sow(*_refused(kind)[-1]), place)
            assert self.sow("task", "set", "priority", next(self._priorities), "--id", "020").code == 0
            return
        before = self.state()
        self._check_reading(kind, path, place)
        self._check_validate(path, has_line)
        for words in _refused(kind):
            _is_told(self.sow(*words), place)
        assert self.state() == before, "nobody wrote a byte"
        self._check_the_rest(kind)

    def _check_reading(self, kind: str, path: Path, place: str) -> None:
        status = self.sow("status")
        assert status.code == 0
        assert "[020] pending" in status.out
        lines = status.out.splitlines()
        told = [number for number, line in enumerate(lines) if line.startswith(f"  broken: {place}")]
        assert len(told) == 1, status.out
        assert lines[told[0] + 1].strip(), "and what to do about it"
        page = json.loads(self.sow("status", "--json").out)
        assert (page["project"], page["branch"]) == ("add-login", "feat/add-login")
        assert [row["path"] for row in page["broken"]] == [str(path)]
        listed = self.sow("task", "list")
        assert (listed.code, "[020] Second" in listed.out) == (0, True)
        assert (f"broken: {place}" in listed.out) == (kind == "task")

    def _check_validate(self, path: Path, has_line: bool) -> None:
        said = self.sow("validate")
        assert said.code == 4
        assert f"{path}" in said.out
        found = json.loads(self.sow("validate", "--json").out)
        assert not found["valid"]
        assert {problem["path"] for problem in found["problems"]} == {str(path)}
        for problem in found["problems"]:
            assert problem["message"]
            assert problem["hint"]
            assert (problem["line"] is not None) == has_line, problem

    def _check_the_rest(self, kind: str) -> None:
        """Tasks with whole files are shown and changed as ever, by workers' commands and by persons'."""
        others = ("020",) if kind == "task" else ("010", "020")
        for task_id in others:
            priority = next(self._priorities)
            assert self.sow("task", "set", "priority", priority, "--id", task_id).told == (0, [])
            assert f"Priority: {priority}" in self.sow("task", "show", task_id).out
            assert self.sow("agent", "log", "a note", "--id", task_id).told == (0, [])
        assert "add-login" in self.sow("project", "list").out


def _refused(kind: str) -> list[list[str]]:
    """Commands that need the broken file."""
    if kind == "task":
        write = ["task", "set", "priority", "high", "--id", "010"]
        return [["project", "show", "--strict"], ["task", "show", "010"], write]
    shown = [["project", "show"], ["project", "show", "-o", "json"], ["project", "status", "--json"]]
    match kind:
        case "project":
            return [*shown, ["project", "status"], ["project", "set", "description", "x"], ["advance"]]
        case "type":
            return [["advance", "--list"]]
    return [*shown, ["phase", "set", "enabled", "true", "--phase", "implementation"], ["advance"]]


def _is_told(said: Said, place: str) -> None:
    """In two lines, with the place, and what to do."""
    assert said.code == 4
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 2, said
    assert lines[0].startswith("sow: ")
    assert place in lines[0]
    assert lines[1].startswith("     ")
    assert lines[1].strip()
    assert all(line.isprintable() and len(line) < LONGEST_LINE + 20 for line in lines)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    who = with_project(tmp_path_factory.mktemp("desk"))
    for name in ("First", "Second"):
        who.done("task", "add", name, "--agent", "implementer")
    return Desk(who, who.folder / ".sow/worktrees/feat/add-login", cycle(["high", "low"]))


# -- three hundred files ------------------------------------------------------------------------


def test_there_are_three_hundred_of_them_and_always_the_same() -> None:
    small = [name for name in MUTATIONS if name not in LARGE]
    made = [mutant for kind in KINDS for name in small for mutant in mutants(kind, name)]
    assert len({mutant.data for mutant in made}) >= 300
    assert made == [mutant for kind in KINDS for name in small for mutant in mutants(kind, name)]


@pytest.mark.parametrize(
    ("mutation", "kind"),
    [
        pytest.param(name, kind, marks=[] if name in QUICK else pytest.mark.slow)
        for name in MUTATIONS
        for kind in (KINDS if name not in LARGE else KINDS[-1:])
    ],
)
def test_a_broken_file_is_told_and_the_rest_goes_on(desk: Desk, mutation: str, kind: str) -> None:
    path = desk.path(kind)
    # One of the large ones, for each takes a second to be refused, and each time that it is read.
    chosen = islice(mutants(kind, mutation), 1 if mutation in LARGE else None)
    # Whatever is wrong in a file, all commands meet it alike: each mutation is tried on all of them once, and
    # a large one in one kind of file.
    whole = KINDS[list(MUTATIONS).index(mutation) % len(KINDS)]
    for number, mutant in enumerate(chosen):
        gist = mutation in LARGE or number > 0 or kind != whole
        with desk.broken(path, lambda path, data=mutant.data: path.write_bytes(data)):  # type: ignore[misc]
            desk.check(kind, path, has_line=mutation != "too large", gist=gist)
    assert desk.sow("validate").code == 0, "what was broken was the file"


# -- what is no plain file ------------------------------------------------------------------------


def _file_there(path: Path) -> None:
    path.write_text("{\n")


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    # The address of a socket has a hundred characters at most.
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def _link(target: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        path.symlink_to(target.format(kept=_kept(path)))

    return link


def _kept(path: Path) -> Path:
    """The whole file, which was moved out of the repository."""
    return next(above for above in path.parents if above.name == "repo").parent / "home/kept"


def _hundred_megabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)


PLACED: dict[str, Callable[[Path], object]] = {
    "a folder": _folder,
    "a named pipe": _pipe,
    "a socket": _socket,
    "a hundred megabytes": _hundred_megabytes,
    "a link to the whole file, outside": _link("{kept}"),
    "a link to nothing": _link("nothing.yaml"),
    "a link to nothing outside": _link("/nowhere/state.yaml"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to an endless device": _link("/dev/zero"),
    "a link to a terminal": _link("/dev/tty"),
    "a link to a file that is never at its end": _link("/proc/self/mem"),
    "a link to a folder": _link(".."),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("placed", PLACED)
def test_what_is_no_plain_file_of_the_repository_is_told_and_never_waited_for(
    desk: Desk, kind: str, placed: str
) -> None:
    path = desk.path(kind)
    with desk.broken(path, PLACED[placed]):
        desk.check(kind, path, has_line=False)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "name: [", "name: standard\nstates: {}\n", "name: a\nname: b\n"]
)
def test_a_broken_type_stops_only_what_asks_for_it(desk: Desk, text: str) -> None:
    path = desk.path("type")
    with desk.broken(path, lambda path: path.write_text(text)):
        desk.check("type", path, has_line=True)


@pytest.mark.parametrize("placed", PLACED)
def test_what_is_no_plain_file_in_the_place_of_the_type_is_told_too(desk: Desk, placed: str) -> None:
    path = desk.path("type")
    with desk.broken(path, PLACED[placed]):
        desk.check("type", path, has_line=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_file_that_is_gone_is_told(desk: Desk, kind: str) -> None:
    path = desk.path(kind)
    with desk.broken(path, lambda path: None):
        desk.check(kind, path, has_line=False)


# -- folders that are no folders of the repository's ------------------------------------------------


def _file(desk: Desk, path: Path) -> None:
    path.write_text("here was a folder\n")


def _empty_folder(desk: Desk, path: Path) -> None:
    path.mkdir()


def _elsewhere(desk: Desk, path: Path) -> None:
    """A link to a folder outside of the repository that is just as one of its own."""
    outside = desk.who.home / "outside" / path.name
    shutil.copytree(path.with_name("010" if path.name == "030" else "implementation"), outside)
    path.symlink_to(outside)


def _folder_with_state(desk: Desk, path: Path) -> None:
    shutil.copytree(path.with_name("010"), path)


def _copy_of_task(desk: Desk, path: Path) -> None:
    shutil.copytree(desk.path("task").parent, path)


@pytest.mark.parametrize(
    ("place", "put", "words"),
    [
        pytest.param(
            "phases/review", _file, "review: is a file, and should be a folder", id="a phase that is a file"
        ),
        pytest.param(
            "phases/review", _elsewhere, "a link leads out of the repository here",
            id="a phase that is a link to a folder elsewhere",
        ),
        pytest.param(
            "phases/implementation/tasks/01O", _folder_with_state, "01O: '01O' is no task id",
            id="a task's folder with a letter in its name",
        ),
        pytest.param(
            "phases/implementation/tasks/030", _elsewhere, "a link leads out of the repository here",
            id="a task's folder that is a link to one elsewhere",
        ),
        pytest.param(
            "phases/implementation/tasks/030", _empty_folder, "the state file of task 030 is gone",
            id="a task's folder without a state file",
        ),
        pytest.param(
            "phases/implementation/tasks/030", _file, "is a file, and should be a folder",
            id="a task's folder that is a file",
        ),
        pytest.param(
            "phases/review/tasks/010", _copy_of_task, "phase is 'implementation', and its folder says",
            id="a task's folder that was copied to another phase",
        ),
        pytest.param(
            "phases/review/tasks", _file, "phases/review/tasks: is a file, and should be a folder",
            id="a file in the place of a phase's tasks",
        ),
    ],
)  # fmt: skip
def test_a_folder_that_is_none_is_told_and_the_rest_goes_on(
    desk: Desk, place: str, put: Callable[[Desk, Path], None], words: str
) -> None:
    path = desk.folder / ".sow/project" / place
    kept = desk.who.home / "kept-folder"
    if path.exists():
        path.rename(kept)
    else:
        path.parent.mkdir(exist_ok=True)
    put(desk, path)
    try:
        status = desk.sow("status")
        assert status.code == 0
        assert words in status.out
        checked = desk.sow("validate")
        assert checked.code == 4
        assert words in checked.out
        desk._check_the_rest("phase")
    finally:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        if kept.exists():
            kept.rename(path)
    assert desk.sow("validate").code == 0


def test_names_that_are_no_text_are_told_by_their_escape_and_hurt_nobody(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "First", "--agent", "implementer")
    phases = Path(who.store().layout.phases)
    tasks = phases / "implementation/tasks"
    shutil.copytree(tasks / "010", os.fsdecode(bytes(tasks) + b"/\xff10"))
    shutil.copytree(phases / "review", os.fsdecode(bytes(phases) + b"/caf\xe9"))
    (tasks / "010/feedback" / os.fsdecode(b"\xff.md")).write_text("better\n")
    for words in (
        ("status",),
        ("status", "--json"),
        ("task", "list"),
        ("task", "list", "--json"),
        ("events",),
    ):
        said = who.process(*words)
        assert said.code == 0, said
    assert "better" in who.process("task", "show", "010").out
    for words in (("validate",), ("validate", "--json"), ("repair",)):
        said = who.process(*words)
        assert said.code == 4, said
        assert len(said.err.splitlines()) == 2
        assert "is no task id" in said.out
    assert who.process("task", "set", "priority", "high", "--id", "010").code == 0
    assert who.process("task", "add", "Second", "--agent", "implementer").code == 0


# -- a project that lies in one file ----------------------------------------------------------------

OLD = Path(__file__).parents[1] / "states/original"


def _spoilt(data: bytes, chance: Random) -> bytes:
    """Bytes with something cut off, lost, doubled or put in: broken, or by chance still whole."""
    lines = data.splitlines(keepends=True)
    place, byte = chance.randrange(len(lines)), chance.randrange(len(data))
    odd = chance.choice([b"\0", b"\xff", b"\t", b"[", b'"', b"&a ", b"!x ", b": ", b"\n", b"- ", b"#"])
    return chance.choice([
        data[:byte],
        b"".join([*lines[:place], *lines[place + 1 :]]),
        b"".join([*lines[:place], lines[place], *lines[place:]]),
        b"".join([*lines[:place], b"  ", *lines[place:]]),
        b"".join(chance.sample(lines, len(lines))),
        data[:byte] + odd + data[byte:],
        data.replace(b"status: ", b"status: " + odd, 1 + place % 3),
        re.sub(rb"id: .*", b"id: " + chance.choice([b"1", b"[]", b"'010'", b"null"]), data),
        re.sub(rb"(tasks|phases):.*", rb"\1: " + chance.choice([b"7", b"null", b"words", b"[1]"]), data),
    ])  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in OLD.glob("*.yaml")))
def test_a_spoilt_file_of_the_original_program_is_told_or_read(tmp_path: Path, name: str) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    path = who.folder / ".sow/project/state.yaml"
    whole = (OLD / name).read_bytes()
    for number in range(10):
        shutil.rmtree(who.folder / ".sow", ignore_errors=True)
        path.parent.mkdir(parents=True)
        data = _spoilt(whole, Random(f"{name} {number}"))
        path.write_bytes(data)
        for words in ("status", "task list", "project show", "validate --json", "status --json"):
            _is_in_words(who.sow(*words.split()), number)
        assert path.read_bytes() == data, "nobody wrote a byte"
        for words in ("task set priority high --id 010", "repair", "validate", "status"):
            _is_in_words(who.sow(*words.split()), number)


def _is_in_words(said: Said, number: int) -> None:
    assert said.code in (0, 3, 4), (number, said)
    if said.code:
        lines = said.err.splitlines()
        assert len(lines) == 2, (number, said)
        assert lines[0].startswith("sow: "), (number, said)


# -- what this machine keeps --------------------------------------------------------------------------

RUNTIME = (
    "ids", "last-good", "last-good/010.yaml", "last-good/.task-010.yaml.tmp", "last-good/project.yaml",
    "journal", "journal/task-010.json", "events", "events/2026-01-01.ndjson", "attempts",
    "attempts/010-1-1-x/attempt.yaml", "locks/task-010.lock", "locks/orchestrator.lease",
    "locks/turn-010.lease", "../new/other.json",
)  # fmt: skip
USED = (
    ("status",), ("task", "list"), ("task", "show", "010"),
    ("task", "set", "priority", "high", "--id", "010"), ("task", "set", "priority", "low", "--id", "010"),
    ("task", "add", "Third", "--agent", "implementer"), ("agent", "log", "a note", "--id", "010"),
    ("events",), ("agent", "list", "--all"), ("agent", "logs", "010"), ("validate",), ("project", "list"),
    ("run", "--dry-run"), ("repair",),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("placed", [_file_there, _folder, _pipe, _link("nothing"), _link("/dev/full")])
@pytest.mark.parametrize("name", RUNTIME)
def test_whatever_lies_in_the_runtime_no_command_hangs_or_fails_without_words(
    tmp_path: Path, name: str, placed: Callable[[Path], object]
) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "First", "--agent", "implementer")
    path = who.folder / ".sow/runtime/add-login" / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    placed(path)
    for words in USED:
        said = who.sow(*words)
        assert said.code in (0, 1, 3, 4), (words, said)
        if said.code:
            lines = said.err.splitlines()
            assert len(lines) == 2, (words, said)
            assert lines[0].startswith("sow: "), (words, said)
    assert who.sow("task", "list").code == 0, "the state itself is whole"


# -- what it costs ----------------------------------------------------------------------------------

MEMORY = 400 << 20
"""The most bytes of address space that a command gets here: a hostile file of 4 MiB takes half of it."""
CPU_SECONDS = 30


def _bounded(who: Person, *words: str) -> Said:
    """Calls `sow` as a process with little memory and time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))

    ended = subprocess.run(
        [sys.executable, "-m", "sow", *words], cwd=who.folder, env=who.environment, preexec_fn=limit,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    said = Said(ended.returncode, ended.stdout, ended.stderr)
    assert said.code in (0, 4), said
    assert "Traceback" not in said.err
    return said


def _of_the_largest_size(path: Path) -> None:
    path.write_bytes(b"a: [" + b"{}, " * (SIZE // 4 - 4) + b"1]\n")


COSTLY: dict[str, Callable[[Path], object]] = {
    **{
        name: lambda path, name=name: path.write_bytes(list(mutants("task", name))[-1].data)  # type: ignore[misc]
        for name in LARGE
    },
    "of the largest size": _of_the_largest_size,
    "a hundred megabytes": _hundred_megabytes,
    "a link to an endless device": _link("/dev/zero"),
}


@pytest.mark.slow
@pytest.mark.parametrize("costly", COSTLY)
def test_a_process_with_little_memory_and_time_tells_of_it_too(desk: Desk, costly: str) -> None:
    path = desk.path("task")
    with desk.broken(path, COSTLY[costly]):
        assert f"broken: {path}" in _bounded(desk.who, "status").out
        assert f"{path}" in _bounded(desk.who, "validate").out


@pytest.mark.slow
def test_many_of_them_cost_no_more_memory_than_one(desk: Desk) -> None:
    tasks = desk.path("task").parents[1]
    folders = [tasks / f"{number}" for number in range(500, 504)]
    try:
        for folder in folders:
            folder.mkdir()
            COSTLY["too many values"](folder / "state.yaml")
        assert _bounded(desk.who, "task", "list").out.count("more than 100,000 values") == len(folders)
    finally:
        for folder in folders:
            shutil.rmtree(folder)
