"""The inbox folder `.sow/inbox/`: files that other programs drop there become tasks, and are told of them.

    a file --whole, at rest--> what `sow sync` does with it --> tasks
      ^                                                           |
      +------------- status and result of each record ------------+

What can't be taken stays as it is, and why stands beside it, in `<name>.error`. A file in `<project>/` there
is for that project; any other for the only one there is. What is written while agents are at work may be
theirs: it adds tasks, as their commands may, and moves none (docs/adr/0013).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sow import files, writers
from sow.change import Event
from sow.errors import BadFile, Busy, Failed, NotFound, Refused, SowError
from sow.layout import INBOX, RUNTIME
from sow.store import Store

if TYPE_CHECKING:
    from sow import project
    from sow.bringing import Brought
    from sow.catching_up import Update, Wish
    from sow.formats import Format
    from sow.formats.merging import Side
    from sow.formats.planning import Plan
    from sow.intake import Exchange
    from sow_schemas.documents import InboxRefused, InboxTaken

# What knows formats is loaded when there is a file: every run looks here, and few find one.

ERROR = ".error"
"""What the name of a file's complaint has behind its own."""

REST_SECONDS = 0.3
"""How long a file was not written before it is taken for whole: some write in several goes."""

WRITING_SECONDS = 2.0
"""For how long a file that can't be taken may be one that somebody is writing."""

AGAIN_SECONDS = 0.5
"""After how long a file is looked at again that somebody is writing."""

PATIENCE_SECONDS = 5.0
"""For how long a run that has nothing else to do stays for a file that somebody is writing."""

SHARE = 10
"""Of so much time one part is spent on looking, at most; a busy machine does not lengthen that."""

_PASSED_OVER = (ERROR, ".tmp", ".part", ".swp", ".lock", "~")
"""How names end of what programs put beside their files."""

_HEAD = "sow has not taken this file:"
_HEAD_OF_PART = "sow has not taken all of this file:"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that lies in the inbox folder."""

    path: str
    """Absolute, the folder's links followed."""
    name: str
    """Below the inbox folder."""

    @property
    def project(self) -> str:
        """The project that it is for; empty where its place does not tell."""
        return os.path.dirname(self.name)

    @property
    def error(self) -> str:
        """Where it stands why it could not be taken."""
        return f"{self.path}{ERROR}"

    @property
    def complaint(self) -> str:
        """What stands there; empty for nothing."""
        with suppress(Refused):
            return files.text(self.error)
        return ""


@dataclass(frozen=True, slots=True)
class Told:
    """What was done about a file: for whoever watches."""

    kind: Literal["taken", "given", "refused", "gone", "waits"]
    """`given`: it was told of its tasks, and had nothing new; `waits`: somebody is writing it."""
    name: str
    text: str
    tasks: tuple[str, ...] = ()
    """The ids of tasks that are new or changed."""


def lying(main: str) -> list[Dropped]:
    """The files in the inbox folder of a repository, by name. Raises Unreadable for a folder that is none."""
    inbox = os.path.realpath(f"{main}/{INBOX}")
    found: list[Dropped] = []
    for name in _names(f"{main}/{INBOX}", main):
        if os.path.isdir(f"{inbox}/{name}") and not os.path.islink(f"{inbox}/{name}"):
            inner = _names(f"{inbox}/{name}", main)
            found += [Dropped(f"{inbox}/{name}/{one}", f"{name}/{one}") for one in inner]
        else:
            found.append(Dropped(f"{inbox}/{name}", name))
    return found


def _names(folder: str, main: str) -> list[str]:
    names = files.names(folder, (main,))
    return sorted(name for name in names if not name.startswith(".") and not name.endswith(_PASSED_OVER))


def knows(store: Store, item: Dropped) -> bool:
    """Whether a file was taken into a project."""
    from sow import intake

    mark = f"-{intake.digest(item.path)}.json"
    names = files.names(store.layout.formats)
    if any(name.endswith(mark) for name in names):
        return True
    if intake.WHOLE not in names:
        return False
    held = intake.snapshot(f"{store.layout.formats}/{intake.WHOLE}")
    return held is not None and held.file == item.path


