"""Forges: what opens a pull request, by a program of the forge's own or by any command.

Each is told where (the project's folder), and asked four things: whether it can
be used, what is open, to open, to bring up to date. What a program prints is
taken as its answer, and its complaint is passed on.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sow.errors import Failed, NotFound, Refused
from sow.git.repository import for_others
from sow.nearest import nearest

NONE = "none"
"""The setting by which a repository says that it has no forge."""

PLACEHOLDERS = ("title", "body_file", "branch", "base")

_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """A pull request to be opened, or to be like this."""

    title: str
    body_file: str
    """The path of a file with its text, in Markdown."""
    branch: str
    base: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request that is open."""

    url: str
    """Where it is; empty where nobody said so."""
    number: int | None = None
    draft: bool = False
    body: str = ""


class Forge(Protocol):
    """Opens pull requests. What it raises is NotFound for a missing program, else Failed or Refused."""

    @property
    def name(self) -> str:
        """What it is called by: its program."""
        ...

    @property
    def finds(self) -> bool:
        """Whether `find` can tell: one that can't must not be called again after a kill."""
        ...

    def check(self) -> None:
        """Raises unless it can be used: its program is here, and somebody is logged in."""
        ...

    def find(self, branch: str, base: str) -> PullRequest | None:
        """The pull request of a branch into another that is open; None where there is none."""
        ...

    def open(self, request: Request) -> PullRequest:
        """Opens a pull request; its branch has been pushed."""
        ...

    def update(self, there: PullRequest, request: Request, *, text: bool) -> None:
        """Makes an open pull request like `request`: no longer a draft, and with `text` its words, too."""
        ...


def chosen(setting: str, address: str, folder: str) -> Forge | None:
    """The forge that a setting names; without a setting the one at a remote's address; None for neither.

    `folder`: where its program is called. Raises Refused for a command with a placeholder that there is not.
    """
    host = _host(address)
    match setting or _by_host(host):
        case "gh":
            return GitHub(folder, host)
        case "glab":
            return GitLab(folder, host)
        case "" | "none":
            return None
        case command:
            _check_placeholders(command)
            return Command(folder, command)


def number_in(url: str) -> int | None:
    """The number at the end of a pull request's address."""
    last = url.rstrip("/").rpartition("/")[2]
    return int(last) if last.isascii() and last.isdecimal() and int(last) else None


