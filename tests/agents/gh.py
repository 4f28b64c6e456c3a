"""A stand-in for GitHub's `gh`: it keeps the contract of the commands that sow calls, and remembers.

    gh auth status [--hostname HOST]
    gh pr create --title T --body-file F --head B --base B [--draft]
    gh pr list --head B [--base B] [--state S] --json FIELDS
    gh pr view WHICH --json FIELDS
    gh pr edit WHICH --title T --body-file F
    gh pr ready WHICH
    gh issue list [--label L]... [--state S] [--limit N] --json FIELDS
    gh issue comment NUMBER --body TEXT
    gh issue close NUMBER [--reason R] [--comment TEXT]

What it knows of a repository it asks the remote `origin` of the folder that it is called in, so a branch
that nobody has pushed has no pull request. Its own state is the JSON file that GH_STAND_IN names:
{"login": bool, "pulls": [...], "issues": [...], "calls": [...]}; `"deed"` there is a shell command that is
run right after a pull request was opened, with sow's pid as $1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

ISSUE_FIELDS = (
    "number", "title", "body", "labels", "state", "stateReason", "url", "comments", "assignees", "author",
    "createdAt", "updatedAt",
)  # fmt: skip
HOST = "https://github.com/ada/demo"
FIELDS = ("number", "url", "state", "isDraft", "body", "title", "headRefName", "baseRefName")


class Words(argparse.ArgumentParser):
    """Unknown flags end as they do there: with code 1 and the usage."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}\n\nUsage:  {self.prog} [flags]")


def fail(words: str) -> NoReturn:
    print(words, file=sys.stderr)
    sys.exit(1)


def main(words: list[str]) -> None:
    path = Path(os.environ["GH_STAND_IN"])
    state: dict[str, Any] = json.loads(path.read_text("utf-8"))
    state.setdefault("calls", []).append(words)
    keep(path, state)
    if words[:2] == ["auth", "status"]:
        return status(state)
    if not state.get("login"):
        print("To get started with GitHub CLI, please run:  gh auth login", file=sys.stderr)
        sys.exit(4)
    of_issues = {"list": issue_list, "comment": issue_comment, "close": issue_close}
    if words[0] == "issue" and words[1] in of_issues:
        return of_issues[words[1]](words[2:], state, path)
    deeds = {"create": create, "list": list_, "view": view, "edit": edit, "ready": ready}
    if words[0] != "pr" or words[1] not in deeds:
        fail(f'unknown command "{words[0]}" for "gh"')
    deeds[words[1]](words[2:], state, path)
    return None


def status(state: dict[str, Any]) -> None:
    if not state.get("login"):
        fail("You are not logged into any GitHub hosts. To log in, run: gh auth login")
    print("github.com\n  ✓ Logged in to github.com account ada (keyring)")