def ended(main: str, item: Dropped, names: Collection[str]) -> str:
    """The project that a file was the document of, and that has ended; empty for none.

    `names`: those of the projects that there are.
    """
    from sow import intake

    for name in files.names_if_any(f"{main}/{RUNTIME}"):
        # One of that name that ended before has a `~` in the name of its folder.
        if name not in names and "~" not in name:
            held = intake.snapshot(f"{main}/{RUNTIME}/{name}/formats/{intake.WHOLE}")
            if held is not None and held.file == item.path:
                return name
    return ""


@dataclass(slots=True)
class Inbox:
    """The inbox folder, looked into for one project."""

    store: Store
    others: Callable[[], Iterable[Store]] = lambda: ()
    """The other projects of the repository, as they are now."""
    at_work: Callable[[], bool] = lambda: False
    """Whether an agent may be writing just now."""
    bring: Callable[[str, Callable[[str], str], Wish], Brought] | None = None
    """Makes a whole project of the file at a path, or keeps the two in step."""
    begin: Callable[[project.Plan], Store] | None = None
    """Makes a project for what there is no room for; None where there can be only one."""
    prefer: Side | None = None
    """Whose word counts where both have changed the same; None for nobody's."""
    due: float | None = None
    """When a file that somebody was writing is to be looked at again, by the store's clock; None for none."""
    _done: dict[str, tuple[object, object]] = field(default_factory=dict)
    """What each file, and the tasks, were when there was nothing left to do about it."""
    _doubted: dict[str, object] = field(default_factory=dict)
    """What each file was that was written while agents were at work."""
    _told: dict[str, str] = field(default_factory=dict)
    """What was said of each file that could not be taken."""
    _files: dict[str, str] | None = None
    """The files that are known here, by the names of their snapshots."""
    _rests_until: float = 0.0
    _heard: bool = True
    """Whether something happened in the folder since it was looked at."""
    _mark: object = None
    _lost: str = ""
    """Why the folder can't be looked into; empty where it can."""
    _lost_told: str = ""
    _waits: dict[str, float] = field(default_factory=dict)
    """Since when each file waits to be whole."""

    @property
    def folders(self) -> list[str]:
        """The folders in which files for the project may come; the first is made where it is missing."""
        inbox = self.store.layout.inbox
        files.make_folder(inbox)
        own = f"{inbox}/{self.store.layout.name}"
        return [inbox, own] if os.path.isdir(own) else [inbox]

    def notice(self) -> None:
        """Hears that something happened in the folder; notes what was changed while agents were at work."""
        self._heard = True
        if not self.at_work():
            return
        for item in self._lying():
            sign = _sign(item.path)
            if self._done.get(item.path, (None,))[0] != sign:
                self._doubted[item.path] = sign

    def look(self, mark: object = None, *, patient: bool = False) -> list[Told]:
        """Does what is to be done about each file; gives what was.

        `mark`: what is another whenever a task has changed; with None each file is looked at. `patient`:
        whether a moment is waited for a file that was written just now.
        """
        told = self._look(mark)
        if patient and self.due is not None and any(one.kind == "waits" for one in told):
            time.sleep(min(max(self.due - self.store.clock(), 0.0), REST_SECONDS))
            told = [one for one in told if one.kind != "waits"] + self._look(mark)
        return told

    def wants_look(self, mark: object) -> bool:
        """Whether there may be something to be done: at once about a file, about tasks not too often."""
        now = self.store.clock()
        is_due = self.due is not None and now >= self.due
        return self._heard or is_due or (mark != self._mark and now >= self._rests_until)

    def looks_at(self) -> float | None:
        """When it is time to look, whether or not anything is heard of; None for no such time."""
        if self._rests_until > self.store.clock():
            return self._rests_until
        return self.due

    @property
    def is_awaited(self) -> bool:
        """Whether a file is being written that will be whole in a moment; some are held open for ever."""
        now = self.store.clock()
        return any(now - since < PATIENCE_SECONDS for since in self._waits.values())

    # -- file by file --------------------------------------------------------------------------

    def _look(self, mark: object) -> list[Told]:
        began, self.due = time.thread_time(), None
        if mark is not None and self.store.clock() < self._rests_until:
            mark = self._mark  # large files that are as they were have their turn later
        self._heard, self._mark = False, mark
        told: list[Told] = []
        there = self._lying()
        if self._lost != self._lost_told:
            self._lost_told = self._lost
            told += [Told("refused", INBOX, self._lost)] * bool(self._lost)
        waited, self._waits = self._waits, {}
        for item in there:
            if (one := self._look_at(item, mark)) is not None:
                told.append(one)
                if one.kind == "waits":
                    self._waits[item.path] = waited.get(item.path, self.store.clock())
        told += self._gone({item.path for item in there})
        self._sweep({item.path for item in there})
        if not any(one.kind == "taken" for one in told):  # what came in is told of its tasks soon
            ends = self.store.clock() + SHARE * (time.thread_time() - began)
            self._rests_until = max(self._rests_until, ends)
        return told

    def _lying(self) -> list[Dropped]:
        self._lost = ""
        try:
            return lying(self.store.layout.main)
        except Refused as fault:
            self._lost = fault.in_a_line
            return []

    def _look_at(self, item: Dropped, mark: object) -> Told | None:
        sign = _sign(item.path)
        if sign is None or (mark is not None and self._done.get(item.path) == (sign, mark)):
            return None
        try:
            # As we left it, it was written by us: the end of a run still tells it what came since.
            is_ours = self._done.get(item.path, (None,))[0] == sign
            if not is_ours and (left := REST_SECONDS - writers.age(item.path)) > 0:
                return self._wait(item, left)
            if writers.is_written(item.path):
                return self._wait(item, AGAIN_SECONDS)
            told = self._take(item, sign)
        except (FileNotFoundError, NotFound):
            return None  # gone since it was listed
        except Busy:
            return self._wait(item, AGAIN_SECONDS)
        except SowError as fault:
            is_young = writers.age(item.path) < WRITING_SECONDS
            if is_young and isinstance(fault, Refused) and not isinstance(fault, files.Unreadable):
                return self._wait(item, AGAIN_SECONDS)
            told = self._complain(item, [f"{fault}", f"  {fault.hint}"], all_of_it=True)
        self._done[item.path] = (_sign(item.path), mark)
        return told

    def _wait(self, item: Dropped, seconds: float) -> Told:
        at = self.store.clock() + seconds
        self.due = at if self.due is None else min(self.due, at)
        return Told("waits", item.name, f"{item.name} is being written")

    def _take(self, item: Dropped, sign: object) -> Told | None:
        from sow import bringing, intake
        from sow.formats.planning import Options, summary
        from sow.spreading import Places, spread

        text = _text(item.path)
        doubt = self.at_work() or self._doubted.get(item.path) == sign
        if self.bring is not None and bringing.fits(text):
            from sow.catching_up import Wish

            names = (self.store.layout.name, *(one.layout.name for one in self.others()))
            if ended(self.store.layout.main, item, names):
                return self._complain(item, [])  # who wants it once more says so: `sow import`
            return self._kept(item, self.bring(item.path, _text, Wish(True, self.prefer, doubt)))
        others = tuple(self.others())
        if not self._is_mine(item, others):
            return None
        source = intake.Source(item.path, _format(item, text), _text)
        routed = intake.routes(self.store.layout.main)

        def exchange_with(store: Store) -> Exchange:
            every = (self.store, *self.others())
            neighbours = [one for one in every if one.layout.name != store.layout.name]
            return intake.Exchange(store, source, routed, neighbours=neighbours, doubt=doubt)

        exchange = exchange_with(self.store)
        places = Places(self.others, exchange_with, self.begin)
        parts = spread(exchange, places, Options("sync", prefer=self.prefer))
        done = parts[0].plan
        if self._files is not None:
            path = intake.snapshot_path(self.store.layout, exchange.source)
            self._files[os.path.basename(path)] = item.path
        added, updated = (
            [task.id for _, task, _ in done.adds],
            [change.task.id for _, change, _ in done.changes],
        )
        if added or updated:
            payload: InboxTaken = {"file": item.name, "added": added, "updated": updated}
            self.store.tell(Event(type="inbox.taken", payload=payload))
        complaint = self._complain(item, list(_complaints(done, item)))
        further = [f"{len(part.plan.adds)} in project {part.name}" for part in parts[1:] if part.plan.adds]
        if added or updated or further:
            words = "; ".join((f"{item.name}: {summary(done)}", *further))
            return Told("taken", item.name, words, (*added, *updated))
        if complaint is not None:
            return complaint
        return Told("given", item.name, f"{item.name}: {summary(done)}") if done.give else None

    def _kept(self, item: Dropped, done: Brought) -> Told | None:
        """Tells what became of a whole project and its document."""
        name, news = done.plan.name, done.update
        if done.is_new or news is None:
            self._complain(item, [])
            tasks = f"{done.tasks} task{'' if done.tasks == 1 else 's'}"
            what = f"project {name} ({tasks}) on branch {done.plan.branch}, in {done.layout.folder}"
            return Told("taken", item.name, f"{item.name}: {what}") if done.is_new else None
        is_own = name == self.store.layout.name
        updated = [one.removeprefix("task ") for one in news.changed if one.startswith("task ")]
        if news.is_taken and is_own:
            payload: InboxTaken = {"file": item.name, "added": news.added, "updated": updated}
            self.store.tell(Event(type="inbox.taken", payload=payload))
        complaint = self._complain(item, list(_complaints_of(news, item)))
        told = f"{item.name}: project {name}: {news.summary}"
        if news.is_taken:
            return Told("taken", item.name, told, (*news.added, *updated) if is_own else ())
        if complaint is not None:
            return complaint
        return Told("given", item.name, told) if news.given else None

    def _is_mine(self, item: Dropped, others: tuple[Store, ...]) -> bool:
        """Whether a file is for this project. Raises Refused where nobody can tell whose it is."""
        name = self.store.layout.name
        names = sorted([name, *(one.layout.name for one in others)])
        if item.project:
            if item.project in names:
                return item.project == name
            raise Refused(
                f"there is no project {item.project} here",
                f"move it into the folder of one that there is ({', '.join(names)}), or begin that one",
            )
        if whose := next((one for one in (self.store, *others) if knows(one, item)), None):
            return whose is self.store
        if not others:
            return True
        raise Refused(
            f"there are several projects here: {', '.join(names)}",
            f"move it into the folder of the one that it is for: {INBOX}/PROJECT/{item.name}",
        )

    # -- what can't be taken -------------------------------------------------------------------

    def _complain(self, item: Dropped, lines: list[str], *, all_of_it: bool = False) -> Told | None:
        """Says beside a file what of it can't be taken, or takes the complaint away; tells it once."""
        if not lines:
            self._told.pop(item.path, None)
            if item.complaint:
                with suppress(OSError):
                    os.unlink(item.error)
            return None
        text = "\n".join((_HEAD if all_of_it else _HEAD_OF_PART, "", *lines, ""))
        if text in (item.complaint, self._told.get(item.path)):
            return None
        self._told[item.path] = text
        with suppress(Failed):  # a folder that we may not write: it is told all the same
            files.write(item.error, text)
        payload: InboxRefused = {"file": item.name, "reason": lines[0]}
        self.store.tell(Event(type="inbox.refused", payload=payload, whole=item.error))
        return Told("refused", item.name, f"{item.name}: {lines[0]} (see {INBOX}/{item.name}{ERROR})")

    # -- what went -----------------------------------------------------------------------------

    def _gone(self, there: set[str]) -> Iterator[Told]:
        """Tells once of each file that was taken and is there no more; its tasks stay."""
        if self._files is None and not files.names(self.store.layout.formats):
            return
        from sow import intake

        if self._files is None:
            self._files = dict(intake.dropped_files(self.store.layout))
        for name, path in list(self._files.items()):
            if path in there or os.path.lexists(path):
                continue
            del self._files[name]
            if intake.note_gone(self.store.layout, name):
                shown = os.path.relpath(path, os.path.realpath(self.store.layout.inbox))
                yield Told("gone", shown, f"{shown} is gone from the inbox folder; its tasks stay")

    def _sweep(self, there: set[str]) -> None:
        """Removes complaints about files that are gone, and what killed writers left."""
        for folder in self.folders:
            writers.sweep(folder)
            for name in files.names(folder):
                path = f"{os.path.realpath(folder)}/{name}"
                if name.endswith(ERROR) and path.removesuffix(ERROR) not in there and _is_ours(path):
                    with suppress(OSError):
                        os.unlink(path)


