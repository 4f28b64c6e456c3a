"""Placeholders: what is one, what it stands for, how a shell sees it."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow.errors import Refused
from sow.taskfiles import template

VALUES: dict[str, Any] = {
    "input": {"media": "/w/a b.mp3", "script": None, "parts": ["/w/a", "/w/b c"]},
    "output": {"raw_srt": "/w/it's.srt"},
    "config": {"engine": {"model": "medium", "beams": 5}},
    "task_id": "t1",
}


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("asr {input.media} > {output.raw_srt}", "asr '/w/a b.mp3' > '/w/it'\"'\"'s.srt'"),
        ("cat {input.parts}", "cat /w/a '/w/b c'"),
        ("x --script={input.script}", "x --script=''"),
        ("x {config.engine.model} {config.engine.beams}", "x medium 5"),
        ("x {config.engine}", 'x \'{"model": "medium", "beams": 5}\''),
        ("echo ${HOME} {a,b} {nothing} {} {input-x}", "echo ${HOME} {a,b} {nothing} {} {input-x}"),
        ("awk '{print $1}' {input.media}", "awk '{print $1}' '/w/a b.mp3'"),
        ("echo it\\'s {task_id}", "echo it\\'s t1"),
        ('x "$(basename {input.media})"', "x \"$(basename '/w/a b.mp3')\""),
        ("(x {task_id}) # it's\ny {task_id}", "(x t1) # it's\ny t1"),
    ],
)
def test_a_command_is_filled_in(line: str, filled: str) -> None:
    assert template.filled(line, VALUES, shell=True) == filled


def test_a_prompt_is_filled_in_without_quotes() -> None:
    assert template.filled('Read "{input.media}".', VALUES, shell=False) == 'Read "/w/a b.mp3".'


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("x {input.medja}", "{input.medja}: the task has no input.medja", "did you mean input.media?"),
        (
            "x {config.refine.on}",
            "{config.refine.on}: the task has no config.refine",
            "did you mean config.engine?",
        ),
        (
            "x {input.media.x}",
            "{input.media.x}: the task has no input.media.x",
            "the task has no input.media",
        ),
        ("x '{input.media}'", "{input.media} stands in quotes, and is quoted", "leave out the quotes"),
        ('x "$(y "{input.media}")"', "{input.media} stands in quotes, and is quoted", "leave out the quotes"),
        ('x "a{input.media}b"', "{input.media} stands in quotes, and is quoted", "leave out the quotes"),
    ],
)
def test_what_can_not_be_filled_in_is_refused(line: str, said: str, hint: str) -> None:
    with pytest.raises(Refused) as caught:
        template.filled(line, VALUES, shell=True)
    assert str(caught.value).startswith(said)
    assert caught.value.hint.startswith(hint)


@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8"), max_size=30))
def test_a_shell_gets_any_value_as_one_word(value: str) -> None:
    line = template.filled("printf %s {input.x}", {"input": {"x": value}}, shell=True)
    assert shlex.split(line) == ["printf", "%s", value]


def test_the_very_shell_agrees() -> None:
    value = 'a\'b "c" $HOME `x` \\ \n*;&|'
    line = template.filled("printf %s {input.x}", {"input": {"x": value}}, shell=True)
    assert subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True).stdout == value


def test_the_outputs_that_a_command_names() -> None:
    assert template.named("x {output.a} {input.b} {output.a} {output.c} ${output.d}", "output") == ("a", "c")
