"""`sow config` as a person and as a program use it, and that what it shows is what agents are started by."""

import json
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.parts import Person, Said, changed, everything, person, with_project
from tests.cli.person import PROMPT, Terminal, at_terminal

import sow_schemas
from sow import roles
from sow.attempt import Attempts
from sow.caps import KINDS
from sow.change import Change
from sow.config import RepositoryConfig
from sow.config.file import EXAMPLE
from sow_executors.catalog import EXECUTORS

OWN = "gardener"
EVERY_ROLE = (*roles.BUILT_IN, OWN)

SETTINGS = """\
# mine, with a comment
agents:
  executors:
    cheap:
      type: claude
      settings:
        model: small   # enough for most
        max_turns: 3
      custom_args: [--verbose]
  bindings:
    implementer: cheap
    gardener: cursor
"""


@pytest.fixture
def who(tmp_path: Path) -> Person:
    """A person in a repository with a role of its own; they have settings, and no editor."""
    made = person(tmp_path)
    made.write(f".sow/agents/{OWN}.md", "Weed.")
    capped = "caps: {roles: {reviewer: {max_seconds: 60}}}\n"
    made.write(".sow/config.yaml", f"requires: '>=0.1'\njobs: 7\nstate:\n  commit: never\n{capped}")
    made.settings(SETTINGS)
    return made


def settings_file(who: Person) -> Path:
    return who.home / ".config/sow/config.yaml"


def beside(who: Person) -> list[str]:
    """The names of the files where the settings lie."""
    return sorted(path.name for path in settings_file(who).parent.iterdir())


def editor(who: Person, program: str) -> Person:
    """The person with a Python program as their editor; `path` is the file that it is given."""
    place = who.home / "editor.py"
    place.write_text(f"import os, pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{program}\n")
    return who.at(".", EDITOR=shlex.join([sys.executable, str(place)]))


def types(who: Person, text: str) -> Person:
    """The person with an editor that replaces the whole text."""
    return editor(who, f"path.write_text({text!r})")


# -- show ------------------------------------------------------------------------------------------