@dataclass(frozen=True, slots=True)
class GitHub:
    """GitHub, by its `gh`."""

    folder: str
    host: str
    name: str = "gh"
    finds: bool = True

    def check(self) -> None:
        _check_here("gh", "install it (https://cli.github.com)")
        _check_login(self.folder, "gh", self.host)

    def find(self, branch: str, base: str) -> PullRequest | None:
        found = _json(
            self.folder, "gh", "pr", "list", "--head", branch, "--base", base, "--state", "open",
            "--json", "number,url,state,isDraft,body",
        )  # fmt: skip
        for one in found:
            return PullRequest(
                one.get("url", ""), one.get("number"), bool(one.get("isDraft")), one.get("body") or ""
            )
        return None

    def open(self, request: Request) -> PullRequest:
        out = _call(
            self.folder, "gh", "pr", "create", "--title", request.title, "--body-file", request.body_file,
            "--head", request.branch, "--base", request.base, *(["--draft"] if request.draft else []),
        )  # fmt: skip
        return _opened(out, request)

    def issues(self, labels: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """The issues that have all of these labels, open and closed, newest first; 1,000 at most."""
        words = [word for label in labels for word in ("--label", label)]
        return _json(
            self.folder, "gh", "issue", "list", *words, "--state", "all", "--limit", "1000",
            "--json", ",".join(fields),
        )  # fmt: skip

    def comment(self, number: int, text: str) -> None:
        """Says something in an issue."""
        _call(self.folder, "gh", "issue", "comment", str(number), "--body", text)

    def close(self, number: int, text: str, *, planned: bool) -> None:
        """Closes an issue, with a last word. `planned`: whether it is done, and not given up."""
        reason = "completed" if planned else "not planned"
        _call(self.folder, "gh", "issue", "close", str(number), "--reason", reason, "--comment", text)

    def update(self, there: PullRequest, request: Request, *, text: bool) -> None:
        which = there.url or str(there.number)
        if text:
            words = ["--title", request.title, "--body-file", request.body_file]
            _call(self.folder, "gh", "pr", "edit", which, *words)
        if there.draft and not request.draft:
            _call(self.folder, "gh", "pr", "ready", which)


@dataclass(frozen=True, slots=True)
class GitLab:
    """GitLab, by its `glab`; there it is called a merge request."""

    folder: str
    host: str
    name: str = "glab"
    finds: bool = True

    def check(self) -> None:
        _check_here("glab", "install it (https://docs.gitlab.com/cli)")
        _check_login(self.folder, "glab", self.host)

    def find(self, branch: str, base: str) -> PullRequest | None:
        found = _json(
            self.folder, "glab", "mr", "list", "--source-branch", branch, "--target-branch", base,
            "--output", "json",
        )  # fmt: skip
        for one in found:
            return PullRequest(
                one.get("web_url", ""), one.get("iid"), bool(one.get("draft")), one.get("description") or ""
            )
        return None

    def open(self, request: Request) -> PullRequest:
        out = _call(
            self.folder, "glab", "mr", "create", "--title", request.title,
            "--description", _text(request.body_file), "--source-branch", request.branch,
            "--target-branch", request.base, "--yes", *(["--draft"] if request.draft else []),
        )  # fmt: skip
        return _opened(out, request)

    def update(self, there: PullRequest, request: Request, *, text: bool) -> None:
        words = ["--title", request.title, "--description", _text(request.body_file)] if text else []
        words += ["--ready"] if there.draft and not request.draft else []
        if words:
            _call(self.folder, "glab", "mr", "update", str(there.number), *words)


@dataclass(frozen=True, slots=True)
class Command:
    """Any forge, by a shell command of the repository's with placeholders."""

    folder: str
    command: str
    name: str = "finish.forge"
    finds: bool = False

    def check(self) -> None:
        """Nothing can be told of it beforehand."""

    def find(self, branch: str, base: str) -> PullRequest | None:
        return None

    def open(self, request: Request) -> PullRequest:
        return _opened(_call(self.folder, "/bin/sh", "-c", self.filled(request)), request)

    def update(self, there: PullRequest, request: Request, *, text: bool) -> None:
        """It knows no way."""

    def filled(self, request: Request) -> str:
        """The command with what stands for its placeholders, quoted for the shell."""
        return _PLACEHOLDER.sub(lambda found: shlex.quote(getattr(request, found[1])), self.command)


# -- calling programs ------------------------------------------------------------------------------


def _call(folder: str, *argv: str) -> str:
    """What a program prints. Raises Failed with its complaint where it fails."""
    done = _run(folder, argv)
    if done.returncode:
        said = _complaint(done)
        shown = shlex.join(argv if argv[0] != "/bin/sh" else argv[2:])[:200]
        raise Failed(f"`{' '.join(argv[:3])}` failed: {said}", f"see for yourself in {folder}: `{shown}`")
    return done.stdout


def _json(folder: str, *argv: str) -> list[dict[str, Any]]:
    out = _call(folder, *argv)
    try:
        found = json.loads(out or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Failed(
            f"`{' '.join(argv[:3])}` printed no JSON list: {out.strip()[:80]!r}", f"update {argv[0]}"
        )
    return [one for one in found if isinstance(one, dict)]


def _run(folder: str, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Nobody is asked anything: who finishes a project has said all that there is to say.
    silent = {"GH_PROMPT_DISABLED": "1", "NO_PROMPT": "1", "NO_COLOR": "1"}
    try:
        return subprocess.run(
            list(argv), cwd=folder, env={**for_others(), **silent}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
    except OSError as fault:
        raise Failed(f"{argv[0]} could not be started: {fault.strerror}", "mend that and repeat") from fault


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return "; ".join(lines[-3:]) or f"it ended with code {done.returncode}"


def _check_here(program: str, how: str) -> None:
    if shutil.which(program, path=for_others().get("PATH")) is None:
        raise NotFound(
            f"no program {program} here, which opens the pull request",
            f"{how}, name another one as finish.forge in .sow/config.yaml, or say --merge or --leave",
        )


def _check_login(folder: str, program: str, host: str) -> None:
    where = ["--hostname", host] if host else []
    done = _run(folder, [program, "auth", "status", *where])
    if done.returncode:
        raise Refused(f"{program} is not logged in: {_complaint(done)}", f"log in: `{program} auth login`")


def _opened(out: str, request: Request) -> PullRequest:
    found = _ADDRESS.findall(out)
    url = found[-1].rstrip(".,;)") if found else ""
    return PullRequest(url, number_in(url), request.draft)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


# -- settings --------------------------------------------------------------------------------------


def _host(address: str) -> str:
    """The host of a remote's address, `https://host/…` or `git@host:…`; empty for a folder."""
    found = re.match(r"[a-z+]+://(?:[^@/]*@)?([^:/]+)|(?:[^@/:]+@)?([^:/]+):(?!//)", address)
    return (found[1] or found[2]) if found else ""


def _by_host(host: str) -> str:
    return "gh" if "github" in host else "glab" if "gitlab" in host else ""


def _check_placeholders(command: str) -> None:
    for name in _PLACEHOLDER.findall(command):
        if name not in PLACEHOLDERS:
            close = nearest(name, PLACEHOLDERS)
            meant = f"did you mean {{{close}}}? " if close else ""
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            raise Refused(
                f".sow/config.yaml: finish.forge: {{{name}}} is no placeholder", f"{meant}there are: {known}"
            )
