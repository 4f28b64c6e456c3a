"""How a project ends: its work goes home, or it is given up; in both ways nothing unmerged is lost."""

from __future__ import annotations

from collections.abc import Callable

from sow.api import engine
from sow.api.opened import Opened
from sow.deleting import Loss
from sow.errors import Usage
from sow.finishing import Finished, How, Prospect, Wish
from sow.removal import Removed


def wish(how: How | None, target: str, draft: bool, strict: bool, pr_url: str) -> Wish:
    """How somebody wants a project finished. Raises Usage for words that don't go together."""
    if pr_url and not pr_url.startswith(("http://", "https://")):
        raise Usage(
            f"--pr-url {pr_url}: that is no address", "such as --pr-url https://github.com/me/it/pull/7"
        )
    if draft and how not in (None, "pr"):
        raise Usage(f"--draft is for a pull request, not for --{how}", "leave it out, or say --pr")
    return Wish(how, target, draft, strict, pr_url)


def prospect(opened: Opened, wish: Wish) -> Prospect:
    """What finishing a project would do."""
    turns, _ = opened.decisions()
    return engine.finisher(turns, opened.caller.tell).look(wish)


def finish(opened: Opened, wish: Wish, tell: Callable[[str], None]) -> Finished:
    """Finishes a project. `tell`: is given a line about each step."""
    turns, _ = opened.decisions()
    return engine.finisher(turns, tell).finish(wish)


def loss(opened: Opened) -> Loss:
    """What deleting a project would take away."""
    turns, _ = opened.decisions()
    return engine.deleter(turns).look()


def delete(opened: Opened, *, keep_branch: bool) -> Removed:
    """Deletes a project."""
    turns, _ = opened.decisions()
    return engine.deleter(turns).delete(keep_branch=keep_branch)
