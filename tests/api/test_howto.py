"""The page that tells how to drive sow from Python: its examples run, one after the other, as a program."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml
from tests.cli.parts import ROOT, person
from tests.taskfiles.parts import Place

from sow.api import reference

PAGE = ROOT / "docs/howto/drive-sow-from-python.md"
SETTINGS = """
agents:
  executors:
    played: {type: script, settings: {script: %s}}
  bindings:
    implementer: played
"""


def blocks() -> list[str]:
    """The examples in their order, but for the one that ends the project, which comes last."""
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return sorted(found, key=lambda block: ".finish(" in block)


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.folder.rename(shop := tmp_path / "shop")
    who = who.at(shop)
    who.commit(a__txt="a\n")
    works = [{"edit": {"path": "it.txt", "content": "it\n"}}, {"report": "needs_review"}]
    asks = [{"ask": {"question": "Which library?"}}]
    for task, turns in (("010", [asks, works]), ("020", [works])):
        (tmp_path / f"{task}.yaml").write_text(yaml.safe_dump({"turns": turns}), "utf-8")
    studio = Place(tmp_path / "studio")
    studio.shell(good="echo it > {output.result}", bad="exit 3")
    studio.add("t1", ("good",))
    studio.add("t2", ("bad",))
    who.settings(SETTINGS % json.dumps(f"{tmp_path}/{{task_id}}.yaml"))
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks())], cwd=tmp_path, env=who.environment, text=True,
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert "5 ('010',)" in said
    assert "0 wait, after 0" in said
    assert "nightly-bot" in said
    assert "1 1 done, 1 failed" in said
    assert "t2 stage bad: it ended with exit code 3" in said
    assert studio.task("t2")["status"] == "queued"
    assert re.fullmatch(r"main [0-9a-f]{40}", said[-1])
    assert who.git("show", "main:it.txt") == "it"


def test_the_reference_of_the_api_is_what_its_docstrings_say() -> None:
    assert (ROOT / "docs/reference/python.md").read_text("utf-8") == reference.page(), "run scripts/docs"
