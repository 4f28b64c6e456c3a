"""Bad input: each command says in two lines what is wrong and what to do next, and changes no byte."""

# ruff: noqa: E501 - the table holds the very lines that are printed

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.parts import (
    Person,
    Said,
    changed,
    everything,
    person,
    tasks_of_every_status,
    with_project,
)

from sow import lease
from sow.cli import LONGEST_LINE
from sow.roles import BUILT_IN

MISUSED = [
    ("validate --jsn", "no such option: --jsn", "did you mean `--json`?"),
    ("mcp --worke", "no such option: --worke", "did you mean `--worker`?"),
    (
        "mcp --worker",
        "which task? this is no task's worktree",
        "name it by its id; see them: `sow task list`",
    ),
    (
        "mcp --workspace . --worker",
        "--workspace and --worker exclude each other",
        "name what is to be served by one of them",
    ),
    (
        "mcp claude",
        "got unexpected extra argument (claude)",
        "put quotes around words that belong together; see `sow mcp --help`",
    ),
    ("import", "FILE is missing", "see `sow import --help`"),
    ("import ''", "FILE is empty", "name a file: `sow import master_task_list.json`"),
    (
        "sync --fill",
        "FILE is missing",
        "name a file, or leave the options out: `sow sync` is of the inbox folder",
    ),
    (
        "sync list.json --close",
        "--label and --close are for issues, not for a file",
        "leave FILE out, or them",
    ),
    (
        "sync old.yaml --format original --fill",
        "a whole project has its agents and phases",
        "leave --agent, --phase and --fill out",
    ),
    ("sync --close", "FILE is missing", "see `sow sync --help`"),
    ("import list.json --drry", "no such option: --drry", "did you mean `--dry-run`?"),
    (
        "sync list.json --prefer nobody",
        "--prefer: 'nobody' is not one of 'file', 'project'",
        "see `sow sync --help`",
    ),
    (
        "export list.json",
        "got unexpected extra argument (list.json)",
        "put quotes around words that belong together; see `sow export --help`",
    ),
    ("repair --dryrun", "no such option: --dryrun", "did you mean `--dry-run`?"),
    ("repiar", "no such command: sow repiar", "did you mean `sow repair`?"),
    (
        "repair 010",
        "got unexpected extra argument (010)",
        "put quotes around words that belong together; see `sow repair --help`",
    ),
    ("frobnicate", "no such command: sow frobnicate", "see all commands: `sow --help`"),
    ("statsu", "no such command: sow statsu", "did you mean `sow status`?"),
    ("task frobnicate", "no such command: sow task frobnicate", "see all commands: `sow task --help`"),
    (
        "agent spawn",
        "ID and --prompt are both missing",
        'name a task: `sow agent spawn ID`, or say what to do: `sow agent spawn --prompt "..."`',
    ),
    ("agent resume", "PROMPT is missing", "see `sow agent resume --help`"),
    ("agent resume 030", "PROMPT is missing", "see `sow agent resume --help`"),
    (
        "agent resume 'Use sqlite'",
        "which task? this is no task's worktree",
        "name it by its id; see them: `sow task list`",
    ),
    ("project lst", "no such command: sow project lst", "did you mean `sow project list`?"),
    ("agent spwan 010", "no such command: sow agent spwan", "did you mean `sow agent spawn`?"),
    (
        "--frobnicate",
        "no such option: --frobnicate",
        "see `sow --help`; a value that begins with a dash stands behind `--`",
    ),
    (
        "status --frobnicate",
        "no such option: --frobnicate",
        "see `sow status --help`; a value that begins with a dash stands behind `--`",
    ),
    ("status --projec add-login", "no such option: --projec", "did you mean `--project`?"),
    (
        "status extra",
        "got unexpected extra argument (extra)",
        "put quotes around words that belong together; see `sow status --help`",
    ),
    ("run --jobs 0", "--jobs: 0 is no whole number from 1 to 256", "see `sow run --help`"),
    ("run --budget none", "--budget: none is no amount of dollars above 0", "see `sow run --help`"),
    ("run --budget nan", "--budget: nan is no amount of dollars above 0", "see `sow run --help`"),
    ("run --budget 0", "--budget: 0 is no amount of dollars above 0", "see `sow run --help`"),
    ("run --jobs many", "--jobs: many is no whole number from 1 to 256", "see `sow run --help`"),
    ("project show --strcit", "no such option: --strcit", "did you mean `--strict`?"),
    (
        "project show -o xml",
        "--output: 'xml' is not one of 'yaml', 'json'",
        "see `sow project show --help`",
    ),
    ("worktree remove", "ID|BRANCH|PATH is missing", "see `sow worktree remove --help`"),
    (
        "doctor me",
        "got unexpected extra argument (me)",
        "put quotes around words that belong together; see `sow doctor --help`",
    ),
    ("worktree lst", "no such command: sow worktree lst", "did you mean `sow worktree list`?"),
    ("executor lst", "no such command: sow executor lst", "did you mean `sow executor list`?"),
    ("executor check", "NAME is missing", "see `sow executor check --help`"),
    (
        "executor list claude",
        "got unexpected extra argument (claude)",
        "put quotes around words that belong together; see `sow executor list --help`",
    ),
    (
        "project new",
        "DESCRIPTION is missing",
        "`sow project new DESCRIPTION`; with --type, --branch, --name, --from, --input as you like",
    ),
    (
        "project new Other --input gone.md",
        "--input: file 'gone.md' does not exist",
        "see `sow project new --help`",
    ),
    ("project new Other --input .", "--input: file '.' is a directory", "see `sow project new --help`"),
    ("project continue", "--branch is missing", "see `sow project continue --help`"),
    (
        "project continue feat/other --branch feat/other",
        "got unexpected extra argument (feat/other)",
        "put quotes around words that belong together; see `sow project continue --help`",
    ),
    ("project finsh", "no such command: sow project finsh", "did you mean `sow project finish`?"),
    (
        "project finish --merge --pr",
        "--pr and --merge at once",
        "say one of --pr, --merge and --leave",
    ),
    (
        "project finish --leave --draft",
        "--draft is for a pull request, not for --leave",
        "leave it out, or say --pr",
    ),
    (
        "project finish --pr-url there",
        "--pr-url there: that is no address",
        "such as --pr-url https://github.com/me/it/pull/7",
    ),
    (
        "project delete add-login",
        "nobody can be asked here whether to delete the project add-login",
        "say --yes: `sow project delete add-login --yes`",
    ),
    ("task add", "NAME is missing", "see `sow task add --help`"),
    ("task add Name", "--agent is missing", "see `sow task add --help`"),
    (
        "task add --stage asr",
        "--stage is for task files",
        "of a project: `sow task add NAME --agent A`; for task files make `tasks/`",
    ),
    (
        "task add Name --agent planner --output a=b",
        "--output is for task files",
        "of a project: `sow task add NAME --agent A`; for task files make `tasks/`",
    ),
    ("task add Name --agent", "option '--agent' requires an argument", "give it one: `--agent VALUE`"),
    ("task set", "FIELD is missing", "see `sow task set --help`"),
    (
        "task set priority",
        "priority: the VALUE is missing",
        "`sow task set priority VALUE`, or --unset to remove it",
    ),
    (
        "task set priority high low --id 010",
        "got unexpected extra argument (low)",
        "put quotes around words that belong together; see `sow task set --help`",
    ),
    ("task set priority high --unset --id 010", "--unset takes no VALUE", "`sow task set priority --unset`"),
    (
        "phase set status",
        "status: the VALUE is missing",
        "`sow phase set status VALUE`, or --unset to remove it",
    ),
    ("phase set status completed --unset", "--unset takes no VALUE", "`sow phase set status --unset`"),
    (
        "project set description",
        "description: the VALUE is missing",
        "`sow project set description VALUE`, or --unset to remove it",
    ),
    ("output add --path a.md", "--type is missing", "see `sow output add --help`"),
    ("output add --type task_list", "--path is missing", "see `sow output add --help`"),
    (
        "output add --type task_list --path a.md --metadata x",
        "--metadata x: that is no K=V",
        "such as --metadata files=3",
    ),
    ("output set approved true", "--index is missing", "see `sow output set --help`"),
    (
        "output set --index first approved true",
        "--index: 'first' is not a valid integer",
        "see `sow output set --help`",
    ),
    (
        "input set --index 0 approved",
        "approved: the VALUE is missing",
        "`sow input set --index 0 approved VALUE`, or --unset to remove it",
    ),
    ("input remove", "--index is missing", "see `sow input remove --help`"),
    ("output ad", "no such command: sow output ad", "did you mean `sow output add`?"),
    (
        "task output list",
        "which task? this is no task's worktree",
        "name it by its id; see them: `sow task list`",
    ),
    ("task move 010", "--phase is missing", "see `sow task move --help`"),
    ("task remove", "ID is missing", "see `sow task remove --help`"),
    (
        "task feedback 040",
        "give the feedback as TEXT or as --file, one of them",
        "`sow task feedback 040 TEXT`",
    ),
    (
        "task feedback 040 words --file a.txt",
        "give the feedback as TEXT or as --file, one of them",
        "`sow task feedback 040 TEXT`",
    ),
    (
        "task feedback 040 --file gone.md",
        "--file: file 'gone.md' does not exist",
        "see `sow task feedback --help`",
    ),
    (
        "task set priority high",
        "which task? this is no task's worktree",
        "name it by its id; see them: `sow task list`",
    ),
    ("task show", "which task? this is no task's worktree", "name it by its id; see them: `sow task list`"),
    (
        "agent log hello",
        "which task? this is no task's worktree",
        "name it by its id; see them: `sow task list`",
    ),
    ("--project '' status", "--project is empty", "name a project or its folder: --project NAME"),
    (
        "events --since yesterday",
        "--since yesterday: that is no time",
        "such as 2026-11-20, 2026-11-20T18:30:00Z, 30m or 2h",
    ),
    (
        "task add Name --agent implementer --param files",
        "--param files: that is no K=V",
        "such as --param files=3",
    ),
    (
        "config show extra",
        "got unexpected extra argument (extra)",
        "put quotes around words that belong together; see `sow config show --help`",
    ),
    ("config rest", "no such command: sow config rest", "did you mean `sow config reset`?"),
    ("config validate --jsn", "no such option: --jsn", "did you mean `--json`?"),
    ("config reset", "there is no terminal to ask at", "agree beforehand: `sow config reset --yes`"),
    ("config edit", "there is no terminal for an editor", "name one that needs none: VISUAL or EDITOR"),
    (
        "config edit --draft gone.yaml",
        "--draft: file 'gone.yaml' does not exist",
        "see `sow config edit --help`",
    ),
    (
        "task add Name --agent implementer --priority hihg",
        "--priority: 'hihg' is not one of 'critical', 'high', 'normal', 'low'",
        "did you mean `high`?",
    ),
]
"""The command's own words are off: exit code 2."""