def shown(who: Person, section: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """The settings of a section by their keys: value and source."""
    held = json.loads(who.done("config", "show", "--json"))
    return {each["key"]: (each["value"], each["source"]) for each in held[section]["settings"]}


def test_every_value_is_shown_with_the_variable_the_line_or_the_default_that_it_is_from(who: Person) -> None:
    there = who.at(".", SOW_AGENTS_REVIEWER="script")
    mine, path = shown(there, "user"), str(settings_file(who))
    default = {"kind": "default"}

    def line(number: int) -> dict[str, Any]:
        return {"kind": "file", "path": path, "line": number}

    assert mine == {
        **{f"agents.bindings.{role}": ("claude-code", default) for role in roles.BUILT_IN},
        "agents.bindings.implementer": ("cheap", line(11)),
        "agents.bindings.reviewer": ("script", {"kind": "environment", "variable": "SOW_AGENTS_REVIEWER"}),
        "agents.bindings.gardener": ("cursor", line(12)),
        "agents.executors.cheap.type": ("claude", line(5)),
        "agents.executors.cheap.settings.model": ("small", line(7)),
        "agents.executors.cheap.settings.max_turns": (3, line(8)),
        "agents.executors.cheap.settings.yolo_mode": (False, default),
        "agents.executors.cheap.custom_args": (["--verbose"], line(9)),
        **{
            f"agents.executors.{name}.{key}": (value, default)
            for name, kind in (("claude-code", "claude"), ("cursor", "cursor"), ("script", "script"))
            for key, value in {
                "type": kind, "settings.yolo_mode": False, "settings.model": None, "custom_args": [],
            }.items()
        },
        **{
            f"agents.executors.{name}.settings.{cap}": (None, default)
            for name in ("claude-code", "cursor", "script")
            for cap in KINDS
        },
        **{f"agents.executors.cheap.settings.{cap}": (None, default) for cap in KINDS if cap != "max_turns"},
        "limits.hold_at": (None, default),
    }  # fmt: skip
    ours = shown(there, "repository")
    assert ours["jobs"] == (7, {"kind": "file", "path": f"{who.folder}/.sow/config.yaml", "line": 2})
    assert ours["state.commit"][1]["line"] == 4
    assert ours["grace_seconds"] == (8, default)
    text = there.done("config", "show").splitlines()
    assert text[0] == f"Yours: {path}"
    rows = [line.split() for line in text if line.startswith("  ")]
    assert [row[0] for row in rows] == [*mine, *ours]
    by_key = {row[0]: row[1:] for row in rows}
    assert by_key["agents.bindings.implementer"] == ["cheap", f"{path}:11"]
    assert by_key["agents.bindings.reviewer"] == ["script", "SOW_AGENTS_REVIEWER"]
    assert by_key["agents.executors.claude-code.settings.yolo_mode"] == ["false", "default"]
    assert by_key["jobs"] == ["7", f"{who.folder}/.sow/config.yaml:2"]


def test_what_a_schema_calls_a_default_is_what_holds(who: Person) -> None:
    (who.folder / ".sow/config.yaml").unlink()
    ours = {key: value for key, (value, _) in shown(who, "repository").items()}
    held = RepositoryConfig.read(str(who.folder))
    assert ours == {
        "requires": None,
        "jobs": held.jobs,
        "mcp": held.mcp,
        **dict.fromkeys(("finish.forge", "finish.push", "finish.target")),  # git tells
        "state.commit": "auto" if held.commit_state else "never",
        "isolation": held.isolation,
        "worktree.setup": list(held.worktree.setup),
        "worktree.teardown": list(held.worktree.teardown),
        "worktree.ports": held.worktree.ports,
        "checks": list(held.checks),
        "environment": list(held.environment),
        "grace_seconds": held.grace_seconds,
        "silence_seconds": held.silence_seconds,
        **{f"caps.{name}": None for name in KINDS},
        "stages": held.stages,
        "formats.agent": held.formats.agent or None,
        "formats.agents": held.formats.agents or None,
        "transcript_bytes": "1GiB",
        "worktree.setup_seconds": held.worktree.setup_seconds,
        "worktree.teardown_seconds": held.worktree.teardown_seconds,
    }
    assert held.transcript_bytes == 1 << 30


def test_every_field_of_both_schemas_is_shown(who: Person) -> None:
    def leaves(fields: dict[str, Any], above: str = "") -> Iterator[str]:
        for key, part in fields.items():
            if "properties" in part:
                yield from leaves(part["properties"], f"{above}{key}.")
            elif key == "task_types":
                continue  # each is shown that there is, and here is none
            elif key not in ("stages", "agents") and isinstance(part.get("additionalProperties"), dict):
                below = part["additionalProperties"]
                name = {"executors": "cheap", "bindings": "planner", "roles": "reviewer"}[key]
                yield from leaves({name: below}, f"{above}{key}.")
            else:
                yield f"{above}{key}"

    assert set(leaves(sow_schemas.fields("user_config"))) <= set(shown(who, "user"))
    assert set(leaves(sow_schemas.fields("repository_config"))) == set(shown(who, "repository"))


def test_for_programs_each_role_comes_with_the_executor_that_would_be_started(who: Person) -> None:
    held = json.loads(who.done("config", "show", "--json"))
    assert [row["role"] for row in held["roles"]] == list(EVERY_ROLE)
    by_role = {row["role"]: row for row in held["roles"]}
    assert by_role["implementer"] == {
        "role": "implementer", "executor": "cheap", "type": "claude", "error": None,
        "settings": {"model": "small", "max_turns": 3}, "custom_args": ["--verbose"],
        "source": {"kind": "file", "path": str(settings_file(who)), "line": 11},
    }  # fmt: skip
    assert by_role[OWN]["type"] == "cursor"
    assert {"claude", "command", "cursor", "script"} <= set(held["types"])


def test_a_variable_that_names_no_executor_is_told_and_the_rest_is_shown(
    who: Person,
) -> None:
    there = who.at(".", SOW_AGENTS_REVIEWER="chaep")
    known = ", ".join(sorted([*EXECUTORS, "cheap", "claude-code"]))
    complaint = [
        "sow: executor not found: chaep (named by SOW_AGENTS_REVIEWER)",
        f"     did you mean cheap? the executors: {known}",
    ]
    for words in ((), ("--json",)):
        said = there.sow("config", "show", *words)
        assert (said.code, said.err.splitlines()) == (3, complaint)
        assert "cheap" in said.out
    rows = {row["role"]: row for row in json.loads(said.out)["roles"]}
    assert rows["reviewer"]["type"] is None
    assert rows["reviewer"]["error"] == complaint[0].removeprefix("sow: ")
    assert rows["planner"]["error"] is None


def test_outside_of_a_repository_there_are_the_users_own_settings(who: Person, tmp_path: Path) -> None:
    outside = who.at(tmp_path)
    held = json.loads(outside.done("config", "show", "--json"))
    assert held["repository"] is None
    assert [row["role"] for row in held["roles"]] == list(roles.BUILT_IN)
    assert "agents.bindings.gardener" in shown(outside, "user"), "the file says so, whoever knows the role"
    assert "The repository's" not in outside.done("config", "show")
    named = json.loads(outside.done("config", "show", "--json", "--project", str(who.folder)))
    assert named["repository"]["path"] == f"{who.folder}/.sow/config.yaml"


def test_a_value_plays_no_tricks_on_a_terminal(who: Person) -> None:
    who.settings('agents: {executors: {x: {type: claude, settings: {model: "\\e[2J\\u202e"}}}}\n')
    text = who.done("config", "show") + who.at(".", SOW_AGENTS_PLANNER="\x1b[2J").sow("config", "show").out
    assert "\x1b" not in text
    assert "\u202e" not in text


# -- validate --------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_listed_with_its_place(who: Person) -> None:
    who.settings(SETTINGS.replace("cursor", "cursr").replace("type:", "typ:"))
    who.write(".sow/config.yaml", "jobs: 0\n")
    there = who.at(".", SOW_AGENTS_REVIEWER="chaep")
    before = everything(who.home.parent)
    said = there.sow("config", "validate")
    assert changed(before, everything(who.home.parent)) == []
    path = settings_file(who)
    known = ", ".join(sorted([*EXECUTORS, "cheap", "claude-code"]))
    assert said.out.splitlines() == [
        f"{path}:5: agents.executors.cheap.typ: is not a known field",
        "    did you mean `type`? allowed: type, settings, custom_args",
        f"{path}:12: agents.bindings.gardener: 'cursr' is no executor",
        f"    did you mean cursor? the executors: {known}",
        "SOW_AGENTS_REVIEWER: 'chaep' is no executor",
        f"    did you mean cheap? the executors: {known}",
        f"{who.folder}/.sow/config.yaml:1: jobs: 0 is too small",
        "    did you mean `1`? allowed: a whole number from 1 to 256",
    ]
    assert (said.code, said.err) == (4, "sow: 4 settings not valid\n     mend what is named above\n")
    held = json.loads(there.sow("config", "validate", "--json").out)
    assert held["valid"] is False
    assert held["files"] == [str(path), f"{who.folder}/.sow/config.yaml"]
    assert held["findings"][-1] == {
        "severity": "error", "field": "jobs", "value": 0,
        "source": {"kind": "file", "path": f"{who.folder}/.sow/config.yaml", "line": 1},
        "message": "jobs: 0 is too small",
        "hint": "did you mean `1`? allowed: a whole number from 1 to 256",
    }  # fmt: skip


def test_what_is_valid_is_said_to_be_so_file_by_file(who: Person, tmp_path: Path) -> None:
    assert who.done("config", "validate").splitlines() == [
        f"Valid: {settings_file(who)}",
        f"Valid: {who.folder}/.sow/config.yaml",
    ]
    settings_file(who).unlink()
    outside = who.at(tmp_path)
    assert outside.done("config", "validate") == f"Not there: {settings_file(who)}; the defaults hold\n"
    assert json.loads(outside.done("config", "validate", "--json")) == {
        "valid": True, "files": [str(settings_file(who))], "findings": []
    }  # fmt: skip


def test_a_role_that_nobody_has_described_here_is_a_note_and_no_error(who: Person) -> None:
    who.settings("agents:\n  bindings:\n    gardner: claude\n")
    first, second, *rest = who.done("config", "validate").splitlines()
    assert first == f"{settings_file(who)}:3: note: agents.bindings.gardner: no role here is called that"
    assert second.startswith("    did you mean gardener? the roles: orchestrator, ")
    assert rest[0].startswith("Valid: ")


# -- init, path ------------------------------------------------------------------------------------


def test_a_file_to_begin_with_is_valid_and_the_next_step_is_told(who: Person) -> None:
    settings_file(who).unlink()
    said = who.sow("config", "init")
    assert (said.code, said.out) == (0, f"Wrote {settings_file(who)}\n")
    assert said.err == "Next: make it yours by `sow config edit`; `sow config show` tells what holds\n"
    assert who.sow("config", "validate").code == 0
    assert who.sow("config", "show").code == 0
    again = who.sow("config", "init")
    assert again.told == (
        4,
        [
            f"sow: {settings_file(who)} is there already",
            "     change it: `sow config edit`; begin anew: `sow config reset`",
        ],
    )


# -- edit ------------------------------------------------------------------------------------------


def test_what_the_editor_leaves_becomes_the_settings_with_every_comment(who: Person) -> None:
    settings_file(who).chmod(0o600)
    there = editor(who, "path.write_text(path.read_text().replace('small', 'large'))")
    assert there.done("config", "edit") == f"Changed {settings_file(who)}\n"
    assert settings_file(who).read_text() == SETTINGS.replace("small", "large")
    assert stat.S_IMODE(settings_file(who).stat().st_mode) == 0o600
    assert beside(who) == ["config.yaml"]


def test_visual_goes_before_editor(who: Person) -> None:
    there = types(who, "agents: {}\n")
    who.at(".", EDITOR="false", VISUAL=there.more["EDITOR"]).done("config", "edit")
    assert settings_file(who).read_text() == "agents: {}\n"


def test_where_there_are_no_settings_the_example_is_what_is_edited(who: Person) -> None:
    settings_file(who).unlink()
    there = editor(who, "path.write_text(path.read_text() + '# mine\\n')")
    assert there.done("config", "edit") == f"Wrote {settings_file(who)}\n"
    assert settings_file(who).read_text() == EXAMPLE + "# mine\n"
    assert stat.S_IMODE(settings_file(who).stat().st_mode) == 0o600


@pytest.mark.parametrize("is_there", [True, False], ids=["settings", "no settings"])
def test_an_editor_that_is_left_without_a_change_changes_nothing(who: Person, is_there: bool) -> None:
    if not is_there:
        settings_file(who).unlink()
    before = everything(who.home)
    said = who.at(".", EDITOR="true").sow("config", "edit")
    assert (said.code, said.out, said.err) == (0, "", "Nothing was changed\n")
    assert changed(before, everything(who.home)) == []


def test_off_a_terminal_what_is_not_valid_is_refused_and_kept_as_a_draft(who: Person) -> None:
    settings_file(who).chmod(0o600)
    said = types(who, "# wrong\nagents: {binding: {}}\n").sow("config", "edit")
    assert settings_file(who).read_text() == SETTINGS
    (name,) = set(beside(who)) - {"config.yaml"}
    draft = settings_file(who).parent / name
    assert said == Said(
        4,
        "",
        f"{draft}:2: agents.binding: is not a known field\n"
        "    did you mean `bindings`? allowed: executors, bindings\n"
        f"sow: {settings_file(who)} stays as it is, for the draft is not valid\n"
        f"     the draft is kept; go on with it: `sow config edit --draft {draft}`\n",
    )
    assert draft.read_text() == "# wrong\nagents: {binding: {}}\n"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    reminded = who.at(".", EDITOR="true").sow("config", "edit")
    assert reminded.err.splitlines()[0] == f"An earlier draft was kept: {draft}"
    mended = editor(who, "path.write_text(path.read_text().replace('binding', 'bindings'))")
    mended.done("config", "edit", "--draft", str(draft))
    assert settings_file(who).read_text() == "# wrong\nagents: {bindings: {}}\n"
    assert beside(who) == ["config.yaml"]


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("path.write_bytes(b'a: caf\\xe9')", id="another encoding"),
        pytest.param("path.write_text('agents: [')", id="no YAML"),
        pytest.param(f"path.write_text({SETTINGS.replace('model', 'modle')!r})", id="an unknown setting"),
    ],
)
def test_whatever_is_wrong_with_it_the_settings_stay(who: Person, program: str) -> None:
    said = editor(who, program).sow("config", "edit")
    assert said.code == 4
    assert settings_file(who).read_text() == SETTINGS


