"""The file of settings on the disk: nobody's words are lost, links stay links, a kill leaves a whole file."""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.core.killed_writer import CALLS, Fatal

import sow_schemas
from sow import roles
from sow.config import ExecutorChoice, UserConfig, check, file
from sow.config.file import EXAMPLE, Draft
from sow.errors import Failed, NotFound, Refused
from sow.setup import CONFIG

MINE = b"# mine\r\nagents: {bindings: {planner: cursor}}   # and this\n"
AT = 1795262400.0
"""2026-11-21 12:00 UTC."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "sow/config.yaml"
    path.parent.mkdir()
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- the example -----------------------------------------------------------------------------------


def uncommented(text: str) -> str:
    """A file of ours with all that is commented out in it put in: a `# key: value` or `# key:`."""
    return re.sub(r"^(\s*)# (\s*[\w-]+:(\s|$))", r"\1\2", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "schema"), [(EXAMPLE, "user_config"), (CONFIG, "repository_config")], ids=["user", "repository"]
)
def test_every_key_of_a_file_to_begin_with_is_one_of_the_schema(text: str, schema: str) -> None:
    keys = re.findall(r"^\s*(?:# )?\s*([\w-]+):", text, re.MULTILINE)
    whole = yaml.safe_load(uncommented(text))
    assert sow_schemas.problems(schema, whole) == []
    assert len(keys) == len(list(every_key(whole))), "no key got lost on the way"


def every_key(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, held in value.items():
            yield key
            yield from every_key(held)


def test_the_example_passes_the_check_as_it_is_and_with_all_of_it_put_in() -> None:
    for text in (EXAMPLE, uncommented(EXAMPLE)):
        assert check.user_text(text.encode(), "config.yaml", roles.BUILT_IN) == []


def test_the_example_changes_nothing_about_what_holds(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    before = chosen(environment)
    file.begin(str(tmp_path / ".config/sow/config.yaml"))
    after = chosen(environment)
    assert [replace(choice, settings={}) for choice in after] == before
    assert {choice.settings["yolo_mode"] for choice in after} == {False}


def chosen(environment: dict[str, str]) -> list[ExecutorChoice]:
    user = UserConfig.read(environment)
    return [user.for_role(role, {}) for role in roles.BUILT_IN]


# -- begun -----------------------------------------------------------------------------------------


def test_a_new_file_is_the_users_alone_and_one_that_is_there_stays(target: Path) -> None:
    file.begin(str(target))
    assert (target.read_text(), mode(target)) == (EXAMPLE, 0o600)
    target.write_bytes(MINE)
    with pytest.raises(Refused, match="is there already") as refused:
        file.begin(str(target))
    assert "`sow config edit`" in refused.value.hint
    assert target.read_bytes() == MINE


def test_a_link_that_leads_nowhere_yet_is_filled(target: Path, tmp_path: Path) -> None:
    target.symlink_to(tmp_path / "mine.yaml")
    file.begin(str(target))
    assert target.is_symlink()
    assert (tmp_path / "mine.yaml").read_text() == EXAMPLE


# -- drafted and put in place ----------------------------------------------------------------------


def test_what_was_edited_is_put_in_place_byte_by_byte_and_the_draft_is_gone(target: Path) -> None:
    target.write_bytes(MINE)
    target.chmod(0o640)
    draft = Draft.begin(str(target))
    assert (draft.read(), mode(Path(draft.path))) == (MINE, 0o600)
    assert not draft.is_new(draft.read())
    after = MINE + b"# more\n"
    assert draft.is_new(after)
    draft.put(after)
    assert (target.read_bytes(), mode(target)) == (after, 0o640)
    assert names(target.parent) == ["config.yaml"]


def test_settings_are_written_through_a_link(target: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_bytes(MINE)
    target.symlink_to("../dotfiles.yaml")
    draft = Draft.begin(str(target))
    assert Path(draft.path).parent == target.parent, "no litter in a repository of dotfiles"
    draft.put(b"# other\n")
    assert os.readlink(target) == "../dotfiles.yaml"
    assert real.read_bytes() == b"# other\n"
    assert names(tmp_path) == ["dotfiles.yaml", "sow"]


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(target: Path) -> None:
    target.write_bytes(MINE)
    draft = Draft.begin(str(target))
    target.write_bytes(b"# theirs\n")
    with pytest.raises(Refused, match="was changed meanwhile") as refused:
        draft.put(b"# mine\n")
    assert f"--draft {draft.path}" in refused.value.hint
    assert target.read_bytes() == b"# theirs\n"
    again = Draft.again(str(target), draft.path)
    again.put(b"# both\n")
    assert target.read_bytes() == b"# both\n"
    assert names(target.parent) == ["config.yaml"]


def test_a_file_of_the_users_that_was_given_as_a_draft_stays(target: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(MINE)
    Draft.again(str(target), str(own)).put(MINE)
    assert own.read_bytes() == target.read_bytes() == MINE


@pytest.mark.parametrize("through", ["itself", "a link"])
def test_the_settings_are_no_draft_of_themselves(target: Path, tmp_path: Path, through: str) -> None:
    target.write_bytes(MINE)
    (tmp_path / "link.yaml").symlink_to(target)
    given = target if through == "itself" else tmp_path / "link.yaml"
    with pytest.raises(Refused, match="is no draft but the settings themselves"):
        Draft.again(str(target), str(given))
    assert target.read_bytes() == MINE


def test_a_draft_that_is_gone_is_told(target: Path) -> None:
    draft = Draft.begin(str(target))
    os.unlink(draft.path)
    with pytest.raises(NotFound, match="is gone"):
        draft.read()
    draft.drop()


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to /dev/null"])
def test_what_is_no_regular_file_is_neither_read_nor_replaced(target: Path, kind: str) -> None:
    match kind:
        case "a pipe":
            os.mkfifo(target)
        case "a folder":
            target.mkdir()
        case _:
            target.symlink_to("/dev/null")
    with pytest.raises(Refused, match="is not a regular file"):
        Draft.begin(str(target))
    assert names(target.parent) == ["config.yaml"]
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "sow").write_text("")
    for act in (file.begin, Draft.begin):
        with pytest.raises(Failed):
            act(str(tmp_path / "sow/config.yaml"))


# -- set aside -------------------------------------------------------------------------------------


def test_the_old_file_is_kept_under_a_name_that_says_when_and_never_on_top_of_another(target: Path) -> None:
    for text in (MINE, b"# second\n"):
        target.write_bytes(text)
        target.chmod(0o600)
        file.set_aside(str(target), AT)
    kept = ["config.2026-11-21T12-00-00Z-2.yaml", "config.2026-11-21T12-00-00Z.yaml"]
    assert names(target.parent) == kept
    assert [(target.parent / name).read_bytes() for name in kept] == [b"# second\n", MINE]
    assert mode(target.parent / kept[0]) == 0o600
    assert file.set_aside(str(target), AT) is None


def test_of_a_link_the_link_is_set_aside_and_what_it_leads_to_stays(target: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_bytes(MINE)
    target.symlink_to("../dotfiles.yaml")
    kept = file.set_aside(str(target), AT)
    assert kept
    assert os.readlink(kept) == "../dotfiles.yaml"
    assert real.read_bytes() == MINE
    assert not target.exists()


# -- killed ----------------------------------------------------------------------------------------


def killed(step: int, act: Callable[[], object]) -> bool:
    """Whether a process that does `act` was killed at its `step`-th system call that changes something."""
    child = os.fork()
    if child == 0:
        fatal = Fatal(step, os.open(os.devnull, os.O_WRONLY))
        for name in CALLS:
            setattr(os, name, fatal.around(name, getattr(os, name)))
        act()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_a_kill_leaves_the_old_settings_with_the_draft_or_the_new_ones(target: Path) -> None:
    step, seen = 0, set()
    while True:
        step += 1
        for left in target.parent.iterdir():
            left.unlink()
        target.write_bytes(MINE)
        draft = Draft.begin(str(target))
        was_killed = killed(step, lambda draft=draft: draft.put(b"# new\n"))  # type: ignore[misc]
        held = target.read_bytes()
        seen.add(held)
        assert held in (MINE, b"# new\n")
        assert held != MINE or Path(draft.path).exists()
        later = Draft.begin(str(target))
        later.put(b"# later\n")
        assert [n for n in names(target.parent) if n != Path(draft.path).name] == ["config.yaml"]
        if not was_killed:
            break
    assert seen == {MINE, b"# new\n"}
    assert step > 4, "the calls are really counted"


def test_a_reset_that_is_killed_loses_nothing(target: Path) -> None:
    step, was_killed = 0, True
    while was_killed:
        step += 1
        for left in target.parent.iterdir():
            left.unlink()
        target.write_bytes(MINE)
        was_killed = killed(step, lambda: file.set_aside(str(target), AT))
        assert [path.read_bytes() for path in target.parent.iterdir()] == [MINE]
    assert not target.exists()
