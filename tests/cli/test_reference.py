"""The pages of reference say what is so: commands, settings, files, exit codes, completions."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.parts import ROOT, Person, person, with_project
from tests.cli.test_output import rehearse

import sow_schemas
from sow import errors, roles
from sow.cli import reference
from sow.cli.config import config as settings_commands
from sow.config import RepositoryConfig, check
from sow.errors import INTERRUPTED
from sow.runner import environment
from sow_schemas import page

REFERENCE = ROOT / "docs/reference"


def test_the_reference_of_commands_is_what_their_help_says() -> None:
    assert (REFERENCE / "cli.md").read_text() == reference.page(), "run scripts/docs"


def test_the_reference_of_fields_is_what_the_schemas_say() -> None:
    assert (REFERENCE / "fields.md").read_text() == page.text(), "run scripts/docs"


# Exit codes


def test_every_exit_code_is_told() -> None:
    page = (REFERENCE / "exit-codes.md").read_text()
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SowError)
    ]
    assert told == {0, INTERRUPTED, *(kind.exit_code for kind in kinds)}


# Settings


def keys(schema: dict[str, Any]) -> set[str]:
    """The names of all settings of a schema."""
    found = set(schema.get("properties", {}))
    for part in (*schema.get("properties", {}).values(), schema.get("additionalProperties")):
        found |= keys(part) if isinstance(part, dict) else set()
    return found


@pytest.mark.parametrize("schema", ["user_config", "repository_config"])
def test_every_setting_is_told_and_the_example_is_valid(schema: str) -> None:
    page = (REFERENCE / "configuration.md").read_text()
    for key in keys(sow_schemas.load(schema)):
        assert re.search(rf"^\| `[^`|]*\b{key}\b[^`|]*`|^\| `[^|]*\b{key}\.", page, re.MULTILINE), key
    example = re.search(rf"```yaml title={schema}\n(.*?)```", page, re.DOTALL)
    assert example
    assert sow_schemas.problems(schema, yaml.safe_load(example[1])) == []


def configurations() -> Iterator[Any]:
    """The users' settings that our pages show, each with its page."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```yaml[^\n]*\n(.*?)```", path.read_text(), re.DOTALL):
            if block.startswith("agents:"):
                yield pytest.param(block, id=str(path.relative_to(ROOT)))


@pytest.mark.parametrize("block", [*configurations()])
def test_what_a_page_shows_as_settings_passes_the_check(block: str) -> None:
    assert check.user_text(block.encode(), "page", roles.BUILT_IN) == []


def test_every_command_about_settings_is_told() -> None:
    page = (REFERENCE / "configuration.md").read_text()
    for name in settings_commands.commands:
        assert f"| `sow config {name}` |" in page, name


def test_the_defaults_of_settings_are_as_told(tmp_path: Path) -> None:
    page = (REFERENCE / "configuration.md").read_text()
    held = RepositoryConfig.read(str(tmp_path))
    for key, value in {
        "jobs": held.jobs,
        "isolation": f"`{held.isolation}`",
        "grace_seconds": f"{held.grace_seconds:g}",
        "silence_seconds": f"{held.silence_seconds:g}",
    }.items():
        assert re.search(rf"^\| `{key}` \|.*\| {value} \|$", page, re.MULTILINE), key
    assert all(f"`{role}`" in page for role in roles.BUILT_IN)


def test_the_variables_of_a_worker_are_all_named() -> None:
    page = (REFERENCE / "configuration.md").read_text()
    source = (ROOT / "orchestrator/sow/turn/surroundings.py").read_text()
    for name in set(re.findall(r'"(SOW_[A-Z_]+)"', source)):
        assert f"`{name}`" in page, name
    assert any(fnmatchcase("SOW_TASK_ID", pattern) for pattern in environment.DROPPED)


# Files


