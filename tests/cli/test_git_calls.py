"""How often a command asks git: each question is a process, and most were asked twice once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.parts import Person, person

from sow.git import repository

NAMED = {
    f"GIT_{who}_{what}": held
    for who in ("AUTHOR", "COMMITTER")
    for what, held in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}
REPORT = json.dumps({"verb": "set", "field": "status", "value": "needs_review"})
AGENT = (
    "echo work > work.txt; "
    f"""echo '{REPORT}' >"$SOW_PROJECT_RUNTIME/attempts/$SOW_ATTEMPT_ID/outbox/1.json\""""
)
SETTINGS = {
    "agents": {
        "executors": {"worker": {"type": "command", "settings": {"argv": ["/bin/sh", "-c", AGENT]}}},
        "bindings": {"implementer": "worker"},
    }
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions to git since it was last cleared."""
    seen: list[str] = []
    call = repository._call

    def counted(argv: list[str], *args: Any, **kwargs: Any) -> repository.Answer:
        settings = ("-c", "-C")
        seen.append(" ".join(word for word, before in zip(argv[1:], argv, strict=False)
                             if word not in settings and before not in settings))  # fmt: skip
        return call(argv, *args, **kwargs)

    monkeypatch.setattr(repository, "_call", counted)
    return seen


def test_a_command_asks_git_only_what_it_has_to_know(tmp_path: Path, asked: list[str]) -> None:
    who = Person(person(tmp_path).folder, tmp_path / "home", NAMED)
    who.commit(a__txt="a\n")
    who.settings(json.dumps(SETTINGS))
    most: list[tuple[int, int, str]] = [
        (0, 0, "init"),
        (18, 0, "project new Costs"),
        (0, 0, "task add Work --agent implementer"),
        (24, 5, "run"),
        (0, 0, "status"),
        (32, 0, "task approve 010"),
        (8, 0, "run"),
    ]
    for count, code, words in most:
        asked.clear()
        assert who.sow(*words.split()).code == code
        assert len(asked) <= count, f"`sow {words}` asks git:\n" + "\n".join(asked)
    assert who.git("show", "feat/costs:work.txt") == "work"
