"""The files that steer sow: what was changed of them is told with whose turn it was, and how to see it."""

from __future__ import annotations

import os

import pytest
from tests.git.parts import Repo

from sow import steering
from sow.steering import Steering


def test_what_was_changed_is_by_name_what_was_done_to_it() -> None:
    before = {"a": b"1", "b": b"1", "c": b"1"}
    assert steering.changed(before, {"a": b"2", "c": b"1", "d": b"1"}) == [
        ("a", "changed"),
        ("b", "removed"),
        ("d", "made"),
    ]
    assert steering.changed(before, dict(before)) == []


def test_each_change_is_told_once_with_the_turns_and_the_command_that_shows_it(repo: Repo) -> None:
    main = str(repo.folder)
    (repo.folder / ".sow/agents").mkdir(parents=True, exist_ok=True)
    config, role = repo.folder / ".sow/config.yaml", repo.folder / ".sow/agents/own.md"
    config.write_text("checks: [make]\n")
    role.write_text("Do it.\n")
    repo.git("add", "-f", ".sow/config.yaml", ".sow/agents/own.md")
    repo.git("commit", "-qm", "settings")
    looked = Steering(main)
    looked.know()
    os.utime(config)
    assert looked.look(["010"]) == [], "touched is not changed"
    config.write_text("checks: []\n")
    (told,) = looked.look(["010", "020"])
    assert told.startswith(".sow/config.yaml, which steers sow, was changed in ")
    assert "during the turn of task 010 (020 at work as well)" in told
    assert told.endswith(f"see what changed: `git -C {main} diff HEAD -- .sow/config.yaml`")
    assert looked.look(["010"]) == []
    repo.git("commit", "-qam", "mine")
    role.write_text("Do nothing.\n")
    repo.git("commit", "-qam", "and its role")
    assert [words.rpartition("; ")[2] for words in looked.look(["010"])] == [
        f"it is as the last commit there has it: `git -C {main} log -1 -p -- .sow/agents/own.md`"
    ]
    (repo.folder / ".sow/types").mkdir()
    (repo.folder / ".sow/types/odd.yaml").write_text("name: odd\n")
    (told,) = looked.look(["020"])
    assert told.endswith(f"no commit has it: look into {main}/.sow/types/odd.yaml")


@pytest.mark.parametrize("odd", ["fifo", "folder", "link", "large"])
def test_what_is_no_plain_file_there_is_told_and_not_waited_for(repo: Repo, odd: str) -> None:
    looked, path = Steering(str(repo.folder)), repo.folder / ".sow/config.yaml"
    path.parent.mkdir(exist_ok=True)
    looked.know()
    match odd:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/nowhere")
        case "large":
            path.write_bytes(b"#" * (steering.LARGEST + 1))
    assert [words.partition(" in ")[0] for words in looked.look(["010"])] == [
        ".sow/config.yaml, which steers sow, was made"
    ]