def told_files() -> list[str]:
    """The paths of the page on files as glob patterns below the main checkout."""
    page = (REFERENCE / "files.md").read_text()
    above = {
        "In the main checkout": "",
        "The project": "*.sow/project/",
        "What one machine needs": ".sow/runtime/*/",
        "Elsewhere": "",
    }
    patterns = []
    for section in page.split("\n## ")[1:]:
        prefix = next(path for title, path in above.items() if section.startswith(title))
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
            first, *more = re.findall(r"`([^`]+)`", row)
            # Names behind the first stand in the same folder, unless they are whole paths.
            folder = os.path.dirname(first)
            names = [first, *(name if "/" in name else f"{folder}/{name}" for name in more)]
            patterns += [re.sub(r"<\w+>|…", "*", f"{prefix}{name}") for name in names]
    # Whatever is in a worktree, and the catch-all row, prove nothing.
    return [
        p for p in patterns if p not in (".sow/runtime/*/*", ".sow/worktrees/*/*", ".sow/worktrees/*--*/*")
    ]


def test_every_file_that_a_project_leaves_is_told(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.write("notes.md", "n\n")
    who.commit(a__txt="a\n")
    who.done("project", "new", "Add login", "--input", "notes.md")
    rehearse(
        who,
        [{"log": "I begin."}, {"ask": {"question": "Which way?"}}],
        [{"edit": {"path": "a.txt", "content": "b\n"}}, {"report": "needs_review"}],
    )
    who.done("task", "add", "First", "--agent", "implementer")
    assert who.sow("run").code == 5
    who.done("task", "answer", "010", "Left.")
    assert who.sow("run").code == 5
    who.done("task", "feedback", "010", "Once more.")
    assert who.sow("run").code == 5
    who.done("task", "approve", "010")
    who.done("task", "add", "Second", "--agent", "implementer")
    who.done("task", "remove", "020")
    assert untold(who) == []
    who.done("project", "finish", "--merge", "--yes")
    assert untold(who) == []


def untold(who: Person) -> list[str]:
    """The files below `.sow` that the page does not tell."""
    found = [
        os.path.relpath(os.path.join(above, name), who.folder)
        for above, _, names in os.walk(who.folder / ".sow")
        for name in names
    ]
    ours = [path for path in found if not path.startswith(".sow/worktrees/") or "/.sow/project/" in path]
    assert len(ours) > 20
    patterns = told_files()
    return [path for path in ours if not any(fnmatchcase(path, pattern) for pattern in patterns)]


# Completion


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    made = with_project(tmp_path_factory.mktemp("desk"))
    made.done("task", "add", "First", "--agent", "implementer")
    made.done("task", "add", "Second", "--agent", "implementer")
    branch = "feat/add-login--020"
    made.git("worktree", "add", "--quiet", "-b", branch, f".sow/worktrees/{branch}", "feat/add-login")
    made.done("input", "add", "--type", "notes", "--path", "notes.md")
    made.done("task", "set", "status", "paused", "--id", "020")
    settings = made.folder / ".sow/config.yaml"
    settings.write_text(f"{settings.read_text()}task_types:\n  repair: {{agent: implementer}}\n")
    made.done("task", "output", "add", "--type", "log", "--path", "log.md", "--id", "010")
    return made


def completed(who: Person, line: str) -> list[str]:
    """What bash would be offered at the end of a line."""
    words = line.split(" ")
    there = who.at(".", _SOW_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    return [offered.partition(",")[2] for offered in there.done().splitlines() if offered]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sow st", ["status"]),
        ("sow task a", ["add", "ask", "answer", "approve", "accept", "abandon"]),
        ("sow task move 01", ["010"]),
        ("sow task move 010 --phase ", ["implementation"]),
        ("sow task remove 02", ["020"]),
        ("sow task add Third --phase ", ["implementation"]),
        ("sow phase ", ["list", "set"]),
        ("sow phase set ", [
            "status", "enabled", "metadata.planning_approved", "metadata.draft_pr_created", "metadata.pr_url",
            "metadata.pr_number",
        ]),
        ("sow phase set --phase review ", ["status", "enabled", "metadata.iteration"]),
        ("sow phase set status s", ["skipped"]),
        ("sow phase set metadata.planning_approved ", ["true", "false"]),
        ("sow phase set enabled --phase re", ["review"]),
        ("sow project set ", ["description"]),
        ("sow output ", ["add", "set", "remove", "list"]),
        ("sow output add --type ", ["task_list"]),
        ("sow output add --phase review --type ", ["review"]),
        ("sow output list --phase fi", ["finalize"]),
        ("sow input set --index ", ["0"]),
        ("sow output set --index ", []),
        ("sow input set --index 0 a", ["approved"]),
        ("sow input set --index 0 approved ", ["true", "false"]),
        ("sow output set --phase review --index 0 type ", ["review"]),
        ("sow task output remove --id 010 --index ", ["0"]),
        ("sow task output add --id 010 --type ", []),
        ("sow task input list --id ", ["010", "020"]),
        ("sow run --dr", ["--dry-run"]),
        ("sow project show --st", ["--strict"]),
        ("sow project show -o ", ["yaml", "json"]),
        ("sow task show ", ["010", "020"]),
        ("sow task add Third --type ", ["repair"]),
        ("sow review ", ["020"]),
        ("sow advance ", ["planning_complete"]),
        ("sow agent attach 01", ["010"]),
        ("sow run --task 02", ["020"]),
        ("sow task add Third --depends-on 01", ["010"]),
        ("sow --project add-login agent logs ", ["010", "020"]),
        ("sow --project ad", ["add-login"]),
        ("sow project finish ", ["add-login"]),
        ("sow project delete ad", ["add-login"]),
        ("sow project continue --branch fe", ["feat/add-login"]),
        ("sow project finish --target ma", ["main"]),
        ("sow project new Third --type de", ["design"]),
        ("sow task add Third --agent im", ["implementer"]),
        ("sow task set pri", ["priority"]),
        ("sow task set status ne", ["needs_review"]),
        ("sow task set priority ", ["critical", "high", "normal", "low"]),
        ("sow events --type task.", ["task.created", "task.paused"]),
        ("sow schema task_", ["task_error", "task_file", "task_state"]),
        ("sow config ", ["init", "path", "show", "validate", "edit", "reset"]),
        ("sow config reset --y", ["--yes"]),
        ("sow config edit --dr", ["--draft"]),
        ("sow worktree ", ["list", "remove", "prune"]),
        ("sow worktree remove ", ["020", "feat/add-login--020"]),
        ("sow executor ", ["list", "check"]),
        ("sow executor check c", ["claude", "claude-code", "codex", "command", "cursor"]),
        ("sow worktree remove fe", ["feat/add-login--020"]),
        ("sow --project nowhere worktree remove ", []),
        ("sow --project nowhere task show ", []),
        ("sow --project nowhere phase set ", []),
        ("sow --project nowhere output set --index ", []),
    ],
)  # fmt: skip
def test_a_shell_is_offered_what_there_is(desk: Person, line: str, offered: list[str]) -> None:
    assert completed(desk, line) == offered


