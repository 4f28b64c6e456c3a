"""GitHub issues as `gh` prints them: what can't be taken is told, and known by its address all the same."""

import json

from sow.formats.github import Issues

URL = "https://github.com/a/b/issues/7"
ISSUE = {"number": 7, "title": "Mend it", "url": URL, "state": "OPEN", "labels": []}


def test_an_issue_that_can_not_be_taken_is_known_by_its_address_and_so_not_gone_from_the_list() -> None:
    read = Issues().read("issues.json", json.dumps([{**ISSUE, "state": "ODD"}, ISSUE, ISSUE]), {})
    assert [(record.id, record.place) for record in read.records] == [(URL, "tasks[1]")]
    assert [(one.id, one.place, one.reason) for one in read.rejected] == [
        (URL, "tasks[0]", 'state: "ODD" is none'),
        (URL, "tasks[2]", f"url: {URL} is there already"),
    ]
