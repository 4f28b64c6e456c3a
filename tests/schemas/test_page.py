"""The page of fields tells of every field, and only of those; its links lead somewhere."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import sow_schemas
from sow_schemas import keywords, page

SECTIONS = {part.splitlines()[0]: part for part in page.text().split("\n## ")[1:]}
NAMES = [name for name in sow_schemas.names() if name not in sow_schemas.WITHOUT]


def paths(schema: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every field below a schema by its path, each with its schema; another document's are not gone into."""
    if not isinstance(schema, dict):
        return
    for name, part in schema.get("properties", {}).items():
        yield f"{above}{name}", part
        yield from paths(part, f"{above}{name}.")
    for step, key in (("<n>", "items"), ("<name>", "additionalProperties")):
        yield from paths(schema.get(key), f"{above}{step}.")
    for branch in schema.get("allOf", ()):
        yield from paths(branch["then"], above)


def rows(section: str) -> dict[str, list[str]]:
    """The rows of a section by their path, each as its cells."""
    found = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells for cells in found}


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_schema_has_its_row(name: str) -> None:
    schema = sow_schemas.load(name)
    told = rows(SECTIONS[schema["title"]])
    assert set(told) >= {path for path, part in paths(schema) if part is not False}
    known = {path.split(".")[-1] for path, _ in paths(schema)} | {"<n>", "<name>"}
    assert {path.split(".")[-1] for path in told if not path.startswith("type: ")} <= known
    for path, cells in told.items():
        assert len(cells) == 4, path
        assert cells[3].endswith("."), path


@pytest.mark.parametrize("name", NAMES)
def test_a_row_tells_what_is_allowed_and_what_is_needed(name: str) -> None:
    schema = sow_schemas.load(name)
    told = rows(SECTIONS[schema["title"]])
    for path, part in schema["properties"].items():
        _, value, needed, meaning = told[path]
        assert needed == "yes" if path in schema["required"] else needed.startswith(("no", "where "))
        assert [f"`{choice}`" in value for choice in part.get("enum", [])] == [True] * len(
            part.get("enum", [])
        )
        assert "minimum" not in part or str(part["minimum"]) in value
        assert "maximum" not in part or str(part["maximum"]) in value
        assert "default" not in part or "where it is absent" in value
        assert meaning.startswith(part["description"].split("|")[0].split("<")[0])


def test_what_another_field_decides_about_is_told() -> None:
    told = rows(SECTIONS["Result"])
    assert {path: cells[2] for path, cells in told.items()} == {
        "status": "yes",
        "message": "where `status` is `error`",
        "data": "no, and never where `status` is `error`",
        "error_code": "where `status` is `error`",
        "details": "no, and never where `status` is `success`",
    }


def test_every_link_of_the_page_leads_to_a_section() -> None:
    goals = set(re.findall(r"\]\(#(.*?)\)", page.text()))
    assert goals == {title.lower() for title in SECTIONS}


def test_nothing_on_the_page_looks_like_a_tag() -> None:
    outside_of_code = re.sub(r"`[^`]*`|<!--.*?-->", "", page.text(), flags=re.DOTALL)
    assert "<" not in outside_of_code


def test_a_keyword_that_there_is_no_code_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    part = {"type": "string", "contentEncoding": "base64", "description": "A text."}
    schema = {"title": "A", "description": "A.", "type": "object", "properties": {"a": part}}
    monkeypatch.setattr(sow_schemas, "load", lambda name: schema)
    with pytest.raises(keywords.Unknown, match=r"artifact_state\.a: no code for contentEncoding"):
        page.text()
