"""An agent gets what it needs of the user's environment, and nothing of its surroundings."""

from hypothesis import given
from hypothesis import strategies as some

from sow.runner.environment import DROPPED, PASSED, build

NAMES = some.sampled_from([*PASSED, *DROPPED]).map(lambda glob: glob.replace("*", "X")) | some.text()


def test_what_an_agent_needs_passes() -> None:
    outer = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LC_ALL": "C",
        "XDG_CONFIG_HOME": "/c",
        "https_proxy": "http://p",
        "GIT_SSH_COMMAND": "ssh -v",
    }
    assert build(outer, (), {}) == outer


def test_what_an_executor_asks_for_passes_by_its_pattern() -> None:
    outer = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "o", "AWS_SECRET_ACCESS_KEY": "s"}
    assert build(outer, ("ANTHROPIC_*",), {}) == {"ANTHROPIC_API_KEY": "k"}


def test_an_agent_in_an_agent_in_a_git_hook_does_not_learn_of_it() -> None:
    outer = {
        "CLAUDECODE": "1",
        "CLAUDE_CODE_ENTRYPOINT": "cli",
        "CLAUDE_CODE_SSE_PORT": "1",
        "CLAUDE_CODE_SESSION_ID": "x",
        "CURSOR_AGENT": "1",
        "CODEX_SANDBOX": "seatbelt",
        "CODEX_SANDBOX_NETWORK_DISABLED": "1",
        "CODEX_SESSION_ID": "x",
        "CODEX_CI": "1",
        "GIT_DIR": "/elsewhere/.git",
        "GIT_INDEX_FILE": "index",
        "SOW_ATTEMPT_ID": "a-1",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9",
    }
    assert build(outer, ("*",), {}) == {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9"}


def test_what_sow_told_an_outer_agent_for_its_attempt_does_not_reach_an_inner_one() -> None:
    outer = {
        "SOW_ATTEMPT_ID": "010-1-1-0f0f0f0f",
        "OPENCODE_CONFIG_CONTENT": '{"mcp": {"sow": {"env": {"SOW_ATTEMPT_ID": "010-1-1-0f0f0f0f"}}}}',
        "GEMINI_CLI_SYSTEM_DEFAULTS_PATH": "/r/attempts/010-1-1-0f0f0f0f/tools.json",
        "OPENCODE_CONFIG": "/home/ada/opencode.json",
    }
    assert build(outer, ("OPENCODE_*", "GEMINI_*"), {}) == {"OPENCODE_CONFIG": "/home/ada/opencode.json"}


def test_a_virtual_environment_is_the_callers_and_passes_only_if_named() -> None:
    outer = {"VIRTUAL_ENV": "/v", "PYTHONPATH": "/p"}
    assert build(outer, (), {}) == {}
    assert build(outer, ("VIRTUAL_ENV",), {}) == {"VIRTUAL_ENV": "/v"}


@given(some.dictionaries(NAMES, some.text()), some.lists(NAMES), some.dictionaries(NAMES, some.text()))
def test_nothing_is_made_up_and_what_is_set_is_set(
    outer: dict[str, str], patterns: list[str], extra: dict[str, str]
) -> None:
    made = build(outer, patterns, extra)
    assert made.items() <= {**outer, **extra}.items()
    assert extra.items() <= made.items()
    assert not [name for name in made if name.startswith("SOW_") and name not in extra]
