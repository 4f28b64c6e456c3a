"""The end of a project: its work goes home by a pull request or a merge, and then the project goes.

    look --> checks --> last commit --> push, pull request --+
                                    --> merge ---------------+--> the statechart's end --> removal
                                    --> (left) --------------+

Up to the removal the project is there as before, and whatever failed or was
killed is called again: what was published is known by a note beside the state
(`runtime/<project>/finish.json`), by the branch, or asked of the forge.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from sow import course, eventlog, files, forge, lease, obstacles, pull_request, removal
from sow.attempt import Attempts
from sow.config import RepositoryConfig
from sow.course import Course, Gate
from sow.errors import Busy, Failed, Interrupted, NotFound, Refused, SowError, Usage
from sow.forge import Forge, PullRequest, Request
from sow.git import landing, merges, remotes, trees, worktrees
from sow.git.places import Places
from sow.git.repository import Git
from sow.layout import PROJECT, Layout
from sow.removal import Removal, Removed
from sow.review import run_checks
from sow.state import Step, Whole
from sow.store import Store
from sow.workspace import Workspace

How = Literal["pr", "merge", "leave"]

FINISHING = "sow project finish"
"""What the orchestrator's lease is for meanwhile."""

BODY = "pull_request.md"
"""The file with the text of the pull request: in `runtime/` while it is opened, then with what is kept."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants a project finished; what is empty is told by the settings and by git."""

    how: How | None = None
    target: str = ""
    draft: bool = False
    strict: bool = False
    pr_url: str = ""
    """Where the pull request is, if it is open already and no program can tell."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What finishing a project will do, before anything is done."""

    name: str
    branch: str
    how: How
    target: str
    remote: str
    forge: Forge | None
    draft: bool
    pr_url: str
    title: str
    body: str
    gates: tuple[Gate, ...]
    stays: tuple[str, ...]
    """The branches of abandoned tasks that have work of their own."""
    commits: int
    """How many commits of the project's branch the target has not."""
    outside: str = ""
    """The folder that its work stays in, of a project that was begun outside of git; else empty."""
    checks: tuple[str, ...] = ()
    """The commands that must succeed before."""

    def as_json(self) -> dict[str, Any]:
        """As `sow project finish --dry-run --json` prints it."""
        return {
            "name": self.name,
            "branch": self.branch,
            "how": self.how,
            "target": self.target,
            "commits": self.commits,
            "checks": list(self.checks),
            "title": self.title,
            "body": self.body,
            "gates": [gate.text for gate in self.gates],
            "stays": list(self.stays),
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """A project that was finished."""

    prospect: Prospect
    removed: Removed
    state: str
    """Where its statechart stopped."""
    commit: str | None = None
    """The merge."""
    pull_request: PullRequest | None = None

    def as_json(self) -> dict[str, Any]:
        """As `sow project finish --json` prints it."""
        number = self.pull_request.number if self.pull_request else None
        return {
            "event": self.removed.removal.event,
            "state": self.state,
            **({"number": number} if number else {}),
            **self.removed.as_json(),
        }


@dataclass(frozen=True, slots=True)
class _Note:
    """What was done of an end that is under way, for whoever goes on with it."""

    tip: str = ""
    """Where the branch stood, without its last commit."""
    last: str = ""
    """The commit behind `tip` without the project's state: what is published."""
    checked_at: str = ""
    checked: tuple[str, ...] = ()
    """The checks that passed at `checked_at`."""
    calling: str = ""
    """The command that was called to open a pull request, and whose answer nobody heard."""
    opened: str = ""
    """The commit with which a pull request was opened, or brought up to date."""
    url: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class _Moved:
    """The target went on while the checks ran: what would be merged is not what they saw."""


@contextmanager
def _left(how: str, way_on: str = "repeat the same command: it goes on from where it was") -> Iterator[None]:
    """Has whoever presses Ctrl-C within be told how things stand, and how to go on. Raises Interrupted."""
    try:
        yield
    except Interrupted:
        raise  # it knows better
    except KeyboardInterrupt as fault:
        raise Interrupted(f"interrupted: {how}", way_on) from fault


@dataclass(frozen=True, slots=True)
class Finisher:
    """Ends one project; all that it needs is handed in."""

    layout: Layout
    places: Places
    store: Store
    attempts: Attempts
    workspace: Workspace
    settings: RepositoryConfig
    environment: Mapping[str, str]
    tell: Tell = field(default=lambda text: None)

    # -- looking ------------------------------------------------------------------------------

    def look(self, wish: Wish) -> Prospect:
        """What `finish` would do. Changes nothing and asks no forge.

        Raises Refused or Waits for what is in the way, naming each; Busy while an agent or another
        orchestrator works; Usage where nobody has said how the work goes home.
        """
        whole, kind = self.store.whole(), self.store.type()
        obstacles.check_free(self.layout, self.attempts)
        branch = self.workspace.branch
        obstacles.insist_on_none(
            self.layout.name,
            [
                *obstacles.open_tasks(whole),
                *obstacles.loose_work(self.layout, branch),
                *obstacles.unmerged_work(self.layout, branch, whole),
            ],
        )
        now = self.store.now()
        if wish.strict:
            course.insist(kind, whole, at=now)
        git = Git(self.layout.folder)
        target = wish.target or self.settings.finish.target or git.default_branch()
        how, remote, opener = self._how(wish, git)
        commits = removal.unmerged(git, branch, target)
        if how != "leave":
            self._check_target(git, how, target, commits)
        return Prospect(
            name=self.layout.name,
            branch=branch,
            how=how,
            target=target,
            remote=remote,
            forge=opener,
            draft=wish.draft,
            pr_url=wish.pr_url,
            title=pull_request.title(whole),
            body=body(self.layout, self.store, whole),
            gates=course.to_the_end(kind, whole, at=now).gates,
            checks=self.settings.checks,
            stays=tuple(
                name for name in removal.own_branches(git, branch) if removal.unmerged(git, name, branch)
            ),
            commits=commits,
        )

    def _how(self, wish: Wish, git: Git) -> tuple[How, str, Forge | None]:
        """The way home, and for a pull request the remote and the forge."""
        finish = self.settings.finish
        remote = remotes.chosen(git, finish.push)
        opener = None
        if wish.how in (None, "pr"):
            address = remotes.address(git, remote) if remote else ""
            opener = forge.chosen(finish.forge, address, self.layout.folder)
        if wish.how == "pr" or (wish.how is None and opener and remote):
            if remote is None:
                raise Refused(
                    f"a pull request needs a remote, and {git.folder} has none to push to",
                    "add one: `git remote add origin ADDRESS`; or say --merge or --leave",
                )
            if opener is None and not wish.pr_url:
                raise Refused(
                    f"which program opens a pull request at {remote} is not known",
                    "name it in .sow/config.yaml: `finish: {forge: gh}`; or say --merge or --leave",
                )
            return "pr", remote, opener
        if wish.how is None:
            raise Usage("how does the work go home?", "say --merge, --pr or --leave")
        return wish.how, remote or "", None

    def _check_target(self, git: Git, how: How, target: str, commits: int) -> None:
        branch = self.workspace.branch
        if target == branch:
            raise Refused(
                f"{branch} is the branch that the work goes to: there is nothing to bring there",
                "end it where it is: `sow project finish --leave`",
            )
        if how == "merge":
            if not git.branch_exists(target):
                raise NotFound(
                    f"there is no branch {target!r} in {git.folder}", "`git branch -a` shows what there is"
                )
        elif git.branch_exists(target) and not commits and not trees.at(git, target, PROJECT):
            raise Refused(
                f"{branch} has nothing that {target} has not: a pull request of it would be empty",
                "end it without: `sow project finish --leave`, or `sow project delete`",
            )

    # -- doing --------------------------------------------------------------------------------

    def finish(self, wish: Wish) -> Finished:
        """Brings the project home and takes it away.

        1. nothing is in the way, and nobody else begins anything; 2. the state is committed; 3. what the
        target has meanwhile comes in, where checks are to see both; 4. the checks; 5. the last commit,
        noted; 6. pushed, and the pull request, or merged, or left; 7. the statechart, as far as its
        gates are open; 8. the removal (see `removal`).

        Raises what `look` does, and Failed where a check, a push or the forge fails: then the project is
        there as before, and the same command goes on from where it was. Interrupted says the same at Ctrl-C.
        """
        held = lease.acquire(obstacles.lease_of(self.layout), FINISHING)
        try:
            with _left(f"project {self.layout.name} is still here"):
                prospect = self.look(wish)
                commit, opened = self._bring_home(prospect)
            with _left(f"project {prospect.name} is half taken away, and nothing of its work is lost"):
                return self._end(prospect, commit, opened)
        finally:
            held.release()

    def _bring_home(self, prospect: Prospect) -> tuple[str | None, PullRequest | None]:
        """Has the work go home: by which merge, or by which pull request."""
        if prospect.forge and not prospect.pr_url:
            prospect.forge.check()
        match prospect.how:
            case "pr":
                note = self._ready(prospect)
                return None, self._pull_request(prospect, note)
            case "merge":
                return self._merge(prospect), None
            case "leave":
                self._ready(prospect)
                return None, None

    def _ready(self, prospect: Prospect) -> _Note:
        """The last commit of the branch, once the checks passed there."""
        git = Git(self.layout.folder)
        if self._noted().tip != git.tip(prospect.branch):
            # Else it was published from there: what the state says since then is kept with the rest of it.
            self.workspace.commit_state(f"project {prospect.name} comes to its end")
        tip = git.commit_of(f"refs/heads/{prospect.branch}")
        self._check(tip)
        return self._last_commit(git, prospect, tip)

    def _check(self, tip: str) -> None:
        """Runs the configured checks, unless they passed at this commit already. Raises Failed."""
        note, checks = self._noted(), self.settings.checks
        if not checks or (note.checked_at, note.checked) == (tip, checks):
            return
        for check in checks:
            self.tell(f"Check: {check}")
            with _left(f"the check {check!r} had not ended, and nothing has left the project"):
                failed = run_checks((check,), self.layout.folder, self.environment)
            if failed:
                if failed.output:
                    self.tell(failed.output)
                raise Failed(
                    f"a check fails in {self.layout.folder}: {check}",
                    "mend it there, or by a task of its own, and repeat; the project is as before",
                )
        self._keep(replace(note, checked_at=tip, checked=checks))

    def _last_commit(self, git: Git, prospect: Prospect, tip: str) -> _Note:
        """The commit that goes home: the branch without the project's state; noted before anybody sees it."""
        note = self._noted()
        known = git.maybe_commit_of(note.last) if note.last else _published(git, prospect, tip)
        if known and note.tip == tip:
            return note
        # What was published before the branch went on comes before what is published now.
        before = [known] if known and not git.is_ancestor(known, tip) else []
        last = removal.last_commit(git, prospect.name, tip, *before) or tip
        return self._keep(replace(note, tip=tip, last=last))

    # -- by a pull request --------------------------------------------------------------------

    def _pull_request(self, prospect: Prospect, note: _Note) -> PullRequest:
        git = Git(self.layout.folder)
        body_file = f"{self.layout.runtime}/{BODY}"
        files.write(body_file, prospect.body)
        self.tell(f"Push: {prospect.branch} to {prospect.remote}")
        with _left(
            f"whether {prospect.branch} was pushed to {prospect.remote} is not known; all of it is here"
        ):
            remotes.push(git, prospect.remote, note.last, prospect.branch)
        if prospect.pr_url:
            opened = PullRequest(prospect.pr_url, forge.number_in(prospect.pr_url))
        else:
            assert prospect.forge
            request = Request(prospect.title, body_file, prospect.branch, prospect.target, prospect.draft)
            with _left(f"{prospect.branch} is pushed, and {prospect.forge.name} has not answered"):
                opened = self._opened(prospect.forge, request, note)
        self._keep(replace(note, opened=note.last, url=opened.url, number=opened.number, calling=""))
        return opened

    def _opened(self, opener: Forge, request: Request, note: _Note) -> PullRequest:
        """The pull request that is open, or is opened now; never a second one."""
        if there := opener.find(request.branch, request.base):
            return self._updated(opener, there, request)
        if note.opened == note.last or (note.opened and not opener.finds):
            # Maybe merged meanwhile: there is nothing to open one for.
            return PullRequest(note.url, note.number)
        if not opener.finds and note.calling:
            raise Refused(
                f"sow was ended while {note.calling} ran, and whether it opened a pull request is not known",
                self._look_yourself,
            )
        self.tell(f"Pull request: {request.branch} into {request.base}")
        self._keep(replace(note, calling=opener.name))
        unknown = f"{request.branch} is pushed, and whether {opener.name} opened a pull request is not known"
        way_on = (
            f"repeat the same command: it asks {opener.name} first" if opener.finds else self._look_yourself
        )
        try:
            with _left(unknown, way_on):
                opened = opener.open(request)
        except Failed:
            # A forge may have taken it and lost the answer.
            there = opener.find(request.branch, request.base)
            self._keep(note)
            if there is None:
                raise
            return there
        return opened

    def _updated(self, opener: Forge, there: PullRequest, request: Request) -> PullRequest:
        """An open pull request, brought up to date; what a person wrote into it stays."""
        ours = pull_request.is_ours(there.body)
        if not ours:
            self.tell(f"Pull request {there.url}: its text is a person's, and stays as it is")
        try:
            opener.update(there, request, text=ours)
        except SowError as fault:
            self.tell(f"Pull request {there.url}: it could not be brought up to date: {fault}")
        return replace(there, draft=there.draft and request.draft)

    # -- by a merge ---------------------------------------------------------------------------

    def _merge(self, prospect: Prospect) -> str | None:
        """Merges the branch into its target, once; the merge, or None where there was nothing to merge."""
        git = Git(self.layout.folder)
        for _ in range(10):
            if self.settings.checks:
                self._bring_in(prospect)
            note = self._ready(prospect)
            trailer = f"Sow-Project: {prospect.name}/{note.last[:12]}"
            if self._is_home(git, prospect):
                landing.free(git, prospect.target)
                return merges.find_merge(git, prospect.target, [trailer])
            checked = git.line("rev-parse", f"{note.last}^{{tree}}") if self.settings.checks else ""

            def vet(made: str, checked: str = checked) -> _Moved | None:
                # What is merged must be what was checked.
                return _Moved() if checked and git.line("rev-parse", f"{made}^{{tree}}") != checked else None

            with self.workspace.lease():
                outcome = merges.merge(
                    git, note.last, prospect.target, f"Merge project {prospect.name}: {prospect.title}",
                    [trailer], f"{self.layout.runtime}/merge.json", keep_ours=None, vet=vet,
                )  # fmt: skip
            match outcome:
                case landing.Merged(commit) | merges.AlreadyMerged(commit):
                    return commit
                case merges.Nothing():
                    return None
                case _Moved():
                    continue
                case merges.Conflict(found):
                    raise self._conflict(prospect, found)
                case landing.Blocked(found, reason):
                    named = f" ({', '.join(found[:5])})" if found else ""
                    holder = worktrees.holding(git, prospect.target)
                    where = f"in {holder.path}" if holder else "there"
                    raise Refused(
                        f"{prospect.target} can't take the merge: {reason}{named}",
                        f"commit or stash what is in the way {where}, and repeat",
                    )
        raise Failed(f"{prospect.target} moves all the time", "see who commits to it, and repeat")

    def _is_home(self, git: Git, prospect: Prospect) -> bool:
        """Whether the target has all of the work, and nothing of a project's state."""
        left = removal.unmerged(git, prospect.branch, prospect.target)
        return not left and trees.at(git, f"refs/heads/{prospect.target}", PROJECT) is None

    def _bring_in(self, prospect: Prospect) -> None:
        """Merges into the project's branch what the target has meanwhile, so that checks see both."""
        git = Git(self.layout.folder)
        goal = git.commit_of(f"refs/heads/{prospect.target}")
        tip = git.commit_of(f"refs/heads/{prospect.branch}")
        note = self._noted()
        merged = note.tip == tip and note.last and git.is_ancestor(note.last, goal)
        if merged or git.is_ancestor(goal, tip):
            return
        self.tell(f"Merge: {prospect.target} into {prospect.branch}, so that the checks see both")
        with self.workspace.lease():
            outcome = merges.merge(
                git, goal, prospect.branch, f"Merge {prospect.target} into {prospect.branch}", [],
                f"{self.layout.runtime}/merge.json", keep_ours=PROJECT,
            )  # fmt: skip
        match outcome:
            case merges.Conflict(found):
                raise self._conflict(prospect, found)
            case landing.Blocked(found, reason):
                raise Refused(
                    f"{prospect.branch} can't take {prospect.target} in: {reason}",
                    f"see {self.layout.folder}, and repeat",
                )

    def _conflict(self, prospect: Prospect, found: list[str]) -> Refused:
        return Refused(
            f"{prospect.branch} conflicts with {prospect.target}: {', '.join(found[:5])}",
            f"settle it in the project: `git -C {self.layout.folder} merge {prospect.target}`, then repeat",
        )

    # -- the end ------------------------------------------------------------------------------

    def _end(self, prospect: Prospect, commit: str | None, opened: PullRequest | None) -> Finished:
        git = Git(self.layout.folder)
        found = to_the_end(self.store, opened)
        note = self._noted()
        payload: dict[str, Any] = {
            "name": prospect.name, "branch": prospect.branch, "how": prospect.how,
            **({"target": prospect.target} if prospect.how != "leave" else {}),
            **({"commit": commit} if commit else {}),
            **({"pull_request": opened.url} if opened and opened.url else {}),
            "gates": [gate.text for gate in found.gates],
        }  # fmt: skip
        goes = Removal(
            name=prospect.name,
            branch=prospect.branch,
            folder=self.layout.folder,
            tip=note.tip,
            last=note.last,
            target=prospect.target,
            keep_branch=prospect.how == "leave",
            event="project.finished",
            payload=payload,
            served=(os.path.basename(self._note_file), BODY),
        )

        def check() -> None:
            obstacles.check_free(self.layout, self.attempts)
            obstacles.insist_on_none(prospect.name, list(obstacles.open_tasks(self.store.whole())))
            if git.tip(prospect.branch) != note.tip:
                raise Busy(f"branch {prospect.branch} moved just now", "repeat the command")

        texts = {BODY: prospect.body, "outcome.json": json.dumps(payload, indent=2) + "\n"}
        removed = removal.remove(self.store, self.places, goes, check, texts)
        if prospect.how == "pr":
            remotes.follow(Git(self.places.main), prospect.remote, prospect.branch)
        return Finished(prospect, removed, found.state, commit, opened)

    # -- the note -----------------------------------------------------------------------------

    @property
    def _look_yourself(self) -> str:
        return f"look: if it did, repeat with --pr-url URL; if not, remove {self._note_file} and repeat"

    @property
    def _note_file(self) -> str:
        return self.layout.finishing

    def _noted(self) -> _Note:
        """What an earlier call noted; nothing where there was none, or its note can't be read."""
        try:
            with open(self._note_file, encoding="utf-8") as file:
                held = json.load(file)
            return _Note(**{**held, "checked": tuple(held["checked"])})
        except (OSError, ValueError, KeyError, TypeError):
            return _Note()

    def _keep(self, note: _Note) -> _Note:
        files.write(self._note_file, json.dumps(asdict(note)) + "\n")
        return note


def _published(git: Git, prospect: Prospect, tip: str) -> str | None:
    """The last commit that an end whose note is gone had published before the branch came to `tip`."""
    theirs = (
        git.maybe_commit_of(f"refs/remotes/{prospect.remote}/{prospect.branch}") if prospect.remote else None
    )
    before = git.maybe_commit_of(f"{theirs}^1") if theirs else None
    if not theirs or not before or git.is_ancestor(theirs, tip) or not git.is_ancestor(before, tip):
        return None
    [(bare, _)] = trees.without_each(git, (before,), PROJECT)
    return theirs if git.line("rev-parse", f"{theirs}^{{tree}}") == bare else None


def body(layout: Layout, store: Store, whole: Whole) -> str:
    """The text that tells a project: an approved `pr_body` of its own, else made of what it has."""
    path = pull_request.newest(whole, "pr_body", approved=True)
    if path is not None:
        return pull_request.marked(_text_of(layout, path))
    review = pull_request.newest(whole, "review")
    log = [event for line in store.log.lines() if (event := eventlog.parse(line))]
    text = ""
    if review is not None:
        with suppress(Refused):
            text = _text_of(layout, review)
    return pull_request.body(whole, pull_request.decisions(log), pull_request.reasons(log), text)


def _text_of(layout: Layout, path: str) -> str:
    whole = os.path.normpath(os.path.join(layout.project, path))
    folder = os.path.realpath(layout.folder)
    if os.path.commonpath([os.path.realpath(whole), folder]) != folder:
        raise Refused(f"the artifact {path} is outside of the repository", "bring it into .sow/project")
    try:
        with open(whole, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as fault:
        raise Refused(f"can't read the artifact {path}: {fault.strerror}", f"see {whole}") from fault


def to_the_end(store: Store, opened: PullRequest | None) -> Course:
    """Takes the statechart as far towards its end as its gates are open."""
    kind = store.type()
    courses: list[Course] = []

    def change(whole: Whole) -> Step:
        noted = {}
        if opened and opened.url:
            noted = course.with_pull_request(kind, whole.phases, opened.url, opened.number)
            whole = whole.replace(phases={**whole.phases, **noted})
        found = course.to_the_end(kind, whole, at=store.now())
        courses[:] = [found]
        return found.step.replace(phases={**noted, **found.step.phases})

    store.change_whole(change)
    return courses[0]
