"""What a pull request says of a project, whatever its tasks, people and agents said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.parts import new_task
from tests.core.test_statechart import artifact, whole

from sow import pull_request
from sow.pull_request import Said

DONE = new_task(
    "010", name="JWT middleware", status="completed", result={"status": "success", "message": "Done."}
)


def project(*tasks: Any, description: str = "Add OAuth login", **phases: Any) -> Any:
    held = whole("standard", "ReviewActive", tasks, **phases)
    return held.replace(project={**held.project, "name": "add-login", "description": description})


def test_the_whole_text_reads_from_what_for_to_review() -> None:
    long = new_task(
        "020", name="Login form", status="completed",
        result={"status": "success", "message": "Made the form.\n\n- labels\n- errors"},
    )  # fmt: skip
    silent = new_task("030", name="Logout", status="completed")
    given_up = new_task("040", name="Dark mode", status="abandoned")
    waits = new_task("050", name="Waits", status="pending")
    text = pull_request.body(
        project(DONE, long, silent, given_up, waits),
        [Said("020", "Which database?", "sqlite", "ada")],
        {"040": "no longer needed"},
        "It is good.\n",
    )
    shown, _, mark = text.rpartition("\n\n")
    assert (
        shown
        == """\
Add OAuth login

## What was done

- **JWT middleware** (010): Done.
- **Login form** (020):

  Made the form.

  - labels
  - errors
- **Logout** (030)

## Decisions

- **Which database?** (task 020, ada): sqlite

## Abandoned

- Dark mode (040): no longer needed

## Review

It is good."""
    )
    assert mark.startswith("<!-- written by sow, ")


def test_what_there_is_nothing_of_has_no_heading() -> None:
    assert "##" not in pull_request.body(project())
    assert pull_request.body(project(description="")).startswith("<!-- written by sow")


@pytest.mark.parametrize(
    ("description", "title"),
    [
        pytest.param("Add OAuth  login", "Add OAuth login", id="one line"),
        pytest.param("", "add-login", id="without a description its name"),
        pytest.param("x" * 119 + " yz", "x" * 119 + "…", id="cut where it is too long"),
    ],
)
def test_its_title_is_what_the_project_is_for(description: str, title: str) -> None:
    assert pull_request.title(project(description=description)) == title


@given(st.text(max_size=300))
def test_a_text_of_ours_is_known_again_unless_somebody_changed_it(text: str) -> None:
    ours = pull_request.marked(text)
    assert pull_request.is_ours(ours)
    assert pull_request.is_ours(ours.replace("\n", "\r\n"))
    assert not pull_request.is_ours(f"I add this.\n\n{ours}")
    assert not pull_request.is_ours(f"{ours}\nAnd this.")


def test_a_text_of_a_persons_is_not_ours_and_an_empty_one_may_be_written() -> None:
    assert not pull_request.is_ours("What I wrote.")
    assert pull_request.is_ours("")
    assert pull_request.is_ours(" \r\n")


@given(st.text(max_size=200))
def test_whatever_an_agent_says_the_reader_sees_what_comes_after_it(words: str) -> None:
    said = f"{words}<!-- {words}"
    told = DONE.replace(name=f"<!--{DONE.name}", result={"status": "success", "message": said})
    text = pull_request.body(project(told), review="Looks well.")
    assert text.count("<!--") == 1, "the last line of ours alone"
    assert "Looks well." in text


def test_a_text_stays_below_what_forges_take() -> None:
    loud = [
        new_task(f"{n:03d}", status="completed", result={"status": "success", "message": "x" * 900})
        for n in range(1, 100)
    ]
    text = pull_request.body(project(*loud), review="y" * 50_000)
    assert len(text) < 65_536
    assert "characters in all)" in text
    assert pull_request.is_ours(text)


def event(type_: str, task_id: str = "010", **payload: Any) -> dict[str, Any]:
    return {"type": type_, "task_id": task_id, "payload": payload}


def test_a_decision_is_a_question_and_the_answer_that_came() -> None:
    log = [
        event("task.paused", question="Which way?", kind="question"),
        event("task.paused", "020", question="It failed: try again?", kind="failure"),
        event("task.resumed", "020", by="ada", answer="yes"),
        event("task.resumed", by="ada", answer="Left."),
        event("task.resumed", by="orchestrator"),
        event("task.paused", question="How far?", kind="question"),
        event("task.abandoned", reason="no longer needed"),
        event("project.created", name="x", branch="y") | {"task_id": None},
    ]
    assert pull_request.decisions(log) == [Said("010", "Which way?", "Left.", "ada")]
    assert pull_request.reasons(log) == {"010": "no longer needed"}


def test_the_newest_output_of_a_type_is_found_and_only_an_approved_one_where_asked() -> None:
    held = project(
        finalize={
            "outputs": [
                artifact("pr_body", path="first.md"),
                artifact("pr_body", path="second.md"),
                artifact("pr_body", path="third.md", approved=False),
            ]
        }
    )
    assert pull_request.newest(held, "pr_body", approved=True) == "second.md"
    assert pull_request.newest(held, "pr_body") == "third.md"
    assert pull_request.newest(held, "review") is None
