"""Which words the command line takes: what scripts may count on, and what a shell completes of it.

The reference page follows the program; this table does not.
"""

import click
from tests.cli.test_output import COMMANDS

OPTIONS = {
    "init": "",
    "doctor": "--json",
    "project new": "--branch --type --name --from --input --no-worktree --no-launch --json",
    "project list": "--json",
    "project status": "--json",
    "project show": "-o --strict --json",
    "project set": "--json",
    "project continue": "--branch --json",
    "project finish": "--json",
    "project delete": "--json",
    "phase set": "--phase --json",
    "phase list": "--json",
    **{
        f"{of}{which} {verb}": f"{whose} {options} --json"
        for of, whose in (("", "--phase"), ("task ", "--id"))
        for which in ("input", "output")
        for verb, options in {
            "add": "--type --path --approved", "set": "--index", "remove": "--index", "list": "",
        }.items()
    },
    "task add": "--agent --description --id --phase --depends-on --priority --type --param --json",
    "task set": "--id --string --unset --json",
    "task status": "--id --json",
    "task show": "--json",
    "task list": "--json",
    "task abandon": "--json",
    "task retry": "--json",
    "task move": "--json",
    "task remove": "--json",
    "task edit": "",
    "task ask": "--option --wait --json",
    "task answer": "--json",
    "task feedback": "--file --json",
    "task approve": "--json",
    "advance": "--list --dry-run --json",
    "run": "--task --watch --jobs --budget --dry-run --json",
    "review": "--json",
    "status": "--all --json",
    "agent list": "--json",
    "agent spawn": "--agent --prompt --json",
    "agent resume": "--agent --json",
    "agent attach": "",
    "agent stop": "--json",
    "agent logs": "-f",
    "agent log": "",
    "executor list": "--json",
    "executor check": "--offline --json",
    "worktree list": "--json",
    "worktree remove": "--json",
    "worktree prune": "--json",
    "config init": "--json",
    "config path": "--json",
    "config show": "--json",
    "config validate": "--json",
    "config edit": "",
    "config reset": "--json",
    "prompt": "--list --json",
    "events": "-f --type --task --since --json",
    "validate": "--json",
    "repair": "--json",
    "schema": "--json",
    "import": "--format --json",
    "export": "--format",
    "mcp": "",
}  # fmt: skip
"""Every command that was promised from the beginning, with its options."""

OF_ALL = "--project --no-color -q -v"

ARGUMENTS = {
    "project new": "description",
    "project set": "field value",
    "phase set": "field value",
    "task add": "name",
    "task set": "field value",
    "task show": "task_id",
    "task ask": "question",
    "task answer": "task_id text",
    "task feedback": "task_id text",
    "task approve": "task_id",
    "task abandon": "task_id",
    "task retry": "task_id",
    "task move": "task_id",
    "task remove": "task_id",
    "task edit": "task_id",
    "advance": "event",
    "review": "task_id",
    "agent spawn": "task_id",
    "agent resume": "task_id prompt",
    "agent attach": "task_id",
    "agent stop": "task_id",
    "agent logs": "task_id",
    "agent log": "text",
    "executor check": "name",
    **dict.fromkeys(["project finish", "project delete"], "name"),
    "worktree remove": "name",
    "prompt": "name",
    "schema": "name",
    "import": "file",
    **{f"{of}{which} set": "field value" for of in ("", "task ") for which in ("input", "output")},
}
"""What stands behind a command without a dash, in its order."""

FREE = {
    # words of a person's own
    *("project new description", "project new --name", "project set value", "task add name"),
    *("task add --description", "task ask question", "task ask --option", "task answer text"),
    *("task feedback text", "task abandon --reason", "agent spawn --prompt", "agent resume prompt"),
    *("agent log text", "import --label", "sync --label"),
    # names, numbers, times and addresses of which none is there yet
    *("project new --branch", "task add --id", "run --jobs", "run --budget", "events --since"),
    *("project finish --pr-url", "demo --dir"),
    # pairs
    *("task add --param", "task add --input", "task add --output", "input add --metadata"),
    *("output add --metadata", "task input add --metadata", "task output add --metadata"),
}
"""What a shell completes nothing of, for anything can stand there."""


def test_a_command_takes_what_was_promised() -> None:
    lacking, others = {}, {}
    for command, promised in OPTIONS.items():
        params = COMMANDS[tuple(command.split())].params
        taken = {word for param in params if isinstance(param, click.Option) for word in param.opts}
        lacking[command] = {*promised.split(), *OF_ALL.split()} - taken
        others[command] = " ".join(str(param.name) for param in params if isinstance(param, click.Argument))
    assert {command: words for command, words in lacking.items() if words} == {}
    assert {command: words for command, words in others.items() if words} == ARGUMENTS


def test_a_shell_completes_every_word_that_is_not_free() -> None:
    bare = {
        f"{' '.join(path)} {param.opts[0]}"
        for path, command in COMMANDS.items()
        for param in command.params
        if not param._custom_shell_complete
        and param.type.name in ("text", "integer range", "integer")
        and not getattr(param, "is_flag", False)
    }
    assert bare == FREE
