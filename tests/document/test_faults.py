"""The faults of a document stand in the order of its file, each in the line where it is to be mended."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.schemas.documents import damaged

import sow_schemas
from sow.document import canonical, faults, parse

BY_HAND = b"""\
# by Ada
iteration: 0   # to be mended
inputs:
  - {type: a, path: b, approved: maybe,
     created_at: 2026-11-20T08:30:00Z}
nmae: First
"""


def test_faults_come_in_the_order_of_the_file_and_say_line_and_column() -> None:
    document = parse(BY_HAND, "state.yaml")
    found = faults.find("task_state", document.value, "state.yaml", document)
    placed = [(fault.line, fault.column, fault.field) for fault in found if fault.message != "is missing"]
    assert placed == [(2, 1, "iteration"), (4, 24, "inputs.0.approved"), (6, 1, "nmae")]
    assert str(found[-1]) == "state.yaml:6: nmae: is not a known field"
    assert all(fault.line == 1 for fault in found if fault.message == "is missing"), (
        "of the mapping that lacks it"
    )


def test_a_refusal_tells_the_first_fault_and_how_many_more() -> None:
    document = parse(b"state:\n  commit: sometimes\njobs: 0\n", "config.yaml")
    refused = faults.refusal("repository_config", document.value, "config.yaml", document)
    assert str(refused) == 'config.yaml:2: state.commit: "sometimes" is not allowed (and 1 more)'
    assert refused.hint == "allowed: auto, never"


def test_a_document_that_is_not_written_yet_has_no_lines() -> None:
    (fault,) = faults.find("repository_config", {"jobs": 0}, "config.yaml")
    assert (fault.line, fault.value, str(fault)) == (0, 0, "config.yaml: jobs: 0 is too small")


def test_of_something_that_is_no_mapping_the_whole_is_at_fault() -> None:
    (fault,) = faults.find("repository_config", [1], "config.yaml")
    assert str(fault) == "config.yaml: [1] is a list, not a mapping"


@pytest.mark.parametrize("name", ["task_state", "phase_file", "project_file", "attempt", "user_config"])
# Of small documents most kinds of damage leave a valid one.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_a_fault_stands_in_the_line_of_its_field(name: str, data: st.DataObject) -> None:
    value = data.draw(damaged(name))
    assume(isinstance(value, dict) and value and not sow_schemas.valid(name, value))
    try:
        text = canonical.emit(value)
    except canonical.Unwritable:
        assume(False)
    document = parse(text.encode(), "state.yaml")
    for fault in faults.find(name, value, "state.yaml", document):
        top = fault.field.split(".")[0]
        there = [line for line in text.splitlines() if line.startswith(f"{top}: ")]
        assert text.splitlines()[fault.line - 1] in (there or [text.splitlines()[0]])
