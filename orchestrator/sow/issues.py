"""Issues of GitHub that become tasks: asked for by `gh`, told in a comment that they have, closed with them.

Which issue has been told is asked of the issue: a comment of ours bears a mark that nobody sees. So one that
a kill kept from being told is told by the next import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sow import forge, intake
from sow.errors import NotFound, SowError
from sow.formats import Raw, github
from sow.formats.planning import Plan
from sow.store import Store

MOST_FAILED = 3
"""After how many issues in a row that can't be told or closed the rest is left: a limit, no network."""

PATH = "github"
"""What stands for the path of a file."""


@dataclass(slots=True)
class Issues:
    """The issues of the repository that a project is in."""

    store: Store
    labels: tuple[str, ...] = ()
    comments: dict[str, list[str]] = field(default_factory=dict)
    """What has been said to each, by its address."""
    fault: SowError | None = None
    """What was wrong first with an issue that could not be told or closed: the next time tries it again."""

    @property
    def source(self) -> intake.Source:
        """Where an exchange reads them."""
        return intake.Source(PATH, github.FORMAT, self.text)

    def text(self, path: str = PATH) -> str:
        """The issues that are open, and those that are tasks already, as a list in JSON.

        Raises NotFound without `gh`, Refused where nobody is logged in, Failed where it fails.
        """
        gh = self._gh()
        try:
            gh.check()
        except NotFound as fault:
            raise NotFound(
                "no program gh here, which asks GitHub for its issues",
                "install it (https://cli.github.com), or import a file that it wrote elsewhere:"
                f" `gh issue list --json {','.join(github.FIELDS)} > issues.json`",
            ) from fault
        path = intake.snapshot_path(self.store.layout, intake.Source(PATH, github.FORMAT))
        held = intake.snapshot(path)
        known = held.records if held else {}
        found = gh.issues(self.labels, (*github.FIELDS, "comments"))
        kept = [self._without_comments(one) for one in found]
        return json.dumps([one for one in kept if one.get("state") == "OPEN" or one.get("url") in known])

    def tell(self, done: Plan) -> list[str]:
        """Says in each issue which task it is, where nobody has yet; gives the issues' addresses."""
        tasks = {record.id: task.id for record, task, _ in done.adds}
        tasks |= {record.id: change.task.id for record, change, _ in done.changes}
        tasks |= {record.id: task_id for record, task_id in done.same}
        raws: Mapping[str, Raw] = done.base
        name = self.store.layout.name
        marks = {url: f"<!-- sow:{name}/{task_id} -->" for url, task_id in tasks.items()}

        def say(url: str) -> None:
            words = f"This is task {tasks[url]} of project {name}.\n\n{marks[url]}"
            self._gh().comment(int(raws[url]["number"]), words)

        said = self.comments
        return self._each(
            say, [url for url in tasks if not any(marks[url] in one for one in said.get(url, ()))]
        )

    def to_close(self, done: Plan) -> dict[str, Raw]:
        """The issues that are open and whose tasks have ended, by their addresses, as they shall be."""
        return {url: raw for url, raw in done.give.items() if str(raw.get("state")).upper() == "CLOSED"}

    def close(self, done: Plan) -> list[str]:
        """Closes these issues; gives their addresses. What a kill kept from it the next one closes."""
        tasks = {github.FORMAT.id_of(task): task for task in self.store.tasks().tasks}
        raws = self.to_close(done)

        def close(url: str) -> None:
            task, raw = tasks[url], raws[url]
            planned = github.FORMAT.status(raw) == "CLOSED"
            words = f"{'Done' if planned else 'Given up'}: task {task.id} of project {self.store.layout.name}"
            words += f", commit {task.commit}." if planned and task.commit else "."
            self._gh().close(int(raw["number"]), words, planned=planned)

        return self._each(close, raws)

    def _each(self, act: Callable[[str], None], urls: Iterable[str]) -> list[str]:
        """Does something with each issue; gives those with which it could be done.

        One may be locked, and the others are not; where several in a row fail, so would the rest.
        """
        done: list[str] = []
        failed = 0
        for url in urls:
            try:
                act(url)
            except SowError as fault:
                self.fault = self.fault or fault
                if (failed := failed + 1) == MOST_FAILED:
                    break
            else:
                failed = 0
                done.append(url)
        return done

    def _gh(self) -> forge.GitHub:
        return forge.GitHub(self.store.layout.folder, "")

    def _without_comments(self, one: dict[str, Any]) -> dict[str, Any]:
        said = one.pop("comments", None) or []
        self.comments[str(one.get("url"))] = [str(comment.get("body", "")) for comment in said]
        return one
