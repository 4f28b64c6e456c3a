"""What an agent is given of sow's own tools."""

from sow import toolbox
from sow_executors import catalog


def test_the_server_is_told_all_that_finds_the_task_and_nothing_that_is_secret() -> None:
    tools = toolbox.tools(
        "/r/.sow/runtime/bin/sow",
        {
            "PATH": "/r/.sow/runtime/bin:/usr/bin", "SOW_TASK_ID": "010", "SOW_ATTEMPT_ID": "010-1-1",
            "XDG_STATE_HOME": "/home/ada/.state", "ANTHROPIC_API_KEY": "secret", "HOME": "/home/ada",
        },
    )  # fmt: skip
    assert (tools.name, tools.argv) == ("sow", ("/r/.sow/runtime/bin/sow", "mcp"))
    assert set(tools.env) == {"PATH", "SOW_TASK_ID", "SOW_ATTEMPT_ID", "XDG_STATE_HOME"}


def test_who_can_t_be_told_of_a_server_is_offered_none() -> None:
    assert toolbox.is_offered(catalog.get("claude", {}), {}, {}, "/a")
    assert not toolbox.is_offered(catalog.get("script", {}), {}, {}, "/a")
    held = {"OPENCODE_CONFIG_CONTENT": "{}"}
    assert not toolbox.is_offered(catalog.get("opencode", {}), {}, held, "/a")
