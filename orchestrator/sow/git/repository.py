"""One checkout of a git repository, asked and told through the `git` program.

What the user's configuration, hooks and environment would change about git's
answers is switched off for every call; what concerns content (filters, line
ends, attributes) stays as the user has it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sow.errors import Failed, NotFound, Refused
from sow.git import places
from sow.git.excludes import is_ignored
from sow.git.places import Places

TOKEN = "SOW_GIT"
"""The variable by which a git that outlived its sow is found again."""

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    # A file that would lose its line ends is committed all the same: left out, it would be lost whole.
    "core.safecrlf=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "merge.verifySignatures=false",
    "merge.autoStash=false",
    # Remembered resolutions would settle a conflict that nobody then looks at.
    "rerere.enabled=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "color.ui=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "status.showUntrackedFiles=all",
    "advice.detachedHead=false",
    "advice.resolveConflict=false",
)

_HOOKS_OFF = _SETTINGS[0]

# Of git's own variables only those that say who and with which configuration; one that names a
# repository, an index or a way to read paths comes from a hook, and is about another call.
_KEPT = (
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_EXEC_PATH",
    "GIT_SSL_NO_VERIFY",
)

# What a git needs besides to reach another repository as the person's own git does.
_KEPT_ABROAD = (
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
)
_KEPT_ABROAD_PREFIXES = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_HTTP_", "GIT_SSL_")

# Those that git gives to a hook, about the repository that it is called in.
_OF_A_HOOK = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_WORK_TREE",
)

# Git would rather guess a name from the machine's than say that it knows none.
_NO_GUESS = ("-c", "user.useConfigOnly=true")

_NOBODY = {
    "GIT_AUTHOR_NAME": "sow",
    "GIT_AUTHOR_EMAIL": "sow@localhost",
    "GIT_COMMITTER_NAME": "sow",
    "GIT_COMMITTER_EMAIL": "sow@localhost",
}

_HINTS = (
    (
        "safe.bareRepository",
        "put a file .git beside it that says `gitdir: ./NAME.git`, or trust them all:"
        " `git config --global safe.bareRepository all`",
    ),
    ("index.lock", "another git is at work there; wait for it, and if it died remove that file"),
    ("No space left", "free some space on that disk and repeat the command"),
    ("Permission denied", "give yourself the right to write there, and repeat"),
    ("already used by worktree", "see `git worktree list`, and free the branch there"),
    ("already checked out", "see `git worktree list`, and free the branch there"),
)

_GRACE_SECONDS = 10.0

_KNOWN: set[str] = set()
"""Folders for which git told this process who commits there: most commands want to know it several times."""


class GitFailed(Failed):
    """A git command ended badly: `.command`, `.code` and the whole `.stderr`."""

    def __init__(self, command: Sequence[str], folder: str, code: int, stderr: str) -> None:
        self.command, self.code, self.stderr = tuple(command), code, stderr
        said = gist(stderr) or f"it ended with code {code}"
        hint = _trust(stderr) or next((hint for sign, hint in _HINTS if sign in stderr), "")
        again = f"see for yourself: `cd {folder} && git {' '.join(command)}`"
        super().__init__(f"git {' '.join(command[:2])} failed in {folder}: {said}", hint or again)


def _trust(stderr: str) -> str:
    """What lets git work in a folder of somebody else's, in its own words; empty where it wants nothing."""
    lines = (line.strip() for line in stderr.splitlines())
    command = next(
        (line for line in lines if line.startswith("git config --global --add safe.directory ")), ""
    )
    return f"if you trust whoever made it: `{command}`, and repeat" if command else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git command said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Change:
    """A path that is not as the last commit has it."""

    state: str
    """Two letters, index and working tree, as in git-status(1); `??` for untracked."""
    path: str


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of a repository as they stood at one moment."""

    tips: Mapping[str, str]
    """Their commits, by name."""
    current: str | None
    """The one that is checked out here, born or not."""
    origin: str
    """The one that origin calls its main one, empty where there is none."""


class Git:
    """One checkout (or worktree) folder. Names of files may hold any byte: they come as `surrogateescape`.

    `seconds`: how long one command may take, for who only looks; without it, as long as it needs.
    """

    def __init__(self, folder: str, seconds: float | None = None) -> None:
        self.folder = os.path.abspath(folder)
        self.seconds = seconds
        self._identity: dict[str, str] | None = None
        self._places: Places | None = None

    def run(
        self,
        *args: str,
        ok: Sequence[int] = (0,),
        input: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """What `git <args>` prints; raises GitFailed for an exit code that is not in `ok`."""
        return self.ask(*args, ok=ok, input=input, env=env).out

    def line(self, *args: str, env: Mapping[str, str] | None = None, input: str | None = None) -> str:
        """The one line that `git <args>` prints."""
        return self.run(*args, env=env, input=input).removesuffix("\n")

    def names(self, *args: str, env: Mapping[str, str] | None = None, input: str | None = None) -> list[str]:
        """The names that `git <args>`, told to end each with a NUL, prints."""
        return [name for name in self.run(*args, env=env, input=input).split("\0") if name]

    def ask(
        self,
        *args: str,
        ok: Sequence[int] | None = None,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Answer:
        """Output and exit code of `git <args>`; without `ok` no code is an error.

        Raises GitFailed for a code that is not in `ok`, NotFound outside a
        repository, Failed without a git program, or for one that takes longer
        than `seconds`.
        """
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        # check-ignore takes names as they are, and refuses to be told so.
        literal = [] if args[0] == "check-ignore" else ["--literal-pathspecs"]
        argv = ["git", "-C", self.folder, *settings, *literal, *args]
        try:
            answer = _call(argv, input, _environment(env or {}), self.seconds)
        except subprocess.TimeoutExpired as fault:
            raise Failed(
                f"git {' '.join(args[:2])} did not end within {self.seconds:g} s in {self.folder}",
                f"see for yourself: `cd {self.folder} && git {' '.join(args)}`",
            ) from fault
        if answer.code == 128 and "not a git repository" in answer.err:
            raise NotFound(
                f"{self.folder} is in no git repository",
                "change to a repository, or make one with `git init`",
            )
        if ok is not None and answer.code not in ok:
            raise GitFailed(args, self.folder, answer.code, answer.err)
        return answer

    def talk(self, *args: str) -> Answer:
        """Output and exit code of a `git <args>` that reaches another repository: no code is an error.

        As the person's own git does: with their hooks (git-lfs sends its files by one), their keys, and
        their terminal for a question where they have one. Ctrl-C reaches it. Raises Failed without git.
        """
        settings = [word for one in _SETTINGS if one != _HOOKS_OFF for word in ("-c", one)]
        return _call(["git", "-C", self.folder, *settings, *args], None, _abroad(), in_front=True)

    # Where it is and who it is

    @property
    def places(self) -> Places:
        """Where this checkout's parts lie; raises NotFound outside a repository."""
        if self._places is None:
            self._places = places.find(self.folder)
        if self._places is None:
            raise NotFound(
                f"{self.folder} is in no git repository",
                "change to a repository, or make one with `git init`",
            )
        return self._places

    def at_top(self) -> Git:
        """The same checkout, where names of files are relative to its top."""
        return self if self.folder == self.places.top else Git(self.places.top, self.seconds)

    def version(self) -> tuple[int, ...]:
        """The git program's version, (2, 39, 5)."""
        words = self.line("version").split()
        return tuple(int(part) for part in words[2].split(".") if part.isdecimal())

    def identity(self) -> dict[str, str]:
        """Environment for a command that commits: empty where git knows who commits, else sow's own name."""
        if self._identity is None:
            self._identity = {} if self._is_known() else dict(_NOBODY)
        return self._identity

    def _is_known(self) -> bool:
        """Whether git knows who commits here; once it does, it is not asked again."""
        if self.folder not in _KNOWN and all(
            self.ask(*_NO_GUESS, "var", kind).code == 0
            for kind in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")
        ):
            _KNOWN.add(self.folder)
        return self.folder in _KNOWN

    def commit_line(self, *args: str, input: str, env: Mapping[str, str]) -> str:
        """The one line of a `git <args>` that makes a commit, in the name that `identity` gives.

        A commit that git makes answers whose name it knows, so that nobody has to ask before.
        """
        if self._identity is None and self.folder not in _KNOWN:
            answer = self.ask(*_NO_GUESS, *args, input=input, env=env)
            if answer.code == 0:
                # An author who is named besides says nothing of the one whom git knows.
                if "GIT_AUTHOR_NAME" not in env:
                    _KNOWN.add(self.folder)
                return answer.out.removesuffix("\n")
        return self.line(*args, input=input, env={**self.identity(), **env})

    # Branches and commits

    def commit_of(self, name: str) -> str:
        """The full id of the commit that `name` (a branch, a tag, an id) means; raises NotFound."""
        commit = self.maybe_commit_of(name)
        if commit is None:
            raise NotFound(
                f"there is no commit {name!r} in {self.folder}", "`git branch -a` shows what there is"
            )
        return commit

    def maybe_commit_of(self, name: str) -> str | None:
        """The full id of the commit that `name` means, a branch before a tag; None if there is none."""
        exact = name == "HEAD" or name.startswith("refs/") or len(name) in (40, 64)
        for full in (name,) if exact else (f"refs/heads/{name}", name):
            answer = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{full}^{{commit}}")
            if answer.code == 0:
                return answer.out.strip()
        return None

    def tip(self, branch: str) -> str | None:
        """The commit at which a branch stands, whatever tag has its name; None where there is no branch."""
        return self.maybe_commit_of(f"refs/heads/{branch}")

    def branch_exists(self, branch: str) -> bool:
        """Whether there is a branch of this name with a commit."""
        return self.tip(branch) is not None

    def current_branch(self) -> str | None:
        """The branch that is checked out here, born or not; None with a detached HEAD."""
        # From a folder that is gone the way would lead up, into another checkout.
        noted = _noted_head(self.places.git_dir) if os.path.isdir(self.folder) else None
        if noted is not None:
            return noted or None
        answer = self.ask("symbolic-ref", "--quiet", "HEAD")
        name = answer.out.strip()
        return (
            name.removeprefix("refs/heads/") if answer.code == 0 and name.startswith("refs/heads/") else None
        )

    def branches(self) -> Branches:
        """All branches, by one question."""
        return self._branches("refs/heads")

    def tips(self, *branches: str) -> dict[str, str]:
        """The commits of those branches that there are, by name."""
        known = self._branches(*(f"refs/heads/{name}" for name in branches)).tips
        return {name: known[name] for name in branches if name in known}

    def _branches(self, *patterns: str) -> Branches:
        form, origin = "--format=%(refname) %(objectname) %(symref)", "refs/remotes/origin/"
        lines = self.run("for-each-ref", form, *patterns, f"{origin}HEAD").splitlines()
        found = [line.split(" ", 2) for line in lines]
        theirs = [goal.removeprefix(origin) for name, _, goal in found if name == f"{origin}HEAD"]
        heads = "refs/heads/"
        tips = {name.removeprefix(heads): tip for name, tip, _ in found if name.startswith(heads)}
        return Branches(tips, self.current_branch(), theirs[0] if theirs else "")

    def default_branch(self, known: Branches | None = None) -> str:
        """The branch that work goes to in the end: origin's, or `main`, `master`, or the configured
        first branch, or the one checked out in the main checkout; raises NotFound.

        `known`: all branches, by who has asked already.
        """
        known = known or self.branches()
        if known.origin in known.tips:
            return known.origin
        configured = self.ask("config", "--get", "init.defaultBranch").out.strip()
        for name in (configured, "main", "master"):
            if name in known.tips:
                return name
        main = self if self.places.bare else Git(self.places.main, self.seconds)
        current = main.current_branch()
        if current is None:
            raise NotFound(
                f"can't tell which branch of {self.folder} is the main one",
                "name it: `git config init.defaultBranch NAME`",
            )
        return current

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether everything in `old` is in `new` too."""
        return self.ask("merge-base", "--is-ancestor", old, new, ok=(0, 1)).code == 0

    def ahead_of(self, into: str) -> int | None:
        """How many commits of what is checked out are not in `into`; None before the first one."""
        counting = ("rev-list", "--count", "HEAD", f"^{into}")
        answer = self.ask(*counting)
        if answer.code == 0:
            return int(answer.out)
        if self.maybe_commit_of("HEAD") is None:
            return None
        raise GitFailed(counting, self.folder, answer.code, answer.err)

    def check_branch_name(self, branch: str, known: Branches | None = None) -> None:
        """Raises Refused for a name that git can't take or that can't stand beside the other branches.

        `known`: all branches, by who has asked already.
        """
        if is_reserved(branch) or self.ask("check-ref-format", f"refs/heads/{branch}").code != 0:
            raise Refused(
                f"{branch!r} can't be the name of a branch",
                "take letters, digits, `-`, `_` and single slashes; see `git help check-ref-format`",
            )
        for other in (known or self.branches()).tips:
            if branch.startswith(f"{other}/") or other.startswith(f"{branch}/"):
                raise Refused(
                    f"there can't be a branch {branch!r} beside the branch {other!r}: "
                    "git keeps branches as files, and one would have to be a folder",
                    f"take another name, or rename the other: `git branch -m {other} NAME`",
                )

    def move_branch(self, branch: str, new: str, old: str | None, why: str) -> bool:
        """Moves a branch from `old` (None: there is none yet) to `new`; False, and nothing done, if it
        no longer stands there. What is checked out is not looked at."""
        name = f"refs/heads/{branch}"
        was = old if old is not None else "0" * len(new)
        answer = self.ask("update-ref", "-m", f"sow: {why}", name, new, was, env=self.identity())
        if answer.code == 0:
            return True
        if self.tip(branch) != old:
            return False
        raise GitFailed(("update-ref", name, new, was), self.folder, answer.code, answer.err)

    def delete_branch_if_merged(self, branch: str, into: str) -> bool:
        """Deletes a branch whose every commit is in `into` and that no worktree has checked out;
        False, and nothing done, for any other."""
        if branch == into:
            return False
        name, form = f"refs/heads/{branch}", "--format=%(refname) %(objectname) %(worktreepath)"
        merged = self.ask("for-each-ref", form, f"--merged=refs/heads/{into}", name).out.splitlines()
        found = [line.removeprefix(f"{name} ") for line in merged if line.startswith(f"{name} ")]
        tip, _, holder = found[0].partition(" ") if found else ("", "", "")
        if not tip or holder:
            return False
        return self.ask("update-ref", "-d", f"refs/heads/{branch}", tip).code == 0

    # What is uncommitted

    def changes(self) -> list[Change]:
        """What differs from the last commit, untracked files too, by paths relative to the top.

        A repository inside the worktree is one path, with a slash at its end.
        sow's own ignored folders are left out.
        """
        found: list[Change] = []
        fields = iter(
            self.run("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames").split("\0")
        )
        for field in fields:
            if field and not is_ignored(field[3:]):
                found.append(Change(field[:2], field[3:]))
        return found

    def dirty_files(self) -> list[str]:
        """The paths of `changes`."""
        return [change.path for change in self.changes()]

    def is_clean(self) -> bool:
        """Whether nothing is uncommitted."""
        return not self.changes()

    def unfinished(self) -> str | None:
        """What git is in the middle of here (merge, rebase, cherry-pick, revert, am, bisect), or None."""
        git_dir = self.places.git_dir
        for name, what in _UNFINISHED:
            if os.path.exists(f"{git_dir}/{name}"):
                return what
        return None


def ending(doing: str, folder: str) -> str:
    """How a person ends what git is in the middle of in `folder`: what `unfinished` says it is."""
    there = f"git -C {folder} {doing}"
    if doing == "bisect":
        return f"end it: `{there} reset`"
    return f"finish it: `{there} --continue`, or give it up: `{there} --abort`"


_UNFINISHED = (
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)


def _noted_head(git_dir: str) -> str | None:
    """The branch that the HEAD file names, empty where it holds a commit; None where only git can tell."""
    try:
        with open(f"{git_dir}/HEAD", encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(1 << 16).removesuffix("\n")
    except OSError:
        return None
    branch = text.removeprefix("ref: refs/heads/")
    if branch == text:
        return "" if is_id(text) else None
    # What a repository has there that keeps its branches in no files.
    return None if branch == ".invalid" else branch.strip()


def is_reserved(branch: str) -> bool:
    """Whether git would make a branch of this name, and then take the name for something else."""
    return branch.startswith("-") or branch in ("HEAD", "@")


def is_id(name: str) -> bool:
    """Whether a name is the full id of an object."""
    return len(name) in (40, 64) and all(letter in "0123456789abcdef" for letter in name)


def gist(stderr: str) -> str:
    """The one sentence of git's that tells what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("hint:")]
    said = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    return "; ".join(line.removeprefix("fatal:").removeprefix("error:").strip() for line in said[:3])


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _KEPT}
    # Without optional locks a mere look never stands in the way of the user's own git.
    mine.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_EDITOR=":", GIT_OPTIONAL_LOCKS="0")
    return {**mine, **more}


