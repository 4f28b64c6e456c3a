"""The stand-in agent keeps to the protocol: what it and the bridge say, by the models of its package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agents.acp_agent import STEPS
from tests.executors.acp_stage import AcpStage, Bridged, acp_stage, session_of

from sow_executors.base import Failed, Tools

pytestmark = pytest.mark.slow

NO_MESSAGES = {"die", "fork", "print", "wait"}
"""Steps that say nothing over the pipes."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[AcpStage]:
    with acp_stage(tmp_path) as made:
        yield made


def test_all_that_the_bridge_and_the_stand_in_say_is_the_protocol_s(stage: AcpStage) -> None:
    allowed = {"run": {"command": "sow", "permit": True}}
    asked = {"run": {"command": "touch evil", "permit": True}}
    steps: list[dict[str, Any]] = [
        {"say": "I begin."},
        {"think": "Hm."},
        {"edit": {"path": str(stage.folder / "a.txt"), "content": "a\n"}},
        allowed,
        {"both": [asked, asked]},
        {"cost": 0.25},
        {"usage": {"inputTokens": 10, "outputTokens": 4}},
        {"settings": None},
        {"stop": "max_tokens"},
    ]
    turns = [steps, [{"fail": {"code": -32603, "data": {}}}], [{"hang": "polite"}]]
    assert {name for turn in turns for step in turn for name in step} >= STEPS.keys() - NO_MESSAGES
    # Modes as of old, a model by a setting, a login, and a server of tools.
    stage.play(*turns, login=True, modes=["ask", "code"], models=["small", "big"])
    chosen: dict[str, Any] = {"auth": "by-key", "mode": "code", "model": "big"}
    first = stage.start(tools=Tools("sow", ("/opt/sow", "mcp"), {"SOW_TASK_ID": "010"}), **chosen)
    session = session_of(first.end()[0])
    second = stage.start(session=session, **chosen)
    second.end()
    stage.play(*turns, can=["load"])
    third = stage.start(session=session)
    third.until_it_tells("prompt")
    third.process.terminate()
    _, end = third.end()
    assert isinstance(end, Failed)
    assert end.kind == "interrupted"
    seen = {method for each in (first, second, third) for method in methods(each)}
    assert seen == {
        "initialize",
        "authenticate",
        "session/new",
        "session/load",
        "session/resume",
        "session/set_mode",
        "session/set_config_option",
        "session/prompt",
        "session/cancel",
        "session/update",
        "session/request_permission",
    }


def methods(bridged: Bridged) -> Iterator[str]:
    """Holds each message against the package's model of it, and gives the methods that were called."""
    # Here, for it takes a second to load, and is needed by nobody else.
    from acp import schema

    models: dict[str, tuple[Any, Any]] = {
        "initialize": (schema.InitializeRequest, schema.InitializeResponse),
        "authenticate": (schema.AuthenticateRequest, schema.AuthenticateResponse),
        "session/new": (schema.NewSessionRequest, schema.NewSessionResponse),
        "session/load": (schema.LoadSessionRequest, schema.LoadSessionResponse),
        "session/resume": (schema.ResumeSessionRequest, schema.ResumeSessionResponse),
        "session/set_mode": (schema.SetSessionModeRequest, schema.SetSessionModeResponse),
        "session/set_config_option": (
            schema.SetSessionConfigOptionSelectRequest,
            schema.SetSessionConfigOptionResponse,
        ),
        "session/prompt": (schema.PromptRequest, schema.PromptResponse),
        "session/cancel": (schema.CancelNotification, None),
        "session/update": (schema.SessionNotification, None),
        "session/request_permission": (schema.RequestPermissionRequest, schema.RequestPermissionResponse),
    }
    called: dict[tuple[str, int], str] = {}
    for line in (bridged.scratch / "traffic.log").read_text().splitlines():
        way, message = line[0], json.loads(line[2:])
        assert message.pop("jsonrpc") == "2.0"
        if method := message.get("method"):
            request, answer = models[method]
            request.model_validate(message["params"])
            if answer:
                called[way, message["id"]] = method
            yield method
        elif "result" in message:
            _, answer = models[called["<" if way == ">" else ">", message["id"]]]
            answer.model_validate(message["result"])
        else:
            assert schema.Error.model_validate(message["error"])