def test_a_note_does_not_keep_a_draft_from_becoming_the_settings(who: Person) -> None:
    said = types(who, "agents: {bindings: {weeder: cursor}}\n").sow("config", "edit")
    assert said.code == 0
    assert "note: agents.bindings.weeder: no role here is called that" in said.err
    assert settings_file(who).read_text() == "agents: {bindings: {weeder: cursor}}\n"


def test_settings_that_are_a_link_stay_one(who: Person, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles/sow.yaml"
    dotfiles.parent.mkdir()
    settings_file(who).rename(dotfiles)
    settings_file(who).symlink_to(dotfiles)
    types(who, "agents: {}\n").done("config", "edit")
    assert settings_file(who).is_symlink()
    assert dotfiles.read_text() == "agents: {}\n"
    assert [path.name for path in dotfiles.parent.iterdir()] == ["sow.yaml"]


@pytest.mark.parametrize(
    ("command", "what"),
    [
        pytest.param("false", "false: Editing failed", id="one that fails"),
        pytest.param("/nowhere/ed", "No such file or directory", id="one that is not there"),
        pytest.param("'ed", "No closing quotation", id="a quote that is not closed"),
    ],
)
def test_an_editor_that_can_not_be_used_is_told(who: Person, command: str, what: str) -> None:
    before = everything(who.home)
    code, lines = who.at(".", EDITOR=command).sow("config", "edit").told
    assert (code, len(lines)) == (1, 2)
    assert what in lines[0]
    assert lines[1] == "     set VISUAL or EDITOR to one that is here"
    assert changed(before, everything(who.home)) == []


def test_what_was_written_before_the_editor_failed_is_kept(who: Person) -> None:
    there = editor(who, "path.write_text('agents: {}')\nsys.exit(3)")
    code, lines = there.sow("config", "edit").told
    (name,) = set(beside(who)) - {"config.yaml"}
    assert code == 1
    assert lines[1].endswith(f"`sow config edit --draft {settings_file(who).parent / name}`")
    assert (settings_file(who).parent / name).read_text() == "agents: {}"
    assert settings_file(who).read_text() == SETTINGS


def test_a_kill_while_the_editor_is_open_loses_no_word(who: Person) -> None:
    there = editor(who, "path.write_text('agents: {}')\nos.kill(os.getppid(), 9)")
    assert there.process("config", "edit").code == -9
    assert settings_file(who).read_text() == SETTINGS
    (name,) = set(beside(who)) - {"config.yaml"}
    who.at(".", EDITOR="touch").sow("config", "edit", "--draft", str(settings_file(who).parent / name))
    assert settings_file(who).read_text() == "agents: {}"


def test_what_somebody_else_changed_meanwhile_stays(who: Person) -> None:
    theirs = f"pathlib.Path({str(settings_file(who))!r}).write_text('# theirs\\n')"
    said = editor(who, f"path.write_text('agents: {{}}')\n{theirs}").sow("config", "edit")
    assert said.code == 4
    assert "was changed meanwhile by somebody else" in said.err
    assert settings_file(who).read_text() == "# theirs\n"
    assert len(beside(who)) == 2


# -- at a terminal ---------------------------------------------------------------------------------


def terminal(who: Person, *words: str) -> Any:
    return at_terminal(who.folder, {**who.environment, "PAGER": "cat"}, "config", *words)


TWICE = """\
tries = path.parent.parent / "tries"
first = not tries.exists()
tries.touch()
path.write_text("agents: {binding: {}}\\n" if first else path.read_text().replace("binding", "bindings"))
"""


QUESTION = "[e]dit again, [g]ive up and keep the draft"


def presses(at: Terminal, key: str) -> None:
    at.sees(QUESTION)
    at.presses(key)


def test_on_a_terminal_a_draft_that_is_not_valid_can_be_edited_again(who: Person) -> None:
    with terminal(editor(who, TWICE), "edit") as at:
        at.sees("agents.binding: is not a known field")
        presses(at, "x")
        presses(at, "e")
        at.sees(f"Changed {settings_file(who)}")
        assert at.ends() == 0
    assert settings_file(who).read_text() == "agents: {bindings: {}}\n"
    assert beside(who) == ["config.yaml"]


@pytest.mark.parametrize(
    ("key", "code"), [("g", 4), ("\x04", 4), ("\x03", 130)], ids=["g", "Ctrl-D", "Ctrl-C"]
)
def test_on_a_terminal_one_can_give_up_and_is_told_of_the_draft(who: Person, key: str, code: int) -> None:
    with terminal(editor(who, TWICE), "edit") as at:
        if key == "\x03":
            at.sees(QUESTION)
            at.sees(PROMPT)
            assert at.interrupts() == code
        else:
            presses(at, key)
            assert at.ends() == code
    (name,) = set(beside(who)) - {"config.yaml"}
    # A long line is broken by the terminal, not by us.
    assert f"go on with it: `sow config edit --draft {settings_file(who).parent / name}`" in at.seen
    assert settings_file(who).read_text() == SETTINGS


def test_a_reset_asks_and_keeps_the_old_file(who: Person) -> None:
    with terminal(who, "reset") as at:
        at.sees(f"Set {settings_file(who)} aside? [y/n] ")
        at.child.send("n")
        assert at.ends() == 4
    assert settings_file(who).read_text() == SETTINGS
    with terminal(who, "reset") as at:
        at.sees("aside? [y/n] ")
        at.child.send("y")
        at.sees("The defaults hold; your settings are kept in ")
        assert at.ends() == 0
    (name,) = beside(who)
    assert (settings_file(who).parent / name).read_text() == SETTINGS


# -- reset -----------------------------------------------------------------------------------------


def test_after_a_reset_the_defaults_hold_and_the_old_file_is_told(who: Person) -> None:
    kept = Path(json.loads(who.done("config", "reset", "--yes", "--json"))["kept"])
    assert kept.parent == settings_file(who).parent
    assert kept.read_text() == SETTINGS
    assert not settings_file(who).exists()
    held = json.loads(who.done("config", "show", "--json"))
    assert {row["executor"] for row in held["roles"]} == {"claude-code"}
    assert (
        who.done("config", "reset", "--yes")
        == f"The defaults hold already: there is no {settings_file(who)}\n"
    )
    kept.rename(settings_file(who))
    said = who.done("config", "reset", "--yes")
    assert said.startswith("The defaults hold; your settings are kept in ")


def test_settings_that_can_not_be_read_can_be_reset(who: Person) -> None:
    settings_file(who).write_bytes(b"\xff[")
    assert who.sow("config", "show").code == 4
    who.done("config", "reset", "--yes")
    assert who.sow("config", "show").code == 0


# -- what is shown is what is started --------------------------------------------------------------


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A project with a task for each built-in role, and for one of the repository's own."""
    made = with_project(tmp_path_factory.mktemp("garden"))
    made.write(f".sow/agents/{OWN}.md", "Weed.")
    for role in EVERY_ROLE:
        made.done("task", "add", f"For the {role}", "--agent", role)
    return made


def bound(prefix: str) -> str:
    """Settings that bind each role to an executor of its own."""
    executors = {f"{prefix}-{role}": {"type": "script"} for role in EVERY_ROLE}
    bindings = {role: f"{prefix}-{role}" for role in EVERY_ROLE}
    return json.dumps({"agents": {"executors": executors, "bindings": bindings}})


def would_start(who: Person) -> dict[str, str]:
    """The executor of each role by `sow run --dry-run`, once `sow config show` was seen to say the same."""
    rows = json.loads(who.done("run", "--dry-run", "--json"))
    planned = {row["agent"]: row["executor"] for row in rows}
    held = json.loads(who.done("config", "show", "--json"))
    assert planned == {row["role"]: row["executor"] for row in held["roles"]}
    return planned


@pytest.fixture
def places(garden: Person, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Two places for settings: below the home, and where $XDG_CONFIG_HOME may lead."""
    made = {"home": settings_file(garden), "elsewhere": tmp_path / "xdg/sow/config.yaml"}
    for path in made.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    yield made
    for path in made.values():
        path.unlink(missing_ok=True)


def test_without_settings_each_role_is_played_by_the_default(garden: Person, places: dict[str, Path]) -> None:
    assert would_start(garden) == dict.fromkeys(EVERY_ROLE, "claude-code")


def test_the_file_goes_before_the_default_for_each_role(garden: Person, places: dict[str, Path]) -> None:
    places["home"].write_text(bound("file"))
    assert would_start(garden) == {role: f"file-{role}" for role in EVERY_ROLE}


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_a_variable_goes_before_the_file_for_its_role_alone(
    garden: Person, places: dict[str, Path], role: str
) -> None:
    places["home"].write_text(bound("file"))
    expected = {each: f"file-{each}" for each in EVERY_ROLE}
    variable = roles.variable(role)
    assert would_start(garden.at(".", **{variable: "cursor"})) == {**expected, role: "cursor"}
    assert would_start(garden.at(".", **{variable: ""})) == expected, "an empty one says nothing"


def test_the_settings_are_those_below_xdg_config_home(garden: Person, places: dict[str, Path]) -> None:
    places["home"].write_text(bound("home"))
    places["elsewhere"].write_text(bound("elsewhere"))
    for folder, name in ((str(places["elsewhere"].parents[1]), "elsewhere"), ("", "home"), ("xdg", "home")):
        there = garden.at(".", XDG_CONFIG_HOME=folder)
        assert would_start(there) == {role: f"{name}-{role}" for role in EVERY_ROLE}, folder


@pytest.fixture(scope="module")
def shed(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A project on a machine with three programs that note that they were called, and end."""
    folder = tmp_path_factory.mktemp("shed")
    made = with_project(folder)
    made.write(f".sow/agents/{OWN}.md", "Weed.")
    made.more["PATH"] = f"{folder}{os.pathsep}{made.environment['PATH']}"
    for name in ("claude", "by-file", "by-variable"):
        program = folder / name
        program.write_text('#!/bin/sh\necho "$SOW_TASK_ID" >> "$0.called"\nexit 1\n')
        program.chmod(0o755)
    return made


def spawned(who: Person, role: str) -> tuple[str, list[str]]:
    """The executor of the attempt that `sow agent spawn` makes for a role, and the programs that it calls."""
    task_id = json.loads(who.done("task", "add", "Once", "--agent", role, "--json"))["id"]
    assert who.sow("agent", "spawn", task_id).code in (1, 5)
    (attempt,) = Attempts(who.store().layout).of_task(task_id)
    called = who.home.parent.glob("*.called")
    return attempt.executor, [path.stem for path in called if task_id in path.read_text().split()]


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_an_agent_is_started_by_variable_file_and_default_in_that_order(shed: Person, role: str) -> None:
    assert spawned(shed, role) == ("claude-code", ["claude"])
    executors = {n: {"type": "command", "settings": {"argv": [n]}} for n in ("by-file", "by-variable")}
    shed.settings(json.dumps({"agents": {"executors": executors, "bindings": {role: "by-file"}}}))
    try:
        assert spawned(shed, role) == ("by-file", ["by-file"])
        chosen = shed.at(".", **{roles.variable(role): "by-variable"})
        assert spawned(chosen, role) == ("by-variable", ["by-variable"])
    finally:
        settings_file(shed).unlink()


def test_an_agent_that_starts_others_chooses_as_the_user_did(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    starts = {"type": "command", "settings": {"argv": ["sh", "-c", "sow agent spawn 020 || true"]}}
    ends = {"type": "command", "settings": {"argv": ["true"]}}
    executors = {"starts": starts, "by-variable": ends}
    who.settings(json.dumps({"agents": {"executors": executors, "bindings": {"orchestrator": "starts"}}}))
    who.done("task", "add", "Lead", "--agent", "orchestrator")
    who.done("task", "add", "Follow", "--agent", "implementer")
    assert who.at(".", SOW_AGENTS_IMPLEMENTER="by-variable").sow("agent", "spawn", "010").code == 5
    attempts = Attempts(who.store().layout).of_task("020")
    assert {attempt.executor for attempt in attempts} == {"by-variable"}


def test_a_task_with_a_session_stays_with_the_executor_that_has_it(shed: Person) -> None:
    task_id = json.loads(shed.done("task", "add", "Once", "--agent", "planner", "--json"))["id"]
    assert shed.sow("agent", "spawn", task_id).code in (1, 5)
    shed.store().change_task(task_id, lambda task: Change(task=task.replace(not_before=None)))
    there = shed.at(".", SOW_AGENTS_PLANNER="cursor")
    (row,) = json.loads(there.done("run", "--dry-run", "--task", task_id, "--json"))
    assert row["executor"] == "claude-code"


def test_a_variable_that_names_no_executor_starts_nothing(garden: Person, places: dict[str, Path]) -> None:
    there = garden.at(".", SOW_AGENTS_IMPLEMENTER="cusor")
    before = everything(garden.folder)
    for words in (("run", "--dry-run"), ("agent", "spawn", "020")):
        code, lines = there.sow(*words).told
        assert code == 3
        assert lines[0] == "sow: executor not found: cusor (named by SOW_AGENTS_IMPLEMENTER)"
        assert lines[1].startswith("     did you mean cursor? the executors: ")
    assert changed(before, everything(garden.folder)) == []