def test_completion_outside_of_a_repository_says_nothing(tmp_path: Path) -> None:
    there = Person(
        tmp_path,
        tmp_path,
        {"_SOW_COMPLETE": "bash_complete", "COMP_WORDS": "sow task show ", "COMP_CWORD": "3"},
    )
    said = there.sow()
    assert (said.code, said.out.strip(), said.err) == (0, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_lines_of_the_page_set_completion_up(desk: Person, shell: str) -> None:
    page = (ROOT / "docs/howto/shell-completion.md").read_text()
    assert f"_SOW_COMPLETE={shell}_source sow" in page
    script = desk.at(".", _SOW_COMPLETE=f"{shell}_source").done()
    assert f"_SOW_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    checked = subprocess.run(
        [program, "-n", "-c", script] if shell != "fish" else [program, "-n"],
        input=script,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_bash_completes_a_task_by_the_line_of_the_page(desk: Person) -> None:
    """Through bash itself: the function that it was given is called as at a <TAB>."""
    bash = shutil.which("bash")
    assert bash
    wrapper = desk.home / "bin/sow"
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m sow "$@"\n')
    wrapper.chmod(0o755)
    there = desk.at(".", PATH=f"{wrapper.parent}{os.pathsep}{desk.environment['PATH']}")
    line = (
        'eval "$(_SOW_COMPLETE=bash_source sow)"; '
        "COMP_WORDS=(sow task show 0); COMP_CWORD=3; COMP_LINE='sow task show 0'; COMP_POINT=${#COMP_LINE}; "
        '_sow_completion sow 0 show; echo "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(
        [bash, "--norc", "-c", line],
        cwd=there.folder,
        env=there.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("010 020\n", "")