def _sign(path: str) -> object:
    """What a file is known by that has not changed; None for one that is gone."""
    try:
        held = os.lstat(path)
    except OSError:
        return None
    return held.st_ino, held.st_size, held.st_mtime_ns, held.st_ctime_ns


def _text(path: str) -> str:
    """What a dropped file says. Raises NotFound, or Refused for a link, no plain file, one too large."""
    if os.path.islink(path):
        raise files.Unreadable(path, f"is a link to {os.readlink(path)}", "put the file itself there")
    from sow import intake

    return intake.text_of(path)


def _format(item: Dropped, text: str) -> Format:
    """The format of a dropped file. Raises Refused, with the place where its JSON is broken."""
    from sow.formats import known

    try:
        return known.of(item.path, text)
    except BadFile:
        raise
    except Refused as fault:
        raise Refused(
            f"{item.name} is in none of the formats that are known",
            "it may be a task list, OmniQ's tasks, a task file, a list of issues, all in JSON; a check list"
            " in a .md file; or a whole project of the original",
        ) from fault


def _complaints(done: Plan, item: Dropped) -> Iterator[str]:
    """What of a file was not taken, two lines each: what is wrong, and what to do."""
    for one in done.rejected:
        yield f"{one.place}{f' {one.id}' if one.id else ''}: {one.reason}"
        yield f"  {one.hint.replace('sow sync FILE', f'sow sync {INBOX}/{item.name}')}"
    for conflict in done.conflicts:
        keys = ", ".join(conflict.keys)
        yield f"{conflict.place}: task {conflict.task_id} and the file have both changed: {keys}"
        yield f"  say whose word counts: `sow sync {INBOX}/{item.name} --prefer file`, or project"