def _abroad() -> dict[str, str]:
    """The environment of a git that reaches another repository."""
    mine = _environment({})
    mine.update(
        (key, value)
        for key, value in os.environ.items()
        if key in _KEPT_ABROAD or key.startswith(_KEPT_ABROAD_PREFIXES)
    )
    if sys.stdin is not None and sys.stdin.isatty():
        del mine["GIT_TERMINAL_PROMPT"]
    return mine


def for_others() -> dict[str, str]:
    """The environment for a program that itself asks git about the folder it is in: no variable in it
    names another repository, as those of a hook do."""
    return {key: value for key, value in os.environ.items() if key not in _OF_A_HOOK}


def _call(
    argv: list[str],
    input: str | None,
    env: Mapping[str, str],
    seconds: float | None = None,
    *,
    in_front: bool = False,
) -> Answer:
    # An interrupt in mid-spawn would leave a git that nobody knows of: it is heard right after.
    hear = _interrupts_held_back()
    try:
        process = _spawn(argv, input, env, in_front)
    except BaseException:
        hear()
        raise
    with process:
        try:
            hear()
            out, err = process.communicate(None if input is None else _bytes(input), seconds)
        except BaseException:
            _end(process)
            raise
    return Answer(process.returncode, _text(out), _text(err))


def _interrupts_held_back() -> Callable[[], None]:
    """Keeps Ctrl-C from being raised; gives what ends that, and raises what came meanwhile.

    By a handler and not by a mask: the kernel may hand the signal to another
    thread, and Python raises it in the main one all the same.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is None:
        return lambda: None
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))

    def hear() -> None:
        signal.signal(signal.SIGINT, usual)
        if came:
            signal.raise_signal(signal.SIGINT)

    return hear


def _spawn(
    argv: list[str], input: str | None, env: Mapping[str, str], in_front: bool
) -> subprocess.Popen[bytes]:
    try:
        # A group of its own: Ctrl-C at the terminal reaches sow, and sow ends its git in order. One that may
        # ask the person something stays in front: from behind, a look at the terminal would stop it.
        # cwd is / because the folder that sow was started in may be gone; -C says where.
        return subprocess.Popen(
            [_bytes(word) for word in argv],
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={_bytes(key): _bytes(value) for key, value in env.items()},
            process_group=None if in_front else 0,
        )
    except (FileNotFoundError, PermissionError) as fault:
        raise Failed(
            "there is no git program on the PATH", "install git 2.38 or later, and repeat"
        ) from fault
    except OSError as fault:
        raise Failed(f"git could not be started: {fault.strerror}", "mend that, and repeat") from fault


def _end(process: subprocess.Popen[bytes]) -> None:
    """TERM lets git take its lock files with it; KILL is for one that doesn't listen."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
