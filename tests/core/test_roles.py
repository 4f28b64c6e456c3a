"""Roles: the built-in ones, and those that a repository describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sow import roles
from sow.errors import NotFound
from sow.roles import BUILT_IN


def test_a_role_is_one_of_ours_or_described_in_the_repository(tmp_path: Path) -> None:
    main = str(tmp_path)
    roles.check("implementer", main)
    with pytest.raises(NotFound, match="agent not found: implementor") as unknown:
        roles.check("implementor", main)
    assert unknown.value.hint.startswith("did you mean implementer? ")
    (tmp_path / ".sow" / "agents").mkdir(parents=True)
    (tmp_path / ".sow" / "agents" / "gardener.md").write_text("Weed.")
    (tmp_path / ".sow" / "agents" / "planner.md").write_text("Plan otherwise.")
    roles.check("gardener", main)
    assert roles.known(main) == (*BUILT_IN, "gardener")