def create(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh pr create")
    for name in ("--title", "--body-file", "--head", "--base"):
        parser.add_argument(name, required=True)
    parser.add_argument("--draft", action="store_true")
    given = parser.parse_args(words)
    print(f"\nCreating pull request for {given.head} into {given.base} in ada/demo\n", file=sys.stderr)
    for held in state["pulls"]:
        if (held["headRefName"], held["baseRefName"], held["state"]) == (given.head, given.base, "OPEN"):
            what = f'a pull request for branch "{given.head}" into branch "{given.base}" already exists'
            fail(f"{what}:\n{held['url']}")
    head, base = remote_tip(given.head), remote_tip(given.base)
    if not head or not base:
        fail("pull request create failed: GraphQL: Head sha can't be blank, Base sha can't be blank")
    if head == base:
        fail(f"pull request create failed: GraphQL: No commits between {given.base} and {given.head}")
    number = len(state["pulls"]) + 1
    made = {
        "number": number, "url": f"{HOST}/pull/{number}", "state": "OPEN", "isDraft": given.draft,
        "title": given.title, "body": Path(given.body_file).read_text("utf-8"),
        "headRefName": given.head, "baseRefName": given.base,
    }  # fmt: skip
    state["pulls"].append(made)
    deed = state.pop("deed", None)
    keep(path, state)
    if deed:
        subprocess.run(["/bin/sh", "-c", deed, "gh", str(os.getppid())], check=False)
    print(made["url"])


def list_(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh pr list")
    parser.add_argument("--head")
    parser.add_argument("--base")
    parser.add_argument("--state", default="open", choices=["open", "closed", "merged", "all"])
    parser.add_argument("--json", required=True)
    given = parser.parse_args(words)
    found = [
        held
        for held in reversed(state["pulls"])
        if given.head in (None, held["headRefName"])
        and given.base in (None, held["baseRefName"])
        and given.state in ("all", held["state"].lower())
    ]
    print(json.dumps([only(held, given.json) for held in found]))


def view(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh pr view")
    parser.add_argument("which")
    parser.add_argument("--json", required=True)
    given = parser.parse_args(words)
    print(json.dumps(only(the(given.which, state), given.json)))


def edit(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh pr edit")
    parser.add_argument("which")
    parser.add_argument("--title")
    parser.add_argument("--body-file")
    given = parser.parse_args(words)
    held = the(given.which, state)
    held["title"] = given.title or held["title"]
    held["body"] = Path(given.body_file).read_text("utf-8") if given.body_file else held["body"]
    keep(path, state)
    print(held["url"])


def ready(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh pr ready")
    parser.add_argument("which")
    held = the(parser.parse_args(words).which, state)
    held["isDraft"] = False
    keep(path, state)
    print(f'✓ Pull request ada/demo#{held["number"]} is marked as "ready for review"', file=sys.stderr)


def issue_list(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh issue list")
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--state", default="open", choices=["open", "closed", "all"])
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--json", required=True)
    given = parser.parse_args(words)
    found = [
        held
        for held in reversed(state["issues"])
        if given.state in ("all", held["state"].lower())
        and {label["name"] for label in held["labels"]}.issuperset(given.label)
    ]
    print(json.dumps([only(held, given.json, ISSUE_FIELDS) for held in found[: given.limit]]))


def issue_comment(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh issue comment")
    parser.add_argument("which")
    parser.add_argument("--body", required=True)
    given = parser.parse_args(words)
    for held in state["issues"]:
        if given.which in (str(held["number"]), held["url"]):
            if held.get("locked"):
                fail("GraphQL: Unable to create comment because issue is locked. (addComment)")
            held["comments"].append({"author": {"login": "ada"}, "body": given.body})
            keep(path, state)
            print(f"{held['url']}#issuecomment-{len(held['comments'])}")
            return
    fail(f"GraphQL: Could not resolve to an issue or pull request with the number of {given.which}.")


def issue_close(words: list[str], state: dict[str, Any], path: Path) -> None:
    parser = Words(prog="gh issue close")
    parser.add_argument("which")
    parser.add_argument("--reason", choices=["completed", "not planned"], default="completed")
    parser.add_argument("--comment")
    given = parser.parse_args(words)
    for held in state["issues"]:
        if given.which in (str(held["number"]), held["url"]):
            what = f"issue ada/demo#{held['number']} ({held['title']})"
            if held["state"] == "CLOSED":
                print(f"! {what} is already closed", file=sys.stderr)
                return
            if given.comment:
                held["comments"].append({"author": {"login": "ada"}, "body": given.comment})
            held |= {"state": "CLOSED", "stateReason": given.reason.upper().replace(" ", "_")}
            keep(path, state)
            print(f"✓ Closed {what}", file=sys.stderr)
            return
    fail(f"GraphQL: Could not resolve to an issue or pull request with the number of {given.which}.")


def the(which: str, state: dict[str, Any]) -> dict[str, Any]:
    for held in reversed(state["pulls"]):
        if which in (str(held["number"]), held["url"], held["headRefName"]):
            found: dict[str, Any] = held
            return found
    fail(f'no pull requests found for branch "{which}"')


def only(held: dict[str, Any], fields: str, known: tuple[str, ...] = FIELDS) -> dict[str, Any]:
    wanted = fields.split(",")
    if unknown := [name for name in wanted if name not in known]:
        fail(f'Unknown JSON field: "{unknown[0]}"')
    return {name: held[name] for name in wanted}


def remote_tip(branch: str) -> str:
    """Where a branch stands on the remote; empty where it has none such."""
    done = subprocess.run(
        ["git", "ls-remote", "origin", f"refs/heads/{branch}"], capture_output=True, text=True, check=False
    )
    return done.stdout.partition("\t")[0]


def keep(path: Path, state: dict[str, Any]) -> None:
    path.write_text(json.dumps(state, indent=1), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