def _complaints_of(news: Update, item: Dropped) -> Iterator[str]:
    """The same of a whole project."""
    for name, one in news.rejected.items():
        yield f"{name}: {one.reason}"
        yield f"  {one.hint}"
    for name, keys in news.conflicts.items():
        yield f"{name}: project and file have both changed: {', '.join(keys)}"
        yield f"  say whose word counts: `sow sync {INBOX}/{item.name} --prefer file`, or project"


def take_back_complaint(path: str) -> None:
    """Takes away what is complained of about a dropped file: all of it is taken now."""
    if _is_ours(f"{path}{ERROR}"):
        with suppress(OSError):
            os.unlink(f"{path}{ERROR}")


def _is_ours(path: str) -> bool:
    with suppress(Refused):
        return files.text(path).startswith((_HEAD, _HEAD_OF_PART))
    return False


# -- for who only looks ----------------------------------------------------------------------------


State = Literal["taken", "in part", "new", "not taken"]
"""`new`: nobody has looked at it yet; `in part`, `not taken`: for the reason that stands beside it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a file in the inbox folder stands."""

    name: str
    state: State
    project: str
    """The project that took it, or that it is for; empty where nobody knows."""
    reason: str = ""
    hint: str = ""


def survey(main: str, stores: Iterable[Store]) -> list[Seen]:
    """How each file in the inbox folder stands, of which nothing is changed. Raises Unreadable."""
    every = tuple(stores)
    found = []
    for item in lying(main):
        whose = next((store.layout.name for store in every if knows(store, item)), "")
        whose = whose or ended(main, item, [store.layout.name for store in every])
        state, reason, hint = _reason(item.complaint)
        if not reason:
            state = "taken" if whose else "new"
        found.append(Seen(item.name, state, whose or item.project, reason, hint))
    return found


def _reason(complaint: str) -> tuple[State, str, str]:
    """What a complaint is of, the first thing that it is about, and what to do about it."""
    head, _, *lines = [*complaint.splitlines(), "", ""]
    state: State = "in part" if head == _HEAD_OF_PART else "not taken"
    return state, lines[0] if lines else "", lines[1].strip() if len(lines) > 1 else ""


def counted(seen: Iterable[Seen]) -> str:
    """How many files lie in the inbox folder, and how many of them were not taken."""
    every = list(seen)
    if not every:
        return "no files"
    words: dict[State, str] = {
        "new": "not looked at yet",
        "in part": "taken in part",
        "not taken": "not taken",
    }
    told = [f"{len(every)} file{'s' if len(every) > 1 else ''}"]
    for state, word in words.items():
        if count := sum(one.state == state for one in every):
            told.append(f"{count} {word}")
    return ", ".join(told)


def document(one: Seen) -> dict[str, str | None]:
    """How a file stands, for programs."""
    return {
        "file": one.name, "state": one.state, "project": one.project or None, "reason": one.reason or None,
        "hint": one.hint or None,
    }  # fmt: skip
