"""Messages that come in pieces without an end are said piece by piece, and fill no memory."""

import json
from typing import Any

import pytest

from sow_executors import catalog
from sow_executors.base import Said
from sow_executors.lines import MOST_PIECES

SESSION = "5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e5"
PIECE = "x" * (MOST_PIECES // 4)
TEXT = {"type": "text", "text": PIECE}
CURSOR = {"type": "assistant", "message": {"content": [TEXT]}, "timestamp_ms": 1}


@pytest.mark.parametrize(
    ("executor", "settings", "line", "said"),
    [
        ("gemini", {}, {"type": "message", "role": "assistant", "content": PIECE, "delta": True}, 3),
        (
            "acp",
            {"command": ["x"]},
            {
                "type": "update",
                "update": {
                    "sessionUpdate": "agent_message_chunk",
                    "content": {"type": "text", "text": PIECE},
                },
            },
            3,
        ),
        # The whole follows there: of pieces without one the beginning is said at the end.
        ("cursor", {}, CURSOR, 0),
    ],
    ids=["gemini", "acp", "cursor"],
)
def test_pieces_without_an_end_are_not_held_back_without_an_end(
    executor: str, settings: dict[str, Any], line: dict[str, Any], said: int
) -> None:
    reader: Any = catalog.get(executor, settings).reader(SESSION)
    texts = [
        report.text for _ in range(14) for report in reader.read(json.dumps(line)) if isinstance(report, Said)
    ]
    assert [len(text) for text in texts] == [MOST_PIECES] * said
    held = reader._pieces if executor == "cursor" else reader._pieces.take()
    assert len(held) <= MOST_PIECES