NOT_FOUND = [
    ("--project nope status", "project not found: nope", "the projects of {repo}: add-login"),
    ("status --project nope", "project not found: nope", "the projects of {repo}: add-login"),
    ("repair --project nope", "project not found: nope", "the projects of {repo}: add-login"),
    (
        "task add Name --agent implementr",
        "agent not found: implementr",
        "did you mean implementer? the agents here: {roles}; describe one of your own in .sow/agents/implementr.md",
    ),
    (
        "task add Name --agent ../../reviewer",
        "agent not found: ../../reviewer",
        "did you mean reviewer? the agents here: {roles}",
    ),
    ("task add Name --agent ''", "agent not found: its name is empty", "the agents here: {roles}"),
    (
        "task set assigned_agent nobody --id 010",
        "agent not found: nobody",
        "the agents here: {roles}; describe one of your own in .sow/agents/nobody.md",
    ),
    (
        "agent spawn 010 --agent nobody",
        "agent not found: nobody",
        "the agents here: {roles}; describe one of your own in .sow/agents/nobody.md",
    ),
    (
        "agent spawn --prompt words --agent nobody",
        "agent not found: nobody",
        "the agents here: {roles}; describe one of your own in .sow/agents/nobody.md",
    ),
    (
        "agent spawn --prompt words",
        "no program claude here: executor claude-code (default) needs it to be implementer",
        "install it, or choose another executor in the settings: `sow config show`, `sow config init`",
    ),
    (
        "agent resume 030 words --agent nobody",
        "agent not found: nobody",
        "the agents here: {roles}; describe one of your own in .sow/agents/nobody.md",
    ),
    ("task show 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("task show 1", "task not found: 1", "see the tasks there are: `sow task list`"),
    ("task show ''", "task not found:", "see the tasks there are: `sow task list`"),
    ("task set priority high --id 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    (
        "task set priority high --id ../010",
        "task not found: ../010",
        "see the tasks there are: `sow task list`",
    ),
    ("task ask 'Which?' --id 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("task ask 'Which?' --wait --id 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("task answer 099 words", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("task approve 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("agent log words --id 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("agent logs 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("agent stop 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("agent stop 010", "no agent of task 010 runs", "see those that do: `sow agent list`"),
    (
        "config show --project nowhere",
        "no folder nowhere",
        "this command takes a repository's folder as --project DIR",
    ),
    ("worktree remove 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("worktree remove 010", "task 010 has no worktree", "see those there are: `sow worktree list`"),
    ("worktree remove nope", "worktree not found: nope", "see those there are: `sow worktree list`"),
    (
        "worktree remove ''",
        "worktree not found: its name is empty",
        "see those there are: `sow worktree list`",
    ),
    ("worktree remove .", "worktree not found: .", "see those there are: `sow worktree list`"),
    ("worktree list --project nope", "project not found: nope", "the projects of {repo}: add-login"),
    ("doctor --project nope", "project not found: nope", "the projects of {repo}: add-login"),
    ("executor list --project nope", "project not found: nope", "the projects of {repo}: add-login"),
    (
        "executor check codx --offline",
        "executor not found: codx (named by the command line)",
        "did you mean codex? the executors: acp, claude, claude-code, codex, command, cursor, gemini, opencode, script",
    ),
    ("run --task 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("events --task 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    (
        "task add Name --agent implementer --phase building",
        "phase not found: building",
        "the phases of this project: implementation, review, finalize",
    ),
    (
        "project new Other --type exploratoin",
        "project type not found: exploratoin",
        "did you mean exploration? the types: standard, exploration, design, breakdown",
    ),
    (
        "phase set status completed --phase finalise",
        "phase not found: finalise",
        "did you mean finalize? the phases of this project: implementation, review, finalize",
    ),
    (
        "phase set status completed --phase ../../../etc",
        "phase not found: ../../../etc",
        "the phases of this project: implementation, review, finalize",
    ),
    (
        "phase set status completed --phase ''",
        "phase not found: its name is empty",
        "the phases of this project: implementation, review, finalize",
    ),
    (
        "output add --type review --path a.md --phase nope",
        "phase not found: nope",
        "the phases of this project: implementation, review, finalize",
    ),
    (
        "output list --phase nope",
        "phase not found: nope",
        "the phases of this project: implementation, review, finalize",
    ),
    (
        "input remove --index 0 --phase nope",
        "phase not found: nope",
        "the phases of this project: implementation, review, finalize",
    ),
    (
        "task output add --type log --path a.md --id 099",
        "task not found: 099",
        "see the tasks there are: `sow task list`",
    ),
    ("task input list --id 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("task move 099 --phase review", "task not found: 099", "see the tasks there are: `sow task list`"),
    (
        "task move 010 --phase nope",
        "phase not found: nope",
        "the phases of this project: implementation, review, finalize",
    ),
    ("task remove 099", "task not found: 099", "see the tasks there are: `sow task list`"),
    ("task remove ../010", "task not found: ../010", "see the tasks there are: `sow task list`"),
    (
        "schema task",
        "schema not found: task",
        "the schemas: artifact_state, attempt, event, limit_pool, phase_file, phase_state, project_file, project_state, project_type, repository_config, result, stage, task_error, task_file, task_state, user_config, workspace_config",
    ),
    (
        "project new 'Fast search' --from nowhere",
        "there is no commit 'nowhere' in {repo}",
        "`git branch -a` shows what there is",
    ),
    (
        "project continue --branch nope",
        "there is no branch 'nope' here",
        "`git branch -a` shows what there is",
    ),
    (
        "project continue --branch main",
        "branch main has no project: there is no .sow/project/state.yaml on it",
        "begin one on it: `sow project new DESCRIPTION --branch main`",
    ),
    ("import gone.json", "no file {repo}/gone.json", "give the path of a file that is there"),
    ("sync gone.json", "no file {repo}/gone.json", "give the path of a file that is there"),
    (
        "export --format task-lst",
        "format not found: task-lst",
        "did you mean task-list? the formats: task-list, checklist, omniq, task-file, github, original",
    ),
    (
        "export --agent nobody",
        "agent not found: nobody",
        "the agents here: {roles}; describe one of your own in .sow/agents/nobody.md",
    ),
    ("project finish nope --yes", "project not found: nope", "the projects of {repo}: add-login"),
    ("project delete nope --yes", "project not found: nope", "the projects of {repo}: add-login"),
    ("task add '\x1b[2J' --agent '\x1b[2J'", "agent not found: \\x1b[2J", "the agents here: {roles}"),
    ("--project '\udcff' status", "project not found: \\udcff", "the projects of {repo}: add-login"),
    (
        "agent spawn 010",
        "no program claude here: executor claude-code (default) needs it to be implementer",
        "install it, or choose another executor in the settings: `sow config show`, `sow config init`",
    ),
]
"""What it names is not there: exit code 3."""

REFUSED = [
    (
        "import a.txt",
        "a.txt is in none of the formats that are known",
        "say which one is meant: --format, one of task-list, checklist, omniq, task-file, github, original",
    ),
    (
        "import a.txt --format task-list",
        "a.txt:1:1: is no JSON: Expecting value",
        "mend the file there",
    ),
    (
        "executor check cursor --offline",
        "executor cursor: how its agent is run offline is not known (type cursor)",
        "check it on its own model, which costs a little: `sow executor check cursor`",
    ),
    ("task set prioritty high --id 010", "unknown field: prioritty", "did you mean priority?"),
    (
        "task set flavour sweet --id 010",
        "unknown field: flavour",
        "see the fields of a task: `sow schema task_state`",
    ),
    (
        "task set created_at 2026-01-01T00:00:00Z --id 010",
        "created_at can't be set: sow keeps the times",
        "see `sow task set --help` for what can be",
    ),
    (
        "task set iteration 3 --id 010",
        "iteration can't be set: `sow task feedback` opens the next iteration",
        "see `sow task set --help` for what can be",
    ),
    (
        "task set session_id abc --id 010",
        "session_id can't be set: sow stores it before an agent starts; `sow task retry --fresh` asks for a new one",
        "see `sow task set --help` for what can be",
    ),
    (
        "task set outputs x --id 010",
        "outputs can't be set: `sow task output add|set|remove` changes them",
        "see `sow task set --help` for what can be",
    ),
    (
        "task set phase review --id 010",
        "phase can't be set: `sow task move` takes a task to another phase",
        "see `sow task set --help` for what can be",
    ),
    (
        "task set priority hihg --id 010",
        '{tasks}/010/state.yaml: priority: "hihg" is not allowed',
        "did you mean `high`? allowed: critical, high, normal, low",
    ),
    (
        "task set status done --id 010",
        "status: 'done' is none",
        "the statuses: pending, in_progress, paused, needs_review, completed, abandoned",
    ),
    (
        "task set name '' --id 010",
        "the name of the task is empty",
        'name it by what is to be done: "JWT middleware"',
    ),
    (
        "task set metadata.a..b 3 --id 010",
        "metadata.a..b: a step between the dots is empty",
        "write it like metadata.complexity.level",
    ),
    (
        "task set metadata 3 --id 010",
        "{tasks}/010/state.yaml: metadata: 3 is a whole number, not a mapping",
        "allowed: a mapping",
    ),
    (
        "task set metadata.a '{' --id 010",
        "'{' is no YAML value: value:2:1: did not find expected node content, while parsing a flow node",
        "take it as text: --string",
    ),
    (
        "task set depends_on 999 --id 010",
        "task 010 can't depend on 999: there is no such task",
        "see the tasks: `sow task list`",
    ),
    ("task set depends_on 010 --id 010", "task 010 can't depend on itself", "leave it out"),
    (
        "task set depends_on '[[1]]' --id 010",
        "depends_on: '[[1]]' is no list of ids",
        "write it like 010, 020",
    ),
    (
        "task set not_before soon --id 010",
        '{tasks}/010/state.yaml: not_before: "soon" is no time',
        "allowed: a time like 2026-11-20T08:30:00Z",
    ),
    (
        "task set name --unset --id 010",
        "name can't be removed: every task has one",
        "set it: `sow task set name VALUE`",
    ),
    (
        "task set status needs_review --id 010",
        "task 010 is pending and can't become needs_review: no agent has worked on it yet",
        "`sow run` starts it; `sow agent spawn 010` starts it alone",
    ),
    (
        "task set status in_progress --id 010",
        "task 010 is pending: it does not become in_progress by being set",
        "start it: `sow run` or `sow agent spawn 010`",
    ),
    (
        "task set status in_progress --id 040",
        "task 040 is needs_review: it does not become in_progress by being set",
        "send it back: `sow task feedback 040 TEXT`",
    ),
    (
        "task set status completed --id 060",
        "task 060 is abandoned and can't become completed: completing goes only from pending, in_progress, paused or needs_review",
        "take it up again with `sow task retry 060`",
    ),
    (
        "task set status pending --id 050",
        "task 050 is completed: it does not become pending by being set",
        "a completed task stays completed: add another one with `sow task add`",
    ),
    (
        "task set status paused --id 050",
        "task 050 is completed and can't become paused: pausing goes only from pending or in_progress",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "task approve 010",
        "task 010 is pending and can't become completed: approving goes only from needs_review",
        "`sow run` starts it; `sow agent spawn 010` starts it alone",
    ),
    (
        "task approve 050",
        "task 050 is completed already: approving goes only from needs_review",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "task answer 010 words",
        "task 010 is pending and can't become in_progress: answering goes only from paused",
        "`sow run` starts it; `sow agent spawn 010` starts it alone",
    ),
    ("task answer 030 ''", "the answer is empty", "say something: an empty answer tells an agent nothing"),
    (
        "task feedback 030 words",
        "task 030 is paused and can't become in_progress: sending back goes only from needs_review",
        "answer it: `sow task answer 030 TEXT`, or go through all that waits: `sow review`",
    ),
    (
        "task feedback 040 ''",
        "the feedback is empty",
        "say something: an empty feedback tells an agent nothing",
    ),
    (
        "task retry 050",
        "task 050 is completed and can't become pending: retrying goes only from pending, in_progress, paused or abandoned",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "task retry 040",
        "task 040 is needs_review and can't become pending: retrying goes only from pending, in_progress, paused or abandoned",
        "decide about it: `sow review 040`, or `sow task approve 040`",
    ),
    ("task retry 010", "task 010 is pending already", "`sow run` starts it"),
    ("task cancel 010", "task 010 is no task file", "in a project: `sow task abandon 010`"),
    (
        "task abandon 050",
        "task 050 is completed and can't become abandoned: abandoning goes only from pending, in_progress, paused or needs_review",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "task accept 050",
        "task 050 is completed and can't become needs_review: handing in goes only from in_progress, paused or pending",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "task ask 'Which?' --id 050",
        "task 050 is completed and can't become paused: pausing goes only from pending or in_progress",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "task ask 'Which?' --wait --id 010",
        "no agent of task 010 is at work, so there is nobody to wait for the answer",
        "ask without --wait: `sow task ask TEXT --id 010`; the next `sow run` brings the answer",
    ),
    ("task ask '' --id 010", "the question is empty", 'say what you need to know: `sow task ask "..."`'),
    (
        "agent spawn --prompt ' '",
        "the prompt is empty",
        'say what is to be done: `sow agent spawn --prompt "..."`',
    ),
    (
        "agent spawn --prompt '\udcff'",
        "the prompt is not UTF-8 at character 1: '\\udcff'",
        "give it in UTF-8",
    ),
    (
        "agent spawn 050",
        "task 050 is completed: its agent can't be started",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "agent resume 050 words",
        "task 050 is completed: there is nothing to resume",
        "a completed task stays as it is: add another one with `sow task add`",
    ),
    (
        "agent resume 010 words",
        "task 010 is pending: there is nothing to resume",
        "start it: `sow agent spawn 010`",
    ),
    ("agent attach 010", "task 010 has no session to attach to", "start its agent: `sow agent spawn 010`"),
    (
        "task add '' --agent implementer",
        "the name of the task is empty",
        'name it by what is to be done: "JWT middleware"',
    ),
    (
        "task add '   ' --agent implementer",
        "the name of the task is empty",
        'name it by what is to be done: "JWT middleware"',
    ),
    (
        "task add Name --agent implementer --id 010",
        "task id 010 was given before, and ids are never given twice",
        "leave --id out for the next free one",
    ),
    ("task add Name --agent implementer --id 7", "'7' is no task id", "an id is three digits: 010, 015, 020"),
    (
        "task add Name --agent implementer --depends-on 999",
        "task 090 can't depend on 999: there is no such task",
        "see the tasks: `sow task list`",
    ),
    (
        "task add Name --agent implementer --param 'files={'",
        "--param files: '{' is no YAML value: value:2:1: did not find expected node content, while parsing a flow node",
        "put quotes around a text, such as --param 'title=\"a: b\"'",
    ),
    (
        "task add '\udcff' --agent implementer",
        "the name of the task is not UTF-8 at character 1: '\\udcff'",
        "give it in UTF-8",
    ),
    (
        "task add Name --agent implementer --type '\udced\udca0\udc80'",
        "the type of the task is not UTF-8 at character 1: '\\udced\\udca0\\udc80'",
        "give it in UTF-8",
    ),
    (
        "task add Name --agent implementer --description '\udcff'",
        "the description is not UTF-8 at character 1: '\\udcff'",
        "give it in UTF-8",
    ),
    (
        "task set name '\udcff' --id 010",
        "the name of the task is not UTF-8 at character 1: '\\udcff'",
        "give it in UTF-8",
    ),
    (
        "task set metadata.a '\udcff' --id 010",
        "'\\udcff' is no YAML value: value:1:8: the byte 0xff is no UTF-8",
        "take it as text: --string",
    ),
    (
        "task set '\udcff' a --id 010",
        "unknown field: \\udcff",
        "see the fields of a task: `sow schema task_state`",
    ),
    (
        "task set metadata.a '\x01' --id 010",
        "'\\x01' is no YAML value: value:1:8: the character U+0001 has no place in a document",
        "take it as text: --string",
    ),
    (
        "task add Name --agent implementer --phase review",
        "phase review has no tasks in projects of type standard",
        "the phases that have: implementation",
    ),
    (
        "task move 010 --phase review",
        "phase review has no tasks in projects of type standard",
        "the phases that have: implementation",
    ),
    (
        "task remove 070",
        "task 070 can't be removed: 080 depends on it",
        "take that away first: `sow task set depends_on IDS --id 080`, or --unset",
    ),
    (
        "phase set flavour sweet",
        "unknown field: flavour",
        "see the fields of a phase: `sow schema phase_file`",
    ),
    ("phase set enable true", "unknown field: enable", "did you mean enabled?"),
    (
        "phase set iteration 2",
        "iteration can't be set: `sow advance` opens the next iteration",
        "see `sow phase set --help` for what can be",
    ),
    (
        "phase set outputs.0.approved true",
        "outputs can't be set: `sow output add|set|remove` changes them",
        "see `sow phase set --help` for what can be",
    ),
    (
        "phase set status --unset",
        "status can't be removed: every phase has one",
        "set it: `sow phase set status VALUE`",
    ),
    (
        "phase set status complted --phase review",
        "status: 'complted' is none of phase review",
        "did you mean completed? the statuses: pending, in_progress, completed, failed, skipped",
    ),
    (
        "phase set enabled perhaps",
        '{phases}/implementation/state.yaml: enabled: "perhaps" is a text, not true or false',
        "allowed: true or false",
    ),
    (
        "phase set metadata.planning_approved yes",
        '{phases}/implementation/state.yaml: metadata.planning_approved: "yes" is a text, not true or false',
        "did you mean `true`? allowed: true or false",
    ),
    (
        "phase set metadata.x '{'",
        "'{' is no YAML value: value:2:1: did not find expected node content, while parsing a flow node",
        "take it as text: --string",
    ),
    ("phase set metadata.x --unset", "there is no x to remove", "see what is there: `sow phase list --json`"),
    ("project set descr x", "unknown field: descr", "did you mean description?"),
    (
        "project set branch main",
        "branch can't be set: git knows it; `sow project new --branch` begins a project on another one",
        "see `sow project set --help` for what can be",
    ),
    (
        "project set statechart.current_state NoProject",
        "statechart can't be set: `sow advance` takes the project to its next state",
        "see `sow project set --help` for what can be",
    ),
    (
        "project set description '\udcff'",
        "{project}/state.yaml: half a character (a lone surrogate) in '\\udcff'",
        "give a value that a YAML file can hold",
    ),
    (
        "output add --type revew --path a.md --phase review",
        "'revew' is no type of output of phase review",
        "did you mean review? the types there: review",
    ),
    (
        "output add --type review --path a.md",
        "'review' is no type of output of phase implementation",
        "it is one of phase review: `--phase review`; the types there: task_list",
    ),
    (
        "output add --type '' --path a.md",
        "the type of the artifact is empty",
        "the types there: task_list",
    ),
    (
        "output add --type task_list --path ''",
        "the path is empty",
        "name a file, from .sow/project/: --path phases/review/review.md",
    ),
    (
        "output add --type task_list --path ../../../a.md",
        "../../../a.md leaves the repository: it does not lie in {folder}",
        "give a path from {project}, such as phases/review/review.md or ../../docs/login.md",
    ),
    (
        "task output add --type log --path /etc/passwd --id 010",
        "/etc/passwd leaves the repository: it does not lie in {folder}",
        "give a path from {project}, such as phases/review/review.md or ../../docs/login.md",
    ),
    (
        "output add --type task_list --path 'a\x07'",
        "the path 'a\\x07' has a character in it that no artifact's path may have: '\\x07'",
        "give the file another name",
    ),
    (
        "input add --type notes --path a.md --metadata iteration=2",
        "metadata.iteration can't be set: sow notes the iteration that an artifact came in",
        "add the artifact again in the iteration that it is for",
    ),
    (
        "input add --type notes --path a.md --metadata 'x={'",
        "--metadata x: '{' is no YAML value: value:2:1: did not find expected node content, while parsing a flow node",
        "put quotes around a text, such as --metadata 'title=\"a: b\"'",
    ),
    (
        "input add --type notes --path a.md --metadata a=1 --metadata a.b=2",
        "a.b: b can't be set inside 1",
        "unset what is above it first: `--unset`",
    ),
    (
        "task add Name --agent implementer --param a..b=2",
        "a..b: a step between the dots is empty",
        "write it like metadata.complexity.level",
    ),
    (
        "input add --type notes --path held.md",
        "held.md is input [0] of phase implementation already",
        "change that one: `sow input set --phase implementation --index 0 FIELD VALUE`",
    ),
    (
        "input set --index 1 approved true",
        "index out of range: 1",
        "phase implementation has 1 input, counted from 0: `sow input list --phase implementation`",
    ),
    (
        "input set --index -1 approved true",
        "index out of range: -1",
        "phase implementation has 1 input, counted from 0: `sow input list --phase implementation`",
    ),
    (
        "output remove --index 0",
        "index out of range: 0",
        "phase implementation has no outputs, counted from 0: `sow output list --phase implementation`",
    ),
    (
        "task output remove --index 0 --id 010",
        "index out of range: 0",
        "task 010 has no outputs, counted from 0: `sow task output list --id 010`",
    ),
    ("input set --index 0 aproved true", "unknown field: aproved", "did you mean approved?"),
    (
        "input set --index 0 flavour true",
        "unknown field: flavour",
        "see the fields of an artifact: `sow schema artifact_state`",
    ),
    (
        "input set --index 0 created_at 2026-01-01T00:00:00Z",
        "created_at can't be set: sow keeps the times",
        "see `sow input set --help` for what can be",
    ),
    (
        "input set --index 0 metadata.iteration 2",
        "metadata.iteration can't be set: sow notes the iteration that an artifact came in",
        "see `sow input set --help` for what can be",
    ),
    (
        "input set --index 0 approved yes",
        '{phases}/implementation/state.yaml: inputs.0.approved: "yes" is a text, not true or false',
        "did you mean `true`? allowed: true or false",
    ),
    (
        "input set --index 0 path ../../../b.md",
        "../../../b.md leaves the repository: it does not lie in {folder}",
        "give a path from {project}, such as phases/review/review.md or ../../docs/login.md",
    ),
    (
        "input set --index 0 path --unset",
        "path can't be removed: every artifact has one",
        "set it: `sow input set path VALUE`",
    ),
    (
        "project new 'Add login'",
        "there is a project add-login already, in {repo}/.sow/worktrees/feat/add-login",
        "give this one another --name",
    ),
    (
        "project new Other --branch feat/add-login",
        "branch feat/add-login has a project already: add-login",
        "give this one another --branch",
    ),
    (
        "project new Other --branch feat",
        "there can't be a branch 'feat' beside the branch 'feat/add-login': git keeps branches as files, and one would have to be a folder",
        "take another name, or rename the other: `git branch -m feat/add-login NAME`",
    ),
    (
        "project new Other --branch 'a b'",
        "'a b' can't be the name of a branch",
        "take letters, digits, `-`, `_` and single slashes; see `git help check-ref-format`",
    ),
    (
        "project new Other --branch -x",
        "'-x' can't be the name of a branch",
        "take letters, digits, `-`, `_` and single slashes; see `git help check-ref-format`",
    ),
    (
        "project new Other --branch main",
        "main is the default branch and is checked out here",
        "choose another --branch, or --no-worktree to work right here",
    ),
    (
        "project finish --merge --yes",
        "project add-login can't end yet: task 010 is pending; task 020 is in_progress; task 030 is paused; task 040 is needs_review; task 070 is pending; and 1 more",
        "have it done: `sow run`; or give it up: `sow task abandon 010`",
    ),
    (
        "project new Other --name Other",
        "'Other' can't be the name of a project",
        "a name is lower-case letters, digits and dashes, two at least: give one with --name",
    ),
    (
        "project new '日本語'",
        "there is no name in the description",
        "a name is lower-case letters, digits and dashes, two at least: give one with --name",
    ),
    ("project new '\udcff\udcff'", "the description is not UTF-8 at character 1", "give it in UTF-8"),
    (
        "project new '\udcff\udcff' --name other",
        "the description is not UTF-8 at character 1",
        "give it in UTF-8",
    ),
    (
        "worktree remove feat/add-login",
        "{repo}/.sow/worktrees/feat/add-login stays: it holds the state of project add-login",
        "look at it: `git -C {repo}/.sow/worktrees/feat/add-login status`",
    ),
    (
        "agent resume 030 words",
        "executor script: script is the path of a YAML file, not None; set it in the executor's settings or in the task's params",
        "mend it in the file that `sow config path` names",
    ),
]
"""An invalid value or an illegal transition: exit code 4."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A project `add-login` with a task in every status; no test of the table changes it."""
    made = with_project(tmp_path_factory.mktemp("desk"))
    tasks_of_every_status(made)
    made.done("task", "add", "First", "--agent", "implementer")
    made.done("task", "add", "Second", "--agent", "implementer", "--depends-on", "070")
    made.done("input", "add", "--type", "notes", "--path", "held.md")
    return made


def refused(who: Person, *words: str) -> Said:
    """What a command says that must change nothing, and print no result."""
    before = everything(who.folder)
    said = who.sow(*words)
    assert said.out == ""
    assert changed(before, everything(who.folder)) == []
    return said


@pytest.mark.parametrize(
    ("words", "code", "wrong", "to_do"),
    [
        pytest.param(words, code, wrong, to_do, id=ascii(words).strip("'"))
        for code, rows in ((2, MISUSED), (3, NOT_FOUND), (4, REFUSED))
        for words, wrong, to_do in rows
    ],
)
def test_bad_input_is_told_in_two_lines_and_changes_nothing(
    desk: Person, words: str, code: int, wrong: str, to_do: str
) -> None:
    said = refused(desk, *shlex.split(words))
    folder = f"{desk.folder}/.sow/worktrees/feat/add-login"
    project = f"{folder}/.sow/project"
    places = {
        "{repo}": str(desk.folder), "{folder}": folder, "{project}": project, "{phases}": f"{project}/phases",
        "{tasks}": f"{project}/phases/implementation/tasks", "{roles}": ", ".join(BUILT_IN),
    }  # fmt: skip
    for name, place in places.items():
        wrong, to_do = wrong.replace(name, place), to_do.replace(name, place)
    assert said.err.splitlines() == [f"sow: {wrong}", f"     {to_do}"]
    assert said.code == code


# Where sow stands


@pytest.mark.parametrize(
    "words",
    ["status", "task list", "run", "project list", "project new 'Add login'", "validate", "repair", "events"],
)
def test_where_neither_git_nor_a_sow_folder_is_nothing_works(tmp_path: Path, words: str) -> None:
    (tmp_path / "plain").mkdir()
    who = Person(tmp_path / "plain", tmp_path)
    assert refused(who, *shlex.split(words)).told == (
        3,
        [
            f"sow: no .sow folder in {tmp_path}/plain or above it, and no git repository",
            "     run `sow init` here, or change to a folder that has .sow/",
        ],
    )


@pytest.mark.parametrize("words", ["worktree list", "worktree prune", "worktree remove feat/x"])
def test_what_is_about_git_alone_says_so_where_there_is_none(tmp_path: Path, words: str) -> None:
    (tmp_path / "plain").mkdir()
    who = Person(tmp_path / "plain", tmp_path)
    assert refused(who, *words.split()).told == (
        3,
        [
            f"sow: {tmp_path}/plain is in no git repository",
            "     change to one, or make one here: `git init`",
        ],
    )


def test_without_a_git_program_it_says_what_to_install(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.more["PATH"] = str(tmp_path)
    assert refused(who, "project", "new", "Add login").told == (
        1,
        ["sow: there is no git program on the PATH", "     install git 2.38 or later, and repeat"],
    )


def test_before_init_the_way_to_begin_is_told(tmp_path: Path) -> None:
    who = person(tmp_path)
    assert refused(who, "status").told == (
        3,
        [
            f"sow: no .sow folder in {who.folder}",
            "     run `sow init` here, then `sow project new DESCRIPTION`",
        ],
    )
    who.done("init")
    assert refused(who, "task", "add", "Name", "--agent", "implementer").told == (
        3,
        [f"sow: no active project in {who.folder}", "     begin one: `sow project new DESCRIPTION`"],
    )
    who.write(".sow/inbox/list.json", "[]")
    assert "files wait in .sow/inbox/ for it" in refused(who, "sync").told[1][1]


def test_in_a_folder_that_is_gone_it_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    who = Person(folder, tmp_path)
    code = "import os, sys; os.rmdir(os.getcwd()); from sow.cli import main; sys.exit(main(['status']))"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=who.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert Said(ended.returncode, ended.stdout, ended.stderr).told == (
        3,
        ["sow: the folder that you stand in is gone", "     change to one that is there"],
    )


def test_two_projects_at_once_are_named_and_one_is_picked(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("project", "new", "Fast search")
    assert refused(who, "status").told == (
        2,
        [
            "sow: there are several projects here: add-login, fast-search",
            "     name one: --project NAME",
        ],
    )
    for words in (("--project", "fast-search", "status"), ("status", "--project", "fast-search")):
        assert who.done(*words).startswith("fast-search  (branch feat/fast-search")
    worktree = f"{who.folder}/.sow/worktrees/feat/add-login"
    assert who.done("status", "--project", worktree).startswith("add-login ")
    assert who.done("status", "--all").count("total tasks") == 2


# Broken files, programs that are missing, somebody who was first


def test_a_broken_state_file_is_told_with_its_line_and_the_rest_is_shown(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "First", "--agent", "implementer")
    who.done("task", "add", "Second", "--agent", "implementer")
    path = Path(who.store().layout.task_file("implementation", "010"))
    path.write_text(path.read_text().replace("iteration: 1", "iteration: ["))
    for words in (("task", "show", "010"), ("task", "set", "priority", "high", "--id", "010")):
        said = refused(who, *words)
        assert said.code == 4
        assert len(said.err.splitlines()) == 2
        assert f"{path}:" in said.err
    shown = who.done("status")
    assert "[020] pending" in shown
    assert f"broken: {path}:" in shown
    checked = who.sow("validate")
    assert (checked.code, checked.err.splitlines()[0]) == (4, "sow: 1 problem in 1 file")
    assert str(path) in checked.out


def test_broken_settings_are_told_with_their_place(desk: Person) -> None:
    desk.settings("agents:\n  bindings:\n    implementer: [claude]\n")
    said = refused(desk, "config", "show")
    path = desk.home / ".config/sow/config.yaml"
    path.unlink()
    assert said.code == 4
    assert said.err.splitlines() == [
        f'sow: {path}:3: agents.bindings.implementer: ["claude"] is a list, not a text',
        "     did you mean `claude`? allowed: a text that is not empty",
    ]


def test_an_agent_whose_program_is_missing_is_not_started(desk: Person) -> None:
    desk.more["PATH"] = "/usr/bin:/bin"
    try:
        for words in (("agent", "spawn", "010"), ("agent", "spawn", "010", "--agent", "reviewer")):
            said = refused(desk, *words)
            assert said.code == 3
            assert said.err.startswith(
                "sow: no program claude here: executor claude-code (default) needs it "
            )
    finally:
        del desk.more["PATH"]


def test_an_answer_is_not_taken_by_a_resume_that_can_not_start(desk: Person) -> None:
    said = refused(desk, "agent", "resume", "030", "left")
    assert said.code == 4
    assert said.err.startswith("sow: executor script: script is the path of a YAML file, not None")


@pytest.fixture
def other(desk: Person) -> Iterator["subprocess.Popen[bytes]"]:
    """Another orchestrator of the same project, which lives."""
    path = f"{desk.store().layout.locks}/orchestrator.lease"
    code = (
        "import sys; from sow import lease; held = lease.acquire(sys.argv[1], 'run'); "
        "sys.stdout.write('held\\n'); sys.stdout.flush(); sys.stdin.read(); held.release()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, path],
        env=desk.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(timeout=120)
        process.stdout.close()


def test_a_second_orchestrator_is_refused(desk: Person, other: "subprocess.Popen[bytes]") -> None:
    said = refused(desk, "run")
    assert said.code == 6
    assert str(other.pid) in said.err
    assert len(said.err.splitlines()) == 2
    with pytest.raises(lease.Held):
        lease.acquire(f"{desk.store().layout.locks}/orchestrator.lease", "run")


# Odd input


ODD = {
    "half a character": "\udced\udca0\udc80",
    "bytes that are no text": "caf\udce9",
    "an emoji": "\N{SEEDLING}",
    "a name that begins with a dash": "--force",
    "a very long word": "x" * 120_000,
    "an escape of the terminal": "\x1b]0;title\x07",
    "text that turns around": "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "new lines": "a\nb\r\nc",
    "a path": "../../../etc/passwd",
    "nothing": "",
}

PLACES = [
    "task add @ --agent implementer",
    "task add Name --agent @",
    "task add Name --agent implementer --phase @",
    "phase set @ value",
    "phase set metadata.key @",
    "phase set metadata.@ value",
    "phase set status @",
    "phase set status pending --phase @",
    "project set @ value",
    "project set description @",
    "output add --type @ --path a.md",
    "output add --type task_list --path @",
    "output add --type task_list --path a.md --phase @",
    "input add --type @ --path b.md",
    "input add --type notes --path c.md --metadata key=@",
    "input add --type notes --path d.md --metadata @",
    "input set --index @ approved true",
    "input set --index 0 @ true",
    "input set --index 0 path @",
    "input set --index 0 metadata.key @",
    "input remove --index @",
    "task output add --type @ --path @ --id 010",
    "task output set --index 0 path @ --id 010",
    "task input list --id @",
    "task move @ --phase review",
    "task move 010 --phase @",
    "task remove @",
    "task add Name --agent implementer --type @",
    "task add Name --agent implementer --description @",
    "task add Name --agent implementer --depends-on @",
    "task add Name --agent implementer --param @",
    "task add Name --agent implementer --param key=@",
    "task add Name --agent implementer --id @",
    "task set @ value --id 010",
    "task set name @ --id 010",
    "task set metadata.key @ --id 010",
    "task set metadata.@ value --id 010",
    "task set priority @ --id 010",
    "task set metadata.key @ --string --id 010",
    "task set priority high --id @",
    "task show @",
    "task ask @ --id 010",
    "agent log @ --id 010",
    "agent logs @",
    "project new @",
    "project new Name --branch @",
    "project new Name --from @",
    "project new Name --name @",
    "project new Name --input @",
    "project continue --branch @",
    "project finish @ --leave",
    "project finish --merge --target @ --yes",
    "project finish --pr-url @ --yes",
    "project delete @",
    "--project @ status",
    "events --since @",
    "events --type @",
    "schema @",
    "config edit --draft @",
    "config show --project @",
    "worktree remove @",
    "@",
    "task @",
]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_input_never_ends_in_a_traceback(tmp_path: Path, odd: str) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "First", "--agent", "implementer")
    for place in PLACES:
        words = [odd if word == "@" else word.replace("@", odd) for word in place.split()]
        said = who.sow(*words)
        assert said.code in (0, 1, 2, 3, 4), (place, said)
        lines = said.err.splitlines()
        # A name that begins with a dash may be an option that there is: `--help` has no complaint.
        if said.code:
            assert len(lines) == 2, (place, said)
            assert lines[0].startswith("sow: "), (place, said)
            assert all(len(line) <= LONGEST_LINE + 20 and line.isprintable() for line in lines), (place, said)
    looks = ("status", "task list", "task show 010", "events", "project list", "phase list", "input list",
             "task output list --id 010")  # fmt: skip
    for words in map(str.split, looks):
        shown = who.done(*words, *(["--project", "add-login"] if words[0] != "project" else []))
        assert "\x1b" not in shown
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
    assert who.sow("validate", "--project", "add-login").code == 0


def test_a_description_of_a_megabyte_with_nuls_in_it_is_kept(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    text = b"a\0b\xff" + b"x" * (1 << 20)
    who.done("task", "add", "Long", "--agent", "implementer", "--description", "-", stdin=text)
    shown = who.store()
    assert len(shown.description(shown.task("010"))) > 1 << 20
    assert who.process("task", "show", "010").code == 0


def test_names_that_are_no_text_are_printed_by_their_escape(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))
    who = with_project(folder)
    assert who.process("status").code == 0
    assert "\\udce9/repo/.sow/worktrees/feat/add-login" in who.process("status", "--json").out
    said = who.process("project", "list", "--json")
    assert (said.code, said.err) == (0, "")
